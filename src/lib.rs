//! rolegate: who may do what on which project, answered from memory and never stale.
//!
//! - [`domain`]: the permission model, pure.
//! - [`store`]: PostgreSQL, the only SQL.
//! - [`access`]: questions about many at once, and the why of one.
//! - [`membership`]: the writes, and reads of the resources.
//! - [`changes`]: the log as it goes on: watched, kept, pruned.
//! - [`view`]: the role view that checks are answered from.
//! - [`callers`]: who calls, and what each caller may; [`admission`]: how they prove who they are.
//! - [`grpc`]: the services.
//! - [`server`]: all of it put together; [`config`] and [`telemetry`] set it up.
//! - [`conformance`]: the comparison with decisions of the real system, through the public API.
//! - [`cli`]: the command line.

pub mod access;
pub mod admission;
pub mod bench;
pub mod callers;
pub mod changes;
pub mod cli;
pub mod config;
pub mod conformance;
pub mod domain;
mod files;
pub mod grpc;
pub mod membership;
mod open_files;
mod pem;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod view;
