//! How soon another replica has applied a write, beside how soon a listener hears of a commit.
//!
//! Both replicas are views in this process, as the listener is: so all three stamps are of one clock, and nothing but the
//! way through PostgreSQL and the view lies between them. Who waits for the write on the other replica does so before it
//! is begun; that wait rings the bell once, and a pause lets the read that follows pass.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rolegate::domain::ids::Revision;
use rolegate::domain::names::Username;
use rolegate::domain::policy::Policy;
use rolegate::domain::roles::OrganizationRole;
use rolegate::membership::members::UpdateMember;
use rolegate::membership::{WriteContext, Writer};
use rolegate::view::{Freshness, View};
use tokio_postgres::{Client, Config, Statement};
use tokio_util::task::AbortOnDropHandle;

use crate::bare::{Bare, Sample};
use crate::report::Report;
use crate::rounds;
use crate::server::Server;
use crate::shared::quantile;
use crate::support::postgres::connect;
use crate::support::views::{databases, start_view};
use crate::world;

const ROUNDS: usize = 10;
const SAMPLES: usize = 200;
const QUIET: Duration = Duration::from_millis(2);
const MEMORY: usize = 16 << 20;

/// Two replicas, of which one writes.
struct Pair {
    writer: Writer,
    other: View,
    client: Client,
    stamp: Statement,
    _kept: [AbortOnDropHandle<()>; 2],
}

/// Measures both in turn.
pub async fn compare(report: &mut Report, server: &Server) {
    let mut bare = Bare::start(&server.database("bare").await).await;
    let pair = Pair::start(&server.database("applied").await).await;
    round(&mut bare, &pair).await;
    let mut pairs = Vec::new();
    for _ in 0..ROUNDS {
        pairs.push(round(&mut bare, &pair).await);
    }
    let figures = rounds::compare(&pairs);
    let names = [
        "from the commit, median, µs",
        "from the commit, 99th of 100, µs",
        "from the writer's answer, median, µs",
        "from the writer's answer, 99th of 100, µs",
    ];
    for (name, figure) in names.into_iter().zip(figures) {
        report.add("applied on another replica to a bare notification", name, figure);
    }
}

/// Each so many times, in turn; the median and the 99th of a hundred, from the commit and from the answer.
async fn round(bare: &mut Bare, pair: &Pair) -> ([f64; 4], [f64; 4]) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for index in 0..SAMPLES {
        ours.push(pair.sample(index % 2 == 0).await.times());
        tokio::time::sleep(QUIET).await;
        theirs.push(bare.sample().await.times());
    }
    (figures(&ours), figures(&theirs))
}

fn figures(samples: &[[f64; 2]]) -> [f64; 4] {
    let [committed, answered] = [0, 1].map(|from| samples.iter().map(|sample| sample[from]).collect::<Vec<_>>());
    [quantile(&committed, 0.5), quantile(&committed, 0.99), quantile(&answered, 0.5), quantile(&answered, 0.99)]
}

impl Pair {
    async fn start(database: &Config) -> Self {
        let (view, kept) = start_view(database, MEMORY).await;
        let policy = Arc::new(Policy::built_in().unwrap());
        let writer = Writer::new(databases(database).main, view, policy);
        world::write(database).await;
        let (other, other_kept) = start_view(database, MEMORY).await;
        let client = connect(database).await;
        let sql = "SELECT pg_xact_commit_timestamp(xmin) FROM change_set WHERE revision = $1";
        let stamp = client.prepare(sql).await.unwrap();
        Self { writer, other, client, stamp, _kept: [kept, other_kept] }
    }

    /// Writes through one replica, without waiting for any, and waits for it on the other.
    async fn sample(&self, promote: bool) -> Sample {
        let next = Revision(self.other.token().revision.0 + 1);
        let other = self.other.clone();
        let known = tokio::spawn(async move {
            other.wait_for(Freshness::AtLeast(next), None).await.unwrap();
            SystemTime::now()
        });
        tokio::time::sleep(QUIET).await;
        self.writer.run(&WriteContext::default(), &operation(promote), |_| ()).await.unwrap();
        let answered = SystemTime::now();
        let known = known.await.unwrap();
        let committed = self.client.query_one(&self.stamp, &[&next.0]).await.unwrap().get(0);
        Sample { committed, answered, known }
    }
}

fn operation(promote: bool) -> UpdateMember {
    let role = if promote { OrganizationRole::Creator } else { OrganizationRole::Member };
    let [organization, user] = [world::organization(0), world::user(0)].map(|name| Username::parse(&name).unwrap());
    UpdateMember { organization, user, role: Some(role), public: None, etag: None }
}
