//! The membership services over the wire: what they refuse, whom they obey, what goes with what, what they list.

mod actors;
mod bounds;
mod calls;
mod cascades;
mod limits;
mod masks;
mod overlaps;
mod nonsense;
mod pages;
mod refusals;
mod sequences;
mod transfers;
mod world;
