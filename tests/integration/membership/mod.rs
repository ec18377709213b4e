//! The membership services over the wire: what they refuse, whom they obey, what goes with what, what they list.

mod calls;
mod limits;
mod refusals;
mod world;
