//! What the real system decided in a world: the rows of the format, about people and projects, organizations, accounts, and
//! rows that would be written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::world::Refusal;

/// Everything that the real system was asked. Lists of names come first; rows name by position in them.
#[derive(Debug, Deserialize)]
pub(super) struct Decisions {
    pub people: Vec<String>,
    pub organizations: Vec<String>,
    pub projects: Vec<String>,
    pub project_functions: Vec<String>,
    pub project: Vec<Pair>,
    pub project_info: Vec<ProjectInfo>,
    pub organization_functions: Vec<String>,
    pub organization: Vec<Place>,
    pub account_functions: Vec<String>,
    pub accounts: Vec<String>,
    pub account: Vec<(usize, String)>,
    pub subscription_functions: Vec<String>,
    pub subscription: Vec<(usize, String)>,
    pub user: BTreeMap<String, BTreeMap<String, Value>>,
    pub special: Vec<Special>,
    pub candidates: Vec<String>,
    pub can_become_collaborator_legend: BTreeMap<char, String>,
    pub check_can_become_collaborator: Vec<String>,
    pub can_become_member: Vec<String>,
    pub clean: Vec<Clean>,
}

/// What the real system decided about a person and a project.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<Value>")]
pub(super) struct Pair {
    pub person: usize,
    pub project: usize,
    /// Every row that gives a role, in the order of the origins.
    pub rows: Vec<Effective>,
    /// The role as the real system picked it.
    pub first: Picked,
    /// The same if the highest role wins.
    pub highest: Picked,
    /// Several teams give a role, and the pick among them was arbitrary.
    pub tie: bool,
}

/// A role that was picked, and what was decided on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picked {
    pub effective: Option<Effective>,
    /// A bit a function.
    pub bits: String,
}

/// A role with its origin, as the format writes it: `C3`, `T5i`, `U1+`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effective {
    pub origin: char,
    /// 1 (reader) to 5 (admin).
    pub role: u32,
    /// Whether the project is within its limit and the person belongs to it; rows do not say.
    pub valid: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectInfo {
    pub project: String,
    pub listed_collaborators: Vec<String>,
    /// People among them, without the organization's owner: those that the limit counts.
    pub direct_collaborators: Vec<String>,
    /// By a third way to count, which the real system uses nowhere; not asked.
    #[serde(rename = "invalid_collaborators")]
    pub _invalid_collaborators: IgnoredAny,
    /// Whether the owner has paid for what it uses; not asked.
    #[serde(rename = "supported_regarding_owner_account")]
    pub _supported_regarding_owner_account: IgnoredAny,
    /// `ok` or `too_many_collaborators`; only the seed version says.
    pub status_code: Option<String>,
}

/// Person, organization, role, origin and bits.
#[derive(Debug, Deserialize)]
pub(super) struct Place(pub usize, pub usize, pub Option<String>, pub Option<String>, pub String);

/// What was decided about somebody who is no person of the world.
#[derive(Debug, Deserialize)]
pub(super) struct Special {
    pub user: String,
    #[serde(flatten)]
    pub object: SpecialObject,
    /// True, false, or the class of an exception.
    pub results: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SpecialObject {
    Project(String),
    Organization(String),
    Account(String),
}

/// What the real system's models say of a row that is to be written.
#[derive(Debug, Deserialize)]
pub(super) struct Clean {
    #[serde(flatten)]
    pub row: CleanRow,
    pub mode: CleanMode,
    pub result: CleanResult,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "model")]
pub(super) enum CleanRow {
    ProjectCollaborator { project: String, collaborator: String, role: String },
    OrganizationMember { organization: String, member: String, role: String },
    TeamMember { team: String, member: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CleanMode {
    Create,
    Update,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum CleanResult {
    /// `ok`.
    Fine(String),
    Refused(Refusal),
}

impl TryFrom<Vec<Value>> for Pair {
    type Error = String;

    fn try_from(columns: Vec<Value>) -> Result<Self, String> {
        let text = |column: usize| columns.get(column).and_then(Value::as_str);
        let index = |column: usize| {
            let index = columns.get(column).and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
            index.ok_or_else(|| format!("column {column} of a pair is no position"))
        };
        let needed = |column: usize| text(column).ok_or_else(|| format!("column {column} of a pair is no text"));
        let first = Picked { effective: effective(needed(3)?)?, bits: needed(4)?.to_owned() };
        let highest = match (text(7), text(8)) {
            (Some(role), Some(bits)) => Picked { effective: effective(role)?, bits: bits.to_owned() },
            _ => first.clone(),
        };
        let rows = needed(2)?.split(',').map(effective).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            person: index(0)?,
            project: index(1)?,
            rows: rows.into_iter().flatten().collect(),
            first,
            highest,
            tie: needed(5)?.contains('t'),
        })
    }
}

/// Reads `C3`, `T5i`, `U1+`; empty: no role.
fn effective(code: &str) -> Result<Option<Effective>, String> {
    let mut letters = code.chars();
    let Some(origin) = letters.next() else { return Ok(None) };
    let role = letters.next().and_then(|digit| digit.to_digit(10));
    let role = role.ok_or_else(|| format!("{code} is no role"))?;
    Ok(Some(Effective { origin, role, valid: code.ends_with('+') }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_both_picks() {
        let text = r#"[1, 2, "C1,T5i,U1", "C1-", "10", "c", null, "T5i-", "11"]"#;
        let pair: Pair = serde_json::from_str(text).unwrap();
        let role = |origin, role| Effective { origin, role, valid: false };
        assert_eq!((pair.person, pair.project, pair.tie), (1, 2, false));
        assert_eq!(pair.rows, [role('C', 1), role('T', 5), role('U', 1)]);
        assert_eq!(pair.first, Picked { effective: Some(role('C', 1)), bits: "10".to_owned() });
        assert_eq!(pair.highest, Picked { effective: Some(role('T', 5)), bits: "11".to_owned() });
    }

    #[test]
    fn no_role_is_one_pick_for_both() {
        let pair: Pair = serde_json::from_str(r#"[0, 0, "", "", "00", ""]"#).unwrap();
        assert!(pair.first.effective.is_none() && pair.first == pair.highest);
        assert!(serde_json::from_str::<Pair>(r#"[0, 0, "C", "C", "00", ""]"#).is_err());
    }
}
