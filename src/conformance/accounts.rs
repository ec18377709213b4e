//! What the real system decided about organizations, accounts, users, and those who are no person of the world.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::api::{Api, Mode};
use super::asker::{Ask, Asker, Part};
use super::decided::{Special, SpecialObject};
use super::mappings::{self, Asked, Kind};
use super::projects::may;
use super::question::{Answer, Known, NO, OK, OrganizationQuestion, Question, REFUSED, bit};
use super::tally::{Case, Section};
use super::world::World;
use super::{ConformanceError, Resolution, at};
use crate::grpc::v1::check_item::Object;

/// What a user that was never created is called.
const UNKNOWN_USER: &str = "never-created";

/// What the decisions about the accounts of a world are asked with.
pub(super) struct Accounts<'a> {
    pub world: &'a World,
    pub api: &'a Api,
    pub inactive: &'a BTreeSet<&'a str>,
    pub known: &'a Known<'a>,
    /// Whether somebody can become a member, by organization and name.
    pub new_members: &'a BTreeMap<(&'a str, &'a str), Answer>,
}

/// One function of the real system, and who and what it is asked about.
struct Function<'a> {
    section: Section,
    kind: Kind,
    name: &'a str,
    user: &'a str,
    object: &'a str,
    real: Answer,
}

impl<'a> Accounts<'a> {
    /// Asks everything.
    pub async fn ask(&self, asker: &mut Asker<'a, '_>) -> Result<(), ConformanceError> {
        self.organizations(asker).await?;
        self.accounts(asker).await?;
        self.users(asker).await?;
        self.strangers(asker).await?;
        let decided = &self.world.decisions;
        for _ in &decided.subscription_functions {
            let asked: usize = decided.subscription.iter().map(|(_, bits)| bits.split(' ').count()).sum();
            asker.tally.not_mapped(asker.place(Section::Subscription), asked as u64);
        }
        Ok(())
    }

    async fn organizations(&self, asker: &mut Asker<'a, '_>) -> Result<(), ConformanceError> {
        let decided = &self.world.decisions;
        for place in &decided.organization {
            let user = at(&decided.people, place.0)?;
            let object = at(&decided.organizations, place.1)?;
            let level = match (place.2.as_deref(), place.3.as_deref()) {
                (_, Some("organization_owner")) => "owner",
                (Some(role), _) => role,
                (None, _) => "registered",
            };
            let question = self.organization(user, object, None);
            asker
                .ask(Ask {
                    section: Section::Organization,
                    user,
                    object: Object::Organization(object.to_owned()),
                    name: object,
                    function: "role",
                    action: "view_organization",
                    part: Part::Level,
                    question,
                    real: Answer::Owned(level.to_owned()),
                })
                .await?;
            for (index, name) in decided.organization_functions.iter().enumerate() {
                let real = may(&place.4, index).map(bit).ok_or_else(|| ConformanceError::unknown(name))?;
                let section = Section::Organization;
                let kind = Kind::Organization;
                self.function(asker, Function { section, kind, name, user, object, real }).await?;
            }
        }
        Ok(())
    }

    async fn accounts(&self, asker: &mut Asker<'a, '_>) -> Result<(), ConformanceError> {
        let decided = &self.world.decisions;
        for (person, groups) in &decided.account {
            let user = at(&decided.people, *person)?;
            for (object, bits) in decided.accounts.iter().zip(groups.split(' ')) {
                for (index, name) in decided.account_functions.iter().enumerate() {
                    let real = may(bits, index).map(bit).ok_or_else(|| ConformanceError::unknown(name))?;
                    let (section, kind) = (Section::Account, self.kind(object));
                    self.function(asker, Function { section, kind, name, user, object, real }).await?;
                }
            }
        }
        Ok(())
    }

    async fn users(&self, asker: &mut Asker<'a, '_>) -> Result<(), ConformanceError> {
        let decided = &self.world.decisions;
        for (user, results) in &decided.user {
            // a stranger has no account of its own
            let object = if decided.people.contains(user) { user } else { at(&decided.people, 0)? };
            for (name, real) in results {
                let (section, kind, user) = (Section::User, Kind::User, name_of(user));
                let real = bit(*real == Value::Bool(true));
                self.function(asker, Function { section, kind, name, user, object, real }).await?;
            }
        }
        Ok(())
    }

