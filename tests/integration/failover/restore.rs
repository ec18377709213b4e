//! Backups that are put back while replicas run: of the files, and of what is in them.

use std::time::{Duration, Instant};

use rolegate::grpc::v1::ProjectRole;
use rolegate::grpc::v1::consistency::Requirement;
use tonic::Code;

use super::Replica;
use crate::support::cluster::Node;
use crate::support::reason;
use crate::support::scene::PROJECT;

const LEASE: Duration = Duration::from_secs(2);
const FLAGS: [&str; 4] = ["--lease", "2s", "--heartbeat", "200ms"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_the_files_restored_under_replicas_is_noticed_and_answered_from() {
    let site = Site::set().await;
    let backup = site.node.backup("backup").await;
    let tokens = site.turn_over().await;
    site.node.stop().await;
    site.node.restore(&backup);
    let restored = Instant::now();
    site.node.start().await;
    site.finds_what_was_backed_up(restored, &tokens).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_restored_under_replicas_is_noticed_and_answered_from() {
    let site = Site::set().await;
    let dump = site.dump().await;
    let tokens = site.turn_over().await;
    let restored = Instant::now();
    site.restore(&["--clean", "--single-transaction", &dump]).await;
    site.finds_what_was_backed_up(restored, &tokens).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_what_is_there_restored_in_pieces_leaves_nothing_wrong_behind() {
    let site = Site::set().await;
    let dump = site.dump().await;
    // nothing was written since: neither the counter nor the log can tell
    let listed = site.node.run_client("pg_restore", &["--list", "--section=data", &dump]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    let is_late = |line: &&str| line.contains("TABLE DATA public collaborator");
    let list = site.node.file("list");
    std::fs::write(&list, listed.lines().filter(|line| !is_late(line)).collect::<Vec<_>>().join("\n")).unwrap();
    site.node.client().await.batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    site.restore(&["--section=pre-data", &dump]).await;
    site.restore(&["--section=data", "--use-list", &list, &dump]).await;
    for replica in &site.replicas {
        // whatever is answered here, it is not kept
        for _ in 0..20 {
            let _ = replica.check("bob", COLD, "delete_files").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    std::fs::write(&list, listed.lines().filter(is_late).collect::<Vec<_>>().join("\n")).unwrap();
    site.restore(&["--section=data", "--use-list", &list, &dump]).await;
    site.restore(&["--section=post-data", &dump]).await;
    for replica in &site.replicas {
        replica.until_may_edit("bob", true).await;
        replica.until_granted("bob", COLD).await;
    }
}

/// A project that bob may edit, and that no view has anything of.
const COLD: &str = "acme/parks";

/// A server with two replicas on it.
struct Site {
    node: Node,
    replicas: [Replica; 2],
}

impl Site {
    /// bob may, cyd may not.
    async fn set() -> Self {
        let node = Node::primary().await;
        let replicas = [Replica::start(&[&node], &FLAGS).await, Replica::start(&[&node], &FLAGS).await];
        replicas[0].set_scene().await;
        replicas[0].create_project(COLD, false).await;
        replicas[0].add_collaborator(COLD, "bob", ProjectRole::Editor).await.unwrap();
        for replica in &replicas {
            replica.until_may_edit("bob", true).await;
        }
        Self { node, replicas }
    }

    /// Now cyd may, and bob may not.
    async fn turn_over(&self) -> [String; 2] {
        let revoked = self.replicas[0].remove_collaborator(PROJECT, "bob").await.unwrap();
        let granted = self.replicas[1].add_collaborator(PROJECT, "cyd", ProjectRole::Editor).await.unwrap();
        for replica in &self.replicas {
            replica.until_may_edit("cyd", true).await;
        }
        [revoked, granted]
    }

    async fn dump(&self) -> String {
        let dump = self.node.file("dump");
        let dumped = self.node.run_client("pg_dump", &["--format=custom", "--file", &dump, "rolegate"]).await;
        assert!(dumped.status.success(), "{dumped:?}");
        dump
    }

    async fn restore(&self, arguments: &[&str]) {
        let restored = self.node.run_client("pg_restore", &[&["--dbname=rolegate"], arguments].concat()).await;
        assert!(restored.status.success(), "{restored:?}");
    }

    async fn finds_what_was_backed_up(&self, restored: Instant, tokens: &[String; 2]) {
        let [first, second] = &self.replicas;
        first.until_it_writes("dan").await;
        let accepted = restored.elapsed();
        println!("the first write after it was acknowledged after {accepted:?}");
        assert!(accepted >= LEASE, "who answers from what was there is not known before: {accepted:?}");
        for replica in [first, second] {
            let answers = (replica.may_edit("bob").await.unwrap(), replica.may_edit("cyd").await.unwrap());
            assert_eq!(answers, (true, false));
            replica.until_logged(&["ERROR", "starting over"]).await;
        }
        for token in tokens {
            let requirement = Requirement::AtLeastAsFresh(token.clone());
            let status = second.check_at(("bob", PROJECT, "delete_files"), requirement).await.unwrap_err();
            assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_REVISION"));
        }
        second.remove_collaborator(PROJECT, "bob").await.unwrap();
        assert!(!first.may_edit("bob").await.unwrap(), "what is written from then on is seen everywhere");
    }
}
