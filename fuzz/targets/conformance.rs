//! Any bytes as a world of the conformance tests: read or refused. Never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rolegate::conformance::world::World;

fuzz_target!(|bytes: &[u8]| {
    let _ = serde_json::from_slice::<World>(bytes);
});
