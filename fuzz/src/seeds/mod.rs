//! What the corpora begin with: real cookies, answers and configurations, and
//! lives of a filter as they are lived. `examples/seeds.rs` writes them down.

mod configuration;
mod cookie;
mod filter;
mod gateway;
mod issuer;
mod jwe;

use crate::input::Seed;

/// The targets, each with its seeds by name.
pub fn all() -> Vec<(&'static str, Vec<(String, Seed)>)> {
    vec![
        ("configuration", configuration::seeds()),
        ("cookie", cookie::seeds()),
        ("filter", filter::seeds()),
        ("gateway", gateway::seeds()),
        ("issuer", issuer::seeds()),
        ("jwe", jwe::seeds()),
    ]
}

/// The place of something in a list, as a seed has it.
fn place<T: PartialEq>(list: &[T], wanted: &T) -> usize {
    list.iter()
        .position(|item| item == wanted)
        .expect("it is in the list")
}

/// A file's name out of a title.
fn named(title: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    let words = title
        .split(|c| !is_plain(c))
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
