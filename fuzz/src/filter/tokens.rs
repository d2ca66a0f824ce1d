//! Tokens and records, and whose each is.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// All tokens of a run. Each holds the run's mark, which is nowhere else, so that
/// one that got where it must not can be seen.
pub(crate) struct Tokens {
    pub(crate) mark: String,
    count: u64,
    access: BTreeMap<String, Owners>,
    refresh: BTreeMap<String, Owners>,
}

/// Whose a token is.
#[derive(Clone, Debug, Default)]
struct Owners {
    /// The record keys of the sessions that may send it.
    keys: BTreeSet<String>,
    /// It was given to somebody without a session: each attempt to store one makes
    /// it that session's.
    is_new: bool,
}

/// How long an access token lives from now, in seconds; `None`: it does not say.
const LIVES: [Option<i64>; 8] = [
    Some(300),
    Some(30),
    Some(-10),
    Some(5),
    None,
    Some(0),
    Some(1 << 40),
    Some(3600),
];

impl Tokens {
    pub(crate) fn new(mark: String) -> Self {
        Self {
            mark,
            count: 0,
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
        }
    }

    /// A token that is only itself, fit for a header and for a form.
    fn token(&mut self, unix: u64, life: Option<i64>) -> String {
        self.count += 1;
        let (mark, count) = (&self.mark, self.count);
        let Some(life) = life else {
            return format!("{mark}.{count}.");
        };
        let exp = unix.saturating_add_signed(life);
        let claims = json!({"exp": exp, "iat": exp.saturating_sub(300), "user_id": 7});
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("{mark}-{count}.{claims}.s")
    }

    /// An access and a refresh token of the session with this key, if one is known.
    pub(crate) fn issue(&mut self, key: Option<&str>, unix: u64, kind: usize) -> (String, String) {
        let access = self.token(unix, LIVES[kind % LIVES.len()]);
        let refresh_life = if kind < LIVES.len() {
            Some(86_400)
        } else {
            None
        };
        let refresh = self.token(unix, refresh_life);
        let owners = Owners {
            keys: key.map(str::to_owned).into_iter().collect(),
            is_new: key.is_none(),
        };
        self.access.insert(access.clone(), owners.clone());
        self.refresh.insert(refresh.clone(), owners);
        (access, refresh)
    }

    /// The same for whoever presents a refresh token in this text; else for
    /// somebody new.
    pub(crate) fn reissue(&mut self, presented: &str, unix: u64, kind: usize) -> (String, String) {
        let mut known = self.refresh.iter();
        let owners = known
            .find(|(token, _)| presented.contains(*token))
            .map(|(_, owners)| owners.clone());
        let (access, refresh) = self.issue(None, unix, kind);
        if let Some(owners) = owners {
            self.access.insert(access.clone(), owners.clone());
            self.refresh.insert(refresh.clone(), owners);
        }
        (access, refresh)
    }

    /// A new session's record is to be stored under a key.
    pub(crate) fn store(&mut self, key: &str, record: &str) {
        for (token, owners) in self.access.iter_mut().chain(&mut self.refresh) {
            if owners.is_new && record.contains(token) {
                owners.keys.insert(key.to_owned());
            }
        }
    }

    /// The keys of the sessions whose access token this is.
    pub(crate) fn owners(&self, access: &str) -> Option<&BTreeSet<String>> {
        self.access.get(access).map(|owners| &owners.keys)
    }

    /// A record as somebody may have written it.
    pub(crate) fn record(
        &mut self,
        fields: [&str; 4],
        key: &str,
        unix: u64,
        kind: usize,
    ) -> String {
        let (access, refresh) = self.issue(Some(key), unix, kind);
        let [access_name, refresh_name, access_exp, _] = fields;
        match kind {
            8 => json!({access_name: access, access_exp: unix + 1}),
            9 => json!({access_name: access, refresh_name: refresh, "user": {"x": 1.0}}),
            10 => json!({access_name: access, refresh_name: "", access_exp: unix * 1000}),
            11 => json!({access_name: access, refresh_name: 7}),
            12 => json!([access]),
            13 => json!({refresh_name: refresh}),
            _ => json!({access_name: access, refresh_name: refresh}),
        }
        .to_string()
    }
}
