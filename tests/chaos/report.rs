//! The figures of a run, and what is kept of one that went wrong.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::basics::{Ms, Tag};
use crate::evidence::Evidence;
use crate::ledger::{Outcome, What};
use crate::plan::Kind;
use crate::stack::Stack;
use crate::tap::Call;
use crate::verdict::Findings;

/// Names of the figures, in the order of a table's columns.
pub type Figures = Vec<(&'static str, String)>;

/// Of the run's own watch over the Envoys.
pub struct Watched {
    pub reloads: u64,
    /// Of the Envoy that was never killed, before the first fault and at the end.
    pub memory: (u64, u64),
}

pub fn figures(evidence: &Evidence<'_>, findings: &Findings, watched: &Watched) -> Figures {
    let pages = evidence.pages;
    let count = |what: What| pages.requests.iter().filter(|r| r.what == what).count();
    let faults = Kind::ALL.map(|kind| pages.outages.iter().filter(|o| o.kind == kind).count());
    let [killed, frozen, frozen_killed, restarted] = faults;
    let left = pages.sessions.values().filter(|s| s.left.is_some()).count();
    let presented = evidence.presentations;
    let accepted = presented.iter().filter(|p| p.status == Some(200)).count();
    let told = |text: &str| {
        evidence
            .lines
            .iter()
            .filter(|l| l.text.contains(text))
            .count()
    };
    let (before, after) = watched.memory;
    let mib = |kib: u64| kib / 1024;
    vec![
        ("requests", pages.requests.len().to_string()),
        ("bogus", count(What::Bogus).to_string()),
        ("logins", pages.sessions.len().to_string()),
        ("logouts", left.to_string()),
        ("refreshes", accepted.to_string()),
        ("killed", (killed + frozen_killed).to_string()),
        ("frozen", (frozen + frozen_killed).to_string()),
        ("restarted", restarted.to_string()),
        ("5xx in storms", findings.errors_in_storms.to_string()),
        ("last of them, ms", findings.last_error.to_string()),
        (
            "5xx of dead leases",
            findings.errors_of_dead_leases.to_string(),
        ),
        ("5xx later", findings.errors_later.to_string()),
        (
            "answers lost",
            told("the answer to a refresh was lost").to_string(),
        ),
        ("cut off", told("a refresh was cut off").to_string()),
        ("presented again", findings.presented_again.to_string()),
        ("sessions lost", findings.lost.to_string()),
        ("of these matched", findings.matched.to_string()),
        ("VM reloads", watched.reloads.to_string()),
        ("MiB before", mib(before).to_string()),
        ("MiB after", mib(after).to_string()),
        ("violations", findings.violations.len().to_string()),
    ]
}

/// What can be read later: faults, violations and all that is known of the
/// sessions in them, and the logs of the parts.
pub fn keep(folder: &Path, stack: &Stack, evidence: &Evidence<'_>, findings: &Findings) {
    let start = evidence.pages.requests.iter().map(|r| r.sent).min();
    let start = start.unwrap_or_default();
    let mut text = String::new();
    let time = |at: Ms| format!("{:9.3}", (at - start) as f64 / 1000.0);
    for outage in &evidence.pages.outages {
        let (from, to) = (time(outage.from), time(outage.to));
        let _ = writeln!(
            text,
            "{from} to {to}  {} {}",
            outage.part,
            outage.kind.name()
        );
    }
    let mut sessions = BTreeMap::<Option<Tag>, Vec<String>>::new();
    for violation in &findings.violations {
        let line = format!("{}  {}", time(violation.at), violation.text);
        sessions.entry(violation.session).or_default().push(line);
    }
    for (tag, violations) in &sessions {
        let name = tag.map_or_else(|| "no session".to_owned(), |tag| tag.to_string());
        let _ = writeln!(text, "\n== {name}\n{}", violations.join("\n"));
        if let Some(tag) = *tag {
            for (at, line) in story(evidence, tag) {
                let _ = writeln!(text, "  {} {line}", time(at));
            }
        }
    }
    fs::write(folder.join("trace.txt"), stack.secrets.redact(&text)).expect("the trace");
    let parts = stack.envoys.iter().map(|envoy| &envoy.part);
    for part in parts.chain([&stack.redis.part, &stack.webdis.part, &stack.django.part]) {
        let log = stack.secrets.redact(&part.log());
        fs::write(folder.join(format!("{}.log", part.launch.name)), log).expect("a log");
    }
    let notes = stack.django.presentations();
    fs::write(folder.join("presentations.jsonl"), notes).expect("Django's notes");
}

/// All that is known of a session, in the order of time.
fn story(evidence: &Evidence<'_>, tag: Tag) -> Vec<(Ms, String)> {
    let mut story = Vec::new();
    for request in &evidence.pages.requests {
        if request.session == Some(tag) && !is_plain(&request.outcome) {
            story.push((request.done, format!("client   {request}")));
        }
    }
    let calls = evidence.calls.iter().filter(|call| call.session == tag);
    // Whoever waits looks again and again.
    let mut waiting = HashSet::new();
    let is_news = |call: &&Call| match &call.answer {
        Some((_, word)) if word == "held" => waiting.insert(call.owner.clone()),
        _ => true,
    };
    for call in calls.filter(is_news) {
        let owner = call.owner.get(..6).unwrap_or_default();
        let name = format!("envoy{} {} {owner}", call.envoy + 1, call.script);
        let told = match &call.answer {
            Some((at, word)) => format!("{word} after {} ms", at - call.sent),
            None => "no answer".to_owned(),
        };
        let token = short(call.presented.as_deref());
        story.push((call.sent, format!("store    {name} token {token}: {told}")));
    }
    for presentation in evidence.presentations {
        if evidence.owner(&presentation.jti) == Some(tag) {
            let by = presentation.envoy.map_or(0, |envoy| envoy + 1);
            let status = presentation
                .status
                .map_or("no answer".into(), |s| s.to_string());
            let token = short(Some(&presentation.jti));
            let next = short(presentation.next.as_deref());
            let line = format!("django   envoy{by} presents {token}: {status}, next {next}");
            story.push((presentation.at, line));
        }
    }
    for line in evidence.lines.iter().filter(|line| line.session == tag) {
        let text = format!("log      envoy{} {}", line.envoy + 1, line.text);
        story.push((line.at, text));
    }
    for outage in &evidence.pages.outages {
        let what = format!("{} {}", outage.part, outage.kind.name());
        story.push((outage.from, format!("------ {what}")));
        story.push((outage.to, format!("------ {} is well", outage.part)));
    }
    story.sort_by_key(|(at, _)| *at);
    story
}

fn is_plain(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answer(200, _))
}

fn short(jti: Option<&str>) -> &str {
    jti.and_then(|jti| jti.get(..6)).unwrap_or("-")
}

/// For whoever makes a table of several runs: a name and a number per line.
pub fn write(folder: &Path, figures: &Figures) {
    let lines = figures
        .iter()
        .map(|(name, value)| format!("{name}\t{value}\n"));
    fs::write(folder.join("figures.txt"), lines.collect::<String>()).expect("the figures");
}

/// One line: `name value, name value`.
pub fn line(figures: &Figures) -> String {
    let pairs = figures
        .iter()
        .map(|(name, value)| format!("{name} {value}"));
    pairs.collect::<Vec<_>>().join("; ")
}
