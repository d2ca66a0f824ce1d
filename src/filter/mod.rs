//! The shell: the only room that knows Envoy.
