//! The decisions of the real system: the small worlds agree, and what would not agree is reported.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use rolegate::conformance::{self, Resolution, Settings, report, rulings, world};
use rolegate::store::scratch::ScratchDatabases;
use serde_json::Value;

use crate::support::binary::{run, url};
use crate::support::postgres::{scratch_folder, server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_small_worlds_differ_only_by_a_ruling() {
    let worlds: Vec<PathBuf> =
        world::find(&folder()).unwrap().into_iter().filter(|path| path.to_string_lossy().contains("small")).collect();
    assert_eq!(worlds.len(), 70, "the worlds were not found");
    let databases = ScratchDatabases::new(server().await, "test_conformance").await.unwrap();
    let settings = Settings { resolutions: vec![Resolution::Highest, Resolution::FirstOrigin], jobs: 4 };
    let compared = conformance::run(&databases, &worlds, &settings, |_| {}).await;
    databases.clear().await.unwrap();
    let report = compared.unwrap();
    assert!(report.agrees(), "{report}");
    assert!(report.total.agreed > 300_000, "{report}");
}

#[tokio::test]
async fn what_differs_is_reported_and_fails_the_command() {
    let database = server().await;
    let folder = scratch_folder();
    fs::write(folder.join("altered.json"), altered().to_string()).unwrap();
    let flags = ["--database-url", &url(&database), "--resolution", "highest"];
    let path = folder.to_str().unwrap();
    let json = run(&[&["conformance", path, "--json"], &flags[..]].concat()).await;
    assert_eq!(json.status.code(), Some(1), "{}", String::from_utf8_lossy(&json.stderr));
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    let sections: Vec<&str> =
        report["disagreements"].as_array().unwrap().iter().map(|one| one["section"].as_str().unwrap()).collect();
    let expected = ["new_collaborator", "model", "project", "organization", "account", "event_effect", "event_effect"];
    assert_eq!(sections, expected);
    let project = &report["disagreements"][2];
    assert_eq!((&project["user"], &project["object"]), (&Value::from("per01"), &Value::from("prj02")));
    assert_eq!((&project["expected"], &project["got"]), (&Value::from("no"), &Value::from("yes")));
    assert_eq!(project["action"], "can_update_project (update_project)");
    assert_eq!(project["explanation"], "GRANTED; project_owner admin: wins, public reader: lower_role");
    let text = run(&[&["conformance", path], &flags[..]].concat()).await;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("7 decisions differ.") && text.contains("per01, prj02: can_update_project"), "{text}");
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn without_worlds_there_is_nothing_to_tell() {
    let folder = scratch_folder();
    let ended = run(&["conformance", folder.to_str().unwrap()]).await;
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("find a world"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_page_has_the_tables_as_they_are() {
    let page = include_str!("../../docs/CONFORMANCE.md");
    let tables = report::tables();
    assert!(page.contains(&tables), "docs/CONFORMANCE.md should have these tables:\n{tables}");
    for ruling in rulings::RULINGS {
        let alike = rulings::RULINGS.iter().filter(|other| other.name == ruling.name).count();
        assert_eq!(alike, 1, "{} stands twice", ruling.name);
    }
}

/// A world with one decision of each sort turned round.
fn altered() -> Value {
    let mut text = String::new();
    let file = File::open(folder().join("upstream/small_00.json.gz")).unwrap();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut world: Value = serde_json::from_str(&text).unwrap();
    let decisions = &mut world["decisions"];
    // per01 owns prj02: may update it
    assert_eq!((&decisions["project"][10][0], &decisions["project"][10][1]), (&Value::from(1), &Value::from(2)));
    flip(&mut decisions["project"][10][4], 2);
    // per00 is a member of org0: may not create projects
    flip(&mut decisions["organization"][0][4], 0);
    // per00 may create projects on its own account
    flip(&mut decisions["account"][0][1], 0);
    // per00 may become a collaborator of prj01
    let letters = decisions["check_can_become_collaborator"][1].as_str().unwrap().replacen('K', "P", 1);
    decisions["check_can_become_collaborator"][1] = letters.into();
    // prj06 became public
    assert_eq!(world["events"][0]["op"], "set_project_public");
    world["events"][0]["is_public"] = false.into();
    world
}

fn flip(bits: &mut Value, index: usize) {
    let mut flipped = bits.as_str().unwrap().to_owned();
    let other = if flipped.as_bytes()[index] == b'1' { "0" } else { "1" };
    flipped.replace_range(index..=index, other);
    *bits = flipped.into();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}
