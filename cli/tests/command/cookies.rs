//! `inspect-cookie`, with cookies that next-auth 4 and 5 made
//! (`tests/vectors/`; their `exp` lies in 2030).

use std::fmt::Write as _;

use serde::Deserialize;
use sha2::Digest as _;

use crate::common::{Run, run_with};

#[derive(Deserialize)]
struct Vectors {
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

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../../tests/vectors/nextauth.json");
    serde_json::from_str::<Vectors>(text).unwrap().vectors
}

fn vector(title: &str) -> Vector {
    vectors()
        .into_iter()
        .find(|vector| vector.title == title)
        .expect(title)
}

impl Vector {
    fn header(&self) -> String {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        cookies.join("; ")
    }

    /// Inspects this text with the vector's secrets.
    fn inspect(&self, input: &str, more: &[&str]) -> Run {
        let names: Vec<String> = (0..self.secrets.len())
            .map(|n| format!("SECRET_{n}"))
            .collect();
        let mut arguments = vec!["inspect-cookie", "--cookie-name", &self.name];
        for name in &names {
            arguments.extend(["--secret-env", name]);
        }
        arguments.extend(more);
        let env: Vec<(&str, &str)> = names
            .iter()
            .map(String::as_str)
            .zip(self.secrets.iter().map(String::as_str))
            .collect();
        let run = run_with(&arguments, input, &env);
        let printed = format!("{}{}", run.out, run.err);
        for secret in &self.secrets {
            assert!(!printed.contains(secret.as_str()), "{}", self.title);
        }
        for (_, value) in self.cookies.iter().filter(|(_, value)| value.len() > 30) {
            assert!(!printed.contains(&value[..30]), "{}", self.title);
        }
        if let Some(id) = &self.id {
            assert!(!printed.contains(&id[..8]), "{}\n{printed}", self.title);
        }
        // The value of a claim in the vectors.
        assert!(!printed.contains("alice"), "{}\n{printed}", self.title);
        run
    }
}

