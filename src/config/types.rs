//! What a checked configuration is made of. Field names and meanings:
//! `docs/configuration.md`.

use std::time::Duration;

use crate::redacted::Redacted;

/// A checked configuration; nothing in it contradicts itself.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose cookie is read, and how.
    pub session: SessionConfig,
    /// Where the records are.
    pub store: StoreConfig,
    /// Django's token endpoints.
    pub issuer: IssuerConfig,
    /// When to refresh, and how long a request may wait.
    pub refresh: RefreshConfig,
    /// The worker's memory of records.
    pub cache: CacheConfig,
    /// Which requests need a session; first match wins, no match is off.
    pub routes: Vec<RouteRule>,
    /// Cross-site request checks.
    pub csrf: CsrfConfig,
    /// What the upstream and caches get to see.
    pub upstream: UpstreamConfig,
    /// Where a page navigation without a session is sent.
    pub login_url: Option<String>,
    /// Where the relay itself answers.
    pub endpoints: EndpointsConfig,
}

/// `session`.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// How the cookie's value becomes a session id.
    pub format: SessionFormat,
    /// Cookie names in the order they are tried; never empty.
    pub cookies: Vec<String>,
    /// Life of a record whose refresh token names no expiry.
    pub lifetime: Duration,
}

/// `session.format` with the fields that only one format has.
#[derive(Clone, Debug)]
pub enum SessionFormat {
    /// The cookie's value is the session id.
    Opaque,
    /// The cookie's value is Auth.js's encrypted session token.
    NextAuth {
        /// Newest first, at least one.
        secrets: Vec<Redacted<String>>,
        /// The claim that carries the session id.
        claim: String,
    },
}

/// `store`.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Envoy cluster of the gateway.
    pub cluster: String,
    /// `:authority` of the calls.
    pub authority: String,
    /// HTTP Basic credentials.
    pub credentials: Option<Credentials>,
    /// Time-out of one call.
    pub timeout: Duration,
    /// The Redis key of a session.
    pub key: KeyTemplate,
    /// The key holds the lower-case hex SHA-256 of the id, not the id.
    pub hash_id: bool,
    /// Names of the record's members.
    pub fields: Fields,
}

/// `store.credentials`.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// User name; no colon.
    pub username: String,
    /// Password.
    pub password: Redacted<String>,
}

/// `store.key`, cut at `{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate {
    /// What stands before the id.
    pub prefix: String,
    /// What stands behind the id.
    pub suffix: String,
}

/// `store.fields`: member names of the record's JSON object, all different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// The access token's expiry in Unix seconds.
    pub access_exp: String,
    /// The refresh token's expiry in Unix seconds.
    pub refresh_exp: String,
}

/// `issuer`.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// Envoy cluster of Django.
    pub cluster: String,
    /// `:authority` of the calls: must be in `ALLOWED_HOSTS`.
    pub authority: String,
    /// Which package serves the endpoints.
    pub preset: Preset,
    /// Who the relay is to the issuer; with [`Preset::OAuth2`], and only then.
    pub client: Option<Client>,
    /// The endpoints' paths.
    pub paths: IssuerPaths,
    /// Extra request headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Browsers may reach the issuer's paths through this proxy.
    pub expose: bool,
    /// Time-out of one call.
    pub timeout: Duration,
}

/// `issuer.preset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// djangorestframework-simplejwt.
    SimpleJwt,
    /// dj-rest-auth, with SimpleJWT's tokens.
    DjRestAuth,
    /// django-oauth-toolkit.
    OAuth2,
    /// django-allauth's headless app client, with its JWT strategy.
    Allauth,
}

/// `issuer.client`: a confidential client's credentials.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client id. Private, because it looks like the secret and is easily
    /// swapped with it.
    pub id: Redacted<String>,
    /// The client secret.
    pub secret: Redacted<String>,
}

