//! Random writes of every kind, as the requests that the API takes.

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use prost_types::FieldMask;
use rolegate::grpc::v1;
use tonic::Status;

use crate::support::Service;

/// Names of users and organizations alike: a name may be the one now and the other later. Two spellings are of one name.
pub const ACCOUNTS: [&str; 10] = ["ann", "bob", "cyd", "dan", "eve", "fay", "gus", "acme", "firm", "guild"];
pub const PROJECTS: [&str; 3] = ["trees", "Trees", "parks"];
const TEAMS: [&str; 2] = ["red", "blue"];
const PLANS: [&str; 4] = ["", "default", "small", "premium"];

/// The ids of all projects that are ever created: one may be given again once it is free.
pub fn project_id(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02x}")
}

pub const PROJECT_IDS: u8 = 5;

macro_rules! writes {
    ($($kind:ident($request:ident) => $client:ident.$method:ident),+ $(,)?) => {
        /// A write as it is asked for.
        #[derive(Debug, Clone)]
        pub enum Write {
            $($kind(v1::$request)),+
        }

        impl Write {
            /// Asks for it, and returns the revision.
            pub async fn run(self, service: &Service) -> Result<String, Status> {
                match self {
                    $(Self::$kind(request) => {
                        service.$client().$method(request).await.map(|answer| answer.into_inner().revision)
                    })+
                }
            }

            /// The same on somebody's behalf, or only to see whether it could be done.
            pub fn by(mut self, on_behalf: String, only_try: bool) -> Self {
                match &mut self {
                    $(Self::$kind(request) => {
                        request.actor = on_behalf;
                        request.validate_only = only_try;
                    })+
                }
                self
            }
        }
    };
}

writes! {
    UserCreate(UserServiceCreateRequest) => users.create,
    UserUpdate(UserServiceUpdateRequest) => users.update,
    UserDelete(UserServiceDeleteRequest) => users.delete,
    OrganizationCreate(OrganizationServiceCreateRequest) => organizations.create,
    OrganizationUpdate(OrganizationServiceUpdateRequest) => organizations.update,
    OrganizationDelete(OrganizationServiceDeleteRequest) => organizations.delete,
    OrganizationTransfer(OrganizationServiceTransferRequest) => organizations.transfer,
    MemberAdd(AddMemberRequest) => organizations.add_member,
    MemberUpdate(UpdateMemberRequest) => organizations.update_member,
    MemberRemove(RemoveMemberRequest) => organizations.remove_member,
    TeamCreate(TeamServiceCreateRequest) => teams.create,
    TeamUpdate(TeamServiceUpdateRequest) => teams.update,
    TeamDelete(TeamServiceDeleteRequest) => teams.delete,
    TeamMemberAdd(AddTeamMemberRequest) => teams.add_team_member,
    TeamMemberRemove(RemoveTeamMemberRequest) => teams.remove_team_member,
    ProjectCreate(ProjectServiceCreateRequest) => projects.create,
    ProjectUpdate(ProjectServiceUpdateRequest) => projects.update,
    ProjectDelete(ProjectServiceDeleteRequest) => projects.delete,
    ProjectTransfer(ProjectServiceTransferRequest) => projects.transfer,
    CollaboratorAdd(CollaboratorServiceAddRequest) => collaborators.add,
    CollaboratorUpdate(CollaboratorServiceUpdateRequest) => collaborators.update,
    CollaboratorRemove(CollaboratorServiceRemoveRequest) => collaborators.remove,
    PlanPut(PlanServicePutRequest) => plans.put,
    PlanDelete(PlanServiceDeleteRequest) => plans.delete,
}

impl Write {
    /// Turns the ends of grants, which are drawn as distances, into moments after `now`.
    pub fn starting(mut self, now: Timestamp) -> Self {
        let ends = match &mut self {
            Self::CollaboratorAdd(request) => &mut request.expires_at,
            Self::CollaboratorUpdate(request) => &mut request.expires_at,
            _ => return self,
        };
        if let Some(end) = ends {
            let micros = now.as_microsecond() + end.seconds * 1_000_000 + i64::from(end.nanos / 1_000);
            end.seconds = micros.div_euclid(1_000_000);
            end.nanos = (micros.rem_euclid(1_000_000) * 1_000) as i32;
        }
        self
    }
}

