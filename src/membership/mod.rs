//! The writes: each loads its facts under locks, asks the rules, changes rows, and says what it changed, all in one
//! transaction that ends in the log.
//!
//! A write is a value (`AddMember { … }`) with one way to run it. Who may, and what is refused, is the domain's to say.

mod actor;
mod cascade;
pub mod collaborators;
mod error;
pub mod expiries;
mod hidden;
mod journal;
pub mod members;
pub mod organizations;
pub mod plans;
pub mod projects;
mod reader;
mod requests;
mod scope;
pub mod teams;
pub mod users;
mod writer;

pub use error::MembershipError;
pub use reader::{Page, Reader, project_key};
pub use requests::{Answer, RequestKey, Written};
pub use scope::Scope;
pub use writer::{Operation, WriteContext, Writer};