/// `issuer.paths` with the preset's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerPaths {
    /// Credentials in, tokens out.
    pub obtain: String,
    /// Refresh token in, tokens out.
    pub refresh: String,
    /// Ends a refresh token.
    pub revoke: String,
}

/// `refresh`.
#[derive(Clone, Copy, Debug)]
pub struct RefreshConfig {
    /// An access token with less than this left is not sent any more.
    pub leeway: Duration,
    /// With less than this left it is refreshed in the background.
    pub ahead: Duration,
    /// The longest a request is held.
    pub wait: Duration,
}

/// `cache`.
#[derive(Clone, Copy, Debug)]
pub struct CacheConfig {
    /// Sessions kept per worker; 0 switches the cache off.
    pub max_sessions: usize,
    /// The longest a record is used without asking the store again.
    pub max_age: Duration,
    /// How long past `max_age` a record serves when the store failed.
    pub max_stale: Duration,
}

/// One entry of `routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRule {
    /// Which paths.
    pub path: PathMatch,
    /// Which methods; empty: all.
    pub methods: Vec<String>,
    /// What such a request needs.
    pub session: SessionRule,
}

/// `prefix` or `path` of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatch {
    /// The path starts with this.
    Prefix(String),
    /// The path is this.
    Exact(String),
}

/// `session` of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRule {
    /// Requests are not touched.
    Off,
    /// With a session as required; without one unchanged.
    Optional,
    /// No session, no request.
    Required,
}

/// `csrf`.
#[derive(Clone, Debug)]
pub struct CsrfConfig {
    /// Whether cross-site requests are refused.
    pub enabled: bool,
    /// Further origins that may send unsafe requests, serialised as browsers
    /// do: lower case, no default port, no path.
    pub origins: Vec<String>,
}

/// `upstream`.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamConfig {
    /// Do not pass the session cookie on where a token was injected.
    pub strip_session_cookie: bool,
    /// Mark answers to injected requests as private to the cookie.
    pub private_responses: bool,
}

/// `endpoints`; what is `None` does not exist.
#[derive(Clone, Debug, Default)]
pub struct EndpointsConfig {
    /// Credentials in, a session out.
    pub login: Option<LoginConfig>,
    /// Path of the end of a session.
    pub logout: Option<String>,
    /// Path of the question whether there is a session.
    pub session: Option<String>,
    /// Path at which tokens got elsewhere become a session.
    pub adopt: Option<String>,
}

/// `endpoints.login`.
#[derive(Clone, Debug)]
pub struct LoginConfig {
    /// Its path.
    pub path: String,
    /// How the caller gets the session id.
    pub reply: LoginReply,
}

/// `endpoints.login.reply`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginReply {
    /// In a cookie: the caller is a browser.
    Cookie,
    /// In the body: the caller is a server.
    Body,
}

/// One of the relay's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `endpoints.login`.
    Login,
    /// `endpoints.logout`.
    Logout,
    /// `endpoints.session`.
    Session,
    /// `endpoints.adopt`.
    Adopt,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: &[Self] = &[Self::Login, Self::Logout, Self::Session, Self::Adopt];

    /// The field's name; also the word in access logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Session => "session",
            Self::Adopt => "adopt",
        }
    }
}

impl EndpointsConfig {
    /// Those that exist, each with its path.
    pub fn iter(&self) -> impl Iterator<Item = (Endpoint, &str)> {
        let login = self.login.as_ref().map(|login| &login.path);
        [
            (Endpoint::Login, login),
            (Endpoint::Logout, self.logout.as_ref()),
            (Endpoint::Session, self.session.as_ref()),
            (Endpoint::Adopt, self.adopt.as_ref()),
        ]
        .into_iter()
        .filter_map(|(endpoint, path)| Some((endpoint, path?.as_str())))
    }

    /// Whether the relay itself sets, and expires, the session cookie.
    pub fn sets_cookie(&self) -> bool {
        matches!(&self.login, Some(login) if login.reply == LoginReply::Cookie)
    }
}
