//! HTTP/1.1 messages as they are on the wire, for the test client and the
//! gates. Header lines keep their bytes, their order and their repetitions:
//! that is what the tests are about, and what HTTP libraries tidy away.

use std::io::{self, BufRead, Write};

/// Header lines in their order.
pub type Headers = Vec<(String, Vec<u8>)>;

/// A request, received by a gate.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub method: String,
    pub target: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// An answer, received by the client, received or made by a gate.
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// All values under a name, in order.
pub fn values<'a>(headers: &'a Headers, name: &str) -> Vec<&'a [u8]> {
    headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.as_slice())
        .collect()
}

/// The only value under a name as text; `None` when there is none.
pub fn single(headers: &Headers, name: &str) -> Option<String> {
    let all = values(headers, name);
    assert!(all.len() < 2, "{name} is there {} times", all.len());
    all.first().map(|v| String::from_utf8_lossy(v).into_owned())
}

impl Received {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        values(&self.headers, name)
    }

    pub fn header(&self, name: &str) -> Option<String> {
        single(&self.headers, name)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The token of the one `Authorization: Bearer` line that must be there.
    pub fn bearer(&self) -> String {
        let all = self.values("authorization");
        assert_eq!(all.len(), 1, "exactly one Authorization line goes upstream");
        let value = std::str::from_utf8(all[0]).expect("Authorization is ASCII");
        let token = value.strip_prefix("Bearer ").expect("the scheme is Bearer");
        token.to_owned()
    }
}

impl Response {
    pub fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub fn json_body(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    pub fn html(status: u16, body: &str) -> Self {
        Self::new(status)
            .header("content-type", "text/html; charset=utf-8")
            .body(body)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        values(&self.headers, name)
    }

    /// The only value under a name as text.
    pub fn get(&self, name: &str) -> Option<String> {
        single(&self.headers, name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("body of a {} is no JSON: {e}", self.status))
    }

    /// The problem's `code`, empty for any other answer.
    pub fn code(&self) -> String {
        if self.get("content-type").as_deref() != Some("application/problem+json") {
            return String::new();
        }
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The whole answer as one text, for searching.
    pub fn everything(&self) -> String {
        let mut all = String::new();
        for (name, value) in &self.headers {
            all.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value)));
        }
        all.push_str(&self.text());
        all
    }
}

/// Writes an answer with a `content-length` of its own.
pub fn write_response(out: &mut impl Write, answer: &Response, close: bool) -> io::Result<()> {
    out.write_all(&response_bytes(answer, close))?;
    out.flush()
}

/// The bytes of an answer with a `content-length` of its own.
pub fn response_bytes(answer: &Response, close: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", answer.status).into_bytes();
    push_headers(&mut head, &answer.headers);
    // A 101 or 204 has no length; a gate's script may give its own.
    if answer.status >= 200 && answer.status != 204 && answer.values("content-length").is_empty() {
        let length = answer.body.len();
        head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    if close {
        head.extend_from_slice(b"connection: close\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(&answer.body);
    head
}

pub fn push_headers(out: &mut Vec<u8>, headers: &Headers) {
    for (name, value) in headers {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

/// Reads a request; `None` when the peer closed before its first byte.
pub fn read_request(input: &mut impl BufRead) -> io::Result<Option<Received>> {
    let Some(head) = read_head(input)? else {
        return Ok(None);
    };
    let mut slots = [httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Request::new(&mut slots);
    parsed.parse(&head).map_err(invalid)?;
    let mut request = Received {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers: owned(parsed.headers),
        body: Vec::new(),
    };
    request.body = read_body(input, &request.headers, false)?;
    Ok(Some(request))
}

/// Reads an answer. `bodyless`: it answers a `HEAD`.
pub fn read_response(input: &mut impl BufRead, bodyless: bool) -> io::Result<Response> {
    let head = read_head(input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut slots = [httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Response::new(&mut slots);
    parsed.parse(&head).map_err(invalid)?;
    let mut response = Response {
        status: parsed.code.unwrap_or_default(),
        headers: owned(parsed.headers),
        body: Vec::new(),
    };
    if !bodyless && response.status >= 200 && !matches!(response.status, 204 | 304) {
        response.body = read_body(input, &response.headers, true)?;
    }
    Ok(response)
}

fn read_head(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    loop {
        let line_start = head.len();
        if input.read_until(b'\n', &mut head)? == 0 {
            return if head.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        if matches!(&head[line_start..], b"\r\n" | b"\n") {
            return Ok(Some(head));
        }
    }
}

fn read_body(input: &mut impl BufRead, headers: &Headers, to_end: bool) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if values(headers, "transfer-encoding").concat() == b"chunked" {
        loop {
            let mut line = String::new();
            input.read_line(&mut line)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(invalid)?;
            let start = body.len();
            body.resize(start + size, 0);
            input.read_exact(&mut body[start..])?;
            let mut end = String::new();
            input.read_line(&mut end)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    if let Some(length) = values(headers, "content-length").first() {
        let length = String::from_utf8_lossy(length).parse().map_err(invalid)?;
        body.resize(length, 0);
        input.read_exact(&mut body)?;
    } else if to_end {
        input.read_to_end(&mut body)?;
    }
    Ok(body)
}

fn owned(headers: &[httparse::Header<'_>]) -> Headers {
    headers
        .iter()
        .map(|h| (h.name.to_owned(), h.value.to_vec()))
        .collect()
}

fn invalid(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}
