//! How the store is asked.
