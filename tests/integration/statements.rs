//! Every SQL statement of the store is one that PostgreSQL can prepare against the schema.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use regex::{Captures, Regex};

use crate::support::{fresh_database, postgres};

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let statements = statements();
    assert!(statements.len() > 60, "only {} statements were found", statements.len());
    let client = postgres::connect(&fresh_database().await).await;
    for (name, sql) in statements {
        let prepared = client.prepare(&sql).await;
        assert!(prepared.is_ok(), "{name}: {:?}\n{sql}", prepared.err());
    }
}

/// The statements in the sources, by name: plain literals, and those that a macro of the file puts together.
fn statements() -> BTreeMap<String, String> {
    let plain = Regex::new(r#""-- (\w+)\n([^"]*)""#).unwrap();
    let frames = r#"(?s)macro_rules! (\w+).*?\$name,\s*"([^"]*)",\s*\$\w+,?(?:\s*"([^"]*)")?"#;
    let frames = Regex::new(frames).unwrap();
    let uses = Regex::new(r#"(?s)(\w+)!\(\s*"(\w+)",\s*"([^"]*)"\s*,?\s*\)"#).unwrap();
    let mut found = BTreeMap::new();
    for text in store_sources() {
        let frames = frames.captures_iter(&text);
        let part = |found: &Captures<'_>, index| found.get(index).map_or("", |part| part.as_str()).to_owned();
        let frames: BTreeMap<_, _> =
            frames.map(|found| (part(&found, 1), (part(&found, 2), part(&found, 3)))).collect();
        for one in plain.captures_iter(&text).filter(|one| one[2].trim().len() > 10 && !one[0].contains("embedded_")) {
            found.insert(one[1].to_owned(), one[2].to_owned());
        }
        for one in uses.captures_iter(&text) {
            let (before, after) = &frames[&one[1]];
            found.insert(one[2].to_owned(), format!("{before} {} {after}", &one[3]));
        }
    }
    // put together from columns and joins that two statements share
    found.retain(|name, _| name != "load_projects" && name != "load_paths");
    found
}

fn store_sources() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}
