//! The service as its users meet it: a real PostgreSQL, real sockets, the real binary.

mod membership;
mod smoke;
mod support;
