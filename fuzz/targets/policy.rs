//! Any text as a policy: refused with a line that it has and a reason, or a policy with a rule for every built-in action.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rolegate::domain::policy::Policy;

static BUILT_IN: LazyLock<Policy> = LazyLock::new(|| Policy::built_in().unwrap());

fuzz_target!(|text: &str| {
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(error) => {
            assert!((1..=text.split('\n').count()).contains(&error.line), "a line that is not there: {error}");
            return assert!(!error.problem.to_string().is_empty(), "refused without a reason");
        }
    };
    assert!(Policy::parse(text).as_ref() == Ok(&policy), "read twice, and not the same");

    // the built-in ones come first, in their own order: they are found by their place
    let names = |policy: &Policy| {
        let project = policy.project_actions().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        let organization = policy.organization_actions().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        let account = policy.account_actions().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        [project, organization, account]
    };
    for (all, built_in) in names(&policy).iter().zip(names(&BUILT_IN)) {
        assert!(all.starts_with(&built_in), "a built-in action is not in its place");
        let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(all.iter().all(|name| (1..=64).contains(&name.len()) && name.bytes().all(in_name)), "{all:?}");
    }
    for (name, rule) in policy.project_actions() {
        assert!(rule.restricted.is_none_or(|restricted| restricted >= rule.lowest), "{name} is let in by restriction");
        assert!(!rule.never_over_limit || name == "view_project", "{name} is refused over the limit");
    }
});
