//! Random sequences of calls on behalf of users: no call raises anybody above the role of its actor, or lowers anybody
//! whose role is higher. What everybody holds is read from the tables by a query of its own, made from the permission
//! model, and compared with what the service answers at the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::collection::vec;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use rolegate::grpc::v1::{OrganizationRole, ProjectRole, ProjectServiceCreateRequest};

use super::calls::{self, Call};
use super::world::{World, soon};

const CASES: u32 = 64;
const STEPS: usize = 40;
pub const PEOPLE: [&str; 8] = ["olga", "adam", "cleo", "mia", "mona", "alma", "sam", "ivan"];
/// By their places among the people: those in the middle try more often.
pub const ACTORS: &[usize] = &[0, 0, 1, 1, 1, 2, 2, 3, 4, 4, 4, 5, 5, 5, 6, 7];
/// Who has something to lose is tried more often.
pub const TARGETS: &[usize] = &[0, 1, 2, 3, 3, 4, 5, 5, 5, 6, 7];
/// The first project and organization is where most of it happens.
pub const PLACES: &[usize] = &[0, 0, 0, 0, 0, 1, 2, 3];
const INACTIVE: usize = 7;
pub const KINDS: usize = 32;

/// Actor, kind, whom, which of two organizations or four projects, role.
pub type Step = (usize, usize, usize, usize, i32);
/// What a user is on a project or in an organization: 0 is nothing, 6 and 4 are its owner.
pub type Levels = BTreeMap<(String, String), i32>;

#[test]
fn no_sequence_of_calls_raises_anybody_above_its_actor() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(World::empty());
    runtime.block_on(world.send(calls::put_plan("default", true, -1, -1)));
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let step = (select(ACTORS), 0..KINDS, select(TARGETS), select(PLACES), 1..=5_i32);
    let (next, written) = (AtomicU32::new(0), AtomicU32::new(0));
    let result = runner.run(&vec(step, STEPS), |steps| {
        let case = Case { world: &world, number: next.fetch_add(1, Ordering::Relaxed) };
        written.fetch_add(runtime.block_on(case.run(&steps))?, Ordering::Relaxed);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    let (written, all) = (written.into_inner(), CASES * u32::try_from(STEPS).unwrap());
    assert!(written * 10 > all, "only {written} of {all} calls were allowed: nothing is tested");
}

/// One sequence, among people of its own.
pub struct Case<'a> {
    pub world: &'a World,
    pub number: u32,
}

