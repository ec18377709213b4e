//! Writes to an organization of 100,000 members beside one of ten: how long they take, and what checks about others take meanwhile.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures::join;
use prost_types::FieldMask;
use rolegate::bench::{Facts, World, prepare};
use rolegate::grpc::v1::{OrganizationRole, RemoveMemberRequest, UpdateMemberRequest};
use rolegate::server::until_serving;
use tokio_postgres::Config;
use tonic::Status;

use crate::checks::Callers;
use crate::report::Report;
use crate::server::Server;
use crate::shared::quantile;
use crate::support::Clients;
use crate::support::binary::{Process, url};
use crate::support::postgres::connect;

const ROUNDS: usize = 12;
const SAMPLES: usize = 100;
const WORLD: Facts = Facts(10_000);
const SLICE: Duration = Duration::from_secs(2);

const LARGE: u64 = 100_000;
const SMALL: u64 = 10;
/// A prime, so that every member comes in turn.
const STEP: u64 = 7_919;

/// Two organizations, and two more whose plan has a limit that is far off; people to add to them.
const ORGANIZATIONS: &str = "
    INSERT INTO account (kind, username, plan_id) SELECT 'user', 'boss', min(id) FROM plan;
    INSERT INTO plan (code, premium, member_limit) VALUES ('limited', true, 1000000);
    INSERT INTO account (kind, username, plan_id, owner_id)
    SELECT 'organization', name, plan.id, owner.id
    FROM (VALUES ('large', 'default'), ('small', 'default'), ('large-limited', 'limited'), ('small-limited', 'limited'))
         AS made (name, plan)
    JOIN plan ON plan.code = made.plan CROSS JOIN (SELECT id FROM account WHERE username = 'boss') AS owner;
    INSERT INTO account (kind, username, plan_id)
    SELECT 'user', 'person-' || number, plan.id FROM generate_series(0, 100100) AS number
    CROSS JOIN (SELECT min(id) AS id FROM plan) AS plan;
    INSERT INTO member (organization_id, user_id, role, public)
    SELECT organization.id, person.id, 'member', true
    FROM account AS organization JOIN account AS person
    ON CASE WHEN person.username LIKE 'person-%' THEN substr(person.username, 8)::int
       < CASE WHEN organization.username LIKE 'large%' THEN 100000 ELSE 10 END END
    WHERE organization.username IN ('large', 'small', 'large-limited', 'small-limited');
    VACUUM ANALYZE";

/// An organization that is written to.
struct Side<'a> {
    clients: &'a Clients,
    name: &'static str,
    members: u64,
    updates: Cell<u64>,
    additions: Cell<u64>,
}

/// Compares both.
pub async fn compare(report: &mut Report) {
    let server = Server::start().await;
    let database = server.database("growth").await;
    let world = World::new(WORLD, 1);
    prepare(&database.clone().into(), world, &|_| {}).await.unwrap();
    found(&database).await;
    let process = Process::start("serve", &["--database-url", &url(&database)]).await;
    until_serving(process.channel.clone()).await;
    let clients = Clients::on(process.channel.clone());
    let side =
        |name, members| Side { clients: &clients, name, members, updates: Cell::new(0), additions: Cell::new(0) };
    let sides = [side("large", LARGE), side("small", SMALL)];
    latencies(report, &sides, &[side("large-limited", LARGE), side("small-limited", SMALL)]).await;
    let callers = Callers::connect(&process, world).await;
    beside(report, &sides, &callers).await;
}

async fn found(database: &Config) {
    let client = connect(database).await;
    for statement in ORGANIZATIONS.split(';') {
        client.batch_execute(statement).await.unwrap();
    }
}

