//! The browser's side: a request with full control of its bytes.

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::http::{self, Headers, Response};

/// Longer than any wait the relay allows itself in these tests: an answer that
/// takes this long is a request that hangs.
const HANGS: Duration = Duration::from_secs(60);

/// A request; each is sent on a connection of its own, so that parallel ones
/// spread over Envoy's workers.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Headers,
    body: Vec<u8>,
}

/// A request that was sent and whose answer is still to come.
pub struct Pending {
    stream: TcpStream,
    bodyless: bool,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("host".to_owned(), b"app.example.com".to_vec())],
            body: Vec::new(),
        }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Adds a line; lines of the same name stay separate.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds a `Cookie` line.
    #[must_use]
    pub fn cookie(self, line: impl AsRef<[u8]>) -> Self {
        self.header("cookie", line)
    }

    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.headers[0].1 = host.as_bytes().to_vec();
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        http::push_headers(&mut out, &self.headers);
        let upgrades = !http::values(&self.headers, "upgrade").is_empty();
        if !upgrades {
            out.extend_from_slice(b"connection: close\r\n");
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            out.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    /// Sends it and does not wait.
    pub fn start(&self, to: SocketAddr) -> Pending {
        self.try_start(to, HANGS)
            .expect("the address takes connections")
    }

    /// Sends it and does not wait; an error when nobody takes it. Its answer has
    /// to come in this time.
    pub fn try_start(&self, to: SocketAddr, limit: Duration) -> io::Result<Pending> {
        Ok(Pending {
            stream: try_connect(to, &self.bytes(), limit)?,
            bodyless: self.method == "HEAD",
        })
    }

    /// Sends it; an error when nobody answers.
    pub fn try_send(&self, to: SocketAddr) -> io::Result<Response> {
        self.try_send_within(to, HANGS)
    }

    /// Sends it; an error when nobody answers in this time.
    pub fn try_send_within(&self, to: SocketAddr, limit: Duration) -> io::Result<Response> {
        self.try_start(to, limit)?.try_answer()
    }

    /// Sends it and waits for the answer, which has to come.
    pub fn send(&self, to: SocketAddr) -> Response {
        self.start(to).answer()
    }
}

impl Pending {
    /// The answer, which has to come.
    pub fn answer(self) -> Response {
        self.try_answer().expect("the request was answered")
    }

    pub fn try_answer(mut self) -> io::Result<Response> {
        http::read_response(&mut BufReader::new(&mut self.stream), self.bodyless)
    }

    /// The client goes away.
    pub fn leave(self) {
        // Both directions at once: what a closed browser tab does.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// The connection, for what follows an upgrade.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}

/// Sends bytes as they are, and reads one answer.
pub fn raw(to: SocketAddr, bytes: &[u8]) -> Response {
    let mut stream = try_connect(to, bytes, HANGS).expect("the address takes connections");
    http::read_response(&mut BufReader::new(&mut stream), false).expect("an answer")
}

fn try_connect(to: SocketAddr, bytes: &[u8], limit: Duration) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    // A peer that answers before it has read everything (431) may have closed.
    let _ = stream.write_all(bytes);
    Ok(stream)
}
