//! Any bytes as a world of the conformance tests: read or refused. What is read is rows that are written as they are read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rolegate::conformance::fuzzing::{read_world, reread_row};

fuzz_target!(|bytes: &[u8]| {
    let world = match read_world(bytes) {
        Ok(world) => world,
        Err(reason) => return assert!(!reason.is_empty(), "refused without a reason"),
    };
    for row in &world.held {
        assert_eq!(reread_row(row).as_ref(), Some(row), "a row is read as another");
    }
    assert!(world.left_out.iter().all(|row| world.held.contains(row)), "what is left out was never there");
    for again in world.effects.iter().filter_map(|text| reread_row(text)) {
        assert_eq!(reread_row(&again).as_ref(), Some(&again), "a row is read as another");
    }
});