impl Case<'_> {
    /// Runs the steps; returns how many were allowed.
    async fn run(&self, steps: &[Step]) -> Result<u32, TestCaseError> {
        self.set_up().await;
        let mut before = self.levels().await;
        let mut written = 0;
        for step in steps {
            let call = self.call(*step);
            if call.send(&self.world.service).await.is_err() {
                continue;
            }
            written += 1;
            if step.0 == INACTIVE {
                return Err(TestCaseError::fail(format!("an inactive user could: {call:?}")));
            }
            let after = self.levels().await;
            self.judge(&call, step.0, &before, &after)?;
            before = after;
        }
        self.compare(&before).await?;
        Ok(written)
    }

    /// Nobody was raised above the actor, nor lowered from above it, nor either by somebody without the say.
    fn judge(&self, call: &Call, actor: usize, before: &Levels, after: &Levels) -> Result<(), TestCaseError> {
        let actor = self.name(PEOPLE[actor]);
        for ((object, user), level) in after {
            // what was not there before is the actor's own making
            let Some(was) = before.get(&(object.clone(), user.clone())) else { continue };
            let own = before[&(object.clone(), actor.clone())];
            // a manager of a project, an admin of an organization
            let say = if is_project(object) { 4 } else { 3 };
            let raised = level > was && (*level > own || own < say);
            let lowered = level < was && *user != actor && (*was > own || own < say);
            if raised || lowered {
                let change = format!("{user} went from {was} to {level} on {object}, by {actor} with {own}");
                return Err(TestCaseError::fail(format!("{change}: {call:?}")));
            }
        }
        Ok(())
    }

    /// The service answers what the tables hold.
    async fn compare(&self, levels: &Levels) -> Result<(), TestCaseError> {
        for ((object, user), level) in levels.iter().filter(|((object, _), _)| is_project(object)) {
            let answer = self.world.service.check(user, object, "view_project").await.unwrap();
            let owner = self.world.service.check(user, object, "transfer_project").await.unwrap().allowed;
            if (answer.role, owner) != ((*level).min(5), *level == 6) {
                return Err(TestCaseError::fail(format!("{user} on {object}: {level}, and the service: {answer:?}")));
            }
        }
        Ok(())
    }

    pub async fn set_up(&self) {
        let (world, acme, zeta) = (self.world, self.organization(0), self.organization(1));
        world.all(PEOPLE.map(|person| calls::create_user(&self.name(person)))).await;
        world.send(calls::create_organization(&acme, &self.name("olga"))).await;
        world.send(calls::create_organization(&zeta, &self.name("sam"))).await;
        for (person, role) in [
            ("adam", OrganizationRole::Admin),
            ("ivan", OrganizationRole::Admin),
            ("cleo", OrganizationRole::Creator),
            ("mia", OrganizationRole::Member),
            ("mona", OrganizationRole::Member),
            ("alma", OrganizationRole::Member),
        ] {
            world.send(calls::add_member(&acme, &self.name(person), role)).await;
        }
        world.all([0, 1].map(|place| calls::create_team(&self.team(place)))).await;
        world.all([self.create(0, &acme), self.create(1, &self.name("sam"))]).await;
        for (person, role) in
            [("mona", ProjectRole::Manager), ("alma", ProjectRole::Admin), ("mia", ProjectRole::Reader)]
        {
            world.send(calls::add(&self.project(0), &self.name(person), role)).await;
        }
        world.send(calls::add_team_member(&self.team(0), &self.name("mia"))).await;
        world.send(calls::add(&self.project(0), &self.team(0), ProjectRole::Editor)).await;
        world.send(calls::set_active(&self.name("ivan"), false)).await;
    }

    pub fn call(&self, (actor, kind, whom, which, role): Step) -> Call {
        let (project, organization, team) = (self.project(which), self.organization(which), self.team(which));
        let user = self.name(PEOPLE[whom]);
        let given = ProjectRole::try_from(role).unwrap();
        let place = OrganizationRole::try_from(role.min(3)).unwrap();
        let owner = if role < 3 { organization.clone() } else { user.clone() };
        let call = match kind {
            0..2 => calls::add(&project, &user, given),
            2..4 => calls::set_role(&project, &user, given),
            4..7 => calls::remove(&project, &user),
            7 => calls::add(&project, &team, given),
            8 => calls::set_role(&project, &team, given),
            9 => calls::remove(&project, &team),
            10..12 => calls::add_member(&organization, &user, place),
            12..14 => calls::set_member_role(&organization, &user, place),
            14 => calls::remove_member(&organization, &user),
            15..17 => self.create(which, &owner),
            17..19 => calls::transfer_project(&project, &owner),
            19 => calls::transfer_organization(&organization, &user),
            20 => calls::set_default_role(&organization, given),
            21 => calls::set_public(&project, role > 2),
            22..24 => calls::add_team_member(&team, &user),
            24 => calls::remove_team_member(&team, &user),
            25 => calls::create_team(&team),
            26 => calls::delete_team(&team),
            27 if role == 1 => calls::delete_project(&project),
            27 if role == 2 => calls::delete_organization(&organization),
            27 => calls::set_expiry(&project, &user, Some(soon(3600))),
            28 => calls::set_active(&user, role > 2),
            29 => calls::remove(&project, &self.name("ghost")),
            _ => calls::remove(&project, &team),
        };
        call.by(&self.name(PEOPLE[actor]))
    }

    fn create(&self, place: usize, owner: &str) -> Call {
        let (owner, name) = (owner.to_owned(), format!("project-{place}"));
        Call::CreateProject(ProjectServiceCreateRequest { owner, name, id: self.project(place), ..Default::default() })
    }

    pub fn name(&self, person: &str) -> String {
        format!("case{:04}_{person}", self.number)
    }

    fn organization(&self, place: usize) -> String {
        self.name(["acme", "zeta"][place % 2])
    }

    fn team(&self, place: usize) -> String {
        format!("@{}/crew", self.organization(place))
    }

    /// The id of one of four projects, of which two are there at first.
    fn project(&self, place: usize) -> String {
        format!("00000000-0000-4000-8000-{:08x}{place:04x}", self.number)
    }

    /// What everybody holds on everything, as the tables have it.
    pub async fn levels(&self) -> Levels {
        let prefix = self.name("");
        let rows = self.world.database.query(LEVELS, &[&prefix]).await.unwrap();
        rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()
    }
}

fn is_project(object: &str) -> bool {
    uuid::Uuid::try_parse(object).is_ok()
}

/// Of every project, and of every organization, with every user: the highest level that any origin gives.
const LEVELS: &str = "
    WITH person AS (SELECT * FROM account WHERE starts_with(username_key, $1) AND kind = 'user'),
    given AS (
        SELECT project_id, user_id, role FROM collaborator
        WHERE user_id IS NOT NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
        UNION ALL
        SELECT collaborator.project_id, team_member.user_id, role FROM collaborator JOIN team_member USING (team_id)
        WHERE expires_at IS NULL OR expires_at > clock_timestamp()
    )
    SELECT project.id::text, person.username, CASE WHEN person.active THEN greatest(
        CASE WHEN person.id IN (project.owner_id, owner.owner_id) THEN 6 ELSE 0 END,
        CASE WHEN member.role = 'admin' THEN 5 END,
        (SELECT max(array_position(ARRAY['reader', 'reporter', 'editor', 'manager', 'admin'], given.role))
         FROM given WHERE given.project_id = project.id AND given.user_id = person.id),
        CASE WHEN member.user_id IS NOT NULL THEN
            array_position(ARRAY['reader', 'reporter', 'editor', 'manager', 'admin'], owner.default_project_role) END,
        CASE WHEN project.public THEN 1 END
    ) ELSE 0 END
    FROM project JOIN account AS owner ON owner.id = project.owner_id AND starts_with(owner.username_key, $1)
    CROSS JOIN person
    LEFT JOIN member ON member.organization_id = owner.id AND member.user_id = person.id
    UNION ALL
    SELECT organization.username, person.username, CASE WHEN person.active THEN greatest(
        CASE WHEN organization.owner_id = person.id THEN 4 ELSE 0 END,
        array_position(ARRAY['member', 'creator', 'admin'], member.role)
    ) ELSE 0 END
    FROM account AS organization CROSS JOIN person
    LEFT JOIN member ON member.organization_id = organization.id AND member.user_id = person.id
    WHERE organization.kind = 'organization' AND starts_with(organization.username_key, $1)";
