//! The command `inspect-cookie`: what the filter would make of a cookie, and
//! why. Neither the secrets nor the id are printed, nor any value in the cookie
//! but its times.

mod advice;
mod input;
mod settings;
mod times;

use std::time::{Duration, SystemTime};

use token_relay::session::Lookup;
use token_relay::session::diagnosis::{
    Candidate, Diagnosis, Header, Name, Opened, Outcome, Seal, diagnose,
};

use crate::check::plain;
use crate::style::Style;

use settings::Known;
pub(crate) use settings::{NO_NAME, Settings, Variable};

/// What to print, and whether there is a session.
pub(crate) fn inspect(settings: &Settings, style: Style) -> Result<(String, bool), String> {
    let known = settings.known()?;
    let input = input::cookie(&input::read()?, &known.session.cookies)?;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_| "this machine's clock stands before 1970".to_owned())?;
    let diagnosis = diagnose(&known.session, input.header.as_bytes(), now);
    let mut page = Page {
        text: String::new(),
        known: &known,
        now,
        style,
    };
    page.whole(&diagnosis, input.bare);
    let found = matches!(diagnosis.lookup, Lookup::Found(_));
    Ok((page.text, found))
}

/// Writes it down.
struct Page<'k> {
    text: String,
    known: &'k Known,
    now: Duration,
    style: Style,
}

