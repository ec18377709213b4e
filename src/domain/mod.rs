//! The permission model: roles, names, facts, the policy, decisions, and the rules of a write.
//!
//! Pure: nothing in here waits, reads a clock, or knows of a database or a wire.

pub mod actions;
pub mod audit;
pub mod bounds;
pub mod chain;
pub mod change;
pub mod change_filter;
mod characters;
pub mod decision;
pub mod etag;
pub mod explain;
pub mod facts;
pub mod ids;
pub mod names;
pub mod policy;
pub mod policy_file;
pub mod records;
pub mod refusal;
pub mod remedy;
pub mod roles;
pub mod rules;

#[cfg(test)]
mod documents_tests;
#[cfg(test)]
mod rulings_tests;
#[cfg(test)]
mod settings_tests;
#[cfg(test)]
mod test_world;