fn tag(id: &str) -> String {
    let digest = sha2::Sha256::digest(id);
    digest.iter().take(4).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn what_the_libraries_wrote_is_told_as_the_filter_decides() {
    let mut found = 0;
    for vector in vectors() {
        // These hang on a moment in 2030.
        if vector.title.contains("seconds") {
            continue;
        }
        let run = vector.inspect(&format!("Cookie: theme=dark; {}", vector.header()), &[]);
        match &vector.id {
            Some(id) => {
                let run = run.exits(0);
                run.says(&format!("session {}", tag(id)));
                run.says("redis key   session:<id, ");
                found += 1;
            }
            None => {
                run.exits(1).says("401 no_session").says("what to do");
            }
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn a_pair_and_a_value_alone_are_understood() {
    for title in ["v4: plain name", "v5: plain name"] {
        let vector = vector(title);
        vector.inspect(&vector.header(), &[]).exits(0);
        let value = &vector.cookies[0].1;
        let more = ["--cookie-name", "another"];
        let run = vector.inspect(value, &more).exits(0);
        run.says(&format!("{} (tried as its name)", vector.name));
        assert!(!run.out.contains("\nanother"), "{}", run.out);
    }
}

#[test]
fn why_there_is_no_session_is_said() {
    for (title, why) in [
        (
            "v5: a secret that is not configured",
            "made with another secret than SECRET_0",
        ),
        (
            "v5: no kid, the second secret",
            "SECRET_1 fits, but without a kid only the first",
        ),
        (
            "v5: no session id among the claims",
            "none: it has no claim \"sid\"",
        ),
        (
            "v4: exp is a string",
            "none: its claim \"exp\" is no number",
        ),
        ("v4: compressed", "no session token: its header has zip"),
        ("v4: A128CBC-HS256", "no session token: its enc is neither"),
    ] {
        let vector = vector(title);
        vector.inspect(&vector.header(), &[]).exits(1).says(why);
    }
    let vector = vector("v5: plain name");
    let elsewhere = format!("elsewhere={}", vector.cookies[0].1);
    vector
        .inspect(&elsewhere, &["--cookie-name", "elsewhere"])
        .exits(1)
        .says("the secret is right (SECRET_0), but it was made for a cookie named authjs.session-token");
    let vector = self::vector("v5: two chunks");
    let (name, value) = &vector.cookies[1];
    vector
        .inspect(&format!("{name}={value}"), &[])
        .exits(1)
        .says("chunks .1, no complete session cookie")
        .says("Chunk .0 is missing");
}

#[test]
fn a_header_without_the_cookie_says_what_else_is_there() {
    let vector = vector("v5: plain name");
    let run = vector
        .inspect("Cookie: theme=dark; my.session-id=kJ8sQ0aZ", &[])
        .exits(1);
    run.says("2 other cookies")
        .says("None of the names is among the cookies")
        .says("There is a cookie my.session-id:");
    assert!(!run.out.contains("kJ8sQ0aZ") && !run.out.contains("dark"));
}

#[test]
fn two_sessions_are_ambiguous() {
    let ids = ["alice-0123456789", "bob-0123456789ab"];
    let header = format!("__Host-session={}; __Host-session={}", ids[0], ids[1]);
    let run = run_with(&["inspect-cookie", "--opaque"], &header, &[]).exits(1);
    run.says("401 session_ambiguous")
        .says(&tag(ids[0]))
        .says(&tag(ids[1]));
    assert!(!run.out.contains(ids[0]) && !run.out.contains(ids[1]));
    let run = run_with(&["inspect-cookie", "--opaque"], ids[0], &[]).exits(0);
    assert!(!run.out.contains(ids[0]));
}

#[test]
fn the_settings_come_from_a_configuration() {
    let vector = vector("v5: secure name");
    let arguments = ["inspect-cookie", "--config", "envoy/envoy.yaml"];
    let env = [("AUTH_SECRET", vector.secrets[0].as_str())];
    let run = run_with(&arguments, &vector.header(), &env).exits(0);
    run.says("opened      with AUTH_SECRET");
    run.says("(of token_relay (listener ingress) in envoy/envoy.yaml)");
    let unset = run_with(&arguments, &vector.header(), &[]).exits(2);
    assert!(
        unset
            .err
            .contains("the variable AUTH_SECRET is not set here")
    );
    // The key's form is the configuration's.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    let hashed = "session: {secrets: [{env: AUTH_SECRET}]}\nissuer: {cluster: a, authority: b}\n\
                  store: {cluster: a, hash_id: true, key: \"a{id}b\"}\nroutes: [{prefix: /, session: required}]\n";
    std::fs::write(&file, hashed).unwrap();
    let arguments = ["inspect-cookie", "--config", file.to_str().unwrap()];
    let run = run_with(&arguments, &vector.header(), &env).exits(0);
    run.says(&format!(
        "redis key   a{}… (the id's SHA-256, 64 digits)b",
        tag(vector.id.as_ref().unwrap())
    ));
}

#[test]
fn without_a_secret_nothing_is_tried() {
    let run = run_with(&["inspect-cookie"], "a=b", &[]).exits(2);
    assert!(run.err.contains("AUTH_SECRET"), "{}", run.err);
    let run = run_with(&["inspect-cookie"], "", &[("AUTH_SECRET", "x")]).exits(2);
    assert!(run.err.contains("standard input is empty"), "{}", run.err);
}

#[test]
fn a_secret_in_the_place_of_its_name_is_not_printed() {
    // As `--secret-env "$AUTH_SECRET"` gives it; the last two might be names.
    for secret in [
        "",
        "kJ8s+Q0a/Z==",
        "kJ8s Q0aZ",
        "8kJsQ0aZ",
        "kJ8s\u{e9}Q0aZ",
        "kJ8sQ0aZ",
        "_kJ8sQ0aZ",
    ] {
        let arguments = ["inspect-cookie", "--secret-env", secret];
        let run = run_with(&arguments, "a=b", &[("AUTH_SECRET", secret)]).exits(2);
        let printed = format!("{}{}", run.out, run.err);
        assert!(printed.contains("--secret-env"), "{printed}");
        assert!(!printed.contains("kJ8s"), "{printed}");
        assert!(!printed.contains("Q0aZ"), "{printed}");
    }
}

#[test]
fn a_variable_of_a_configuration_is_looked_for_whatever_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    let file = file.to_str().unwrap();
    let configuration = |secret: &str| {
        format!(
            "session: {{secrets: [{secret}]}}\nissuer: {{cluster: a, authority: b}}\n\
             store: {{cluster: a}}\nroutes: [{{prefix: /, session: required}}]\n"
        )
    };
    std::fs::write(file, configuration("{env: THE SECRET}")).unwrap();
    let run = run_with(&["inspect-cookie", "--config", file], "a=b", &[]).exits(2);
    assert!(run.err.contains("THE SECRET is not set"), "{}", run.err);

    let value = "{value: 0123456789abcdef0123456789abcdef}";
    std::fs::write(file, configuration(value)).unwrap();
    run_with(&["inspect-cookie", "--config", file], "a=b", &[])
        .exits(1)
        .says("secrets secret 1 of the configuration");
}

#[test]
fn a_header_over_several_lines_is_one_header() {
    let vector = vector("v5: two chunks");
    let header = vector.header();
    let lines: Vec<String> = header
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let lines = lines.join("\n");
    vector
        .inspect(&format!("Cookie: theme=dark;\n{lines}\n"), &[])
        .exits(0)
        .says("decision    session ");
}
