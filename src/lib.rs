//! rolegate: who may do what on which project, answered from memory and never stale.
//!
//! - [`domain`]: the permission model, pure.
//! - [`store`]: PostgreSQL, the only SQL.
//! - [`view`]: the role view that checks are answered from.

pub mod domain;
pub mod store;
pub mod view;
