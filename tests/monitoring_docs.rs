//! What is written about metrics names metrics that there are: the pages, the
//! rules, the dashboard and the Envoy files, with labels and their values.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use token_relay::metrics::{Gauge, Histogram, Metric};
use token_relay::relay::Verdict;

/// The module, the plugin of the second listener, a group of rules.
const OTHERS: [&str; 3] = ["token_relay", "token_relay_internal", "token_relay_alerts"];

/// The values of each label.
type Labels = BTreeMap<String, BTreeSet<String>>;

/// What there is.
#[derive(Default)]
struct Known {
    /// `token_relay.store.calls`, and its labels.
    families: BTreeMap<String, Labels>,
    /// `token_relay.store.calls.script.read.outcome.ok`.
    names: BTreeSet<String>,
}

impl Known {
    fn new() -> Self {
        let mut known = Self::default();
        for metric in Metric::all(Verdict::words()) {
            known.add(metric.family(), &metric.name());
        }
        for gauge in Gauge::ALL {
            let name = gauge.word();
            known.add(name.split(".peer.").next().unwrap(), name);
        }
        for times in Histogram::ALL {
            known.add(times.word(), times.word());
            for suffix in ["bucket", "sum", "count"] {
                let series = format!("{}_{suffix}", times.word());
                known.add(&series, &series);
            }
        }
        known
    }

    fn add(&mut self, family: &str, name: &str) {
        self.names.insert(name.to_owned());
        let labels = self.families.entry(family.to_owned()).or_default();
        let mut parts = name.strip_prefix(family).unwrap().split('.').skip(1);
        while let (Some(label), Some(value)) = (parts.next(), parts.next()) {
            let values = labels.entry(label.to_owned()).or_default();
            values.insert(value.to_owned());
        }
    }

    /// A family by its name in Prometheus.
    fn family(&self, name: &str) -> Option<&Labels> {
        let mut families = self.families.iter();
        let found = families.find(|(family, _)| underscored(family) == name);
        found.map(|(_, labels)| labels)
    }

    /// A name as Prometheus has it where nobody makes labels of its parts; if it
    /// ends with `_`, the beginning of one.
    fn is_unlabelled(&self, name: &str) -> bool {
        let mut names = self.names.iter().map(|known| underscored(known));
        names.any(|known| known == name || (name.ends_with('_') && known.starts_with(name)))
    }

    /// A family or a whole name as Envoy has it, or, before `.` or `_`, a part of one.
    fn is_envoys(&self, name: &str) -> bool {
        let all = || self.families.keys().chain(&self.names);
        all().any(|known| known == name)
            || name.ends_with(['.', '_']) && all().any(|known| known.starts_with(name))
    }
}

fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

