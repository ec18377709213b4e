//! Services as processes of their own.

use std::net::TcpListener;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

/// An address of this machine that was free a moment ago.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Has a service end in order, so that it leaves no lease.
pub fn end(mut service: Child) {
    kill_process(Pid::from_child(&service), Signal::TERM).unwrap();
    service.wait().unwrap();
}
