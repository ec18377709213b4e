//! Every SQL statement of the store is one that PostgreSQL can prepare against the schema.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use regex::Regex;

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
    let heads = Regex::new(r#"(?s)macro_rules! (select_\w+).*?\$name,\s*"([^"]*)""#).unwrap();
    let uses = Regex::new(r#"(?s)(select_\w+)!\(\s*"(\w+)",\s*"([^"]*)"\s*\)"#).unwrap();
    let mut found = BTreeMap::new();
    for text in store_sources() {
        let heads: BTreeMap<_, _> =
            heads.captures_iter(&text).map(|head| (head[1].to_owned(), head[2].to_owned())).collect();
        for one in plain.captures_iter(&text).filter(|one| one[2].trim().len() > 10 && !one[0].contains("embedded_")) {
            found.insert(one[1].to_owned(), one[2].to_owned());
        }
        for one in uses.captures_iter(&text) {
            found.insert(one[2].to_owned(), format!("{} {}", heads[&one[1]], &one[3]));
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
