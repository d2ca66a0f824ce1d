//! Known answers: cookies that next-auth 4 and 5 made (`tests/vectors/`).

use std::time::Duration;

use serde::Deserialize;

use super::{Lookup, SessionReader};
use crate::config::{SessionConfig, SessionFormat};

#[derive(Deserialize)]
struct Vectors {
    now: u64,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    title: String,
    name: String,
    secrets: Vec<String>,
    cookies: Vec<(String, String)>,
    id: Option<String>,
}

impl Vector {
    fn reader(&self, names: &[&str]) -> SessionReader {
        let config = SessionConfig {
            format: SessionFormat::NextAuth {
                secrets: self.secrets.iter().cloned().map(Into::into).collect(),
                claim: "sid".to_owned(),
            },
            cookies: names.iter().map(|name| (*name).to_owned()).collect(),
            lifetime: Duration::from_secs(3600),
        };
        SessionReader::new(&config, 10)
    }

    fn header<'v>(&self, cookies: impl Iterator<Item = &'v (String, String)>) -> String {
        cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn check(&self, lookup: &Lookup) {
        let id = match lookup {
            Lookup::Found(id) => Some(id.expose()),
            Lookup::None => None,
            Lookup::Ambiguous => panic!("{}: ambiguous", self.title),
        };
        assert!(id == self.id.as_deref(), "{}", self.title);
    }
}

fn vectors() -> Vectors {
    let vectors: Vectors =
        serde_json::from_str(include_str!("../../tests/vectors/nextauth.json")).unwrap();
    assert!(vectors.vectors.len() >= 40);
    vectors
}

#[test]
fn what_the_libraries_wrote_is_read() {
    let Vectors { now, vectors } = vectors();
    for vector in vectors {
        let mut reader = vector.reader(&[&vector.name]);
        let header = vector.header(vector.cookies.iter());
        for _ in 0..2 {
            vector.check(&reader.read(header.as_bytes(), Duration::from_secs(now)));
        }
    }
}

#[test]
fn chunks_are_joined_by_number_whatever_their_order_in_the_header() {
    let Vectors { now, vectors } = vectors();
    let mut chunked = 0;
    for vector in vectors.iter().filter(|vector| vector.cookies.len() > 1) {
        chunked += 1;
        let mut cookies: Vec<_> = vector.cookies.iter().collect();
        cookies.sort(); // name.0, name.1, name.10, name.11, name.2, …
        let by_text = vector.header(cookies.into_iter());
        let reversed = vector.header(vector.cookies.iter().rev());
        for header in [by_text, reversed] {
            let mut reader = vector.reader(&[&vector.name]);
            vector.check(&reader.read(header.as_bytes(), Duration::from_secs(now)));
        }
    }
    assert_eq!(chunked, 6);
}

#[test]
fn other_names_before_and_behind_change_nothing() {
    let Vectors { now, vectors } = vectors();
    for vector in vectors {
        let mut reader = vector.reader(&["other", &vector.name, "another"]);
        let cookies = vector.header(vector.cookies.iter());
        let header = format!("theme=dark; {cookies}; csrf=x%7Cy");
        vector.check(&reader.read(header.as_bytes(), Duration::from_secs(now)));
    }
}

#[test]
fn an_auth_js_5_cookie_under_another_name_is_no_session() {
    let Vectors { now, vectors } = vectors();
    let mut tried = 0;
    for vector in vectors
        .iter()
        .filter(|vector| vector.title.starts_with("v5"))
    {
        let [(_, value)] = vector.cookies.as_slice() else {
            continue;
        };
        tried += 1;
        let mut reader = vector.reader(&["elsewhere", &vector.name]);
        let lookup = reader.read(
            format!("elsewhere={value}").as_bytes(),
            Duration::from_secs(now),
        );
        assert!(lookup == Lookup::None, "{}", vector.title);
    }
    assert!(tried > 10);
}
