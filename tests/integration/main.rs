//! The service as its users meet it: a real PostgreSQL, real sockets, the real binary.

mod expiry;
mod history;
mod loads;
mod races;
mod smoke;
mod support;
