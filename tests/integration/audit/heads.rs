//! What the chain alone can't show: that the log was cut off or written anew as a whole. A head that was kept elsewhere does.

use rolegate::domain::chain::{Content, Hash, Link};
use rolegate::domain::change::{Change, Object};
use rolegate::domain::ids::Revision;
use rolegate::store::retention;
use tokio_postgres::Client;

use super::{WRITES, verify, world};
use crate::support::Service;
use crate::support::binary::{run, url};
use crate::support::postgres::connect;
use crate::support::views::databases;

#[tokio::test]
async fn a_log_that_went_on_from_a_head_that_was_kept_is_intact() {
    let database = world().await;
    let head = verify(&database, &[]).await.head().to_owned();
    assert!(head.starts_with("10:"), "{head}");
    let service = Service::start_on(database.clone(), &[]).await;
    service.create_users(&["cyd"]).await;
    service.stop().await;
    let later = verify(&database, &["--head", &head]).await;
    later.is_intact(WRITES + 1);
    assert!(later.head().starts_with("11:"));
}

#[tokio::test]
async fn a_log_that_was_cut_off_with_its_counter_is_told_by_the_head() {
    let database = world().await;
    let head = verify(&database, &[]).await.head().to_owned();
    let cut = "DELETE FROM change WHERE revision > 8; DELETE FROM change_set WHERE revision > 8;
               UPDATE revision SET (number, change_id, hash) = (SELECT 8, id, hash FROM change_set WHERE revision = 8)";
    connect(&database).await.batch_execute(cut).await.unwrap();
    verify(&database, &[]).await.is_intact(8);
    let verdict = verify(&database, &["--head", &head]).await;
    assert_eq!((verdict.status, verdict.findings()), (1, vec!["10 cut_off".to_owned()]));
}

#[tokio::test]
async fn a_log_that_was_written_anew_from_some_write_on_is_told_by_the_head() {
    let database = world().await;
    let client = connect(&database).await;
    let head = verify(&database, &[]).await.head().to_owned();
    client.batch_execute("UPDATE change_set SET actor = 'bob' WHERE revision = 3").await.unwrap();
    assert_eq!(verify(&database, &[]).await.findings(), ["3 changed"]);
    chain_anew(&client).await;
    verify(&database, &[]).await.is_intact(WRITES);
    let verdict = verify(&database, &["--head", &head]).await;
    assert_eq!((verdict.status, verdict.findings()), (1, vec!["10 rewritten".to_owned()]));
}

#[tokio::test]
async fn a_head_of_what_is_no_longer_kept_tells_nothing_and_that_is_said() {
    let database = world().await;
    let zeros = format!("0:{}", "0".repeat(64));
    verify(&database, &["--head", &zeros]).await.is_intact(WRITES);
    let wrong = format!("0:{}", "1".repeat(64));
    assert_eq!(verify(&database, &["--head", &wrong]).await.findings(), ["0 rewritten"]);
    let mut pooled = databases(&database).main.client().await.unwrap();
    while retention::prune(&mut pooled, Revision(5)).await.unwrap() > 0 {}
    let verdict = verify(&database, &["--head", &zeros]).await;
    assert_eq!(
        (verdict.status, &verdict.report["head_out_of_reach"]),
        (2, &serde_json::Value::Bool(true)),
        "{verdict:?}"
    );
    assert!(verdict.errors.contains("no longer kept"), "{}", verdict.errors);
    connect(&database).await.batch_execute("UPDATE change_set SET actor = 'bob' WHERE revision = 8").await.unwrap();
    assert_eq!(verify(&database, &["--head", &zeros]).await.status, 1, "what is wrong is wrong all the same");
}

#[tokio::test]
async fn for_people_it_is_a_line_or_a_table_and_a_head_that_is_none_is_refused() {
    let database = world().await;
    let url = url(&database);
    let shown = run(&["audit", "verify", "--database-url", &url]).await;
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success() && text.starts_with("intact: 10 writes\nhead: 10:"), "{text}");
    connect(&database).await.batch_execute("DELETE FROM change_set WHERE revision = 1").await.unwrap_err();
    connect(&database).await.batch_execute("DELETE FROM change WHERE revision = 1").await.unwrap();
    connect(&database).await.batch_execute("DELETE FROM change_set WHERE revision = 1").await.unwrap();
    let shown = run(&["audit", "verify", "--database-url", &url]).await;
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(1));
    assert!(text.contains("is missing, with all up to 1") && text.contains("broken: 1 flaws in 9 writes"), "{text}");
    for nonsense in ["10", "10:abc", "-1:0000", ":", "x:y"] {
        let shown = run(&["audit", "verify", "--database-url", &url, &format!("--head={nonsense}")]).await;
        assert_eq!(shown.status.code(), Some(2), "{nonsense}");
    }
}

/// Does what somebody would who may write to the database and knows how the chain is made.
async fn chain_anew(client: &Client) {
    let writes = "SELECT revision, id, timestamptz_send(committed_at), operation, actor, caller, request_id
                  FROM change_set ORDER BY revision";
    let mut hash = Hash::default();
    for row in client.query(writes, &[]).await.unwrap() {
        let revision: i64 = row.get(0);
        let changes = "SELECT object, name, subject, before, after FROM change WHERE revision = $1 ORDER BY ordinal";
        let changes = client.query(changes, &[&revision]).await.unwrap();
        let changes = changes.iter().map(|row| Change {
            object: Object::parse(row.get(0)).unwrap(),
            name: row.get(1),
            subject: row.get(2),
            before: row.get(3),
            after: row.get(4),
        });
        let content = Content { operation: row.get(3), actor: row.get(4), caller: row.get(5), request_id: row.get(6) };
        let committed_at = i64::from_be_bytes(row.get::<_, &[u8]>(2).try_into().unwrap());
        let link = Link { revision: Revision(revision), id: row.get(1), committed_at };
        hash = link.hash(hash, content.digest(&changes.collect::<Vec<_>>()));
        let kept = "UPDATE change_set SET hash = $2 WHERE revision = $1";
        client.execute(kept, &[&revision, &hash.0.as_slice()]).await.unwrap();
    }
    client.execute("UPDATE revision SET hash = $1", &[&hash.0.as_slice()]).await.unwrap();
}
