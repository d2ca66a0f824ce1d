//! Real cookies: those that next-auth 4 and 5 made (`tests/vectors/`).

use std::sync::LazyLock;

use serde::Deserialize;

/// The time at which the vectors are to be read.
pub(crate) static NOW: LazyLock<u64> = LazyLock::new(|| VECTORS.now);

static VECTORS: LazyLock<Vectors> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/vectors/nextauth.json")).expect("the vectors")
});

#[derive(Deserialize)]
struct Vectors {
    now: u64,
    vectors: Vec<Vector>,
}

/// One session, as a browser holds it.
#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) title: String,
    pub(crate) name: String,
    /// Name and value: several where the session was cut into chunks.
    pub(crate) cookies: Vec<(String, String)>,
}

impl Vector {
    /// The whole token.
    pub(crate) fn token(&self) -> String {
        let values = self.cookies.iter().map(|(_, value)| value.as_str());
        values.collect()
    }

    /// As a browser sends it.
    pub(crate) fn header(&self) -> String {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }
}

/// All of them.
pub(crate) fn all() -> &'static [Vector] {
    &VECTORS.vectors
}
