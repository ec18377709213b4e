//! rolegate: who may do what on which project, answered from memory and never stale.
//!
//! - [`domain`]: the permission model, pure.
//! - [`store`]: PostgreSQL, the only SQL.
//! - [`membership`]: the writes.
//! - [`view`]: the role view that checks are answered from.

pub mod domain;
pub mod membership;
pub mod store;
pub mod view;
