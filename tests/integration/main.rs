//! The service as its users meet it: a real PostgreSQL, real sockets, the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod agreement;
mod binary;
mod cancellation;
mod consistency;
mod expiry;
mod history;
mod lists;
mod loads;
mod membership;
mod outage;
mod races;
mod smoke;
mod statements;
mod support;
