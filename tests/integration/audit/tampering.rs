//! Whatever is done to the log is found, and where it was done.

use tokio_postgres::Client;

use super::{WRITES, verify, world};
use crate::support::postgres::connect;

/// What is done to the log of [`world`], and what is then found. The write 5 makes a team, 6 puts bob in it, 10 takes two things
/// away.
const CASES: &[(&str, &[&str])] = &[
    // what was changed
    (r#"UPDATE change SET after = jsonb_set(after, '{role}', '"admin"') WHERE revision = 4"#, &["4 changed"]),
    (r#"UPDATE change SET before = jsonb_set(before, '{role}', '"admin"') WHERE revision = 9"#, &["9 changed"]),
    ("UPDATE change SET before = 'null' WHERE revision = 5", &["5 changed"]),
    ("UPDATE change SET before = NULL WHERE revision = 9", &["9 changed"]),
    ("UPDATE change SET object = 'plan' WHERE revision = 5", &["5 changed"]),
    ("UPDATE change SET object = 'nothing' WHERE revision = 5", &["5 changed"]),
    ("UPDATE change SET name = '@acme/crow' WHERE revision = 5", &["5 changed"]),
    ("UPDATE change SET subject = 'cyd' WHERE revision = 6", &["6 changed"]),
    ("UPDATE change SET ordinal = 2 WHERE revision = 6", &["6 changed"]),
    ("UPDATE change SET ordinal = -ordinal WHERE revision = 10;
      UPDATE change SET ordinal = 3 + ordinal WHERE revision = 10", &["10 changed"]),
    ("UPDATE change SET after = '1e999' WHERE revision = 5", &["5 changed"]),
    ("DELETE FROM change WHERE revision = 10 AND ordinal = 2", &["10 changed"]),
    ("INSERT INTO change SELECT revision, 2, object, name, subject, before, after FROM change WHERE revision = 5",
     &["5 changed"]),
    ("UPDATE change SET revision = 7, ordinal = 2 WHERE revision = 6", &["6 changed", "7 changed"]),
    // who wrote it, and when
    ("UPDATE change_set SET actor = 'bob' WHERE revision = 10", &["10 changed"]),
    ("UPDATE change_set SET actor = '' WHERE revision = 5", &["5 changed"]),
    ("UPDATE change_set SET caller = 'portal' WHERE revision = 5", &["5 changed"]),
    ("UPDATE change_set SET caller = actor, actor = NULL WHERE revision = 10", &["10 changed"]),
    ("UPDATE change_set SET request_id = NULL WHERE revision = 10", &["10 changed"]),
    ("UPDATE change_set SET operation = 'update_team' WHERE revision = 5", &["5 changed"]),
    ("UPDATE change_set SET id = gen_random_uuid() WHERE revision = 5", &["5 changed"]),
    ("UPDATE change_set SET committed_at = committed_at + interval '1 microsecond' WHERE revision = 5", &["5 changed"]),
    ("UPDATE change_set SET committed_at = 'infinity' WHERE revision = 5", &["5 changed"]),
    // the chain itself
    ("UPDATE change_set SET hash = sha256('x') WHERE revision = 5", &["5 changed"]),
    ("UPDATE change_set SET hash = NULL WHERE revision = 5", &["5 unchained"]),
    ("UPDATE revision SET hash = sha256('x')", &["10 severed"]),
    ("UPDATE chain_start SET hash = sha256('x')", &["1 changed"]),
    ("UPDATE chain_start SET revision = 3", &["1 inserted", "2 inserted", "3 inserted", "4 changed"]),
    // writes taken out
    ("DELETE FROM change_set WHERE revision = 5", &["5 missing"]),
    ("DELETE FROM change_set WHERE revision BETWEEN 3 AND 6", &["3 missing"]),
    ("DELETE FROM change_set WHERE revision = 1", &["1 missing"]),
    ("DELETE FROM change_set WHERE revision >= 9", &["9 missing"]),
    ("DELETE FROM change_set", &["1 missing"]),
    ("DELETE FROM change_set WHERE revision >= 9; UPDATE revision SET number = 8", &["8 severed"]),
    ("DELETE FROM change_set WHERE revision = 5;
      UPDATE change_set SET revision = -revision WHERE revision > 5;
      UPDATE change_set SET revision = -revision - 1 WHERE revision < 0; UPDATE revision SET number = 9",
     &["5 changed", "6 changed", "7 changed", "8 changed", "9 changed"]),
    // put in
    ("INSERT INTO change_set (revision, operation, names, projects, path_owners, path_names, accounts, plans)
      VALUES (0, 'x', '{}', '{}', '{}', '{}', '{}', '{}')", &["0 inserted"]),
    ("INSERT INTO change_set (revision, operation, names, projects, path_owners, path_names, accounts, plans)
      VALUES (11, 'x', '{}', '{}', '{}', '{}', '{}', '{}')", &["11 inserted"]),
    ("INSERT INTO change_set (revision, operation, names, projects, path_owners, path_names, accounts, plans)
      VALUES (11, 'x', '{}', '{}', '{}', '{}', '{}', '{}'); UPDATE revision SET number = 11", &["11 unchained"]),
    // put elsewhere
    ("UPDATE change_set SET revision = -5 WHERE revision = 5; UPDATE change_set SET revision = 5 WHERE revision = 6;
      UPDATE change_set SET revision = 6 WHERE revision = -5; UPDATE change SET revision = -revision WHERE revision IN (5, 6);
      UPDATE change SET revision = 11 + revision WHERE revision < 0",
     &["5 changed", "6 changed", "7 changed"]),
    ("UPDATE change AS one SET name = other.name, object = other.object, after = other.after, subject = other.subject
      FROM change AS other WHERE one.revision IN (5, 6) AND other.revision = 11 - one.revision", &["5 changed", "6 changed"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_tampering_is_found_where_it_was_done() {
    let database = world().await;
    let client = connect(&database).await;
    verify(&database, &[]).await.is_intact(WRITES);
    save(&client).await;
    for (tampering, expected) in CASES {
        // who may write to the tables may also turn their constraints off
        let tampering_sql =
            format!("SET session_replication_role = replica; {tampering}; RESET session_replication_role");
        client.batch_execute(&tampering_sql).await.unwrap();
        let verdict = verify(&database, &[]).await;
        assert_eq!(
            (verdict.status, verdict.findings()),
            (1, expected.iter().map(ToString::to_string).collect()),
            "{tampering}"
        );
        put_back(&client).await;
    }
    verify(&database, &[]).await.is_intact(WRITES);
}

const TABLES: [&str; 4] = ["change", "change_set", "revision", "chain_start"];

async fn save(client: &Client) {
    let copies = TABLES.map(|table| format!("CREATE TABLE saved_{table} AS TABLE {table};"));
    client.batch_execute(&copies.concat()).await.unwrap();
}

async fn put_back(client: &Client) {
    let deletions = TABLES.map(|table| format!("DELETE FROM {table};"));
    let insertions = TABLES.map(|table| format!("INSERT INTO {table} TABLE saved_{table};"));
    let all = format!(
        "SET session_replication_role = replica; BEGIN; {} {} COMMIT; RESET session_replication_role",
        deletions.concat(),
        insertions.concat()
    );
    client.batch_execute(&all).await.unwrap();
}
