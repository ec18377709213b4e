//! The membership services over the wire: what they refuse, whom they obey, what goes with what, what they list.

mod actors;
mod bounds;
pub mod calls;
mod cascades;
mod counts;
mod ends;
mod hidden;
mod limits;
mod masks;
mod nonsense;
mod overlaps;
mod pages;
mod refusals;
mod rulings;
pub mod sequences;
mod transfers;
pub mod world;
