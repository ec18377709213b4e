//! The service as its users meet it: a real PostgreSQL, real sockets, the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod agreement;
mod batch;
mod binary;
mod cancellation;
mod changes;
mod conformance;
mod consistency;
mod expiry;
mod floods;
mod history;
mod lists;
mod loads;
mod membership;
mod misuse;
mod outage;
mod policy;
mod races;
mod smoke;
mod statements;
mod stream;
mod support;
