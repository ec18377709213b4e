//! The only SQL: loads for the role view, the facts and rows of writes, the log, migrations, the embedded server.
//!
//! Every statement stands beside the function that runs it, its first line `-- name`. Nothing in here decides.

pub mod access;
pub mod accounts;
mod address;
pub mod audit;
pub mod bulk;
pub mod changes;
pub mod collaborators;
pub mod connect;
pub mod database;
mod deadlines;
pub mod embedded;
pub mod error;
pub mod expiries;
pub mod loads;
pub mod locks;
pub mod log;
pub mod log_reader;
pub mod members;
pub mod migrations;
pub mod plans;
pub mod projects;
pub mod replicas;
pub mod requests;
pub mod retention;
mod rows;
pub mod scratch;
mod standbys;
pub mod teams;
mod tls;
pub mod transaction;
pub mod trial;
pub mod warm_up;

pub use address::DatabaseAddress;
pub use connect::{CONNECTION_WAIT, Hosts, Role};
pub use database::{Client, Database, Databases, PooledClient};
pub use error::StoreError;
pub use standbys::Standbys;
pub use tls::{Roots, TlsMode, TlsParameters};
pub use transaction::{Purpose, Transaction};
