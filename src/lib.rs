//! Token Relay: an Envoy proxy-wasm filter. Session cookie in,
//! `Authorization: Bearer …` out, and exactly one refresh however many tabs,
//! workers and proxies ask at once.
//!
//! The crate is a pure core that knows neither Envoy nor the clock, and a thin
//! shell ([`filter`]) that knows nothing else. Imports run downwards only:
//!
//! | room | what lives there |
//! |---|---|
//! | [`redacted`], [`time`], [`callout`], [`request`], [`trace`] | the few types every room shares |
//! | [`config`] | what the operator says: parse, check, explain |
//! | [`session`] | who is asking: `Cookie` header → session id |
//! | [`route`] | which rule a request falls under: paths, methods, ambiguity, CSRF |
//! | [`tokens`] | what a session holds: record, JWT times, freshness |
//! | [`store`] | how the store is asked: Lua scripts, the gateway's wire, nonces |
//! | [`issuer`] | how the issuer is asked, and its kinds of answer |
//! | [`reply`] | one table from problem to HTTP answer |
//! | [`response`] | what caches may do with the response to an injected request |
//! | [`metrics`] | what is counted and measured, and under which names |
//! | [`relay`] | the heart: the sans-IO state machine |
//! | [`filter`] | the only room that knows the proxy-wasm ABI |

pub mod callout;
pub mod config;
pub mod filter;
pub mod issuer;
pub mod metrics;
pub mod redacted;
pub mod relay;
pub mod reply;
pub mod request;
pub mod response;
pub mod route;
pub mod session;
pub mod store;
pub mod time;
pub mod tokens;
pub mod trace;
