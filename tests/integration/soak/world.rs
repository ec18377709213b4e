//! The small world of a run: who and what there is, what a writer can set, and which role all of it gives whom.

/// Users, teams and projects by their places in the lists below.
pub type User = usize;
pub type Team = usize;
pub type Project = usize;

pub const USERS: [&str; 6] = ["ada", "ben", "cleo", "dov", "eli", "fay"];
pub const TEAMS: [&str; 2] = ["@acme/red", "@acme/blue"];
/// The last one is a person's own: nobody holds a role there by belonging to an organization.
pub const PROJECTS: [&str; 3] = ["acme/trees", "acme/parks", "olga/roses"];
pub const ORGANIZATION: &str = "acme";
/// Owns everything, is never asked about and never written.
pub const OWNER: &str = "olga";

/// An action for each role, the lowest first.
pub const ACTIONS: [&str; 5] = ["view_project", "create_files", "delete_files", "delete_project", "read_secrets"];

/// The highest role.
pub const HIGHEST: u8 = 5;

/// One thing that is set by one writer alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// Whether a user is active.
    Active(User),
    /// What a user is in the organization.
    Member(User),
    /// Whether a user is in a team.
    Place(Team, User),
    /// Which role a user or a team was given on a project.
    Grant(Project, Holder),
    /// Whether a project is public.
    Public(Project),
}

/// Who can be given a role on a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    User(User),
    Team(Team),
}

/// What a fact is: the role that it gives, 1 (reader) to 5 (admin), or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Value {
    pub role: u8,
    /// From when on it gives nothing, in microseconds of the database's clock.
    pub ends: Option<i64>,
}

/// One write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    pub kind: Kind,
    pub fact: Fact,
    /// What the fact is afterwards.
    pub value: Value,
    /// Whether it is to be acknowledged only once every replica has it; so it is unless said otherwise.
    pub waits: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Add,
    Update,
    Remove,
}

impl Value {
    /// A role that stays.
    pub fn lasting(role: u8) -> Self {
        Self { role, ends: None }
    }
}

impl Order {
    /// One that waits for all replicas.
    pub fn new(kind: Kind, fact: Fact, value: Value) -> Self {
        Self { kind, fact, value, waits: None }
    }

    /// What the log of changes calls it.
    pub fn operation(&self) -> String {
        let object = match self.fact {
            Fact::Active(_) => "user",
            Fact::Member(_) => "member",
            Fact::Place(..) => "team_member",
            Fact::Grant(..) => "collaborator",
            Fact::Public(_) => "project",
        };
        let verb = match self.kind {
            Kind::Add => "add",
            Kind::Update => "update",
            Kind::Remove => "remove",
        };
        format!("{verb}_{object}")
    }
}

/// The role that a user holds on a project, where `look` says which role each fact gives: the highest of all, and none
/// where the user is not active. It never falls where a fact gives more, so bounds of the facts give bounds of the role.
pub fn role(user: User, project: Project, look: impl Fn(Fact) -> u8) -> u8 {
    let through_teams = (0..TEAMS.len()).map(|team| {
        let given = look(Fact::Grant(project, Holder::Team(team)));
        given.min(look(Fact::Place(team, user)))
    });
    let by_membership = if is_of_organization(project) { look(Fact::Member(user)) } else { 0 };
    let direct = look(Fact::Grant(project, Holder::User(user)));
    let highest = through_teams.max().unwrap_or(0).max(by_membership).max(direct).max(look(Fact::Public(project)));
    highest.min(look(Fact::Active(user)))
}

pub fn is_of_organization(project: Project) -> bool {
    PROJECTS[project].starts_with(ORGANIZATION)
}

/// The id that a project is created with.
pub fn project_id(project: Project) -> String {
    format!("00000000-0000-4000-8000-{project:012}")
}

/// How the API calls who holds a role.
pub fn holder_name(holder: Holder) -> &'static str {
    match holder {
        Holder::User(user) => USERS[user],
        Holder::Team(team) => TEAMS[team],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_role_is_the_highest_that_any_way_gives_to_somebody_active() {
        let mut facts = HashMap::from([(Fact::Active(0), HIGHEST), (Fact::Member(0), 1)]);
        let held = |facts: &HashMap<Fact, u8>, project| role(0, project, |fact| facts.get(&fact).copied().unwrap_or(0));
        assert_eq!((held(&facts, 0), held(&facts, 2)), (1, 0));
        facts.insert(Fact::Grant(0, Holder::Team(1)), 4);
        assert_eq!(held(&facts, 0), 1, "the team has a role, and the user is not in it");
        facts.insert(Fact::Place(1, 0), HIGHEST);
        assert_eq!(held(&facts, 0), 4);
        facts.insert(Fact::Grant(2, Holder::User(0)), 3);
        assert_eq!(held(&facts, 2), 3);
        facts.insert(Fact::Active(0), 0);
        assert_eq!((held(&facts, 0), held(&facts, 2)), (0, 0));
    }
}
