//! The writes: each loads its facts under locks, asks the rules, changes rows, and says what it changed, all in one
//! transaction that ends in the log.
//!
//! A write is a value (`AddMember { … }`) with one way to run it. Who may, and what is refused, is the domain's to say.

mod actor;
mod ahead;
mod batch;
mod cascade;
pub mod collaborators;
mod effects;
mod error;
pub mod expiries;
mod grants;
mod hidden;
mod journal;
mod looked_up;
pub mod members;
mod offboarding;
pub mod organizations;
pub mod plans;
pub mod projects;
mod reader;
mod requests;
mod scope;
pub mod teams;
mod trial;
pub mod users;
mod wakes;
mod writer;

pub use ahead::Locks;
pub use batch::{Batch, Step, Stepped, step};
pub use effects::{Effects, RoleChange, Whose};
pub use error::MembershipError;
pub use offboarding::{Owned, RemoveUserEverywhere};
pub use reader::{Page, Reader, project_key};
pub use requests::{Answer, RequestKey, Written};
pub use scope::Scope;
pub use writer::{Operation, WriteContext, Writer};
