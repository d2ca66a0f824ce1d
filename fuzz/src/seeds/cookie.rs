//! The libraries' cookies, as they are and among others.

use super::named;
use crate::cookie::{NAME, PAIR, SEALED, VALUE};
use crate::input::Seed;
use crate::readers::SETUPS;
use crate::vectors;

/// Longer headers are written down in short: their cookies are known.
const SHORT: usize = 600;

pub(super) fn seeds() -> Vec<(String, Seed)> {
    let mut seeds = Vec::new();
    let mut pair = 0_u8;
    for vector in vectors::all() {
        let count = u8::try_from(vector.cookies.len()).expect("few chunks");
        let header = vector.header().into_bytes();
        let header = if header.len() <= SHORT {
            header
        } else {
            let pairs: Vec<_> = (pair..pair + count).map(|pair| [PAIR, pair]).collect();
            pairs.join(b"; ".as_slice())
        };
        pair += count;
        // The first that reads cookies of this name, with the secrets in question.
        let skipped = match vector.title.as_str() {
            title if title.contains("beyond ASCII") && title.contains("secret") => 3,
            title if title.contains("of two secrets") => 1,
            _ => 0,
        };
        let reads = |setup: &crate::readers::Setup| setup.names.contains(&vector.name.as_str());
        let setup = (skipped..4)
            .find(|at| reads(&SETUPS[*at]))
            .expect("a setup");
        seeds.push((named(&vector.title), seed(setup, &header)));
    }

    let mut write = |name: &str, setup, header: &[&[u8]]| {
        seeds.push((name.to_owned(), seed(setup, &header.concat())));
    };
    write(
        "opaque",
        4,
        &[b"a=1; ", &[NAME, 0], b"=", &[SEALED, 0], b"; b=2"],
    );
    write(
        "opaque-twice",
        5,
        &[b"sid=", &[SEALED, 0], b"; sid=", &[SEALED, 1]],
    );
    write(
        "opaque-planted",
        5,
        &[b"sid=short; sid-b=", &[SEALED, 1], b";sid.0=x; sid =y"],
    );
    write("nothing", 0, &[b"theme=dark; ; a; =b; c=\xff\xfe"]);
    write(
        "several-names",
        0,
        &[
            &[NAME, 0],
            b"=",
            &[SEALED, 0],
            b"; ",
            &[NAME, 3],
            b"=",
            &[SEALED, 0b0110_0101],
        ],
    );
    write(
        "planted",
        0,
        &[
            &[NAME, 0],
            b"=planted; ",
            &[NAME, 0],
            b"=",
            &[SEALED, 0],
            b"; ",
            &[NAME, 0],
            b".0=x; ",
            &[NAME, 0],
            b".1=y",
        ],
    );
    write(
        "ambiguous",
        0,
        &[
            &[NAME, 0],
            b"=",
            &[SEALED, 0],
            b"; ",
            &[NAME, 0],
            b"=",
            &[SEALED, 1],
        ],
    );
    write(
        "value-alone",
        1,
        &[
            b"next-auth.session-token=",
            &[VALUE, 0],
            b"; next-auth.session-token.0=\t",
        ],
    );
    seeds
}

fn seed(setup: usize, header: &[u8]) -> Seed {
    // With room for eight in the memo, at the vectors' time.
    Seed::default().index(setup).index(2).index(0).rest(header)
}
