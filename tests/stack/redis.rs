//! A Redis client for the test's own eyes and hands: user `admin`, one
//! connection per command.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What Redis answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Nil,
    Int(i64),
    Text(String),
    Error(String),
    List(Vec<Self>),
}

impl Reply {
    pub fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn int(self) -> i64 {
        match self {
            Self::Int(n) => n,
            other => panic!("Redis answered {other:?} instead of a number"),
        }
    }
}

/// Sends one command as `user`.
pub fn command(at: SocketAddr, user: (&str, &str), words: &[&str]) -> io::Result<Reply> {
    let stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut reader = BufReader::new(&stream);
    let (name, password) = user;
    for words in [&["AUTH", name, password][..], words] {
        let mut bytes = format!("*{}\r\n", words.len());
        for word in words {
            bytes.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        (&stream).write_all(bytes.as_bytes())?;
        let reply = read(&mut reader)?;
        if words[0] != "AUTH" {
            return Ok(reply);
        }
        if let Reply::Error(error) = reply {
            return Err(io::Error::other(error));
        }
    }
    Err(io::ErrorKind::InvalidInput.into())
}

fn read(input: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let line = line.trim_end();
    let Some((kind, rest)) = line.split_at_checked(1) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    Ok(match kind {
        "+" => Reply::Text(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Int(number()?),
        "$" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                input.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
        },
        "*" => {
            let items = (0..number()?).map(|_| read(input));
            Reply::List(items.collect::<io::Result<_>>()?)
        }
        _ => return Err(io::Error::other("not RESP")),
    })
}
