//! The service as its users meet it: a real PostgreSQL, real sockets, the real binary.

mod history;
mod races;
mod smoke;
mod support;
