//! The service as its users meet it: a real PostgreSQL, real sockets, the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod abuse;
mod agreement;
mod audit;
mod batch;
mod bench;
mod binary;
mod callers;
mod cancellation;
mod changes;
mod conformance;
mod consistency;
mod expiry;
mod failover;
mod faults;
mod floods;
mod history;
mod lists;
mod loads;
mod membership;
mod migrations;
mod misuse;
mod outage;
mod policy;
mod races;
mod replicas;
mod shapes;
mod smoke;
mod soak;
mod statements;
mod stream;
mod stuck;
mod support;
mod tls;
mod warm_up;
mod writes_again;
mod writing;