impl Page<'_> {
    fn whole(&mut self, diagnosis: &Diagnosis, bare: bool) {
        self.row("looked for", &self.known.description.clone());
        for warning in &self.known.warnings {
            let mark = self.style.yellow("warning");
            self.text.push_str(&format!("{mark}     {warning}\n"));
        }
        if !bare && !diagnosis.others.is_empty() {
            let others = diagnosis.others.len();
            let s = if others == 1 { "" } else { "s" };
            self.row("also there", &format!("{others} other cookie{s}"));
        }
        let shown = |name: &&Name| name.whole > 0 || !name.chunks.is_empty();
        let names: Vec<&Name> = diagnosis.names.iter().filter(shown).collect();
        let opened = names
            .iter()
            .find(|name| name.candidates.iter().any(is_open));
        // A value alone was tried under every name; one of them tells it all.
        let names = match opened.or(names.first()) {
            Some(one) if bare => vec![*one],
            _ => names,
        };
        for name in &names {
            self.name(name, bare);
        }
        let verdict = match &diagnosis.lookup {
            Lookup::Found(id) => self.style.green(&format!("session {}", id.tag())),
            Lookup::None => self
                .style
                .red("401 no_session (on an optional route: goes on without a token)"),
            Lookup::Ambiguous => self.style.red("401 session_ambiguous"),
        };
        self.text.push('\n');
        self.row("decision", &verdict);
        for (index, line) in advice::lines(diagnosis, &names, self.known)
            .iter()
            .enumerate()
        {
            self.row(if index == 0 { "what to do" } else { "" }, line);
        }
    }

    fn name(&mut self, name: &Name, bare: bool) {
        let title = self.style.bold(&plain(&name.name));
        let tried = if bare { " (tried as its name)" } else { "" };
        self.text.push_str(&format!("\n{title}{tried}\n"));
        if name.candidates.is_empty() {
            self.row(
                "found",
                &format!("{}, no complete session cookie", parts(name)),
            );
        }
        for candidate in &name.candidates {
            self.candidate(name, candidate);
        }
    }

    fn candidate(&mut self, name: &Name, candidate: &Candidate) {
        let what = if candidate.joined {
            let numbers: Vec<String> = name.chunks.iter().map(|n| format!(".{n}")).collect();
            format!("chunks {}, joined", numbers.join(" "))
        } else {
            "a value".to_owned()
        };
        self.row("found", &format!("{what}, {} bytes", candidate.length));
        match &candidate.outcome {
            Outcome::Opaque(Some(id)) => self.session(id),
            Outcome::Opaque(None) => {
                self.row(
                    "is",
                    "no session id: that is 16 to 128 characters of A-Z a-z 0-9 _ -",
                );
            }
            Outcome::NoToken(why) => self.row("is", &format!("no session token: {why}")),
            Outcome::Sealed(header, seal) => {
                self.header(header);
                let why = self.seal(seal);
                let line = format!("{}: {why}", self.style.red("not opened"));
                self.row("result", &line);
            }
            Outcome::Opened(header, opened) => {
                self.header(header);
                self.opened(opened);
            }
        }
    }

    fn header(&mut self, header: &Header) {
        let kid = match &header.kid {
            Some(kid) => format!(
                "kid {}…",
                kid.chars()
                    .take(8)
                    .flat_map(char::escape_default)
                    .collect::<String>()
            ),
            None => "no kid".to_owned(),
        };
        let [alg, enc] = [&header.alg, &header.enc].map(|text| plain(text));
        self.row("header", &format!("alg {alg}, enc {enc}, {kid}"));
    }

    fn seal(&self, seal: &Seal) -> String {
        match seal {
            Seal::WrongSecret => format!("made with another secret than {}", self.known.secrets()),
            Seal::OtherName(secret, name) => format!(
                "the secret is right ({}), but it was made for a cookie named {}, and the name is part of the key",
                self.known.label(*secret),
                plain(name)
            ),
            Seal::Damaged(secret) => format!(
                "its kid names {}, but it was changed, or cut off",
                self.known.label(*secret)
            ),
            Seal::NotFirst(secret) => format!(
                "{} fits, but without a kid only the first secret is tried, as by Auth.js",
                self.known.label(*secret)
            ),
        }
    }

    fn opened(&mut self, opened: &Opened) {
        self.row(
            "opened",
            &format!("with {}", self.known.label(opened.secret)),
        );
        let claims = opened.claims.iter().filter(|claim| claim.time.is_none());
        let claims: Vec<String> = claims
            .map(|claim| format!("{} ({})", plain(&claim.name), claim.kind))
            .collect();
        self.row("claims", &claims.join(", "));
        for (name, title) in [("iat", "issued"), ("nbf", "not before"), ("exp", "expires")] {
            let claim = opened.claims.iter().find(|claim| claim.name == name);
            if let Some(time) = claim.and_then(|claim| claim.time) {
                self.row(title, &times::written(time, self.now));
            }
        }
        match &opened.session {
            Ok(id) => self.session(id),
            Err(why) => {
                let line = format!("{}: {why}", self.style.red("none"));
                self.row("session", &line);
            }
        }
    }

    fn session(&mut self, id: &token_relay::session::SessionId) {
        let tag = id.tag();
        self.row(
            "session",
            &format!("{tag}, as in the logs: the first 8 digits of its SHA-256"),
        );
        let masked = if self.known.hash_id {
            format!("{tag}… (the id's SHA-256, 64 digits)")
        } else {
            format!("<id, {} characters>", id.expose().len())
        };
        let (prefix, suffix) = &self.known.key;
        self.row(
            "redis key",
            &format!("{}{masked}{}", plain(prefix), plain(suffix)),
        );
    }

    fn row(&mut self, title: &str, text: &str) {
        let title = self.style.dim(&format!("{title:<12}"));
        self.text.push_str(&format!("{title}{text}\n"));
    }
}

fn is_open(candidate: &Candidate) -> bool {
    matches!(
        candidate.outcome,
        Outcome::Opened(..) | Outcome::Opaque(Some(_))
    )
}

fn parts(name: &Name) -> String {
    let numbers: Vec<String> = name.chunks.iter().map(|n| format!(".{n}")).collect();
    match (name.whole, numbers.is_empty()) {
        (0, _) => format!("chunks {}", numbers.join(" ")),
        (_, true) => "an empty value".to_owned(),
        _ => format!("an empty value and chunks {}", numbers.join(" ")),
    }
}
