//! Requests that another site caused (contract, section 4, "CSRF").
//!
//! A cookie turned into a token makes the API reachable by ambient
//! credentials: whoever gets the browser to send a request acts as its user.

use crate::config::CsrfConfig;
use crate::request::RequestHead;

/// The CSRF rules, ready to be asked.
pub(super) struct Csrf {
    enabled: bool,
    origins: Vec<String>,
}

impl Csrf {
    pub(super) fn new(config: &CsrfConfig) -> Self {
        Self {
            enabled: config.enabled,
            origins: config.origins.clone(),
        }
    }

    /// An unsafe request or upgrade whose headers do not say that the user's
    /// own site, an allowed one or no browser at all has sent it.
    pub(super) fn is_cross_site(&self, request: &RequestHead<'_>) -> bool {
        self.enabled && (request.upgrade || !is_safe(&request.method)) && !self.is_own(request)
    }

    fn is_own(&self, request: &RequestHead<'_>) -> bool {
        let site = request.sec_fetch_site.as_deref();
        let origin = request.origin.as_deref();
        match (site, origin) {
            // No browser: they send at least one of the two.
            (None, None) => true,
            (Some(b"same-origin" | b"none"), _) => true,
            (_, Some(origin)) => self.allows(origin, request),
            (_, None) => false,
        }
    }

    fn allows(&self, origin: &[u8], request: &RequestHead<'_>) -> bool {
        // `null`, the origin of sandboxes and redirects, is no pair.
        let Some(origin) = Origin::parse(origin) else {
            return false;
        };
        let own = Origin {
            scheme: &request.scheme,
            authority: &request.authority,
        };
        origin.is(&own)
            || self
                .origins
                .iter()
                .filter_map(|allowed| Origin::parse(allowed.as_bytes()))
                .any(|allowed| origin.is(&allowed))
    }
}

/// Safe methods (RFC 9110, 9.2.1): they change nothing.
fn is_safe(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE")
}

/// Scheme and authority, as in an `Origin` header (RFC 6454, 7).
struct Origin<'a> {
    scheme: &'a [u8],
    authority: &'a [u8],
}

impl<'a> Origin<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let colon = text.iter().position(|byte| *byte == b':')?;
        let (scheme, rest) = text.split_at_checked(colon)?;
        let authority = rest.strip_prefix(b"://")?;
        // A comma: several header lines folded into one.
        let fits = |byte: &u8| byte.is_ascii_graphic() && !b",/@?#".contains(byte);
        let whole = !authority.is_empty() && authority.iter().all(fits);
        whole.then_some(Self { scheme, authority })
    }

    fn is(&self, other: &Self) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self
                .short_authority()
                .eq_ignore_ascii_case(other.short_authority())
    }

    /// The authority without the scheme's default port.
    fn short_authority(&self) -> &'a [u8] {
        let port: &[u8] = if self.scheme.eq_ignore_ascii_case(b"https") {
            b":443"
        } else if self.scheme.eq_ignore_ascii_case(b"http") {
            b":80"
        } else {
            b""
        };
        self.authority.strip_suffix(port).unwrap_or(self.authority)
    }
}
