//! The relations of a world as rows, the way the format writes the effects of an event, and which of them rolegate lets exist.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::world::Facts;

/// All rows of a world.
pub(super) type Rows = BTreeSet<Row>;

/// One row. The order is the one to write them in: what others hang on comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    Person { id: String, plan: String },
    Organization { id: String, owner: String, plan: String, default_role: Option<String> },
    Member { organization: String, person: String, role: String },
    Team { id: String, organization: String },
    TeamMember { team: String, person: String },
    Project { id: String, owner: String, public: bool },
    Collaborator { project: String, who: String, role: String, incognito: bool },
}

/// The rows of a state of the world.
pub(super) fn rows(facts: &Facts) -> Rows {
    let mut rows = Rows::new();
    for person in &facts.people {
        rows.insert(Row::Person { id: person.id.clone(), plan: person.subscription.plan.clone() });
    }
    for organization in &facts.organizations {
        rows.insert(Row::Organization {
            id: organization.id.clone(),
            owner: organization.owner.clone(),
            plan: organization.subscription.plan.clone(),
            default_role: organization.default_project_role_for_members.clone().flatten(),
        });
        rows.extend(organization.members.iter().map(|member| Row::Member {
            organization: organization.id.clone(),
            person: member.member.clone(),
            role: member.role.clone(),
        }));
    }
    for team in &facts.teams {
        rows.insert(Row::Team { id: team.id.clone(), organization: team.organization.clone() });
        let place = |person: &String| Row::TeamMember { team: team.id.clone(), person: person.clone() };
        rows.extend(team.members.iter().map(place));
    }
    for project in &facts.projects {
        let (id, owner) = (project.id.clone(), project.owner.clone());
        rows.insert(Row::Project { id, owner, public: project.is_public });
        rows.extend(project.collaborators.iter().map(|row| Row::Collaborator {
            project: project.id.clone(),
            who: row.collaborator.clone(),
            role: row.role.clone(),
            incognito: row.is_incognito,
        }));
    }
    rows
}

/// The rows that rolegate does not let exist: a project's owner, somebody who does not belong to the organization, or a team
/// of another owner, among its collaborators.
pub(super) fn left_out(rows: &Rows) -> Rows {
    let mut organization_owners = BTreeMap::new();
    let mut project_owners = BTreeMap::new();
    let mut belonging = BTreeSet::new();
    for row in rows {
        match row {
            Row::Organization { id, owner, .. } => {
                organization_owners.insert(id, owner);
                belonging.insert((id, owner));
            }
            Row::Member { organization, person, .. } => {
                belonging.insert((organization, person));
            }
            Row::Project { id, owner, .. } => {
                project_owners.insert(id, owner);
            }
            Row::Person { .. } | Row::Team { .. } | Row::TeamMember { .. } | Row::Collaborator { .. } => {}
        }
    }
    let fits = |row: &&Row| match row {
        Row::Collaborator { project, who, .. } => {
            let Some(owner) = project_owners.get(project) else { return false };
            match organization_of(who) {
                Some(organization) => organization == owner.as_str(),
                None if who == *owner => false,
                None => !organization_owners.contains_key(owner) || belonging.contains(&(*owner, who)),
            }
        }
        _ => true,
    };
    rows.iter().filter(|row| !fits(row)).cloned().collect()
}

/// The organization of a team; `None` where the name is no team's.
pub(super) fn organization_of(name: &str) -> Option<&str> {
    Some(name.strip_prefix('@')?.split_once('/')?.0)
}

impl Row {
    /// Reads a row of an event's effect.
    pub fn parse(text: &str) -> Result<Self, String> {
        let columns: Vec<Value> = serde_json::from_str(text).map_err(|error| format!("{text} is no row: {error}"))?;
        let kind = columns.first().and_then(Value::as_str).unwrap_or_default();
        let name = |column: usize| {
            let name = columns.get(column).and_then(Value::as_str).map(ToOwned::to_owned);
            name.ok_or_else(|| format!("column {column} of {text} is no name"))
        };
        let flag = |column: usize| {
            let flag = columns.get(column).and_then(Value::as_bool);
            flag.ok_or_else(|| format!("column {column} of {text} is no flag"))
        };
        Ok(match kind {
            "person" => Self::Person { id: name(1)?, plan: name(2)? },
            "organization" => {
                Self::Organization { id: name(1)?, owner: name(2)?, plan: name(3)?, default_role: name(4).ok() }
            }
            "member" => Self::Member { organization: name(1)?, person: name(2)?, role: name(3)? },
            "team" => Self::Team { id: name(1)?, organization: name(2)? },
            "team_member" => Self::TeamMember { team: name(1)?, person: name(2)? },
            "project" => Self::Project { id: name(1)?, owner: name(2)?, public: flag(3)? },
            "collaborator" => {
                Self::Collaborator { project: name(1)?, who: name(2)?, role: name(3)?, incognito: flag(4)? }
            }
            _ => return Err(format!("{text} is no row that the format knows")),
        })
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = match self {
            Self::Person { id, plan } => json!(["person", id, plan]),
            Self::Organization { id, owner, plan, default_role } => {
                json!(["organization", id, owner, plan, default_role])
            }
            Self::Member { organization, person, role } => json!(["member", organization, person, role]),
            Self::Team { id, organization } => json!(["team", id, organization]),
            Self::TeamMember { team, person } => json!(["team_member", team, person]),
            Self::Project { id, owner, public } => json!(["project", id, owner, public]),
            Self::Collaborator { project, who, role, incognito } => {
                json!(["collaborator", project, who, role, incognito])
            }
        };
        write!(formatter, "{columns}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_rolegate_does_not_let_exist_are_left_out() {
        let rows = |texts: &[&str]| texts.iter().map(|text| Row::parse(text).unwrap()).collect::<Rows>();
        let strange = rows(&[
            r#"["collaborator","hers","ann","reader",false]"#,
            r#"["collaborator","hers","@acme/crew","reader",false]"#,
            r#"["collaborator","ours","cyd","reader",false]"#,
            r#"["collaborator","ours","@other/crew","reader",false]"#,
        ]);
        let fitting = rows(&[
            r#"["organization","acme","ann","plan",null]"#,
            r#"["member","acme","bob","member"]"#,
            r#"["project","hers","ann",false]"#,
            r#"["project","ours","acme",true]"#,
            r#"["collaborator","hers","cyd","reader",false]"#,
            r#"["collaborator","ours","ann","admin",true]"#,
            r#"["collaborator","ours","bob","reader",false]"#,
            r#"["collaborator","ours","@acme/crew","reader",false]"#,
        ]);
        assert_eq!(left_out(&fitting.union(&strange).cloned().collect()), strange);
    }

    #[test]
    fn a_row_is_written_as_it_was_read() {
        for text in [r#"["organization","acme","ann","plan","reader"]"#, r#"["collaborator","a","b","admin",true]"#] {
            assert_eq!(Row::parse(text).unwrap().to_string(), text);
        }
        assert!(Row::parse(r#"["job","a"]"#).is_err() && Row::parse(r#"["member","acme"]"#).is_err());
    }
}
