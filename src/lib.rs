//! rolegate: who may do what on which project, answered from memory and never stale.
//!
//! - [`domain`]: the permission model, pure.
//! - [`store`]: PostgreSQL, the only SQL.
//! - [`membership`]: the writes, and reads of the resources.
//! - [`view`]: the role view that checks are answered from.
//! - [`grpc`]: the services.

pub mod domain;
pub mod grpc;
pub mod membership;
pub mod store;
pub mod view;
