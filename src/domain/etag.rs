//! Names for the states of resources, so that a write can say which state it is meant for.
//!
//! An etag is a hash of what the resource is and all that a caller is shown of it. It names a state, not a moment: what was changed
//! and changed back has its etag again, and what was deleted and made anew, which is another thing, has another one. It is
//! no secret, and proves nothing of who has it.

use std::fmt;

use jiff::Timestamp;

use super::change::Object;
use super::records::{
    Account, AccountKind, Collaborator, GrantSettings, Member, Plan, Project, Subject, Team, TeamMember,
};
use super::refusal::Refusal;

/// Which state of a resource a caller has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(Box<str>);

impl Etag {
    /// What a caller gave; `None` where it gave none.
    pub fn given(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// Refuses where a caller wants another state of `name` than this one.
    pub fn must_be(&self, wanted: Option<&Self>, name: impl FnOnce() -> String) -> Result<(), Refusal> {
        match wanted {
            Some(wanted) if wanted != self => Err(Refusal::EtagMismatch(name())),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Account {
    /// The state of a user or an organization.
    pub fn etag(&self) -> Etag {
        let of = |object| {
            Fingerprint::of(object).number(self.id.0).text(&self.username).text(&self.plan.code).time(self.created_at)
        };
        match &self.kind {
            AccountKind::User { active } => of(Object::User).flag(*active).etag(),
            AccountKind::Organization { owner, owner_name, default_project_role } => {
                let role = default_project_role.map_or("", |role| role.name());
                of(Object::Organization).number(owner.0).text(owner_name).text(role).etag()
            }
        }
    }
}

impl Member {
    /// The state of a place in an organization.
    pub fn etag(&self, organization: &Account) -> Etag {
        Fingerprint::of(Object::Member)
            .number(organization.id.0)
            .text(&organization.username)
            .number(self.user.0)
            .text(&self.username)
            .text(self.role.name())
            .flag(self.public)
            .time(self.created_at)
            .etag()
    }
}

impl Team {
    /// The state of a team; who is in it is not part of it.
    pub fn etag(&self) -> Etag {
        let team = Fingerprint::of(Object::Team).number(self.id.0).text(&self.organization_name).text(&self.name);
        team.time(self.created_at).etag()
    }
}

impl TeamMember {
    /// The state of a place in a team.
    pub fn etag(&self, team: &Team) -> Etag {
        let place = Fingerprint::of(Object::TeamMember).number(team.id.0).text(&team.path()).text(&self.username);
        place.time(self.created_at).etag()
    }
}

impl Project {
    /// The state of a project; who was added to it is not part of it.
    pub fn etag(&self) -> Etag {
        let settings = &self.settings;
        Fingerprint::of(Object::Project)
            .text(&self.id.to_string())
            .number(self.owner.0)
            .text(&self.owner_name)
            .text(&self.name)
            .flag(settings.public)
            .flag(settings.restricted_project_files)
            .flag(settings.template)
            .time(self.created_at)
            .etag()
    }
}

impl Collaborator {
    /// The state of a role on a project. It has the time of its last change, and so never comes again.
    pub fn etag(&self) -> Etag {
        let GrantSettings { role, incognito, expires_at } = &self.grant;
        let of = Fingerprint::of(Object::Collaborator).text(&self.project.to_string());
        let of = match self.subject {
            Subject::User(user) => of.text("user").number(user.0),
            Subject::Team(team) => of.text("team").number(team.0),
        };
        of.text(&self.name)
            .text(role.name())
            .flag(*incognito)
            .number(expires_at.map_or(i64::MAX, |time| time.as_microsecond()))
            .text(self.created_by.as_deref().unwrap_or_default())
            .time(self.created_at)
            .text(self.updated_by.as_deref().unwrap_or_default())
            .time(self.updated_at)
            .etag()
    }
}

impl Plan {
    /// The state of a plan.
    pub fn etag(&self) -> Etag {
        let rules = &self.rules;
        let limit = |limit: Option<u32>| limit.map_or(-1, i64::from);
        Fingerprint::of(Object::Plan)
            .number(self.id.0)
            .text(&self.code)
            .flag(rules.premium)
            .number(limit(rules.collaborator_limit))
            .number(limit(rules.member_limit))
            .flag(rules.personal_projects_up_to_reporter)
            .etag()
    }
}

/// A hash over parts that can't run into one another: each is of a fixed length, or says how long it is.
struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// How many hexadecimal digits of it are enough: 128 bits.
    const DIGITS: usize = 32;

    fn of(object: Object) -> Self {
        Self(blake3::Hasher::new()).text(object.name())
    }

    fn text(self, text: &str) -> Self {
        let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let mut with_length = self.number(length);
        with_length.0.update(text.as_bytes());
        with_length
    }

    fn number(mut self, number: i64) -> Self {
        self.0.update(&number.to_be_bytes());
        self
    }

    fn flag(self, flag: bool) -> Self {
        self.number(flag.into())
    }

    fn time(self, time: Timestamp) -> Self {
        self.number(time.as_microsecond())
    }

    fn etag(self) -> Etag {
        let digits: String = self.0.finalize().to_hex().chars().take(Self::DIGITS).collect();
        Etag(digits.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{AccountId, TeamId};

    fn team(organization_name: &str, name: &str) -> Team {
        Team {
            id: TeamId(1),
            organization: AccountId(2),
            organization_name: organization_name.to_owned(),
            name: name.to_owned(),
            created_at: Timestamp::from_second(1).unwrap(),
        }
    }

    #[test]
    fn one_state_has_one_etag_and_another_another() {
        assert_eq!(team("acme", "crew").etag(), team("acme", "crew").etag());
        assert_ne!(team("acme", "crew").etag(), team("acme", "crews").etag());
        let made_anew = Team { id: TeamId(3), ..team("acme", "crew") };
        assert_ne!(team("acme", "crew").etag(), made_anew.etag());
    }

    #[test]
    fn parts_do_not_run_into_one_another() {
        assert_ne!(team("acme", "crew").etag(), team("acmec", "rew").etag());
    }

    #[test]
    fn whoever_names_no_state_means_any() {
        let present = team("acme", "crew").etag();
        let name = || "crew".to_owned();
        assert_eq!(present.must_be(None, name), Ok(()));
        assert_eq!(present.must_be(Etag::given(&present.to_string()).as_ref(), name), Ok(()));
        let refused = present.must_be(Etag::given("stale").as_ref(), name);
        assert_eq!(refused, Err(Refusal::EtagMismatch("crew".to_owned())));
        assert_eq!(Etag::given(""), None);
    }
}
