use super::*;
use crate::callers::keys::NewKey;

const HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn refused(text: &str) -> (usize, String) {
    let error = Callers::parse(text).unwrap_err();
    (error.line, error.problem.to_string())
}

/// A caller that is right but for what is added.
fn with(line: &str) -> String {
    format!("[[caller]]\nname = \"one\"\nscopes = [\"check\"]\nkeys = [\"01020304:{HASH}\"]\n{line}\n")
}

#[test]
fn callers_are_found_by_what_they_prove() {
    let (old, new) = (NewKey::from_random([1; 4], [1; 32]), NewKey::from_random([2; 4], [2; 32]));
    let text = format!(
        "[[caller]]\nname = \"map\"\nscopes = [\"check\", \"read\"]\norganizations = [\"Acme\"]\nkeys = [\"{}\", \"{}\"]\n\
         [[caller]]\nname = \"ops\"\nscopes = [\"admin\"]\ncertificate = \"Ops.Internal\"\njwt_subject = \"ops@idp\"\n",
        old.entry(),
        new.entry()
    );
    let callers = Callers::parse(&text).unwrap();
    for key in [&old, &new] {
        let caller = callers.by_key(&key.reveal()).unwrap();
        assert_eq!(caller.name(), "map");
        assert!(caller.may(Scope::Check) && caller.may(Scope::Read) && !caller.may(Scope::Write));
        assert_eq!(caller.confined_to().unwrap()[0].as_str(), "acme");
    }
    let forged = format!("{}0", &old.reveal()[..old.reveal().len() - 1]);
    assert!(callers.by_key(&forged).is_none() && callers.by_key("rolegate_01010101").is_none());
    let ops = callers.by_certificate(["other.internal", "ops.internal"]).unwrap();
    assert!(ops.may(Scope::Admin) && ops.may(Scope::Write) && !ops.may(Scope::Check) && ops.confined_to().is_none());
    assert_eq!(callers.by_subject("ops@idp").unwrap().name(), "ops");
    assert!(callers.by_subject("map").is_none() && callers.by_certificate(["map"]).is_none());
}

#[test]
fn a_certificate_that_names_two_callers_is_neither() {
    let one = |name: &str| format!("[[caller]]\nname = \"{name}\"\nscopes = [\"check\"]\ncertificate = \"{name}\"\n");
    let callers = Callers::parse(&(one("one") + &one("two"))).unwrap();
    assert!(callers.by_certificate(["one", "two"]).is_none());
    assert_eq!(callers.by_certificate(["one", "one"]).unwrap().name(), "one");
}

#[test]
fn what_the_file_can_not_mean_is_refused_with_its_line_and_a_remedy() {
    let cases = [
        (String::new(), 1, "[[caller]]"),
        (with("colour = \"red\""), 5, "unknown field `colour`"),
        (with("organizations = []"), 5, "leave it out"),
        (with("organizations = [\"no spaces\"]"), 5, "names of organizations"),
        (with("certificate = \"*.internal\""), 5, "without `*`"),
        (with("certificate = \"\""), 5, "certificate"),
        (with("jwt_subject = \"\""), 5, "jwt_subject"),
        (with("").replace("\"check\"", "\"root\""), 3, "there are: check, read, write, admin, audit"),
        (with("").replace("\"check\"", ""), 3, "`scopes` is empty"),
        (with("").replace("01020304:", ""), 4, "rolegate key new one"),
        (with("").replace("\"one\"", "\"\""), 2, "`name` must be"),
        (with("").replace("keys", "# keys"), 1, "nothing makes `one` known"),
        (with("") + &with("").replace("\"one\"", "\"two\""), 9, "`one` on line 4"),
        (with("") + &with(""), 7, "the name stands here for the second time"),
    ];
    for (text, line, part) in cases {
        let (at, said) = refused(&text);
        assert!(at == line && said.contains(part), "line {at}: {said}\n{text}");
    }
    let shared =
        with("certificate = \"a.b\"") + "[[caller]]\nname = \"two\"\nscopes = [\"read\"]\ncertificate = \"A.b\"\n";
    assert!(refused(&shared).1.contains("the certificate's name"));
    let shared = with("jwt_subject = \"s\"") + "[[caller]]\nname = \"two\"\nscopes = [\"read\"]\njwt_subject = \"s\"\n";
    assert!(refused(&shared).1.contains("the subject"));
}

#[test]
fn a_key_in_the_wrong_place_is_not_repeated() {
    let key = NewKey::from_random([9; 4], [9; 32]).reveal();
    let hash = format!("01020304:{HASH}");
    for text in [
        with("").replace(&hash, &key),
        with("").replace(&format!("[\"{hash}\"]"), &format!("\"{key}\"")),
        with("").replace("\"check\"", &format!("\"{key}\"")),
        with("").replace("\"one\"", &format!("\"{key}/\"")),
        with(&format!("{key} = 1")),
    ] {
        let said = Callers::parse(&text).unwrap_err().to_string();
        assert!(!said.contains("0909"), "{said}");
    }
}
