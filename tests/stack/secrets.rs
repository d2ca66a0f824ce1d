//! No token, session id, password or secret may show up in what the relay
//! writes (contract, section 8). Every secret of a test is told to this
//! register, and everything that the relay writes is searched for them.

use std::sync::{Arc, Mutex};

/// The secrets of one stack; clones share them.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<Vec<(String, String)>>>);

impl Secrets {
    /// `what` names the secret in a complaint, which must not contain it.
    pub fn add(&self, what: &str, secret: &str) {
        if secret.len() < 8 {
            return; // too short to tell from ordinary text
        }
        let mut all = self.0.lock().expect("secrets");
        if !all.iter().any(|(_, known)| known == secret) {
            all.push((what.to_owned(), secret.to_owned()));
        }
        // Half a token is a token as far as logs are concerned.
        if secret.len() >= 80 {
            for (part, from) in [
                ("middle", secret.len() / 2 - 16),
                ("end", secret.len() - 32),
            ] {
                if let Some(piece) = secret.get(from..from + 32) {
                    all.push((format!("{what} ({part})"), piece.to_owned()));
                }
            }
        }
    }

    /// What must not be in this text but is; empty when all is well.
    pub fn found_in(&self, text: &str) -> Vec<String> {
        let all = self.0.lock().expect("secrets");
        let known = all
            .iter()
            .filter(|(_, secret)| text.contains(secret.as_str()));
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
        let all = self.0.lock().expect("secrets");
        all.iter().fold(text.to_owned(), |text, (what, secret)| {
            text.replace(secret, &format!("<{what}>"))
        })
    }
}
