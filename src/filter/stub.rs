//! Stands in for rooms that are being built.
use crate::config::Config;
pub(super) struct Parsed {
    pub(super) config: Config,
    pub(super) warnings: Vec<String>,
}
pub(super) fn parse(
    _: &[u8],
    _env: &dyn Fn(&str) -> Option<String>,
) -> Result<Parsed, Vec<String>> {
    todo!()
}
pub(super) struct ResponseEdit {
    pub(super) vary: Option<String>,
    pub(super) cache_control: Option<String>,
}
pub(super) fn private_headers(_: &[&[u8]], _: &[&[u8]]) -> ResponseEdit {
    todo!()
}