    async fn strangers(&self, asker: &mut Asker<'a, '_>) -> Result<(), ConformanceError> {
        for Special { user, object, results } in &self.world.decisions.special {
            let (kind, object) = match object {
                SpecialObject::Project(name) => (Kind::Project, name),
                SpecialObject::Organization(name) => (Kind::Organization, name),
                SpecialObject::Account(name) => (self.kind(name), name),
            };
            for (name, real) in results {
                // what raises an exception is not allowed
                let real = bit(*real == Value::Bool(true));
                let (section, user) = (Section::Stranger, name_of(user));
                self.function(asker, Function { section, kind, name, user, object, real }).await?;
            }
        }
        Ok(())
    }

    /// Asks what a function of the real system is to rolegate.
    async fn function(&self, asker: &mut Asker<'a, '_>, asked: Function<'a>) -> Result<(), ConformanceError> {
        let Function { section, kind, name: function, user, object: name, real } = asked;
        let (object, action, part) = match mappings::find(kind, function)? {
            Asked::Project(action) => (Object::Project(self.api.project(name)), action, Part::Allowed),
            Asked::AnyRole => (Object::Project(self.api.project(name)), "view_project", Part::AnyRole),
            Asked::Organization(action) => (Object::Organization(name.to_owned()), action, Part::Allowed),
            Asked::Account(action) => (Object::Account(name.to_owned()), action, Part::Allowed),
            Asked::AddMember => return self.new_member(asker, section, (user, name), real).await,
            Asked::Nothing(_) => {
                asker.tally.not_mapped(asker.place(section), 1);
                return Ok(());
            }
        };
        let question = if !self.world.decisions.people.iter().any(|person| person == user) {
            Question::Stranger
        } else if matches!(object, Object::Organization(_)) {
            self.organization(user, name, Some(function))
        } else {
            Question::Account { active: !self.inactive.contains(user) }
        };
        asker.ask(Ask { section, user, object, name, function, action, part, question, real }).await
    }

    /// The real function is the one that new members are asked by; a stranger is asked for here.
    async fn new_member(
        &self,
        asker: &mut Asker<'a, '_>,
        section: Section,
        (user, organization): (&'a str, &'a str),
        real: Answer,
    ) -> Result<(), ConformanceError> {
        let place = asker.place(section);
        // no policy touches it: asked once
        if place.0 == Some(Resolution::FirstOrigin) {
            return Ok(());
        }
        let real = if real == NO { REFUSED } else { OK };
        let got = match self.new_members.get(&(organization, user)) {
            Some(answer) => answer.clone(),
            None => {
                let asked = self.api.add_member((organization, user, "member"), true, Mode::ValidateOnly).await?;
                if asked.is_ok() { OK } else { REFUSED }
            }
        };
        let action = "can_become_member (AddMember)";
        let case = Case { place, user, object: organization, action, explanation: "" };
        let question = Question::NewMember { known: self.known, organization, candidate: user };
        asker.tally.compare(&case, &question, &real, &got);
        Ok(())
    }

    fn organization(&self, user: &'a str, organization: &str, function: Option<&'a str>) -> Question<'a> {
        let facts = self.world.world.organizations.iter().find(|one| one.id == organization);
        Question::Organization(OrganizationQuestion {
            active: !self.inactive.contains(user),
            function,
            owner: facts.is_some_and(|facts| facts.owner == user),
        })
    }

    fn kind(&self, account: &str) -> Kind {
        if account.starts_with('@') {
            Kind::TeamAccount
        } else if self.world.decisions.organizations.iter().any(|name| name == account) {
            Kind::OrganizationAccount
        } else {
            Kind::Account
        }
    }
}

/// What somebody of the data is called in rolegate: those without a row are nobody there.
fn name_of(user: &str) -> &str {
    match user {
        "anonymous" => "",
        "unsaved" => UNKNOWN_USER,
        person => person,
    }
}