/// Any write: mostly in the caller's own right, sometimes on somebody's behalf, sometimes only tried.
pub fn any_write() -> impl Strategy<Value = Write> {
    let write = prop_oneof![
        6 => users(),
        5 => organizations(),
        6 => members(),
        6 => teams(),
        8 => projects(),
        14 => collaborators(),
        2 => plans(),
    ];
    let actor = prop_oneof![8 => Just(String::new()), 1 => person()];
    (write, actor, prop::bool::weighted(0.03)).prop_map(|(write, actor, only_try)| write.by(actor, only_try))
}

fn account() -> BoxedStrategy<String> {
    let spelled = |(name, loud): (&str, bool)| if loud { name.to_uppercase() } else { name.to_owned() };
    (select(&ACCOUNTS), prop::bool::weighted(0.1)).prop_map(spelled).boxed()
}

/// The name of a user, as long as it has not been renamed.
fn person() -> BoxedStrategy<String> {
    prop_oneof![12 => select(&ACCOUNTS[..5]).prop_map(str::to_owned), 2 => account()].boxed()
}

/// The name of an organization, as long as it has not been renamed.
fn organization() -> BoxedStrategy<String> {
    prop_oneof![9 => select(&["acme", "firm"]).prop_map(str::to_owned), 1 => account()].boxed()
}

fn plan() -> BoxedStrategy<String> {
    select(&PLANS).prop_map(str::to_owned).boxed()
}

fn team() -> BoxedStrategy<String> {
    (organization(), select(&TEAMS)).prop_map(|(organization, team)| format!("@{organization}/{team}")).boxed()
}

/// A project by id or by path.
fn project() -> BoxedStrategy<String> {
    let path = (account(), select(&PROJECTS)).prop_map(|(owner, name)| format!("{owner}/{name}"));
    prop_oneof![4 => (0..PROJECT_IDS).prop_map(project_id), 1 => path].boxed()
}

fn role() -> BoxedStrategy<i32> {
    (1..=5).boxed()
}

fn any_bool() -> BoxedStrategy<bool> {
    any::<bool>().boxed()
}

fn some_of(paths: &'static [&'static str]) -> BoxedStrategy<Option<FieldMask>> {
    let chosen = prop_oneof![
        6 => select(paths).prop_map(|path| vec![path.to_owned()]),
        1 => prop::sample::subsequence(paths, 1..=paths.len())
            .prop_map(|paths| paths.iter().map(|path| (*path).to_owned()).collect()),
    ];
    chosen.prop_map(|paths| Some(FieldMask { paths })).boxed()
}

/// When a grant ends, as a distance from the write: mostly never, else past, soon, or late.
fn end() -> BoxedStrategy<Option<prost_types::Timestamp>> {
    let after = |millis: i64| {
        let nanos = (millis.rem_euclid(1_000) * 1_000_000) as i32;
        Some(prost_types::Timestamp { seconds: millis.div_euclid(1_000), nanos })
    };
    prop_oneof![6 => Just(None), 1 => Just(after(-60_000)), 2 => Just(after(250)), 2 => Just(after(86_400_000))].boxed()
}

/// A request with the fields that are drawn, and the others empty.
macro_rules! request {
    ($kind:ident($request:ident { $($field:ident: $strategy:expr),+ $(,)? })) => {
        ($($strategy),+,).prop_map(|($($field),+,)| Write::$kind(v1::$request { $($field),+, ..Default::default() }))
    };
}

fn users() -> BoxedStrategy<Write> {
    let mask = some_of(&["active", "new_username", "active", "plan"]);
    let mostly = prop::bool::weighted(0.7);
    prop_oneof![
        12 => request!(UserCreate(UserServiceCreateRequest {
            username: person(), inactive: prop::bool::weighted(0.1), plan: plan() })),
        8 => request!(UserUpdate(UserServiceUpdateRequest {
            username: person(), update_mask: mask, new_username: account(), active: mostly, plan: plan() })),
        1 => request!(UserDelete(UserServiceDeleteRequest { username: person() })),
    ]
    .boxed()
}

