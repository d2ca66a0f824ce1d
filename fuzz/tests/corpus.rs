//! The corpora, without a fuzzer: they are what they are said to be, and nothing
//! in them breaks a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use arbitrary::{Arbitrary, Unstructured};
use token_relay::metrics::Metric;
use token_relay::relay::Verdict;
use token_relay_fuzz::{configuration, cookie, filter, gateway, issuer, jwe, seeds};

fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let files = fs::read_dir(folder).expect("a corpus");
    files
        .map(|file| {
            let file = file.expect("a file");
            let name = file.file_name().into_string().expect("a name");
            (name, fs::read(file.path()).expect("an input"))
        })
        .collect()
}

#[test]
fn the_seeds_are_those_that_are_written_by_the_example() {
    for (target, seeds) in seeds::all() {
        let mut there = corpus(target);
        there.retain(|name, _| !name.starts_with("finding-"));
        let count = seeds.len();
        let seeds: BTreeMap<_, _> = seeds
            .into_iter()
            .map(|(name, seed)| (name, seed.0))
            .collect();
        assert_eq!(seeds.len(), count, "{target}: each name once");
        for (name, seed) in &seeds {
            assert!(
                there.get(name) == Some(seed),
                "{target}/{name} is another; {ADVICE}"
            );
        }
        assert!(
            there.len() == seeds.len(),
            "{target} has more than its seeds; {ADVICE}"
        );
        assert!(count <= 64, "{target} has {count} seeds: a few are enough");
    }
}

const ADVICE: &str =
    "cargo run --manifest-path fuzz/Cargo.toml --no-default-features --example seeds";

/// Else they would be the lives of something else.
#[test]
fn the_filters_lives_see_all_that_it_counts() {
    let mut counted = BTreeSet::new();
    for bytes in corpus("filter").values() {
        let input = filter::Input::arbitrary_take_rest(Unstructured::new(bytes));
        counted.extend(input.expect("an input").counted());
    }
    let families = Metric::all(Verdict::words())
        .into_iter()
        .map(Metric::family);
    let is_counted = |family: &&str| counted.iter().any(|name| name.starts_with(*family));
    let never: Vec<_> = families.filter(|family| !is_counted(family)).collect();
    assert_eq!(never, [""; 0]);
}

macro_rules! checks {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                for (name, bytes) in corpus(stringify!($target)) {
                    println!("{name}");
                    let input = $target::Input::arbitrary_take_rest(Unstructured::new(&bytes));
                    input.expect("an input").check();
                }
            }
        )*
    };
}

checks!(configuration cookie filter gateway issuer jwe);
