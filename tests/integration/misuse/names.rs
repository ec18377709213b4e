//! Names of users, organizations, accounts and projects: one name in every case, and no name in any other disguise.

use tonic::Code;

use super::{ALL, scene};
use crate::support::Service;

/// Names that no account can have; some look like `ann`, some would become it by a careless folding.
const NO_NAMES: &[&str] = &[
    " ",
    "a",
    "an",
    "9nn",
    "-ann",
    "_ann",
    " ann",
    "ann ",
    "ann\n",
    "ann\0",
    "\0",
    "a\0nn",
    "ann/trees",
    "@acme/crew",
    "ann;--",
    "аnn",
    "ａｎｎ",
    "ann\u{301}",
    "ánn",
    "a\u{301}nn",
    "ann\u{200b}",
    "ann\u{ad}",
    "\u{feff}ann",
    "ＡＮＮ",
    "ⓐnn",
    "𝒶nn",
    "rémi",
    "re\u{301}mi",
    "remı",
    "REMİ",
    "remi\u{307}",
    "ﬁle",
    "ſtefan",
    "K\u{212a}ate",
    "nn\u{202e}a",
];

#[tokio::test]
async fn names_that_only_look_like_one_are_refused_and_never_answered_for_it() {
    let service = scene().await;
    for rpc in ALL {
        for name in NO_NAMES {
            if rpc.takes_user() {
                rpc.refuses(&service, [name, rpc.object(), rpc.action()], "INVALID_FIELD", "user").await;
            }
            let object = if rpc.object().contains('/') { format!("{name}/trees") } else { (*name).to_owned() };
            rpc.refuses(&service, ["ann", &object, rpc.action()], "INVALID_FIELD", rpc.object_field()).await;
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn projects_are_named_by_uuid_or_by_a_path_that_can_be() {
    let service = scene().await;
    for rpc in ALL.into_iter().filter(|rpc| rpc.object_field() == "project") {
        for object in [
            "",
            "trees",
            "/",
            "/trees",
            "ann/",
            "ann//trees",
            "ann/trees/",
            "ann/trees/x",
            "ann\\trees",
            "ann/tr es",
            "ann/.trees",
            "ann/-trees",
            "ann/träes",
            "ann/tra\u{308}es",
            "ann/ｔrees",
            "ann/trees\0",
            "ann/trees\n",
            "00000000-0000-4000-8000-00000000000",
            "00000000-0000-4000-8000-0000000000000",
            "zzzzzzzz-0000-4000-8000-000000000000",
            "{00000000-0000-4000-8000-000000000000",
            "０0000000-0000-4000-8000-000000000000",
            "' OR 1=1 --",
        ] {
            rpc.refuses(&service, ["ann", object, rpc.action()], "INVALID_FIELD", "project").await;
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn names_are_the_same_without_regard_to_case_and_uuids_in_every_form() {
    let service = scene().await;
    let id = service.create_project("ann/ponds", false).await;
    let simple = id.replace('-', "");
    for rpc in ALL {
        let plain = rpc.ask(&service, "ann", rpc.object(), rpc.action()).await.unwrap();
        let upper = match rpc.object() {
            "ann/trees" => "ANN/trees".to_owned(),
            name => name.to_uppercase(),
        };
        assert_eq!(rpc.ask(&service, "ANN", &upper, rpc.action()).await.unwrap(), plain, "{rpc:?}");
        if rpc.object_field() != "project" {
            continue;
        }
        let by_id = rpc.ask(&service, "aNn", &id, rpc.action()).await.unwrap();
        assert_eq!(by_id, plain, "{rpc:?}: ann owns both");
        let forms =
            [id.to_uppercase(), simple.clone(), format!("{{{id}}}"), format!("urn:uuid:{id}"), simple.to_uppercase()];
        for form in forms {
            assert_eq!(rpc.ask(&service, "ann", &form, rpc.action()).await.unwrap(), by_id, "{rpc:?} {form}");
        }
        // the name of a project is another in another case
        let shouted = rpc.ask(&service, "ann", "ann/TREES", rpc.action()).await.unwrap();
        assert!(shouted.starts_with("ProjectNotFound") || shouted == "[]", "{rpc:?}: {shouted}");
    }
    service.stop().await;
}

#[tokio::test]
async fn texts_of_absurd_length_are_refused_shortly() {
    let service = scene().await;
    let long = "a".repeat(1_000_000);
    for rpc in ALL {
        if rpc.takes_user() {
            rpc.refuses(&service, [&long, rpc.object(), rpc.action()], "INVALID_FIELD", "user").await;
        }
        for object in [long.clone(), format!("ann/{long}"), format!("{long}/trees")] {
            rpc.refuses(&service, ["ann", &object, rpc.action()], "INVALID_FIELD", rpc.object_field()).await;
        }
    }
    let small = Service::start_on(service.database.clone(), &["--max-message-size", "2KiB"]).await;
    for rpc in ALL {
        let outcome = rpc.ask(&small, "ann", &"a".repeat(4_000), rpc.action()).await;
        let refused = outcome.expect_err("more than a message may have");
        assert!(matches!(refused.code, Code::OutOfRange | Code::ResourceExhausted), "{rpc:?}: {refused:?}");
        let _ = rpc.ask(&small, "ann", rpc.object(), rpc.action()).await.expect("and the next one is answered");
    }
    small.stop().await;
    service.stop().await;
}
