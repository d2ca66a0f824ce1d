//! A wire tap between each Envoy and Webdis. Every byte goes on as it came, so
//! that Webdis sees the connections of the proxies as they are; what the relay
//! asked the store for, and what it was answered, is noted.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;
use sha1::{Digest, Sha1};

use crate::basics::{Ms, Tag, now};
use crate::stack::{jwt, places::PLACES, store::hex};

/// A script call other than a mere read.
#[derive(Clone, Debug)]
pub struct Call {
    pub sent: Ms,
    /// Counted from 0.
    pub envoy: usize,
    pub script: String,
    pub session: Tag,
    /// Of a claim and what follows from it.
    pub owner: String,
    /// The `jti` of the refresh token in the record that the call was made for.
    pub presented: Option<String>,
    /// The `jti` of the refresh token in the record to be written.
    pub written: Option<String>,
    /// When the answer came, and the word in it.
    pub answer: Option<(Ms, String)>,
}

/// All taps of a stack; clones share their notes.
#[derive(Clone)]
pub struct Taps {
    /// Scripts by their digest.
    scripts: Arc<HashMap<String, String>>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    calls: Vec<Call>,
    /// Calls without an answer, by their nonce.
    open: HashMap<String, usize>,
}

impl Taps {
    pub fn new() -> Self {
        let folder = PLACES.root.join("src/store/scripts");
        let files = fs::read_dir(folder).expect("the scripts").flatten();
        let scripts = files.map(|file| {
            let source = fs::read(file.path()).expect("a script");
            let name = file.path().file_stem().expect("a name").to_owned();
            let name = name.into_string().expect("a plain name");
            (hex(&Sha1::digest(source)), name)
        });
        Self {
            scripts: Arc::new(scripts.collect()),
            notes: Arc::default(),
        }
    }

    /// Where the Envoy with this index finds Webdis from now on.
    pub fn add(&self, envoy: usize, webdis: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port for the tap");
        let addr = listener.local_addr().expect("its address");
        let taps = self.clone();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Nobody listens: the caller sees its connection end at once.
                let Ok(far) = TcpStream::connect(webdis) else {
                    continue;
                };
                taps.join(envoy, near, far);
            }
        });
        addr
    }

    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, envoy: usize, near: TcpStream, far: TcpStream) {
        let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else {
            return;
        };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let (asked, answered) = (self.clone(), self.clone());
        thread::spawn(move || pass_on(near, far, |body| asked.asked(envoy, body)));
        thread::spawn(move || pass_on(far_too, near_too, |body| answered.answered(body)));
    }

    fn asked(&self, envoy: usize, body: &[u8]) {
        if let Some((nonce, call)) = self.read(envoy, body) {
            let mut notes = self.lock();
            let index = notes.calls.len();
            notes.calls.push(call);
            notes.open.insert(nonce, index);
        }
    }

    /// `EVALSHA/<sha>/<number of keys>/<keys…>/<args…>`, or `EVAL` with the script.
    fn read(&self, envoy: usize, body: &[u8]) -> Option<(String, Call)> {
        let text = std::str::from_utf8(body).ok()?;
        let mut words = text.split('/').map(decoded);
        let sha = match (words.next()?.as_str(), words.next()?) {
            ("EVALSHA", sha) => sha,
            ("EVAL", script) => hex(&Sha1::digest(script)),
            _ => return None,
        };
        let script = self.scripts.get(&sha).cloned().unwrap_or(sha);
        if script == "read" || script == "look" {
            return None;
        }
        let keys = words.next()?.parse().ok()?;
        let keys: Vec<String> = words.by_ref().take(keys).collect();
        let args: Vec<String> = words.collect();
        let id = keys.first()?.trim_start_matches('{');
        let id = id.strip_prefix("session:")?.split('}').next()?;
        let arg = |index: usize| args.get(index).cloned().unwrap_or_default();
        let (owner, presented, written) = match script.as_str() {
            "claim" => (arg(1), token(&arg(3)), None),
            "commit" => (arg(1), token(&arg(2)), token(&arg(3))),
            "delete" => (arg(1), token(&arg(2)), None),
            "create" => (String::new(), None, token(&arg(1))),
            _ => (arg(1), None, None),
        };
        let call = Call {
            sent: now(),
            envoy,
            script,
            session: Tag::of(id),
            owner,
            presented,
            written,
            answer: None,
        };
        Some((arg(0), call))
    }

    /// `{"EVALSHA":["<nonce>","<word>", …]}`.
    fn answered(&self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        let mut quoted = text.split('"');
        let (Some(nonce), Some(word)) = (quoted.nth(3), quoted.nth(1)) else {
            return;
        };
        let mut notes = self.lock();
        if let Some(index) = notes.open.remove(nonce) {
            notes.calls[index].answer = Some((now(), word.to_owned()));
        }
    }
}

/// The `jti` of a record's refresh token.
fn token(record: &str) -> Option<String> {
    let record: Value = serde_json::from_str(record).ok()?;
    let claims = jwt::claims(record["refresh"].as_str()?);
    claims["jti"].as_str().map(str::to_owned)
}

/// Hands bytes on until one side closes, and shows the bodies of the messages in
/// them.
fn pass_on(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8])) {
    let mut chunk = [0; 16 * 1024];
    let mut unread = Vec::new();
    while let Ok(size @ 1..) = from.read(&mut chunk) {
        unread.extend_from_slice(&chunk[..size]);
        // Before it goes on: nothing is answered that was not seen.
        while let Some((body, end)) = message(&unread) {
            see(&unread[body..end]);
            unread.drain(..end);
        }
        if to.write_all(&chunk[..size]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Where the body of the first whole message begins and ends.
fn message(bytes: &[u8]) -> Option<(usize, usize)> {
    let body = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..body]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(Some(0), |value| value.trim().parse().ok())?;
    let end = body + length;
    (bytes.len() >= end).then_some((body, end))
}

fn decoded(word: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = (first == b'%').then(|| tail.get(..2)).flatten();
        let byte = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = &tail[if byte.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