/// Each kind of write so often on each side, in turn.
async fn latencies(report: &mut Report, sides: &[Side<'_>; 2], limited: &[Side<'_>; 2]) {
    let mut kinds: [(&str, Vec<_>); 4] = [
        ("UpdateMember, of 100,000 members to 10", Vec::new()),
        ("AddMember, of 100,000 members to 10", Vec::new()),
        ("RemoveMember, of 100,000 members to 10", Vec::new()),
        ("AddMember under a limit of 1,000,000, of 100,000 members to 10", Vec::new()),
    ];
    for round in 0..=ROUNDS {
        let mut samples: [[Vec<f64>; 2]; 4] = Default::default();
        for index in 0..SAMPLES {
            // each goes first as often
            for side in [index % 2, (index + 1) % 2] {
                samples[0][side].push(sides[side].update().await);
                samples[1][side].push(sides[side].add().await);
                samples[2][side].push(sides[side].remove().await);
                samples[3][side].push(limited[side].add().await);
                limited[side].remove().await;
            }
        }
        if round > 0 {
            let figures = |sides: &[Vec<f64>; 2], at| (quantile(&sides[0], at), quantile(&sides[1], at));
            for ((_, pairs), sides) in kinds.iter_mut().zip(&samples) {
                pairs.push((figures(sides, 0.5), figures(sides, 0.99)));
            }
        }
    }
    for (name, pairs) in kinds {
        let (medians, late): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        report.compare(name, "latency, median, µs", &medians, Some(1.1));
        report.compare(name, "latency, p99, µs", &late, None);
    }
}

/// Checks about others while one writer goes on, on one side and the other in turn; and beside checks while nobody writes.
async fn beside(report: &mut Report, [large, small]: &[Side<'_>; 2], callers: &Callers) {
    let (mut writing, mut quiet, mut medians) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let large = beside_writes(large, callers).await;
        let small = beside_writes(small, callers).await;
        let alone = callers.ask(SLICE).await;
        if round > 0 {
            medians.push((quantile(&large, 0.5), quantile(&small, 0.5)));
            writing.push((quantile(&large, 0.99), quantile(&small, 0.99)));
            quiet.push((quantile(&large, 0.99), quantile(&alone, 0.99)));
        }
    }
    let name = "checks of others beside writes to 100,000 members, to those beside writes to 10";
    report.compare(name, "latency, median, µs", &medians, Some(1.1));
    report.compare(name, "latency, p99, µs", &writing, Some(1.1));
    report.compare("the same, to checks while nobody writes", "latency, p99, µs", &quiet, None);
}

async fn beside_writes(side: &Side<'_>, callers: &Callers) -> Vec<f64> {
    let is_over = Cell::new(false);
    let writes = async {
        while !is_over.get() {
            side.update().await;
        }
    };
    let asked = async {
        let asked = callers.ask(SLICE).await;
        is_over.set(true);
        asked
    };
    join!(asked, writes).0
}

impl Side<'_> {
    /// Another role for one of the members, each in turn and all over the organization; how long it took, in microseconds.
    async fn update(&self) -> f64 {
        let turn = self.updates.replace(self.updates.get() + 1);
        let promote = (turn / self.members).is_multiple_of(2);
        let role = if promote { OrganizationRole::Creator } else { OrganizationRole::Member };
        let request = UpdateMemberRequest {
            organization: self.name.to_owned(),
            user: format!("person-{}", turn * STEP % self.members),
            role: role.into(),
            update_mask: Some(FieldMask { paths: vec!["role".to_owned()] }),
            ..Default::default()
        };
        time(self.clients.organizations().update_member(request)).await
    }

    /// Somebody more.
    async fn add(&self) -> f64 {
        time(self.clients.add_member(self.name, &self.outsider(), OrganizationRole::Member)).await
    }

    /// The same one less.
    async fn remove(&self) -> f64 {
        let request =
            RemoveMemberRequest { organization: self.name.to_owned(), user: self.outsider(), ..Default::default() };
        self.additions.set(self.additions.get() + 1);
        time(self.clients.organizations().remove_member(request)).await
    }

    /// Somebody who is in no organization.
    fn outsider(&self) -> String {
        format!("person-{}", LARGE + self.additions.get() % 100)
    }
}

async fn time<T>(write: impl Future<Output = Result<T, Status>>) -> f64 {
    let begun = Instant::now();
    write.await.unwrap();
    begun.elapsed().as_secs_f64() * 1e6
}
