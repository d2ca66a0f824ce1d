use proptest::prelude::*;

use super::*;
use crate::session::sealing::{self, V4_HEADER, compact, encode};

const TEXT: &str = r#"{"sid":"abcdefghijklmnop","exp":4102444800}"#;
const CBC_HEADER: &str = r#"{"alg":"dir","enc":"A256CBC-HS512"}"#;
const GCM: [u8; 32] = [1; 32];
const CBC: [u8; 64] = [2; 64];

/// Opens with whichever key the header asks for.
fn open(token: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    let token = Token::parse(token.as_ref())?;
    match token.enc {
        Enc::A256Gcm => GcmKey::new(&GCM).open(&token),
        Enc::A256CbcHs512 => CbcKey::new(&CBC)?.open(&token),
    }
}

fn both() -> [String; 2] {
    [
        sealing::gcm(&GCM, V4_HEADER, TEXT),
        sealing::cbc(&CBC, CBC_HEADER, TEXT),
    ]
}

#[test]
fn both_encryptions_are_opened() {
    for token in both() {
        assert_eq!(open(token).as_deref(), Some(TEXT.as_bytes()));
    }
}

/// RFC 7518, appendix B.3.
#[test]
fn the_rfcs_own_a256cbc_hs512_example_is_authentic() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap())
            .collect()
    };
    let key: Vec<u8> = (0..64).collect();
    let key: [u8; 64] = key.try_into().unwrap();
    let aad = b"The second principle of Auguste Kerckhoffs";
    let token = Token {
        aad,
        enc: Enc::A256CbcHs512,
        kid: None,
        iv: hex("1af38c2dc2b96ffdd86694092341bc04"),
        ciphertext: hex(
            "4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd\
             822c301dd67c373bccb584ad3e9279c2e6d12a1374b77f077553df829410446b\
             36ebd97066296ae6427ea75c2e0846a11a09ccf5370dc80bfecbad28c73f09b3\
             a3b75e662a2594410ae496b2e2e6609e31e6e02cc837f053d21f37ff4f51950b\
             be2638d09dd7a4930930806d0703b1f6",
        ),
        tag: hex("4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5"),
    };
    assert_eq!(
        CbcKey::new(&key).unwrap().open(&token).as_deref(),
        Some(
            b"A cipher system must not be required to be secret, and it must be \
              able to fall into the hands of the enemy without inconvenience"
                .as_slice()
        )
    );
}

#[test]
fn another_key_opens_nothing() {
    let [gcm, cbc] = both();
    assert!(
        GcmKey::new(&[3; 32])
            .open(&Token::parse(gcm.as_bytes()).unwrap())
            .is_none()
    );
    for key in [
        [3; 64],
        std::array::from_fn(|at| if at < 32 { 3 } else { 2 }),
    ] {
        let token = Token::parse(cbc.as_bytes()).unwrap();
        assert!(CbcKey::new(&key).unwrap().open(&token).is_none());
    }
}

/// All five parts: the dots, and the bits that base64url leaves over, included.
#[test]
fn no_byte_of_a_token_can_be_changed_removed_or_added() {
    for token in both() {
        for at in 0..token.len() {
            let (before, after) = (&token.as_bytes()[..at], &token.as_bytes()[at + 1..]);
            for other in *b"AQgw-_.=+/ \0\xff" {
                let changed = [before, &[other], after].concat();
                assert!(
                    other == token.as_bytes()[at] || open(changed).is_none(),
                    "{at}"
                );
                let added = [before, &[other], &token.as_bytes()[at..]].concat();
                assert!(open(added).is_none(), "{at}");
            }
            for bit in 0..8 {
                let flipped = [before, &[token.as_bytes()[at] ^ (1 << bit)], after].concat();
                assert!(open(flipped).is_none(), "{at}");
            }
            assert!(open([before, after].concat()).is_none(), "{at}");
        }
        assert!(open(format!("{token}=")).is_none());
        assert!(open(format!("{token}.")).is_none());
    }
}

#[test]
fn a_second_part_that_is_not_empty_is_refused() {
    for token in both() {
        assert!(open(token.replacen("..", ".AAAA.", 1)).is_none());
    }
}

