//! The service as its users meet it: a real PostgreSQL, real sockets, the real binary.

mod binary;
mod cancellation;
mod consistency;
mod expiry;
mod history;
mod loads;
mod outage;
mod races;
mod smoke;
mod support;
