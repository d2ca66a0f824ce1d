//! What holds for every answer there may be.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn presets() -> impl Strategy<Value = Preset> {
    prop::sample::select(PRESETS.to_vec())
}

/// Bodies that look like answers, more or less.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let names = "detail|access|refresh|error|status|data|meta|access_token|refresh_token|key";
    let values = "\"[!-~]{0,4}\"|\"invalid_grant\"|\"invalid_client\"|1|400|401|null\
                  |\\{\"(access|refresh)_token\":\"[a-z]{0,2}\"\\}";
    let object = format!("\\{{\"({names})\":({values})(,\"({names})\":({values}))?\\}}");
    let object = prop::string::string_regex(&object).expect("a pattern");
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        object.prop_map(String::into_bytes),
    ]
}

fn statuses() -> impl Strategy<Value = u16> {
    prop_oneof![0..700_u16, Just(400), Just(401), Just(200), Just(429)]
}

proptest! {
    /// Contract, section 4: no malformed answer ends a session.
    #[test]
    fn nothing_but_a_refusal_in_the_presets_own_words_refuses(
        preset in presets(),
        status in statuses(),
        body in bodies(),
        from_peer: bool,
        sets_cookie: bool,
        retry_after in prop::option::of(prop::collection::vec(any::<u8>(), 0..8)),
    ) {
        let refused = read_by(preset, Answer {
            status,
            retry_after,
            from_peer,
            sets_cookie,
            body: body.clone().into(),
            ..Answer::default()
        }) == RefreshAnswer::Refused;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let expected = body.is_object() && match preset {
            Preset::SimpleJwt | Preset::DjRestAuth => status == 401 && body["detail"].is_string(),
            Preset::OAuth2 => status == 400 && body["error"] == "invalid_grant",
            Preset::Allauth => status == 400 && body["status"] == 400,
        };
        prop_assert_eq!(refused, expected);
    }

    #[test]
    fn what_is_accepted_fits_a_header(preset in presets(), access in "\\PC{0,8}|[ -~]{0,8}") {
        let body = match preset {
            Preset::SimpleJwt | Preset::DjRestAuth => json!({"access": access, "refresh": "r"}),
            Preset::OAuth2 => json!({"access_token": access, "refresh_token": "r"}),
            Preset::Allauth => json!({
                "data": {"access_token": access, "refresh_token": "r"},
                "meta": {"access_token": access, "refresh_token": "r"},
            }),
        };
        let fits = !access.is_empty() && access.bytes().all(|b| (0x21..=0x7e).contains(&b));
        let result = CalloutResult::Answer(answer(200, &body.to_string()));
        let issuer = issuer_of(preset);
        let refreshed = match issuer.read_refresh(&result, NOW) {
            RefreshAnswer::Accepted { tokens, .. } => Some(tokens.access),
            _ => None,
        };
        let obtained = match issuer.read_obtain(&result, NOW) {
            ObtainAnswer::Accepted(tokens) => Some(tokens.access),
            _ => None,
        };
        let expected = fits.then(|| token(&access));
        prop_assert_eq!(&refreshed, &expected);
        prop_assert_eq!(&obtained, &expected);
    }

    /// What is passed on to a browser is a refusal in JSON and nothing else.
    #[test]
    fn only_a_refusal_in_json_is_passed_on(
        preset in presets(),
        status in statuses(),
        body in bodies(),
        content_type in prop::option::of("application/json(; ?charset=utf-8)?|text/html|\\PC{0,9}"),
        retry_after in prop::option::of(prop::collection::vec(any::<u8>(), 0..8)),
    ) {
        let result = CalloutResult::Answer(Answer {
            status,
            retry_after,
            content_type: content_type.map(String::into_bytes),
            body: body.into(),
            ..Answer::default()
        });
        if let ObtainAnswer::Refused(refusal) = issuer_of(preset).read_obtain(&result, NOW) {
            prop_assert!(matches!(status, 400 | 401 | 429));
            prop_assert_eq!(refusal.status, status);
            prop_assert!(refusal.content_type.starts_with("application/"));
            prop_assert!(serde_json::from_str::<Value>(&refusal.body).is_ok());
            let plain = |text: &str| text.bytes().all(|b| (0x20..=0x7e).contains(&b));
            prop_assert!(plain(&refusal.content_type));
            prop_assert!(refusal.retry_after.as_deref().is_none_or(plain));
        }
    }

    #[test]
    fn any_credentials_are_sent_or_refused(preset in presets(), credentials in bodies()) {
        let sent = issuer_of(preset).obtain(&credentials, Some("192.0.2.1"));
        let body: Value = serde_json::from_slice(&credentials).unwrap_or_default();
        if preset == Preset::OAuth2 {
            prop_assert!(sent.is_err(), "none of these has a username");
        } else {
            prop_assert_eq!(sent.is_ok(), body.is_object());
        }
    }
}
