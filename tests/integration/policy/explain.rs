//! `rolegate explain` on the demo's world: what people and programs are told.

use std::time::Duration;

use serde_json::Value;

use super::told;
use crate::support::binary::{Process, url};
use crate::support::fresh_database;

#[tokio::test]
async fn the_command_tells_what_every_origin_gives_and_what_would_allow_it() {
    let database = fresh_database().await;
    let demo = Process::start("demo", &["--database-url", &url(&database)]).await;
    let shown = async {
        while !demo.output().contains("Serving on") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), shown).await.expect("it serves");
    let server = demo.address.to_string();
    tells_people(&server).await;
    tells_programs(&server).await;
    tells_of_all_sorts(&server).await;
    demo.signal("TERM");
    assert_eq!(demo.end(Duration::from_secs(60)).await.code(), Some(0));
}

async fn ask(server: &str, [user, project, action]: [&str; 3], json: bool) -> (i32, String, String) {
    let flags = ["explain", user, project, action, "--server", server, "--json"];
    told(&flags[..if json { 7 } else { 6 }]).await
}

async fn tells_people(server: &str) {
    let (status, text, errors) = ask(server, ["tina", "acme/trees", "delete_files"], false).await;
    assert_eq!((status, errors.as_str()), (1, ""));
    for expected in [
        "tina may not delete_files on acme/trees",
        "it holds reporter through team_member, and editor is needed",
        "project_owner",
        "organization_owner",
        "organization_admin",
        "collaborator",
        "wins (through @acme/crew)",
        "lower than the one that wins",
        "the project is private",
        "Any one of these would allow it:",
        "give tina the role editor on acme/trees",
        "give @acme/crew the role editor on acme/trees",
        "give all members of acme the role editor by default",
        "make tina an admin of the organization",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
}

async fn tells_programs(server: &str) {
    let (status, text, _) = ask(server, ["tina", "acme/trees", "delete_files"], true).await;
    assert_eq!(status, 1);
    let answer: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["reason"], "ROLE_TOO_LOW");
    assert_eq!(answer["resolution"], "highest");
    let origins = answer["origins"].as_array().unwrap();
    let standings: Vec<(&str, &str)> =
        origins.iter().map(|one| (one["origin"].as_str().unwrap(), one["standing"].as_str().unwrap())).collect();
    assert_eq!(
        standings,
        [
            ("project_owner", "not_owner"),
            ("organization_owner", "not_owner"),
            ("organization_admin", "not_admin"),
            ("collaborator", "not_added"),
            ("team_member", "wins"),
            ("organization_member", "lower_role"),
            ("public", "not_public"),
        ]
    );
    assert_eq!(origins[4]["teams"][0], "@acme/crew");
    let kinds: Vec<&str> =
        answer["alternatives"].as_array().unwrap().iter().map(|one| one[0]["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["give_collaborator_role", "give_team_role", "set_default_project_role", "make_organization_admin"]
    );
}

async fn tells_of_all_sorts(server: &str) {
    for (user, project, action, expected, says) in [
        ("edith", "acme/trees", "delete_files", 0, "edith may delete_files"),
        ("tina", "acme/trees", "modify_projectfiles", 1, "lift the restriction of project files on acme/trees"),
        (
            "paul",
            "acme/trees",
            "delete_files",
            1,
            "make paul a member of the organization, and give paul the role editor",
        ),
        ("adam", "acme/trees", "transfer_project", 1, "transfer acme/trees to adam"),
        ("ines", "acme/parks", "view_project", 1, "make ines active"),
        ("", "acme/parks", "view_project", 1, "only registered users hold roles"),
        ("nobody", "acme/trees", "view_project", 1, "there is no such user"),
        ("tina", "acme/none", "view_project", 1, "there is no such project"),
    ] {
        let (status, text, errors) = ask(server, [user, project, action], false).await;
        assert_eq!(status, expected, "{user} {project} {action}: {text}{errors}");
        assert!(text.contains(says), "{says} in\n{text}");
        let (status, text, _) = ask(server, [user, project, action], true).await;
        let answer: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!((status, answer["allowed"].as_bool()), (expected, Some(expected == 0)));
    }
    for (project, action) in [("acme/trees", "destroy"), ("trees", "view_project")] {
        let (status, text, errors) = ask(server, ["tina", project, action], false).await;
        assert_eq!((status, text.as_str()), (2, ""), "{errors}");
        assert!(errors.contains("INVALID_FIELD") || errors.contains("UNKNOWN_ACTION"), "{errors}");
    }
}