fn organizations() -> BoxedStrategy<Write> {
    let mask = some_of(&["new_username", "default_project_role", "plan"]);
    prop_oneof![
        8 => request!(OrganizationCreate(OrganizationServiceCreateRequest {
            username: organization(), owner: person(), default_project_role: 0..=5, plan: plan() })),
        4 => request!(OrganizationUpdate(OrganizationServiceUpdateRequest {
            username: organization(), update_mask: mask, new_username: account(), default_project_role: 0..=5,
            plan: plan() })),
        1 => request!(OrganizationDelete(OrganizationServiceDeleteRequest { username: organization() })),
        2 => request!(OrganizationTransfer(OrganizationServiceTransferRequest {
            username: organization(), new_owner: person() })),
    ]
    .boxed()
}

fn members() -> BoxedStrategy<Write> {
    let mask = some_of(&["role", "public"]);
    prop_oneof![
        5 => request!(MemberAdd(AddMemberRequest {
            organization: organization(), user: person(), role: 0..=3, public: any_bool() })),
        2 => request!(MemberUpdate(UpdateMemberRequest {
            organization: organization(), user: person(), update_mask: mask, role: 1..=3, public: any_bool() })),
        2 => request!(MemberRemove(RemoveMemberRequest { organization: organization(), user: person() })),
    ]
    .boxed()
}

fn teams() -> BoxedStrategy<Write> {
    let name = select(&TEAMS).prop_map(str::to_owned);
    prop_oneof![
        6 => request!(TeamCreate(TeamServiceCreateRequest { team: team() })),
        2 => request!(TeamUpdate(TeamServiceUpdateRequest { team: team(), new_name: name })),
        1 => request!(TeamDelete(TeamServiceDeleteRequest { team: team() })),
        8 => request!(TeamMemberAdd(AddTeamMemberRequest { team: team(), user: person() })),
        2 => request!(TeamMemberRemove(RemoveTeamMemberRequest { team: team(), user: person() })),
    ]
    .boxed()
}

fn projects() -> BoxedStrategy<Write> {
    let name = || select(&PROJECTS).prop_map(str::to_owned);
    let mask = some_of(&["name", "public", "restricted_project_files", "template"]);
    prop_oneof![
        8 => request!(ProjectCreate(ProjectServiceCreateRequest {
            owner: prop_oneof![organization(), person()], name: name(), public: prop::bool::weighted(0.3), restricted_project_files: any_bool(),
            template: prop::bool::weighted(0.1), id: (0..PROJECT_IDS).prop_map(project_id) })),
        4 => request!(ProjectUpdate(ProjectServiceUpdateRequest {
            project: project(), update_mask: mask, name: name(), public: any_bool(),
            restricted_project_files: any_bool(), template: any_bool() })),
        2 => request!(ProjectDelete(ProjectServiceDeleteRequest { project: project() })),
        3 => request!(ProjectTransfer(ProjectServiceTransferRequest { project: project(), new_owner: account() })),
    ]
    .boxed()
}

fn collaborators() -> BoxedStrategy<Write> {
    let who = || prop_oneof![3 => person(), 2 => team()];
    let mask = some_of(&["role", "incognito", "expires_at"]);
    prop_oneof![
        6 => request!(CollaboratorAdd(CollaboratorServiceAddRequest {
            project: project(), collaborator: who(), role: role(), incognito: prop::bool::weighted(0.2),
            expires_at: end() })),
        3 => request!(CollaboratorUpdate(CollaboratorServiceUpdateRequest {
            project: project(), collaborator: who(), update_mask: mask, role: role(), incognito: any_bool(),
            expires_at: end() })),
        4 => request!(CollaboratorRemove(CollaboratorServiceRemoveRequest { project: project(), collaborator: who() })),
    ]
    .boxed()
}

fn plans() -> BoxedStrategy<Write> {
    let code = || select(&["default", "small", "premium"]).prop_map(str::to_owned);
    let limits = (code(), any_bool(), -1..4, -1..4, prop::bool::weighted(0.2));
    let plan = limits.prop_map(|(code, premium, collaborators, members, up_to_reporter)| {
        Some(v1::Plan {
            code,
            premium,
            max_collaborators_per_private_project: collaborators,
            max_organization_members: members,
            personal_projects_up_to_reporter: up_to_reporter,
            etag: String::new(),
        })
    });
    prop_oneof![
        6 => request!(PlanPut(PlanServicePutRequest { plan: plan })),
        1 => request!(PlanDelete(PlanServiceDeleteRequest { code: code() })),
    ]
    .boxed()
}
