//! What Webdis 0.1.9 answers, and records in it.

use serde_json::json;

use crate::gateway::{COMMAND, OTHER_NONCE, OWN_NONCE};
use crate::input::Seed;

/// A number that stands for nothing, behind a byte that stands for something.
const ANY: u8 = b' ';

pub(super) fn seeds() -> Vec<(String, Seed)> {
    let mut seeds = Vec::new();
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxOTAwMDAwMzAwLCJpYXQiOjE5MDAwMDAwMDAsInVzZXJfaWQiOiIxIn0.c2ln";
    let records = [
        json!({"access": jwt, "refresh": jwt, "access_exp": 1_900_000_300, "refresh_exp": 1_900_086_400}),
        json!({"access": jwt, "refresh": jwt, "user": {"name": "Ä\n\u{0}", "n": 1.50}}),
        json!({"access": "opaque", "refresh": "", "access_exp": 1_900_000_300_000_u64}),
        json!({"a": jwt, "r": null, "ae": 1.9e9, "re": -1}),
        json!({"access": "two words", "refresh": 1}),
        json!({"refresh": jwt}),
        json!([jwt]),
    ];
    for (number, record) in records.iter().enumerate() {
        let fields = usize::from(number == 3);
        for (word, behind) in [("found", ""), ("changed", ""), ("seen", ",86399999")] {
            let text = json!(record.to_string());
            let body = format!(r#"["%","{word}",{text}{behind}]"#);
            seeds.push((format!("{word}-{number}"), seed(fields, &ours(&body))));
        }
    }
    let answers = [
        ("held", r#"["%","held",25]"#),
        ("claimed", r#"["%","claimed","none"]"#),
        ("cut", r#"["%","claimed","cut"]"#),
        ("written", r#"["%","written"]"#),
        ("gone", r#"["%","gone"]"#),
        ("created", r#"["%","created"]"#),
        ("dropped", r#"["%","found"]"#),
        ("null", r#"["%","found",null]"#),
        (
            "noscript",
            r#"[false,"NOSCRIPT No matching script. Please use EVAL."]"#,
        ),
        (
            "loading",
            r#"[false,"LOADING Redis is loading the dataset in memory"]"#,
        ),
        ("upstream", r#"[false,"upstream failure"]"#),
        (
            "noperm",
            r#"[false,"NOPERM this user has no permissions to access one of the keys used as arguments"]"#,
        ),
        ("status", r#"[true,"FINE"]"#),
    ];
    for (name, items) in answers {
        seeds.push((name.to_owned(), seed(0, &ours(items))));
    }
    let mut foreign = ours(r#"["%","gone"]"#);
    for byte in &mut foreign {
        if *byte == OWN_NONCE {
            *byte = OTHER_NONCE;
        }
    }
    seeds.push(("foreign".to_owned(), seed(0, &foreign)));
    seeds.push(("wrong-command".to_owned(), seed(0, br#"{"GET":"value"}"#)));
    seeds.push(("page".to_owned(), seed(0, b"upstream connect error")));
    seeds
}

/// `{"EVALSHA": items}`, with the nonce in place of `%`.
fn ours(items: &str) -> Vec<u8> {
    let mut body = vec![b'{', b'"', COMMAND, ANY, b'"', b':'];
    for byte in items.bytes() {
        match byte {
            b'%' => body.extend([OWN_NONCE, ANY]),
            other => body.push(other),
        }
    }
    body.push(b'}');
    body
}

fn seed(fields: usize, body: &[u8]) -> Seed {
    let seed = Seed::default()
        // The form, no failure, status 200, from the peer.
        .index(0)
        .index(0)
        .index(0)
        .index(1)
        .few("application/json");
    // A refresh that brings a JWT and another refresh token.
    let seed = seed
        .index(fields)
        .index(0)
        .index(1)
        .index(1)
        .index(1)
        .few("new");
    seed.index(0).index(0).rest(body)
}
