//! What the parts themselves wrote: Envoy's and the relay's log, and Django's
//! notes on the refresh tokens that it was shown.

use serde_json::Value;

use crate::basics::{Ms, Tag, now};
use crate::stack::Stack;

/// What a line of the log says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The holder of the lease got no answer from the issuer.
    AnswerLost,
    /// Another found that the holder had left without a word.
    CutOff,
    /// The issuer refused the token, and the session has ended.
    Ended,
    Other,
}

/// A line of an Envoy's log that names a session.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: Ms,
    /// Counted from 0.
    pub envoy: usize,
    pub word: Word,
    pub session: Tag,
    pub text: String,
}

impl Line {
    /// It tells that the issuer may have spent a token without the relay knowing.
    pub fn is_attempt_without_answer(&self) -> bool {
        matches!(self.word, Word::AnswerLost | Word::CutOff)
    }
}

/// A refresh token was shown to Django.
#[derive(Clone, Debug)]
pub struct Presentation {
    pub at: Ms,
    pub jti: String,
    /// By which Envoy, counted from 0.
    pub envoy: Option<usize>,
    /// Django's answer, if it came to have one.
    pub status: Option<u64>,
    /// The `jti` of the token in it.
    pub next: Option<String>,
}

/// The lines of all Envoys that name a session, in the order of time.
pub fn lines(stack: &Stack) -> Vec<Line> {
    let mut lines = Vec::new();
    for (envoy, part) in stack.envoys.iter().enumerate() {
        let log = part.log();
        lines.extend(log.lines().filter_map(|line| read_line(envoy, line)));
    }
    lines.sort_by_key(|line| line.at);
    lines
}

fn read_line(envoy: usize, line: &str) -> Option<Line> {
    let (text, tag) = line.split_once("; session=")?;
    let session = Tag::parse(tag)?;
    let word = if text.contains("the answer to a refresh was lost") {
        Word::AnswerLost
    } else if text.contains("a refresh was cut off") {
        Word::CutOff
    } else if text.contains("the session has ended") {
        Word::Ended
    } else {
        Word::Other
    };
    let begin = text.rfind("token_relay").unwrap_or(0);
    Some(Line {
        at: time_of(line)?,
        envoy,
        word,
        session,
        text: text[begin..].to_owned(),
    })
}

/// Envoy begins a line with `[2026-01-31 23:59:59.999]`, in UTC.
fn time_of(line: &str) -> Option<Ms> {
    const DAY: Ms = 24 * 3600 * 1000;
    let number = |from: usize, to: usize| line.get(from..to)?.parse::<Ms>().ok();
    let seconds = (number(12, 14)? * 60 + number(15, 17)?) * 60 + number(18, 20)?;
    let in_day = seconds * 1000 + number(21, 24)?;
    let now = now();
    let at = now - now % DAY + in_day;
    // A run that goes past midnight.
    Some(if at > now { at - DAY } else { at })
}

/// Django's notes, in the order of time.
pub fn presentations(stack: &Stack) -> Vec<Presentation> {
    let notes = stack.django.presentations();
    let notes: Vec<Value> = notes
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let mut all = Vec::new();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    for note in notes.iter().filter(|note| note.get("jti").is_some()) {
        let answer = notes
            .iter()
            .find(|answer| answer["call"] == note["call"] && answer.get("status").is_some());
        let by = note["by"].as_str().unwrap_or_default();
        let number = by
            .strip_prefix("envoy")
            .and_then(|n| n.parse::<usize>().ok());
        all.push(Presentation {
            at: note["at"].as_i64().expect("a time"),
            jti: text(&note["jti"]).unwrap_or_default(),
            envoy: number.map(|number| number - 1),
            status: answer.and_then(|answer| answer["status"].as_u64()),
            next: answer.and_then(|answer| text(&answer["next"])),
        });
    }
    all.sort_by_key(|presentation| presentation.at);
    all
}
