//! TLS to PostgreSQL: servers that take nothing else, and all the ways in which it must not come to be.

mod refused;
mod served;
mod server;
mod wire;
