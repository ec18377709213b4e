//! The service as its users meet it: a real PostgreSQL, real sockets, the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod expiry;
mod history;
mod loads;
mod membership;
mod races;
mod smoke;
mod statements;
mod support;
