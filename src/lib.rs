//! rolegate: who may do what on which project, answered from memory and never stale.
//!
//! - [`domain`]: the permission model, pure.
//! - [`store`]: PostgreSQL, the only SQL.

pub mod domain;
pub mod store;
