//! How the issuer is asked.