/// What is wrong with the names in a text.
fn mistakes(known: &Known, text: &str) -> Vec<String> {
    // Within JSON.
    let text = text.replace("\\\"", "\"");
    let mut mistakes = Vec::new();
    for (start, _) in text.match_indices("token_relay") {
        let (before, rest) = text.split_at(start);
        // A file, a value of the filter state, part of another word.
        let another = |c: char| c.is_ascii_alphanumeric() || "_/".contains(c);
        if before.ends_with(another) || before.ends_with("wasm.") {
            continue;
        }
        let part_of_name =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
        let end = rest.find(|c| !part_of_name(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        if name.starts_with("token_relay.") {
            let whole = name.strip_suffix('.').unwrap_or(name);
            if !known.is_envoys(name) && !known.is_envoys(whole) {
                mistakes.push(name.to_owned());
            }
            continue;
        }
        let name = name.trim_end_matches('.');
        if OTHERS.contains(&name) || known.is_unlabelled(name) {
            continue;
        }
        match known.family(name) {
            None => mistakes.push(name.to_owned()),
            Some(labels) => {
                mistakes.extend(wrong_labels(labels, rest).map(|l| name.to_owned() + &l))
            }
        }
    }
    mistakes
}

/// Of `{verdict=~"cache|store",job="envoy"}`, what there is not.
fn wrong_labels<'a>(labels: &'a Labels, rest: &'a str) -> impl Iterator<Item = String> + 'a {
    let selector = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let pairs = selector.map_or("", |(pairs, _)| pairs).split("\",");
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    pairs.filter_map(move |(label, values)| {
        let label = label.trim_end_matches('!').trim();
        // Prometheus' own.
        if ["job", "le"].contains(&label) {
            return None;
        }
        let mut values = values.trim_matches(['~', '"']).split('|');
        let known = labels.get(label);
        let there = known.is_some_and(|known| values.all(|value| known.contains(value)));
        (!there).then(|| format!("{{{label}={rest:.60}"))
    })
}

/// Names such as `store.calls` in backticks, which are neither metrics nor
/// settings nor files of the code, though they begin as metrics do.
fn wrong_short_names(known: &Known, settings: &str, page: &str) -> Vec<String> {
    let beginnings: BTreeSet<&str> = known
        .names
        .iter()
        .filter_map(|name| name.split('.').nth(1))
        .collect();
    let quoted = page
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let short = quoted.filter(|name| {
        let word = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        let begins = name.split_once('.').map(|(first, _)| first);
        begins.is_some_and(|first| beginnings.contains(first)) && name.split('.').all(word)
    });
    let wrong = short.filter(|name| {
        !known.is_envoys(&format!("token_relay.{name}"))
            && !name.ends_with(".rs")
            && !settings.contains(&format!("`{name}`"))
            && !settings.contains(&format!("`{name}."))
    });
    wrong.map(str::to_owned).collect()
}

fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, endings, found);
        } else if endings
            .iter()
            .any(|ending| path.extension().is_some_and(|e| e == *ending))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_metric_that_is_named_exists() {
    let known = Known::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md"), root.join("examples/spa/envoy.yaml")];
    for folder in ["docs", "monitoring", "envoy"] {
        files(
            &root.join(folder),
            &["md", "yaml", "json", "py"],
            &mut found,
        );
    }
    let settings = fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let mut wrong = Vec::new();
    let mut with_names = 0;
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        let mut here = mistakes(&known, &text);
        if file.extension().is_some_and(|ending| ending == "md") {
            here.extend(wrong_short_names(&known, &settings, &text));
        }
        with_names += usize::from(text.contains("token_relay_requests"));
        wrong.extend(
            here.into_iter()
                .map(|name| format!("{}: {name}", file.display())),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(with_names >= 4, "{with_names}");
}

#[test]
fn a_metric_that_does_not_exist_is_noticed() {
    let known = Known::new();
    let settings = "| `store.cluster` | `refresh.wait` |";
    for wrong in [
        "token_relay_store_failures",
        "rate(token_relay_request_wait_us_total[5m])",
        r#"token_relay_requests{verdict="cached"}"#,
        r#"token_relay_requests{verdict!="pass",outcome="ok"}"#,
        r#"token_relay_store_calls{script=~"read|write"}"#,
        "wasmcustom.token_relay.requests.verdict.cached",
    ] {
        assert_eq!(mistakes(&known, wrong).len(), 1, "{wrong}");
    }
    for right in [
        r#"token_relay_requests{job=~\"$job\",verdict=~\"pass|cache\"}"#,
        r#"token_relay_request_wait_us_bucket{le="1"}"#,
        "wasmcustom.token_relay.requests.verdict.cache",
        "token_relay_requests_verdict_cache",
        "`target/token_relay.wasm`",
    ] {
        assert_eq!(mistakes(&known, right), [""; 0], "{right}");
    }
    let page = "`store.failures`, `store.calls` of `store.cluster`, `refresh.wait`";
    assert_eq!(
        wrong_short_names(&known, settings, page),
        ["store.failures"]
    );
}
