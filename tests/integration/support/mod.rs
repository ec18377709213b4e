//! What the tests stand on: one PostgreSQL a process, a fresh database and a service of its own a test.

pub mod postgres;
pub mod service;

pub use postgres::fresh_database;
pub use service::{Service, reason};
