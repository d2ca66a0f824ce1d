//! The section `issuer`: Django's token endpoints.

use std::time::Duration;

use super::mistake::quoted;
use super::reader::{Field, Section};
use super::secret;
use super::store::cluster;
use super::syntax::{PLAIN_PATH, Underscore, host_and_port, is_plain_path, is_token};
use super::timing::CALL;
use super::types::{Client, IssuerConfig, IssuerPaths, PathMatch, Preset, RouteRule};

pub(super) fn issuer(s: &mut Section<'_>) -> Option<IssuerConfig> {
    let cluster = cluster(s, "the name of Django's cluster in Envoy");
    let authority = s.required("authority", AUTHORITY, |field| {
        let fits = |text: &str| host_and_port(text, Underscore::Refused).is_some();
        field.text_if(fits, AUTHORITY).map(str::to_owned)
    });
    let preset = s.or("preset", Preset::SimpleJwt, |field| preset(&field));
    let client = client(s, preset);
    let paths = s.section("paths", |s| paths(s, preset));
    let headers = s.or("headers", Vec::new(), |field| headers(&field));
    let expose = s.or("expose", false, |field| field.boolean());
    let timeout = s.or("timeout", Duration::from_secs(35), |field| {
        field.duration(CALL)
    });
    Some(IssuerConfig {
        cluster: cluster?,
        authority: authority?,
        preset: preset?,
        client: client?,
        paths: paths?,
        headers: headers?,
        expose: expose?,
        timeout: timeout?,
    })
}

const AUTHORITY: &str = "a host or host:port of Django's ALLOWED_HOSTS, without scheme or path: letters, digits, dots and hyphens, no underscore (Django answers 400 to one)";

const PRESETS: &str = "simplejwt, dj-rest-auth, oauth2 or allauth";

fn preset(field: &Field<'_>) -> Option<Preset> {
    match field.text(PRESETS)? {
        "simplejwt" => Some(Preset::SimpleJwt),
        "dj-rest-auth" => Some(Preset::DjRestAuth),
        "oauth2" => Some(Preset::OAuth2),
        "allauth" => Some(Preset::Allauth),
        other => field.refuse(quoted(other), PRESETS),
    }
}

const CLIENT: &str = "{id: …, secret: {env: NAME}}";

/// `Some(None)`: there is none, as it should be. With an unknown preset the
/// field is read, and nothing is said about whether it belongs there.
fn client(s: &mut Section<'_>, preset: Option<Preset>) -> Option<Option<Client>> {
    match preset {
        Some(Preset::OAuth2) => s
            .required("client", CLIENT, |field| credentials(&field))
            .map(Some),
        None => s.optional("client", |field| credentials(&field)),
        Some(_) => s.optional("client", |field| {
            field.refuse(
                "client credentials",
                "nothing here: only preset oauth2 has a client",
            )
        }),
    }
}

fn credentials(field: &Field<'_>) -> Option<Client> {
    const ID: &str = "a client id, not empty, without control characters";
    field.private_object(CLIENT, |s| {
        // Not quoted: the two are easily swapped.
        let id = s.required("id", ID, |field| match field.private_text(ID)? {
            "" => field.refuse("an empty string", ID),
            id if id.chars().any(char::is_control) => {
                field.refuse("a text with a control character", ID)
            }
            id => Some(id.to_owned().into()),
        });
        let secret = s.required("secret", secret::ALLOWED, |field| field.secret());
        Some(Client {
            id: id?,
            secret: secret?,
        })
    })
}

/// Where the packages' own documentation puts obtain, refresh and revoke.
const fn default_paths(preset: Preset) -> [&'static str; 3] {
    match preset {
        Preset::SimpleJwt => [
            "/api/token/",
            "/api/token/refresh/",
            "/api/token/blacklist/",
        ],
        Preset::DjRestAuth => [
            "/dj-rest-auth/login/",
            "/dj-rest-auth/token/refresh/",
            "/dj-rest-auth/logout/",
        ],
        Preset::OAuth2 => ["/o/token/", "/o/token/", "/o/revoke_token/"],
        Preset::Allauth => [
            "/_allauth/app/v1/auth/login",
            "/_allauth/app/v1/tokens/refresh",
            "/_allauth/app/v1/auth/session",
        ],
    }
}

