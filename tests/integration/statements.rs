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

/// The statements in the sources, by name: what every constant is, with macros written out: its file's own, else another's.
pub fn statements() -> BTreeMap<String, String> {
    let constants = Regex::new(r#"(?s)const [A-Z_]+: &str =\s*(.*?);\n"#).unwrap();
    let named = Regex::new(r"-- (\w+)\n").unwrap();
    let sources = store_sources();
    let everywhere: BTreeMap<String, Macro> = sources.iter().flat_map(|text| macros(text)).collect();
    let mut found = BTreeMap::new();
    for text in sources {
        let mut known = everywhere.clone();
        known.extend(macros(&text));
        for constant in constants.captures_iter(&text) {
            let sql = expand(&constant[1], &known, &BTreeMap::new());
            if let Some(name) = named.captures(&sql) {
                found.insert(name[1].to_owned(), sql.clone());
            }
        }
    }
    found
}

/// A macro: what its arguments are called, and its body.
#[derive(Clone)]
struct Macro {
    parameters: Vec<String>,
    body: String,
}

/// A file's macros, by name.
fn macros(text: &str) -> BTreeMap<String, Macro> {
    let definitions = Regex::new(r"(?s)macro_rules! (\w+) \{\s*\(([^)]*)\) => \{(.*?)\};\n\}").unwrap();
    let parameter = Regex::new(r"\$(\w+):").unwrap();
    let mut macros = BTreeMap::new();
    for found in definitions.captures_iter(text) {
        let parameters = parameter.captures_iter(&found[2]).map(|name| name[1].to_owned()).collect();
        macros.insert(found[1].to_owned(), Macro { parameters, body: found[3].to_owned() });
    }
    macros
}

/// The text that string literals, arguments and calls of macros come to.
fn expand(source: &str, macros: &BTreeMap<String, Macro>, arguments: &BTreeMap<String, String>) -> String {
    let parts = r#"(?s)"((?:[^"\\]|\\.)*)"|\$(\w+)|(\w+)!\(((?:[^()"]|"[^"]*")*)\)"#;
    let mut text = String::new();
    for part in Regex::new(parts).unwrap().captures_iter(source) {
        if let Some(literal) = part.get(1) {
            text += &literal.as_str().replace("\\n", "\n");
        } else if let Some(argument) = part.get(2) {
            text += &arguments[argument.as_str()];
        } else if &part[3] == "concat" {
            // one without a call in it; of the others the parts are met one by one
            text += &expand(&part[4], macros, arguments);
        } else {
            let given = part[4].split('"').skip(1).step_by(2).map(str::to_owned);
            let called = &macros[&part[3]];
            text += &expand(&called.body, macros, &called.parameters.iter().cloned().zip(given).collect());
        }
    }
    text
}

fn store_sources() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}
