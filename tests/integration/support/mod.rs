//! What the tests stand on: one PostgreSQL a process, a fresh database and a service of its own a test.

pub mod binary;
pub mod cluster;
pub mod oracle;
pub mod pki;
pub mod postgres;
pub mod proxy;
pub mod questions;
pub mod raw;
pub mod scene;
pub mod service;
pub mod views;

pub use oracle::{Matrix, Rules, Verdict};
pub use postgres::fresh_database;
pub use service::{Clients, Service, reason};