fn paths(s: &mut Section<'_>, preset: Option<Preset>) -> Option<IssuerPaths> {
    const NAMES: [&str; 3] = ["obtain", "refresh", "revoke"];
    const DISTINCT: &str = "a path of its own for each endpoint";
    let defaults = default_paths(preset.unwrap_or(Preset::SimpleJwt));
    let mut read = |name, default: &str| {
        s.or(name, default.to_owned(), |field| {
            field.text_if(is_plain_path, PLAIN_PATH).map(str::to_owned)
        })
    };
    let [obtain, refresh, revoke] = NAMES;
    let [obtain_default, refresh_default, revoke_default] = defaults;
    let given = [
        read(obtain, obtain_default),
        read(refresh, refresh_default),
        read(revoke, revoke_default),
    ];
    let distinct = match (preset, &given) {
        // Defaults of another preset are not compared with what was given.
        (None, _) => true,
        // One endpoint serves both grants.
        (Some(Preset::OAuth2), [obtain, refresh, revoke]) if obtain == refresh => s.distinct(
            ["refresh", "revoke"],
            &[refresh.clone(), revoke.clone()],
            DISTINCT,
        ),
        (Some(_), given) => s.distinct(NAMES, given, DISTINCT),
    };
    let [obtain, refresh, revoke] = given;
    let paths = IssuerPaths {
        obtain: obtain?,
        refresh: refresh?,
        revoke: revoke?,
    };
    distinct.then_some(paths)
}

pub(super) const MAX_HEADERS: usize = 32;

/// Names that the relay or HTTP itself sets, or that would change how the
/// answer is written.
pub(super) const RESERVED: [&str; 16] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Header values are never quoted: one may be an API key.
fn headers(field: &Field<'_>) -> Option<Vec<(String, String)>> {
    let allowed = "an object of header names and values, e.g. {x-forwarded-proto: https}";
    let mut complete = true;
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, field) in field.members(MAX_HEADERS, allowed, is_token)? {
        let lower = name.to_ascii_lowercase();
        let value = match field.private_text("a string; put quotes around true, no, 1 and the like") {
            Some(value) if is_header_value(value) => Some(value.to_owned()),
            Some(_) => field.refuse(
                "a value that is empty, or has control characters, bytes that are not ASCII or white space at its ends",
                "visible ASCII, with spaces and tabs only inside",
            ),
            None => None,
        };
        let usable = if !is_token(name) {
            let allowed = "a header name: letters, digits and !#$%&'*+-.^_`|~ only (pseudo-headers such as :path are the relay's)";
            field.refuse::<()>("a name that is no header name (not shown)", allowed)
        } else if RESERVED.contains(&lower.as_str()) {
            field.refuse("a header that the relay sets itself", "any other header")
        } else if lower.starts_with("x-envoy-") {
            // A retry would present one refresh token twice.
            field.refuse(
                "a header that steers Envoy",
                "any header but x-envoy-…; issuer.timeout is the time-out, and a refresh is never retried",
            )
        } else if headers.iter().any(|(other, _)| *other == lower) {
            field.refuse(
                "a header that is there already",
                "each name once, in any case",
            )
        } else {
            Some(())
        };
        match (usable, value) {
            (Some(()), Some(value)) => headers.push((lower, value)),
            _ => complete = false,
        }
    }
    complete.then_some(headers)
}

/// RFC 9110, section 5.5, without obs-text.
fn is_header_value(value: &str) -> bool {
    !value.is_empty()
        && value.trim() == value
        && value
            .bytes()
            .all(|b| b.is_ascii_graphic() || b == b' ' || b == b'\t')
}

/// A route for one of the issuer's own paths never comes into play unless
/// they are exposed.
pub(super) fn paths_are_not_shadowing(
    root: &Section<'_>,
    issuer: &IssuerConfig,
    routes: &[RouteRule],
) {
    if issuer.expose {
        return;
    }
    let hidden = [
        &issuer.paths.obtain,
        &issuer.paths.refresh,
        &issuer.paths.revoke,
    ];
    for (index, rule) in routes.iter().enumerate() {
        if let PathMatch::Exact(path) = &rule.path
            && hidden.contains(&path)
        {
            root.warn(
                &format!("routes[{index}]"),
                "a path of the issuer is answered 404 before any route is looked at, unless issuer.expose is set",
            );
        }
    }
}
