//! What can be a name, and what is the same name.

use super::*;

#[test]
fn usernames_keep_the_rule() {
    for good in ["ann", "Ann_2-x", &"a".repeat(150)] {
        assert!(Username::parse_new(good).is_ok(), "{good}");
    }
    for bad in ["", "an", "9lives", "_ann", "a b", "ann.lee", "änne", "a\u{308}nne", "ann\n", &"a".repeat(151)] {
        assert_eq!(Username::parse_new(bad), Err(NameError::Username), "{bad}");
    }
}

#[test]
fn every_reserved_word_is_refused_in_any_case() {
    for word in RESERVED {
        let upper = word.to_uppercase();
        assert_eq!(Username::parse_new(word), Err(NameError::Reserved));
        assert_eq!(Username::parse_new(&upper), Err(NameError::Reserved));
        assert!(Username::parse(word).is_ok(), "asking about {word} is no mistake");
    }
}

#[test]
fn names_that_differ_by_case_are_one_name() {
    let keys = ["Ann", "ann", "ANN"].map(|name| Username::parse(name).unwrap().key());
    assert!(keys.iter().all(|key| key.as_str() == "ann"));
}

#[test]
fn projects_are_named_by_uuid_or_path() {
    let id = "6c8a4b2e-93a1-4f6e-8f0d-0a5b8f3f2c11";
    assert!(matches!(ProjectReference::parse(id), Ok(ProjectReference::Id(_))));
    assert_eq!(ProjectReference::parse("Acme/Trees.v2").unwrap().to_string(), "Acme/Trees.v2");
    for bad in ["", "trees", "acme/", "/trees", "acme/a/b", "acme/.hidden", "ac/trees", "acme/tre es"] {
        assert_eq!(ProjectReference::parse(bad), Err(NameError::ProjectReference), "{bad}");
    }
}

#[test]
fn collaborators_are_users_or_teams() {
    assert!(matches!(CollaboratorName::parse("ann"), Ok(CollaboratorName::User(_))));
    assert_eq!(CollaboratorName::parse("@acme/crew").unwrap().to_string(), "@acme/crew");
    for bad in ["@acme", "@/crew", "@acme/", "@acme/crew/x", "@acme/x"] {
        assert!(CollaboratorName::parse(bad).is_err(), "{bad}");
    }
}
