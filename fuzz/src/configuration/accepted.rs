//! What holds of a configuration that was accepted.

use std::collections::BTreeSet;
use std::time::Duration;

use token_relay::config::{
    Config, IssuerConfig, LoginReply, Preset, SessionConfig, SessionFormat, SessionRule,
    StoreConfig,
};
use token_relay::issuer::Issuer;
use token_relay::relay::Relay;
use token_relay::request::RequestHead;
use token_relay::route::{Routes, Routing};

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Every secret, in order.
pub(crate) fn secrets(config: &Config) -> Vec<&str> {
    let mut all: Vec<&str> = match &config.session.format {
        SessionFormat::Opaque => Vec::new(),
        SessionFormat::NextAuth { secrets, .. } => secrets
            .iter()
            .map(|secret| secret.expose().as_str())
            .collect(),
    };
    all.extend(
        config
            .store
            .credentials
            .iter()
            .map(|c| c.password.expose().as_str()),
    );
    if let Some(client) = &config.issuer.client {
        all.extend([client.id.expose().as_str(), client.secret.expose().as_str()]);
    }
    all
}

/// Nothing in it contradicts itself, and it can be used.
pub(crate) fn check(config: &Config) {
    assert!(secrets(config).iter().all(|secret| !secret.is_empty()));
    session(&config.session);
    store(&config.store);
    issuer(&config.issuer);

    let refresh = &config.refresh;
    assert!((Duration::from_millis(1)..=TEN_MINUTES).contains(&refresh.wait));
    assert!(refresh.ahead.is_zero() || refresh.leeway < refresh.ahead);
    assert!(refresh.ahead.is_zero() || config.issuer.preset != Preset::OAuth2);
    assert!(config.cache.max_sessions > 0 || config.cache.max_stale.is_zero());

    let endpoints: Vec<_> = config.endpoints.iter().collect();
    let paths: BTreeSet<_> = endpoints.iter().map(|(_, path)| *path).collect();
    assert!(paths.len() == endpoints.len(), "a path for each");
    let does_something = config
        .routes
        .iter()
        .any(|rule| rule.session != SessionRule::Off);
    assert!(does_something || !endpoints.is_empty());
    if let Some(login) = &config.endpoints.login
        && login.reply == LoginReply::Cookie
    {
        assert!(matches!(config.session.format, SessionFormat::Opaque));
    }
    routes(config);

    let _ = Issuer::new(&config.issuer).refresh(&"token".to_owned().into());
    // More sessions take longer to make room for.
    if config.cache.max_sessions <= 1000 {
        let relay = Relay::new(config, [0; 32]);
        assert!(relay.is_idle() && relay.wake_at().is_none());
    }
}

fn session(session: &SessionConfig) {
    assert!(!session.cookies.is_empty());
    let names: BTreeSet<_> = session.cookies.iter().collect();
    assert!(names.len() == session.cookies.len(), "each name once");
    for name in &session.cookies {
        let separators = b"()<>@,;:\\\"/[]?={} \t";
        assert!(!name.is_empty());
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_graphic() && !separators.contains(&b))
        );
    }
    if let SessionFormat::NextAuth { secrets, claim } = &session.format {
        assert!(!secrets.is_empty() && !claim.is_empty());
        assert!(!["jti", "exp", "iat", "nbf"].contains(&claim.as_str()));
    }
    assert!(session.lifetime >= Duration::from_secs(60));
}

fn store(store: &StoreConfig) {
    assert!(!store.cluster.is_empty() && !store.authority.is_empty());
    assert!((Duration::from_millis(1)..=TEN_MINUTES).contains(&store.timeout));
    let key = format!("{}{}", store.key.prefix, store.key.suffix);
    assert!(!key.contains(['{', '}']) && !key.chars().any(char::is_control));
    let fields = &store.fields;
    let names = [
        &fields.access,
        &fields.refresh,
        &fields.access_exp,
        &fields.refresh_exp,
    ];
    assert!(names.iter().collect::<BTreeSet<_>>().len() == names.len());
}

fn issuer(issuer: &IssuerConfig) {
    assert!(!issuer.cluster.is_empty() && !issuer.authority.contains(['_', '/', '@', ' ']));
    assert!((Duration::from_millis(1)..=TEN_MINUTES).contains(&issuer.timeout));
    assert!(issuer.client.is_some() == (issuer.preset == Preset::OAuth2));
    let paths = &issuer.paths;
    for path in [&paths.obtain, &paths.refresh, &paths.revoke] {
        assert!(path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic()));
    }
    assert!(paths.revoke != paths.refresh && paths.revoke != paths.obtain);
    assert!(paths.obtain != paths.refresh || issuer.preset == Preset::OAuth2);
    let mut names = BTreeSet::new();
    for (name, value) in &issuer.headers {
        assert!(names.insert(name) && *name == name.to_ascii_lowercase());
        assert!(!name.starts_with(':') && name != "host" && name != "authorization");
        assert!(!value.is_empty() && !value.chars().any(|c| c.is_control() && c != '\t'));
    }
}

/// Where its own paths lead.
fn routes(config: &Config) {
    let routes = Routes::new(config);
    let get = |path: &str| {
        let head = RequestHead {
            method: b"GET".as_slice().into(),
            path: path.as_bytes().to_vec().into(),
            authority: b"app.example.com".as_slice().into(),
            scheme: b"https".as_slice().into(),
            ..RequestHead::default()
        };
        routes.route(&head)
    };
    for (endpoint, path) in config.endpoints.iter() {
        let found = get(path);
        assert!(matches!(found, Routing::Endpoint { endpoint: e, .. } if e == endpoint));
    }
    let paths = &config.issuer.paths;
    for path in [&paths.obtain, &paths.refresh, &paths.revoke] {
        let is_hidden = get(path) == Routing::Hidden;
        assert!(
            is_hidden != config.issuer.expose,
            "from outside: 404, unless exposed"
        );
    }
    if let Some(login_url) = &config.login_url
        && login_url.starts_with('/')
    {
        let found = get(login_url);
        let is_seen = matches!(
            found,
            Routing::Off
                | Routing::Session {
                    required: false,
                    ..
                }
        );
        assert!(
            is_seen,
            "the login page is seen without a session: {found:?}"
        );
    }
}
