//! Who is at the other end of a request.

use std::net::SocketAddr;

use super::host;

/// Who sent the request of the effective stream, by the host's own account: it
/// believes `x-forwarded-for` as far as it is told to. `None`: not to be had, or
/// no address of the internet.
pub(super) fn client() -> Option<String> {
    let peer = host::property("source\0address").ok()?;
    address(&peer)
}

/// The address without its port, an IPv4 one in its own notation.
fn address(peer: &[u8]) -> Option<String> {
    let peer: SocketAddr = std::str::from_utf8(peer).ok()?.parse().ok()?;
    Some(peer.ip().to_canonical().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_an_address_without_its_port() {
        let cases = [
            ("127.0.0.1:1234", Some("127.0.0.1")),
            ("203.0.113.9:0", Some("203.0.113.9")),
            ("[::1]:1234", Some("::1")),
            ("[2001:DB8::0:7]:80", Some("2001:db8::7")),
            ("[fe80::1%3]:80", Some("fe80::1")),
            ("[::ffff:192.0.2.1]:80", Some("192.0.2.1")),
            ("/run/envoy.sock", None),
            ("@abstract", None),
            ("127.0.0.1", None),
            ("127.0.0.1:1\r\nx: y", None),
            ("", None),
        ];
        for (peer, expected) in cases {
            assert_eq!(address(peer.as_bytes()).as_deref(), expected, "{peer}");
        }
        assert_eq!(address(b"\xff:1"), None);
    }
}
