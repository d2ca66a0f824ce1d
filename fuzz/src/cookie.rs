//! `Cookie` headers: which session they name, and what is left of them without
//! it (contract, section 3).

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use token_relay::session::{Lookup, SessionId};

use crate::input::{expand, one_of, rest};
use crate::readers::{SETUPS, Setup, is_session_id};
use crate::vectors;

/// Longer than any that Envoy takes.
const LIMIT: usize = 128 << 10;

/// How many candidates the relay looks at, all names together.
const MAX_CANDIDATES: usize = 8;

// What a byte below the space stands for in a header, with a number behind it.
pub(crate) const PAIR: u8 = 1;
pub(crate) const VALUE: u8 = 2;
pub(crate) const NAME: u8 = 3;
pub(crate) const SEALED: u8 = 4;

/// A header, and how it is read.
#[derive(Debug)]
pub struct Input {
    setup: &'static Setup,
    memo: usize,
    unix: u64,
    header: Vec<u8>,
}

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let setup = one_of(u, &SETUPS)?;
        let memo = *one_of(u, &[0, 1, 8])?;
        let now = *vectors::NOW;
        let unix = *one_of(u, &[now, now + 1, now - 1, now + 20, now - 20, 0, u64::MAX])?;
        let pairs: Vec<_> = vectors::all().iter().flat_map(|v| &v.cookies).collect();
        let pair = |number: u8| pairs[usize::from(number) % pairs.len()];
        let header = expand(rest(u)?, LIMIT, |byte, number| {
            let name = usize::from(number >> 5);
            let text = match byte {
                PAIR => format!("{}={}", pair(number).0, pair(number).1),
                VALUE => pair(number).1.clone(),
                NAME => setup.names[usize::from(number) % setup.names.len()].to_owned(),
                SEALED => setup.value(name, number.into(), now),
                _ => return None,
            };
            Some(text.into_bytes())
        });
        Ok(Self {
            setup,
            memo,
            unix,
            header,
        })
    }
}

impl Input {
    /// Looks the header up in every way, and takes the session out of it.
    pub fn check(&self) {
        let unix = Duration::from_secs(self.unix);
        let (lookup, all) = self.setup.with_reader(|reader| {
            let lookup = reader.read(&self.header, unix);
            let longer = [b"theme=dark; ", self.header.as_slice(), b"; csrf=x%7Cy"].concat();
            assert!(
                reader.read(&longer, unix) == lookup,
                "others change nothing"
            );
            self.check_rest(reader.strip(&self.header));
            if let Some(rest) = reader.strip(&self.header) {
                assert!(reader.read(&rest, unix) == Lookup::None, "it is out");
                assert!(
                    reader.strip(&rest).as_ref() == Some(&rest),
                    "once is enough"
                );
            }
            (lookup, reader.all(&self.header, unix))
        });
        self.check_ids(&lookup, &all);
        if self.setup.secrets.is_none() {
            assert!(lookup == self.opaque(), "the contract's words");
        }
        // Only what was decrypted is remembered.
        if !all.is_empty() {
            let mut remembering = self.setup.reader(self.memo);
            for _ in 0..2 {
                assert!(
                    remembering.read(&self.header, unix) == lookup,
                    "nor does the memo"
                );
                assert!(
                    remembering.all(&self.header, unix) == all,
                    "nor does the memo"
                );
            }
        }
    }

    fn check_ids(&self, lookup: &Lookup, all: &[SessionId]) {
        assert!(all.len() <= MAX_CANDIDATES);
        for (at, id) in all.iter().enumerate() {
            assert!(is_session_id(id.expose()));
            assert!(!all[..at].contains(id), "each once");
        }
        match lookup {
            Lookup::None => assert!(all.is_empty()),
            Lookup::Ambiguous => assert!(all.len() > 1),
            Lookup::Found(id) => assert!(all.contains(id)),
        }
    }

    /// The lookup of an opaque cookie, written once more: the first name with a
    /// valid value decides, of at most eight different ones in all.
    fn opaque(&self) -> Lookup {
        let mut room = MAX_CANDIDATES;
        for name in self.setup.names {
            let mut values: Vec<&[u8]> = Vec::new();
            for (cookie, value) in pairs(&self.header) {
                let is_new = cookie == name.as_bytes() && !value.is_empty();
                if is_new && !values.contains(&value) && values.len() < room {
                    values.push(value);
                }
            }
            room -= values.len();
            let mut ids = values
                .iter()
                .filter_map(|value| SessionId::parse(str::from_utf8(value).ok()?));
            match (ids.next(), ids.next()) {
                (Some(id), None) => return Lookup::Found(id),
                (Some(_), Some(_)) => return Lookup::Ambiguous,
                (None, _) => {}
            }
        }
        Lookup::None
    }

    /// Whatever is no session cookie stays, byte for byte and in order.
    fn check_rest(&self, rest: Option<Vec<u8>>) {
        let rest = rest.unwrap_or_default();
        let others = |header: &[u8]| -> Vec<Vec<u8>> {
            let others = header
                .split(|b| *b == b';')
                .filter(|part| !self.is_ours(part));
            // White space before the first is no part of it.
            others
                .map(|part| trim(part).to_vec())
                .filter(|part| !part.is_empty())
                .collect()
        };
        assert!(!rest.split(|b| *b == b';').any(|part| self.is_ours(part)));
        assert!(others(&rest) == others(&self.header));
        assert!(rest.len() <= self.header.len());
    }

    /// Whether a part of a header is a session cookie, or a chunk of one.
    fn is_ours(&self, part: &[u8]) -> bool {
        let Some((cookie, _)) = pair(part) else {
            return false;
        };
        self.setup.names.iter().any(|name| {
            let Some(rest) = cookie.strip_prefix(name.as_bytes()) else {
                return false;
            };
            let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            rest.is_empty() || rest[0] == b'.' && is_number(&rest[1..])
        })
    }
}

/// Names and values, as a server reads them.
fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|b| *b == b';').filter_map(pair)
}

fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = part.iter().position(|b| *b == b'=')?;
    Some((trim(&part[..at]), trim(&part[at + 1..])))
}

fn trim(text: &[u8]) -> &[u8] {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t');
    let Some(first) = text.iter().position(|b| !is_space(b)) else {
        return &[];
    };
    let last = text.iter().rposition(|b| !is_space(b)).unwrap_or(first);
    &text[first..=last]
}
