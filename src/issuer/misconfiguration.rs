//! What an operator is told of an issuer that answers as none of its kind does.

/// An answer that the configured issuer does not give. Its text tells the
/// operator where to look and quotes nothing of the answer but the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misconfiguration {
    /// 3xx.
    #[error(
        "the issuer redirects (status {0}): check the trailing slashes of issuer.paths, and \
         whether Django wants x-forwarded-proto: https in issuer.headers"
    )]
    Redirect(u16),
    /// 400.
    #[error(
        "the issuer does not understand the call (status 400): check that issuer.authority is in \
         Django's ALLOWED_HOSTS, and issuer.preset"
    )]
    BadRequest,
    /// 401 that says nothing about the token or the credentials.
    #[error(
        "something else than the token endpoint asks for credentials (status 401): check \
         issuer.cluster and issuer.paths"
    )]
    Unauthorized,
    /// Any other status.
    #[error("the issuer has no such endpoint (status {0}): check issuer.cluster and issuer.paths")]
    Status(u16),
    /// A success without tokens that can be used.
    #[error(
        "the issuer's answer (status {0}) holds no usable tokens: check issuer.preset and \
         issuer.paths"
    )]
    NoTokens(u16),
    /// django-oauth-toolkit does not take the client, or not for this.
    #[error(
        "the issuer does not take the relay's client (status {0}): check issuer.client, and that \
         it is a confidential client of django-oauth-toolkit whose grant type is \"Resource owner \
         password-based\" if users log in through the relay (which \
         takes \"COMPLIANT_BCP_RFC9700_PASSWORD_GRANT\": False in OAUTH2_PROVIDER)"
    )]
    Client(u16),
    /// dj-rest-auth keeps the refresh token in a cookie.
    #[error(
        "the issuer's answer (status {0}) keeps the refresh token in a cookie: set REST_AUTH = \
         {{\"JWT_AUTH_HTTPONLY\": False}} in Django's settings, and no JWT_AUTH_COOKIE or \
         JWT_AUTH_REFRESH_COOKIE"
    )]
    TokenInCookie(u16),
    /// dj-rest-auth hands out keys of its own.
    #[error(
        "the issuer's answer (status {0}) holds a key instead of JWTs: set REST_AUTH = \
         {{\"USE_JWT\": True}} in Django's settings"
    )]
    NoJwt(u16),
    /// allauth hands out session tokens only.
    #[error(
        "the issuer's answer (status {0}) holds a session token only: set HEADLESS_TOKEN_STRATEGY \
         = \"allauth.headless.tokens.strategies.jwt.JWTTokenStrategy\" in Django's settings"
    )]
    SessionToken(u16),
}

impl Misconfiguration {
    /// What a status says where no preset knows better.
    pub(super) const fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::NoTokens(status),
            300..=399 => Self::Redirect(status),
            400 => Self::BadRequest,
            401 => Self::Unauthorized,
            _ => Self::Status(status),
        }
    }
}
