//! A service with an organization, people of every level and projects; and what tests ask of it.

use prost_types::Timestamp;
use rolegate::grpc::v1::{OrganizationRole, Origin, ProjectRole};
use tokio_postgres::Client;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::calls::{self, Answer, Call};
use crate::support::{Service, postgres, reason};

/// A service and a connection to its database.
pub struct World {
    pub service: Service,
    pub database: Client,
}

impl World {
    /// With nobody in it.
    pub async fn empty() -> Self {
        let service = Service::start().await;
        let database = postgres::connect(&service.database).await;
        Self { service, database }
    }

    /// The organization acme of olga, with `adam` (admin), `cleo` (creator), `mia` and `max` (members), and members
    /// who each have a role on its private project trees: `rita` reader, `rolf` reporter, `edda` editor, `mona`
    /// manager, `alma` admin. `ivan` is an inactive admin of acme, `sam` a stranger. The team `@acme/crew` is `max`.
    /// `pia` owns the private project garden; she and `pam` are on the plan premium.
    pub async fn acme() -> Self {
        let world = Self::empty().await;
        world
            .all(people().chain([calls::put_plan("premium", true, -1, -1), calls::create_project("pia", "garden")]))
            .await;
        world.all(["pia", "pam"].map(|user| calls::set_user_plan(user, "premium"))).await;
        world.all([calls::create_organization("acme", "olga"), calls::create_project("acme", "trees")]).await;
        for (user, role) in MEMBERS {
            world.send(calls::add_member("acme", user, *role)).await;
        }
        world.send(calls::set_active("ivan", false)).await;
        world.all([calls::create_team("@acme/crew"), calls::add_team_member("@acme/crew", "max")]).await;
        for (user, role) in COLLABORATORS {
            world.send(calls::add("acme/trees", user, *role)).await;
        }
        world
    }

    /// Sends a write that must succeed.
    pub async fn send(&self, call: Call) -> Answer {
        call.send(&self.service).await.unwrap_or_else(|status| panic!("{call:?}: {status:?}"))
    }

    /// The same for several, one after the other.
    pub async fn all(&self, calls: impl IntoIterator<Item = Call>) {
        for call in calls {
            self.send(call).await;
        }
    }

    /// Sends a write that must be refused with that code and reason, and must change nothing.
    pub async fn refused(&self, call: Call, code: Code, expected: &str) -> Status {
        let before = self.dump().await;
        let Err(status) = call.send(&self.service).await else { panic!("not refused: {call:?}") };
        assert_eq!((status.code(), reason(&status).as_str()), (code, expected), "{call:?}: {status:?}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.domain, "rolegate");
        let violations = status.get_details_precondition_failure().map(|failure| failure.violations.len());
        assert_eq!(violations, (code == Code::FailedPrecondition).then_some(1), "{call:?}");
        assert_eq!(self.dump().await, before, "{call:?}");
        status
    }

    /// Sends writes that must each be refused so.
    pub async fn refused_all(&self, code: Code, expected: &str, calls: impl IntoIterator<Item = Call>) {
        for call in calls {
            self.refused(call, code, expected).await;
        }
    }

    /// What the actor of a write that is refused lacks.
    pub async fn denied(&self, call: Call) -> String {
        let status = self.refused(call, Code::PermissionDenied, "PERMISSION_DENIED").await;
        status.get_details_error_info().unwrap().metadata.remove("action").unwrap_or_default()
    }

    /// All that the database holds, as text.
    pub async fn dump(&self) -> String {
        let one = |table: &&str| {
            format!(
                "SELECT '{table}: ' || coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t))::text, '') FROM {table} AS t"
            )
        };
        let sql = TABLES.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ");
        let rows = self.database.query(&sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
    }

    /// The changes of the last write, as `object name subject before → after` with what is there or not.
    pub async fn last_changes(&self) -> Vec<String> {
        let sql = "SELECT object || ' ' || concat_ws(' ', name, nullif(subject, '')) || CASE
                       WHEN before IS NULL THEN ' made' WHEN after IS NULL THEN ' gone' ELSE ' changed' END
                   FROM change WHERE revision = (SELECT number FROM revision) ORDER BY ordinal";
        self.database.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// The number of the last write.
    pub async fn revision(&self) -> i64 {
        self.database.query_one("SELECT number FROM revision", &[]).await.unwrap().get(0)
    }

    /// The role that a user holds, and where it comes from; `None` where it holds none.
    pub async fn role(&self, user: &str, project: &str) -> Option<(ProjectRole, Origin)> {
        let answer = self.service.check(user, project, "view_project").await.unwrap();
        answer.allowed.then(|| (answer.role(), answer.origin()))
    }
}

/// That many seconds from now.
pub fn soon(seconds: i64) -> Timestamp {
    let now = Timestamp::from(std::time::SystemTime::now());
    Timestamp { seconds: now.seconds + seconds, ..now }
}

const TABLES: &[&str] = &[
    "plan",
    "account",
    "member",
    "member_count",
    "team",
    "team_member",
    "project",
    "collaborator",
    "change_set",
    "change",
    "revision",
    "request",
];

const MEMBERS: &[(&str, OrganizationRole)] = &[
    ("adam", OrganizationRole::Admin),
    ("ivan", OrganizationRole::Admin),
    ("cleo", OrganizationRole::Creator),
    ("mia", OrganizationRole::Member),
    ("max", OrganizationRole::Member),
    ("rita", OrganizationRole::Member),
    ("rolf", OrganizationRole::Member),
    ("edda", OrganizationRole::Member),
    ("mona", OrganizationRole::Member),
    ("alma", OrganizationRole::Member),
];

const COLLABORATORS: &[(&str, ProjectRole)] = &[
    ("rita", ProjectRole::Reader),
    ("rolf", ProjectRole::Reporter),
    ("edda", ProjectRole::Editor),
    ("mona", ProjectRole::Manager),
    ("alma", ProjectRole::Admin),
];

fn people() -> impl Iterator<Item = Call> {
    let others = ["olga", "sam", "pia", "pam"];
    MEMBERS.iter().map(|(user, _)| *user).chain(others).map(calls::create_user)
}