/// The header is authenticated in each case, so only the rule itself refuses.
#[test]
fn headers_of_another_kind_are_refused() {
    let refused = [
        r#"{"alg":"A256KW","enc":"A256GCM"}"#,
        r#"{"alg":"none","enc":"A256GCM"}"#,
        r#"{"alg":null,"enc":"A256GCM"}"#,
        r#"{"enc":"A256GCM"}"#,
        r#"{"alg":"dir"}"#,
        r#"{"alg":"dir","enc":"A128GCM"}"#,
        r#"{"alg":"dir","enc":"a256gcm"}"#,
        r#"{"alg":"dir","enc":"A128CBC-HS256"}"#,
        r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#,
        r#"{"alg":"dir","enc":"A256GCM","zip":null}"#,
        r#"{"alg":"dir","enc":"A256GCM","crit":["exp"]}"#,
        r#"{"alg":"dir","enc":"A256GCM","crit":null}"#,
        r#"{"alg":"dir","enc":"A256GCM","kid":null}"#,
        r#"{"alg":"dir","enc":"A256GCM","kid":7}"#,
        r#"{"alg":"dir","enc":"A256GCM","enc":"A256GCM"}"#,
        r#"{"alg":"dir","enc":"A256GCM"} x"#,
        r#"["dir","A256GCM","",null,null]"#,
        r#""dir""#,
        "",
    ];
    for header in refused {
        assert!(open(sealing::gcm(&GCM, header, TEXT)).is_none(), "{header}");
    }
    let other_members = r#"{"typ":"JWT","cty":"x","enc":"A256GCM","alg":"dir","kid":"k"}"#;
    assert!(open(sealing::gcm(&GCM, other_members, TEXT)).is_some());
}

#[test]
fn a_long_header_is_refused() {
    let header = |size| {
        format!(
            r#"{{"alg":"dir","enc":"A256GCM","x":"{}"}}"#,
            "x".repeat(size)
        )
    };
    assert!(open(sealing::gcm(&GCM, &header(600), TEXT)).is_some());
    assert!(open(sealing::gcm(&GCM, &header(1000), TEXT)).is_none());
}

#[test]
fn a_token_of_more_than_32_cookies_is_refused() {
    let token = |size| sealing::gcm(&GCM, V4_HEADER, &"x".repeat(size));
    assert!(open(token(98_000)).is_some());
    assert!(open(token(98_500)).is_none());
}

/// The MAC is right in each case, so only the lengths refuse.
#[test]
fn ivs_and_tags_of_other_lengths_are_refused() {
    let aad = encode(CBC_HEADER);
    let ciphertext = [5; 32];
    for length in [0, 12, 15, 17, 32] {
        let iv = vec![9; length];
        let tag = sealing::cbc_tag(&CBC, &aad, &iv, &ciphertext);
        assert!(open(compact(&aad, &iv, &ciphertext, &tag)).is_none());
    }
    for length in [0, 1, 16, 31] {
        let [gcm, cbc] = both().map(|token| {
            let (rest, tag) = token
                .rsplit_once('.')
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .unwrap();
            let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
            let short = &tag[..length.min(tag.len() - 1)];
            format!("{rest}.{}", encode(short))
        });
        assert!(open(gcm).is_none());
        assert!(open(cbc).is_none());
    }
    // A longer prefix of the HMAC is a wrong tag too, as is A256GCM's IV of 16 bytes.
    let [gcm, cbc] = both();
    assert!(open(format!("{cbc}AAAA")).is_none());
    let mut parts: Vec<&str> = gcm.split('.').collect();
    let iv = encode([7; 16]);
    parts[2] = &iv;
    assert!(open(parts.join(".")).is_none());
}

#[test]
fn an_authentic_ciphertext_with_bad_padding_is_refused_quietly() {
    let aad = encode(CBC_HEADER);
    for ciphertext in [vec![], vec![5; 15], vec![5; 17], vec![5; 32]] {
        let iv = [9; 16];
        let tag = sealing::cbc_tag(&CBC, &aad, &iv, &ciphertext);
        assert!(open(compact(&aad, &iv, &ciphertext, &tag)).is_none());
    }
}

#[test]
fn the_outline_tells_where_a_token_may_end() {
    for token in both() {
        for cut in 0..=token.len() {
            let (before, after) = token.as_bytes().split_at(cut);
            let begun = Outline::default().followed_by(before);
            assert!(begun.may_grow() || cut == token.len());
            assert!(begun.followed_by(after).is_complete());
        }
        let longer = Outline::default()
            .followed_by(token.as_bytes())
            .followed_by(&[b'A'; 40]);
        assert!(!longer.is_complete() && !longer.may_grow());
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(text).is_none());
    }

    #[test]
    fn no_token_like_text_panics(
        header in prop_oneof![Just(encode(V4_HEADER)), Just(encode(CBC_HEADER)), "[A-Za-z0-9_-]{0,40}"],
        rest in "\\.[A-Za-z0-9_-]{0,2}\\.[A-Za-z0-9_-]{0,24}\\.[A-Za-z0-9_-]{0,99}\\.[A-Za-z0-9_-]{0,45}",
    ) {
        prop_assert!(open(header + &rest).is_none());
    }

    #[test]
    fn any_text_comes_out_as_it_went_in(text in ".{0,200}", kid in "[a-z]{0,9}") {
        let header = format!(r#"{{"alg":"dir","enc":"A256CBC-HS512","kid":"{kid}"}}"#);
        let token = sealing::cbc(&CBC, &header, &text);
        prop_assert_eq!(Token::parse(token.as_bytes()).unwrap().kid, Some(kid));
        prop_assert_eq!(open(token), Some(text.clone().into_bytes()));
        prop_assert_eq!(open(sealing::gcm(&GCM, V4_HEADER, &text)), Some(text.into_bytes()));
    }
}
