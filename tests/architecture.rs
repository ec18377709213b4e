//! The shape of the code: who may name whom, where SQL and the wire may stand, how long a file may be.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// A module, and the modules that it may name besides itself.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain", "files", "pem"]),
    ("view", &["domain", "store"]),
    ("membership", &["domain", "store", "view"]),
    ("access", &["domain", "store", "view", "membership"]),
    ("changes", &["domain", "store", "view", "membership"]),
    ("callers", &["domain"]),
    ("admission", &["callers", "config", "files", "pem"]),
    ("grpc", &["domain", "membership", "access", "admission", "callers", "changes", "view"]),
    // a client of services that it starts itself: nothing of how they answer
    ("conformance", &["config", "domain", "grpc", "server", "store"]),
    // a client of services that it starts itself; what it compares them with is put together as the service is
    ("bench", &["access", "changes", "config", "domain", "grpc", "membership", "server", "store", "view"]),
];

/// A word that only some places may use.
const ONLY_IN: &[(&str, &[&str])] = &[
    (
        "tokio_postgres",
        &[
            "store",
            "config.rs",
            "config/database.rs",
            "server.rs",
            "cli",
            "conformance/service.rs",
            "bench/bare.rs",
            "bench/run.rs",
            "bench/stage.rs",
        ],
    ),
    ("deadpool_postgres", &["store"]),
    (
        "tonic::",
        &["grpc", "admission/listener.rs", "server.rs", "server", "telemetry.rs", "cli", "conformance", "bench"],
    ),
    ("prost", &["grpc", "cli", "conformance/api.rs", "bench/writes.rs"]),
    ("rustls::", &["admission", "pem.rs", "store/tls"]),
    (
        "tokio::",
        &[
            "store",
            "view",
            "membership",
            "changes",
            "admission",
            "grpc",
            "server.rs",
            "server",
            "cli",
            "conformance/service.rs",
            "bench",
        ],
    ),
];

const LONGEST_FILE: usize = 350;

#[test]
fn modules_name_only_what_lies_below_them() {
    for (file, text) in sources() {
        let Some((_, allowed)) = MAY_NAME.iter().find(|(module, _)| is_in(&file, module)) else { continue };
        for (index, line) in text.lines().enumerate() {
            for named in line.split("crate::").skip(1) {
                let named: String = named.chars().take_while(char::is_ascii_lowercase).collect();
                let known = allowed.contains(&named.as_str()) || is_in(&file, &named) || named.is_empty();
                assert!(known, "{}:{}: may not name crate::{named}", file.display(), index + 1);
            }
        }
    }
}

#[test]
fn the_database_and_the_wire_stay_in_their_rooms() {
    for (file, text) in sources() {
        for (word, rooms) in ONLY_IN {
            if !rooms.iter().any(|room| is_in(&file, room)) {
                let line = text.lines().position(|line| line.contains(word) && !line.trim_start().starts_with("//"));
                assert!(line.is_none(), "{}:{}: may not name {word}", file.display(), line.unwrap_or(0) + 1);
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_fits_in_a_head() {
    for (file, text) in sources() {
        let length = text.lines().count();
        assert!(length <= LONGEST_FILE, "{} has {length} lines", file.display());
        let is_part_of_a_test = file.to_string_lossy().ends_with("_tests.rs");
        assert!(is_part_of_a_test || text.starts_with("//!"), "{} does not say what it is for", file.display());
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_path_buf();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 40, "the sources were not found");
    found
}

fn is_in(file: &Path, room: &str) -> bool {
    file.starts_with(room)
}
