//! No token, session id, password or secret may show up in what the relay
//! writes (contract, section 8). Every secret of a test is told to this
//! register, and everything that the relay writes is searched for them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// The secrets of one stack; clones share them.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<Register>>);

/// A long run knows a hundred thousand secrets and searches megabytes: each is looked up
/// by how it ends.
#[derive(Default)]
struct Register {
    /// What each secret is, and the secret.
    all: Vec<(String, String)>,
    known: HashSet<String>,
    /// By their last bytes, which tokens do not share as they share their first.
    by_tail: HashMap<[u8; TAIL], Vec<usize>>,
    /// Those that are too short for that.
    short: Vec<usize>,
}

const TAIL: usize = 16;

impl Register {
    fn add(&mut self, what: String, secret: &str) {
        if !self.known.insert(secret.to_owned()) {
            return;
        }
        let number = self.all.len();
        match secret.as_bytes().last_chunk::<TAIL>() {
            Some(tail) => self.by_tail.entry(*tail).or_default().push(number),
            None => self.short.push(number),
        }
        self.all.push((what, secret.to_owned()));
    }

    /// The secrets in a text.
    fn found_in(&self, text: &str) -> Vec<&(String, String)> {
        let short = self.short.iter().map(|number| &self.all[*number]);
        let mut found: Vec<_> = short.filter(|(_, secret)| text.contains(secret)).collect();
        let bytes = text.as_bytes();
        let mut seen = HashSet::new();
        for (start, tail) in bytes.windows(TAIL).enumerate() {
            for number in self.by_tail.get(tail).into_iter().flatten() {
                let one = &self.all[*number];
                let before = &bytes[..start + TAIL];
                if before.ends_with(one.1.as_bytes()) && seen.insert(*number) {
                    found.push(one);
                }
            }
        }
        found
    }
}

impl Secrets {
    /// `what` names the secret in a complaint, which must not contain it.
    pub fn add(&self, what: &str, secret: &str) {
        if secret.len() < 8 {
            return; // too short to tell from ordinary text
        }
        let mut register = self.0.lock().expect("secrets");
        register.add(what.to_owned(), secret);
        // Half a token is a token as far as logs are concerned.
        if secret.len() >= 80 {
            for (part, from) in [
                ("middle", secret.len() / 2 - 16),
                ("end", secret.len() - 32),
            ] {
                if let Some(piece) = secret.get(from..from + 32) {
                    register.add(format!("{what} ({part})"), piece);
                }
            }
        }
    }

    /// What must not be in this text but is; empty when all is well.
    pub fn found_in(&self, text: &str) -> Vec<String> {
        let register = self.0.lock().expect("secrets");
        let known = register.found_in(text).into_iter();
        let mut found: Vec<String> = known.map(|(what, _)| what.clone()).collect();
        // Any JWT or JWE, known or not, begins so: `{"alg":…` and `{"typ":…`.
        for start in ["eyJhbGciOi", "eyJ0eXAiOi"] {
            if text.contains(start) {
                found.push(format!("something that begins with {start}"));
            }
        }
        found.dedup();
        found
    }

    /// Panics when a secret is in the text.
    pub fn check(&self, place: &str, text: &str) {
        let found = self.found_in(text);
        assert!(found.is_empty(), "{place} contains {}", found.join(", "));
    }

    /// The text without its secrets.
    pub fn redact(&self, text: &str) -> String {
        let register = self.0.lock().expect("secrets");
        let mut found = register.found_in(text);
        // The whole before its parts.
        found.sort_by_key(|(_, secret)| std::cmp::Reverse(secret.len()));
        let redacted = found.into_iter();
        redacted.fold(text.to_owned(), |text, (what, secret)| {
            text.replace(secret, &format!("<{what}>"))
        })
    }
}

#[test]
fn every_secret_is_found_wherever_it_stands() {
    let secrets = Secrets::default();
    let token = format!("{}{}{}", "h".repeat(60), "p".repeat(60), "s".repeat(60));
    secrets.add("a password", "hunter22");
    secrets.add("an id", "an-id-of-more-than-sixteen-bytes");
    secrets.add("a token", &token);
    for (text, found) in [
        ("nothing of the kind", &[][..]),
        ("it is hunter22.", &["a password"]),
        ("an-id-of-more-than-sixteen-bytes", &["an id"]),
        ("-id-of-more-than-sixteen-bytes", &[]),
        (&token[100..], &["a token (end)"]),
        (&token[60..120], &["a token (middle)"]),
    ] {
        assert_eq!(secrets.found_in(text), found, "{text}");
    }
    let all = secrets.redact(&format!("{token} hunter22"));
    assert_eq!(all, "<a token> <a password>");
}
