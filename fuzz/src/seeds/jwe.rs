//! Tokens of the libraries, damaged ones, and some that were sealed here.

use super::named;
use crate::input::Seed;
use crate::vectors;

const STRANGE: usize = 0;
const DAMAGED: usize = 1;
const SEALED: usize = 2;

pub(super) fn seeds() -> Vec<(String, Seed)> {
    let mut seeds = Vec::new();
    let short = vectors::all()
        .iter()
        .filter(|vector| vector.cookies.len() == 1);
    for vector in short {
        // The second setup reads both names, with both secrets.
        let name = usize::from(vector.name.contains("next-auth"));
        let seed = start(1, name, STRANGE).rest(vector.token());
        seeds.push((named(&vector.title), seed));
    }
    for (number, at, flip) in [(0, 330, 1), (15, 498, 4), (15, 3, 0x20), (200, 40, 0x80)] {
        // The first is of version 4, the other of version 5.
        let name = if number == 0 { 3 } else { 1 };
        let seed = start(0, name, DAMAGED).index(number);
        let seed = seed.rest(u16::to_be_bytes(at)).index(1).rest([flip]);
        seeds.push((format!("damaged-{number}-{at}"), seed));
    }
    let cut = start(0, 0, DAMAGED).index(0).rest([0, 100]).index(0);
    seeds.push(("cut".to_owned(), cut));
    let claims: [(&str, &str); 6] = [
        (
            "good",
            r#"{"sub":"1","sid":"alice-0123456789","exp":1900003600}"#,
        ),
        ("no-exp", r#"{"sid":"alice-0123456789"}"#),
        (
            "early",
            r#"{"sid":"alice-0123456789","nbf":1900000100,"exp":1.9e9}"#,
        ),
        ("bad-exp", r#"{"sid":"alice-0123456789","exp":"1"}"#),
        (
            "escaped",
            r#"{"s\u0069d":"\u0061lice-0123456789","x":[{"y":null}]}"#,
        ),
        ("none", "[]"),
    ];
    for (name, claims) in claims {
        for form in 0..3 {
            // Sealed for the very cookie that is read, with the first secret.
            let seed = start(1, 0, SEALED).index(form).index(1).index(0).index(0);
            seeds.push((format!("sealed-{name}-{form}"), seed.index(0).rest(claims)));
        }
    }
    let headers = [
        r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#,
        r#"{"alg":"dir","enc":"A256CBC-HS512","crit":["x"]}"#,
        r#"{"alg":"dir","enc":"A256GCM","kid":"another","typ":"JWT"}"#,
    ];
    for (number, header) in headers.into_iter().enumerate() {
        let seed = start(1, 0, SEALED).index(number).index(1).index(0).index(0);
        let seed = seed.index(1).few(header).rest(claims[0].1);
        seeds.push((format!("header-{number}"), seed));
    }
    seeds
}

fn start(setup: usize, name: usize, kind: usize) -> Seed {
    Seed::default().index(setup).index(name).index(kind)
}
