//! Good configurations with a few changes: one that is made of nothing but chance
//! is refused for its first brace.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use serde_json::{Value, json};

use crate::input::{few, index, one_of};

/// What the changes begin with.
pub(crate) static BASES: LazyLock<[Value; 4]> = LazyLock::new(|| {
    [
        json!({
            "session": {"secrets": [{"env": "AUTH_SECRET"}]},
            "store": {"cluster": "webdis"},
            "issuer": {"cluster": "django", "authority": "api.example.com"},
            "routes": [{"prefix": "/api/", "session": "required"}],
        }),
        json!({
            "session": {"format": "opaque"},
            "store": {"cluster": "webdis"},
            "issuer": {"cluster": "django", "authority": "api.example.com"},
            "endpoints": {
                "login": {"path": "/auth/login", "reply": "cookie"},
                "logout": {"path": "/auth/logout"},
                "session": {"path": "/auth/session"},
            },
            "routes": [{"prefix": "/api/", "session": "required"}],
            "login_url": "/login",
        }),
        json!({
            "session": {
                "format": "nextauth",
                "secrets": [{"env": "AUTH_SECRET"}, {"env": "AUTH_SECRET_OLD"}],
                "claim": "sid",
                "cookies": ["a", "b"],
                "lifetime": "24h",
            },
            "store": {
                "cluster": "webdis",
                "authority": "webdis:7379",
                "credentials": {"username": "relay", "password": {"env": "WEBDIS_PASSWORD"}},
                "timeout": "500ms",
                "key": "session:{id}",
                "hash_id": true,
                "fields": {"access": "a", "refresh": "r", "access_exp": "x", "refresh_exp": "y"},
            },
            "issuer": {
                "cluster": "django",
                "authority": "api.example.com",
                "preset": "dj-rest-auth",
                "paths": {"obtain": "/a/", "refresh": "/b/", "revoke": "/c/"},
                "headers": {"x-forwarded-proto": "https"},
                "expose": false,
                "timeout": "35s",
            },
            "refresh": {"leeway": "10s", "ahead": "60s", "wait": "5s"},
            "cache": {"max_sessions": 100, "max_age": "2s", "max_stale": "0s"},
            "routes": [
                {"prefix": "/api/auth/", "session": "off"},
                {"path": "/api/news", "methods": ["GET", "HEAD"], "session": "optional"},
                {"prefix": "/api/", "session": "required"},
            ],
            "csrf": {"enabled": true, "origins": ["https://app.example.com"]},
            "upstream": {"strip_session_cookie": true, "private_responses": true},
            "login_url": "/login",
            "endpoints": {"adopt": {"path": "/auth/adopt"}},
        }),
        json!({
            "session": {"format": "opaque", "cookies": ["sid"]},
            "store": {"cluster": "webdis"},
            "issuer": {
                "cluster": "django",
                "authority": "api.example.com",
                "preset": "oauth2",
                "client": {"id": "relay", "secret": {"env": "WEBDIS_PASSWORD"}},
            },
            "routes": [{"prefix": "/", "session": "optional"}],
        }),
    ]
});

/// What is changed: names, and numbers of list entries, parted by dots.
pub(crate) const PLACES: &[&str] = &[
    "session",
    "session.format",
    "session.secrets",
    "session.secrets.0",
    "session.secrets.0.env",
    "session.secrets.0.value",
    "session.secrets.1",
    "session.claim",
    "session.cookies",
    "session.cookies.0",
    "session.cookies.1",
    "session.lifetime",
    "store",
    "store.cluster",
    "store.authority",
    "store.credentials",
    "store.credentials.username",
    "store.credentials.password",
    "store.credentials.password.env",
    "store.credentials.password.value",
    "store.timeout",
    "store.key",
    "store.hash_id",
    "store.fields",
    "store.fields.access",
    "store.fields.refresh",
    "store.fields.access_exp",
    "store.fields.refresh_exp",
    "issuer",
    "issuer.cluster",
    "issuer.authority",
    "issuer.preset",
    "issuer.client",
    "issuer.client.id",
    "issuer.client.secret",
    "issuer.client.secret.value",
    "issuer.paths",
    "issuer.paths.obtain",
    "issuer.paths.refresh",
    "issuer.paths.revoke",
    "issuer.headers",
    "issuer.headers.x-forwarded-proto",
    "issuer.headers.host",
    "issuer.headers.X-Api-Key",
    "issuer.expose",
    "issuer.timeout",
    "refresh",
    "refresh.leeway",
    "refresh.ahead",
    "refresh.wait",
    "cache",
    "cache.max_sessions",
    "cache.max_age",
    "cache.max_stale",
    "routes",
    "routes.0",
    "routes.0.prefix",
    "routes.0.path",
    "routes.0.methods",
    "routes.0.methods.0",
    "routes.0.session",
    "routes.1",
    "routes.1.prefix",
    "routes.1.path",
    "routes.1.session",
    "csrf",
    "csrf.enabled",
    "csrf.origins",
    "csrf.origins.0",
    "upstream",
    "upstream.strip_session_cookie",
    "upstream.private_responses",
    "login_url",
    "endpoints",
    "endpoints.login",
    "endpoints.login.path",
    "endpoints.login.reply",
    "endpoints.logout",
    "endpoints.logout.path",
    "endpoints.session.path",
    "endpoints.adopt.path",
    "surprise",
];

