//! Any text as a policy: refused with a line and a reason, or a policy. Never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rolegate::domain::policy::Policy;

fuzz_target!(|text: &str| {
    match Policy::parse(text) {
        Ok(policy) => assert!(policy.project_actions().next().is_some(), "a policy without an action"),
        Err(error) => assert!(!error.to_string().is_empty(), "refused without a reason"),
    }
});
