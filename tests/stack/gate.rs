//! A scripted reverse proxy inside the test process. Envoy's clusters point to
//! gates, and the gates to the real Django and the real Webdis, so that a test
//! can see each request, and delay, replace or lose each answer.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use super::act::{Act, Answer, End};
use super::http::{self, Received, Response};
use super::setup::PROVIDER;
use super::wait;

struct Rule {
    path: String,
    left: usize,
    act: Act,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    seen: Vec<Received>,
    done: usize,
    tokens: Vec<String>,
    streams: Vec<TcpStream>,
}

struct Shared {
    state: Mutex<State>,
    behind: SocketAddr,
    shut: AtomicBool,
}

/// A gate; it closes when it is dropped.
pub struct Gate {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Gate {
    /// A gate in front of `behind`, on a port of its own.
    pub fn new(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind((PROVIDER.gates_listen_on(), 0));
        let listener = listener.expect("a port for the gate");
        let gate = Self {
            addr: listener.local_addr().expect("the gate's address"),
            shared: Arc::new(Shared {
                state: Mutex::default(),
                behind,
                shut: AtomicBool::new(false),
            }),
        };
        gate.listen(listener);
        gate
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What happens to the next request for this path (without its query).
    pub fn once(&self, path: &str, act: Act) {
        self.times(1, path, act);
    }

    /// What happens to the next `times` requests for this path.
    pub fn times(&self, times: usize, path: &str, act: Act) {
        self.state().rules.push(Rule {
            path: path.to_owned(),
            left: times,
            act,
        });
    }

    /// What happens to every further request for this path.
    pub fn always(&self, path: &str, act: Act) {
        self.times(usize::MAX, path, act);
    }

    /// From now on everything is forwarded.
    pub fn forget_script(&self) {
        self.state().rules.clear();
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Received> {
        self.state().seen.clone()
    }

    /// Every request for a path so far.
    pub fn seen_at(&self, path: &str) -> Vec<Received> {
        self.seen()
            .into_iter()
            .filter(|r| r.path() == path)
            .collect()
    }

    /// How many requests for a path have come so far.
    pub fn calls(&self, path: &str) -> usize {
        self.state()
            .seen
            .iter()
            .filter(|r| r.path() == path)
            .count()
    }

    /// The last request for a path.
    pub fn last(&self, path: &str) -> Received {
        self.seen_at(path).pop().expect("a request for the path")
    }

    /// The tokens in the answers of the part behind.
    pub fn tokens(&self) -> Vec<String> {
        self.state().tokens.clone()
    }

    /// Waits until so many requests for a path have come.
    pub fn wait_for_calls(&self, path: &str, count: usize) {
        wait::until(&format!("{count} calls of {path}"), || {
            self.calls(path) >= count
        });
    }

    /// Waits until every request that came was dealt with.
    pub fn wait_until_quiet(&self) {
        wait::until("all calls were answered", || {
            let state = self.state();
            state.seen.len() == state.done
        });
    }

    /// Refuses connections and cuts the existing ones.
    pub fn shut(&self) {
        self.shared.shut.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then drops its listener.
        drop(TcpStream::connect(self.addr));
        for stream in self.state().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Takes connections again.
    pub fn open(&self) {
        let mut listener = None;
        wait::until("the gate's port is free again", || {
            listener = TcpListener::bind(self.addr).ok();
            listener.is_some()
        });
        self.shared.shut.store(false, Ordering::SeqCst);
        self.listen(listener.expect("just bound"));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    fn listen(&self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.shut.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                if let Ok(copy) = stream.try_clone() {
                    shared.state().streams.push(copy);
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve(&stream));
            }
        });
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shut();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(stream);
        // Ends with the connection: an error of the peer is the peer's matter.
        while let Ok(Some(request)) = http::read_request(&mut reader) {
            let act = self.take(&request);
            let keep = self.perform(&act, &request, &mut reader, stream);
            self.state().done += 1;
            if !keep {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn take(&self, request: &Received) -> Act {
        let mut state = self.state();
        state.seen.push(request.clone());
        let path = request.path();
        let rule = state
            .rules
            .iter_mut()
            .find(|r| r.left > 0 && r.path == path);
        rule.map_or_else(Act::forward, |rule| {
            rule.left = rule.left.saturating_sub(1);
            rule.act.clone()
        })
    }

    /// Whether the connection may serve another request.
    fn perform(
        &self,
        act: &Act,
        request: &Received,
        reader: &mut BufReader<&TcpStream>,
        mut stream: &TcpStream,
    ) -> bool {
        act.before.iter().for_each(|hook| hook());
        let answer = match &act.answer {
            Answer::Fixed(response) => response.clone(),
            // What a gateway says when nobody is behind it: closes.
            Answer::Forward => match self.forward(request) {
                Ok(response) => {
                    self.note_tokens(&response);
                    response
                }
                Err(_) => return false,
            },
        };
        act.after.iter().for_each(|hook| hook());
        match act.end {
            End::Send => http::write_response(&mut stream, &answer, false).is_ok(),
            End::Lose => false,
            End::Half => {
                let bytes = http::response_bytes(&answer, false);
                let cut = bytes.len().saturating_sub(answer.body.len() / 2 + 1);
                let _ = stream.write_all(&bytes[..cut]);
                false
            }
            End::Hang => {
                let _ = reader.read(&mut [0; 1]);
                false
            }
            End::Echo => {
                let _ = http::write_response(&mut stream, &answer, false);
                let mut buffer = [0; 1024];
                while let Ok(size @ 1..) = reader.read(&mut buffer) {
                    let _ = stream.write_all(&buffer[..size]);
                }
                false
            }
        }
    }

    fn note_tokens(&self, response: &Response) {
        let body = serde_json::from_slice(&response.body).unwrap_or(serde_json::Value::Null);
        let tokens = [&body, &body["data"], &body["meta"]]
            .into_iter()
            .flat_map(|place| {
                let names = ["access", "refresh", "access_token", "refresh_token"];
                names.map(|name| place[name].as_str().unwrap_or_default())
            })
            .filter(|token| !token.is_empty());
        self.state().tokens.extend(tokens.map(str::to_owned));
    }

    fn forward(&self, request: &Received) -> std::io::Result<Response> {
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
        let mut headers = request.headers.clone();
        // Hop by hop: each side of the gate has its own connection and length.
        let own = ["connection", "transfer-encoding", "content-length"];
        headers.retain(|(name, _)| !own.contains(&name.to_ascii_lowercase().as_str()));
        http::push_headers(&mut head, &headers);
        let length = request.body.len();
        let end = format!("content-length: {length}\r\nconnection: close\r\n\r\n");
        head.extend_from_slice(end.as_bytes());
        head.extend_from_slice(&request.body);

        let mut stream = TcpStream::connect(self.behind)?;
        stream.write_all(&head)?;
        let bodyless = request.method == "HEAD";
        let mut answer = http::read_response(&mut BufReader::new(&stream), bodyless)?;
        let keeps_length = bodyless.then_some("content-length");
        answer.headers.retain(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name != "keep-alive"
                && (!own.contains(&name.as_str()) || keeps_length == Some(name.as_str()))
        });
        Ok(answer)
    }
}