/// What is put there, as JSON.
pub(crate) const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "0",
    "5",
    "5.0",
    "-1",
    "1e300",
    "1000001",
    "\"\"",
    "\"opaque\"",
    "\"nextauth\"",
    "\"off\"",
    "\"optional\"",
    "\"required\"",
    "\"cookie\"",
    "\"body\"",
    "\"simplejwt\"",
    "\"dj-rest-auth\"",
    "\"oauth2\"",
    "\"allauth\"",
    "\"0s\"",
    "\"1ms\"",
    "\"0.5ms\"",
    "\"5s\"",
    "\"2m\"",
    "\"10m\"",
    "\"24h\"",
    "\"9600h\"",
    "\"99999999999999999999h\"",
    "\"sub\"",
    "\"jti\"",
    "\"a\"",
    "\"a.0\"",
    "\"__Host-session\"",
    "\"AUTH_SECRET\"",
    "\"EMPTY\"",
    "\"WITH_LINE_FEED\"",
    "\"a=b\"",
    "\"x{id}y\"",
    "\"{id}{id}\"",
    "\"user:password@host\"",
    "\"my_api\"",
    "\"[::1]:80\"",
    "\"https://a.example:443\"",
    "\"http://[::ffff:1.2.3.4]\"",
    "\"https://login.example/x\"",
    "\"/\"",
    "\"/api/\"",
    "\"/api/token/\"",
    "\"/api/token\"",
    "\"/%61pi/\"",
    "\"/login\"",
    "\"/auth/login\"",
    "\"/a//b\"",
    "\"/a/../b\"",
    "\"GET\"",
    "[\"GET\",\"HEAD\"]",
    "{\"env\":\"AUTH_SECRET\"}",
    "{\"value\":\"s\"}",
    "{\"env\":\"AUTH_SECRET\",\"value\":\"s\"}",
    "{\"path\":\"/auth/x\"}",
    "{\"path\":\"/auth/x\",\"reply\":\"body\"}",
    "{\"prefix\":\"/api/\",\"session\":false}",
    "{\"prefix\":\"/\",\"session\":\"required\"}",
];

/// Too many changes leave nothing good.
const MAX_EDITS: usize = 8;

/// One of the [`BASES`] with changes.
pub(crate) fn edited(u: &mut Unstructured<'_>) -> Result<Value> {
    let mut tree = one_of(u, &*BASES)?.clone();
    for _ in 0..MAX_EDITS {
        if u.is_empty() {
            break;
        }
        let path = *one_of(u, PLACES)?;
        let value = match index(u, 4)? {
            0 => None,
            1 => Some(serde_json::from_str(one_of(u, VALUES)?).expect("JSON")),
            2 => Some(String::from_utf8_lossy(few(u)?).into()),
            _ => Some(serde_json::from_slice(few(u)?).unwrap_or_default()),
        };
        set(&mut tree, path, value);
    }
    Ok(tree)
}

/// Puts a value in place, or takes away what is there. Where the way to it is
/// blocked by something else, nothing happens.
fn set(tree: &mut Value, path: &str, value: Option<Value>) {
    let mut names: Vec<&str> = path.split('.').collect();
    let last = names.pop().unwrap_or_default();
    let mut place = tree;
    for name in names {
        let next = match place {
            Value::Object(members) => Some(members.entry(name).or_insert_with(|| json!({}))),
            Value::Array(values) => values.get_mut(name.parse().unwrap_or(usize::MAX)),
            _ => None,
        };
        match next {
            Some(next) => place = next,
            None => return,
        }
    }
    match (place, value) {
        (Value::Object(members), Some(value)) => drop(members.insert(last.to_owned(), value)),
        (Value::Object(members), None) => drop(members.remove(last)),
        (Value::Array(values), value) => {
            let at = last.parse().unwrap_or(usize::MAX);
            match (values.get_mut(at), value) {
                (Some(place), Some(value)) => *place = value,
                (Some(_), None) => drop(values.remove(at)),
                (None, Some(value)) => values.push(value),
                (None, None) => {}
            }
        }
        _ => {}
    }
}
