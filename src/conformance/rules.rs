//! What the rulings expect: each function is one line of the table in [`super::rulings`].

use super::Resolution;
use super::question::{
    Answer, Candidate, CleanMember, EventQuestion, GONE, Known, NO, NONE, OK, Question, REFUSED, THERE, YES,
};
use super::rows::{Row, organization_of};
use super::world::Operation;

pub(super) fn inactive(question: &Question<'_>) -> Option<Answer> {
    let (active, role) = match question {
        Question::Project(asked) => (asked.active, asked.function.is_none()),
        Question::Organization(asked) => (asked.active, asked.function.is_none()),
        Question::Account { active } => (*active, false),
        _ => return None,
    };
    if active { None } else { Some(if role { NONE } else { NO }) }
}

pub(super) fn stranger(question: &Question<'_>) -> Option<Answer> {
    matches!(question, Question::Stranger).then_some(NO)
}

pub(super) fn over_limit(question: &Question<'_>) -> Option<Answer> {
    let Question::Project(asked) = question else { return None };
    let hidden = asked.effective.is_some_and(|role| !role.valid);
    let retrieved = asked.function == Some("can_retrieve_project");
    (asked.resolution == Resolution::Highest && retrieved && hidden).then_some(YES)
}

pub(super) fn jobs_of_deltas(question: &Question<'_>) -> Option<Answer> {
    let Question::Project(asked) = question else { return None };
    (asked.template && asked.function == Some("can_create_jobs[delta_apply]")).then_some(NO)
}

pub(super) fn teams(question: &Question<'_>) -> Option<Answer> {
    let Question::Project(asked) = question else { return None };
    asked.highest_team.clone().filter(|_| asked.resolution == Resolution::FirstOrigin)
}

pub(super) fn deleting_an_organization(question: &Question<'_>) -> Option<Answer> {
    let Question::Organization(asked) = question else { return None };
    (asked.function == Some("can_delete_user") && !asked.owner).then_some(NO)
}

pub(super) fn member_limit_at_the_door(question: &Question<'_>) -> Option<Answer> {
    let Question::NewMember { known, organization, candidate } = question else { return None };
    let full = known.organizations.get(organization)?.is_full();
    let free = known.people.contains(candidate) && !known.belongs(organization, candidate);
    (full && free).then_some(REFUSED)
}

pub(super) fn team_as_member(question: &Question<'_>) -> Option<Answer> {
    let Question::NewMember { organization, candidate, .. } = question else { return None };
    (organization_of(candidate) == Some(organization)).then_some(REFUSED)
}

pub(super) fn organization_as_collaborator(question: &Question<'_>) -> Option<Answer> {
    let Question::NewCollaborator(candidate) = question else { return None };
    organization_answer(candidate)
}

pub(super) fn belonging_before_the_limit(question: &Question<'_>) -> Option<Answer> {
    let Question::NewCollaborator(candidate) = question else { return None };
    belonging_answer(candidate)
}

pub(super) fn not_counted(question: &Question<'_>) -> Option<Answer> {
    let Question::NewCollaborator(candidate) = question else { return None };
    not_counted_answer(candidate)
}

pub(super) fn one_door(question: &Question<'_>) -> Option<Answer> {
    let Question::CleanCollaborator { candidate, allowed: true } = question else { return None };
    let ruled = organization_answer(candidate)
        .or_else(|| belonging_answer(candidate))
        .or_else(|| not_counted_answer(candidate));
    ruled.or_else(|| candidate.answer())
}

pub(super) fn creator(question: &Question<'_>) -> Option<Answer> {
    let Question::CleanMember(asked) = question else { return None };
    let unknown_then = asked.role == "creator" && !asked.known.later;
    if !unknown_then || asked.real != "INVALID_FIELD" {
        return None;
    }
    Some(if asked.is_new { asked.answer() } else { OK })
}

pub(super) fn member_rules_before_the_limit(question: &Question<'_>) -> Option<Answer> {
    let Question::CleanMember(asked) = question else { return None };
    let limited = asked.is_new && asked.real == "MEMBER_LIMIT_REACHED";
    (limited && !asked.is_free()).then(|| asked.answer())
}

pub(super) fn seats(question: &Question<'_>) -> Option<Answer> {
    let Question::CleanMember(asked) = question else { return None };
    // that version counts the owner too, and seats where they are paid for
    let full = asked.known.organizations.get(asked.organization)?.is_full_with_owner();
    let as_counted = asked.real == if full { "MEMBER_LIMIT_REACHED" } else { "ok" };
    (asked.is_new && asked.known.later && as_counted && asked.is_free()).then(|| asked.answer())
}

pub(super) fn limit_on_a_role_change(question: &Question<'_>) -> Option<Answer> {
    match question {
        Question::CleanMember(asked) => (!asked.is_new && asked.real == "MEMBER_LIMIT_REACHED").then_some(OK),
        Question::Event(event) => limited_role_change(event).map(|_| OK),
        Question::Effect { event, row, .. } => {
            let (changed, person, new) = limited_role_change(event)?;
            let Row::Member { organization, person: of, role } = row else { return None };
            let is_it = organization == changed && of == person;
            is_it.then(|| if role == new { THERE } else { GONE })
        }
        _ => None,
    }
}

/// Organization, person and new role of a role change that the limit stopped.
fn limited_role_change<'a>(event: &EventQuestion<'a>) -> Option<(&'a str, &'a str, &'a str)> {
    match event.operation {
        Operation::SetMemberRole { organization, member, role } if event.real == "MEMBER_LIMIT_REACHED" => {
            Some((organization, member, role))
        }
        _ => None,
    }
}

pub(super) fn transfer_when_full(question: &Question<'_>) -> Option<Answer> {
    let (Question::Event(event) | Question::Effect { event, .. }) = question else { return None };
    let (organization, heir) = transfer(event).filter(|(_, heir)| !event.inactive.contains(heir))?;
    if !matches!(event.real, "ok" | "MEMBER_LIMIT_REACHED") {
        return None;
    }
    let facts = event.known.organizations.get(organization)?;
    let refused = facts.is_full() && !facts.members.contains_key(heir) && facts.owner != heir;
    match (question, refused) {
        (Question::Event(_), true) => Some(Answer::Borrowed("MEMBER_LIMIT_REACHED")),
        (Question::Event(_), false) => Some(OK),
        (Question::Effect { row, .. }, true) => unchanged(event.known, organization, heir, row),
        // where the real system refused, what it would have done is not known
        (Question::Effect { row, .. }, false) if event.real == "MEMBER_LIMIT_REACHED" => {
            handed_over(event.known, organization, heir, row)
        }
        _ => None,
    }
}

pub(super) fn transfer_to_inactive(question: &Question<'_>) -> Option<Answer> {
    let (Question::Event(event) | Question::Effect { event, .. }) = question else { return None };
    let (organization, heir) = transfer(event).filter(|(_, heir)| event.inactive.contains(heir))?;
    match question {
        Question::Effect { row, .. } => unchanged(event.known, organization, heir, row),
        _ => Some(Answer::Borrowed("ORGANIZATION_OWNER_REQUIRED")),
    }
}

/// The organization and the new owner.
fn transfer<'a>(event: &EventQuestion<'a>) -> Option<(&'a str, &'a str)> {
    match event.operation {
        Operation::TransferOrganization { organization, new_owner } => Some((organization, new_owner)),
        _ => None,
    }
}

/// What becomes of the rows that a transfer is about where it is refused.
fn unchanged(known: &Known<'_>, organization: &str, heir: &str, row: &Row) -> Option<Answer> {
    let facts = known.organizations.get(organization)?;
    match row {
        Row::Organization { id, owner, .. } if id == organization => {
            Some(if owner == facts.owner { THERE } else { GONE })
        }
        Row::Member { organization: of, person, .. } if of == organization => {
            Some(if facts.members.contains_key(person.as_str()) { THERE } else { GONE })
        }
        Row::TeamMember { team, person } if person == heir && organization_of(team) == Some(organization) => {
            Some(THERE)
        }
        Row::Collaborator { project, who, .. } if who == heir => {
            (known.projects.get(project.as_str()) == Some(&organization)).then_some(THERE)
        }
        _ => None,
    }
}

/// What becomes of them where it is not.
fn handed_over(known: &Known<'_>, organization: &str, heir: &str, row: &Row) -> Option<Answer> {
    let facts = known.organizations.get(organization)?;
    match row {
        Row::Organization { id, owner, .. } if id == organization => Some(if owner == heir { THERE } else { GONE }),
        Row::Member { organization: of, person, role } if of == organization => {
            let former = person == facts.owner && role == "admin";
            if person == heir { Some(GONE) } else { former.then_some(THERE) }
        }
        _ => None,
    }
}

pub(super) fn roles_of_a_removed_member(question: &Question<'_>) -> Option<Answer> {
    let Question::Effect { event, row: Row::Collaborator { project, who, .. }, fits: false } = question else {
        return None;
    };
    let owner = *event.known.projects.get(project.as_str())?;
    let removed = match event.operation {
        Operation::RemoveMember { organization, member }
        | Operation::RemoveMemberByQueryset { organization, member } => organization == owner && member == who,
        Operation::RemoveTwoMembersByQueryset { memberships } => {
            memberships.iter().any(|(organization, member)| organization == owner && member == who)
        }
        _ => false,
    };
    (removed && !event.known.later).then_some(GONE)
}

pub(super) fn roles_of_a_new_owner(question: &Question<'_>) -> Option<Answer> {
    let Question::Effect { event, row: Row::Collaborator { project, who, .. }, .. } = question else { return None };
    let (organization, heir) = transfer(event)?;
    let was_member = event.known.organizations.get(organization)?.members.contains_key(heir);
    let its_own = event.known.projects.get(project.as_str()) == Some(&organization) && who == heir;
    (its_own && was_member && !event.known.later).then_some(GONE)
}

pub(super) fn crossed_removals(question: &Question<'_>) -> Option<Answer> {
    let Question::Effect { event, row, .. } = question else { return None };
    let Operation::RemoveTwoMembersByQueryset { memberships } = event.operation else { return None };
    let (organization, person) = match row {
        Row::TeamMember { team, person } => (organization_of(team)?, person),
        Row::Collaborator { project, who, .. } => (*event.known.projects.get(project.as_str())?, who),
        _ => return None,
    };
    let named = memberships.iter().any(|(of, member)| of == organization && member == person);
    let crossed =
        memberships.iter().any(|(of, _)| of == organization) && memberships.iter().any(|(_, member)| member == person);
    (crossed && !named).then_some(THERE)
}

pub(super) fn project_handed_over(question: &Question<'_>) -> Option<Answer> {
    let Question::Effect { event, row: Row::Collaborator { project, .. }, fits: false } = question else {
        return None;
    };
    let Operation::ChangeProjectOwner { project: handed, .. } = event.operation else { return None };
    (project == handed).then_some(GONE)
}

fn organization_answer(candidate: &Candidate<'_>) -> Option<Answer> {
    let is_organization = candidate.known.organizations.contains_key(candidate.who);
    (is_organization && candidate.owner() != Some(candidate.who)).then_some(Answer::Borrowed("NOT_A_PERSON"))
}

fn belonging_answer(candidate: &Candidate<'_>) -> Option<Answer> {
    let (owner, is_limit) = (candidate.owner()?, candidate.class == "ReachedCollaboratorLimitError");
    let owned_by_organization = candidate.known.organizations.contains_key(owner);
    match organization_of(candidate.who) {
        Some(organization) if is_limit && organization != owner => Some(Answer::Borrowed("TEAM_NOT_IN_ORGANIZATION")),
        None if is_limit && owned_by_organization && !candidate.known.belongs(owner, candidate.who) => {
            Some(Answer::Borrowed("NOT_ORGANIZATION_MEMBER"))
        }
        _ => None,
    }
}

fn not_counted_answer(candidate: &Candidate<'_>) -> Option<Answer> {
    let owner = candidate.owner()?;
    let facts = candidate.known.organizations.get(owner)?;
    let uncounted = organization_of(candidate.who) == Some(owner) || facts.owner == candidate.who;
    (candidate.class == "ReachedCollaboratorLimitError" && uncounted).then_some(OK)
}

impl Candidate<'_> {
    fn owner(&self) -> Option<&str> {
        self.known.projects.get(self.project).copied()
    }

    /// What the real function's answer is called in rolegate; `None` where it has no name here.
    pub fn answer(&self) -> Option<Answer> {
        let is_owner = self.owner() == Some(self.who);
        Some(match self.class {
            "ok" => OK,
            // the real function counts the owner among the collaborators
            "AlreadyCollaboratorError" if is_owner => Answer::Borrowed("OWNER_CANNOT_BE_COLLABORATOR"),
            "AlreadyCollaboratorError" => Answer::Borrowed("ALREADY_COLLABORATOR"),
            "ReachedCollaboratorLimitError" => Answer::Borrowed("COLLABORATOR_LIMIT_REACHED"),
            "TeamOrganizationRoleError" => Answer::Borrowed("TEAM_NOT_IN_ORGANIZATION"),
            "UserOrganizationRoleError" => Answer::Borrowed("NOT_ORGANIZATION_MEMBER"),
            "ExpectedPremiumUserError" => Answer::Borrowed("PREMIUM_REQUIRED"),
            _ => return None,
        })
    }
}

impl CleanMember<'_> {
    /// Whether nothing but the limit could be in the way.
    fn is_free(&self) -> bool {
        let known_role = matches!(self.role, "admin" | "creator" | "member");
        known_role && self.known.people.contains(self.member) && !self.known.belongs(self.organization, self.member)
    }

    /// The first refusal of a new member in the order: role, person, owner, duplicate, limit.
    fn answer(&self) -> Answer {
        let Some(facts) = self.known.organizations.get(self.organization) else { return REFUSED };
        Answer::Borrowed(if !matches!(self.role, "admin" | "creator" | "member") || self.member.starts_with('@') {
            "INVALID_FIELD"
        } else if !self.known.people.contains(self.member) {
            "NOT_A_PERSON"
        } else if facts.owner == self.member {
            "OWNER_CANNOT_BE_MEMBER"
        } else if facts.members.contains_key(self.member) {
            "ALREADY_MEMBER"
        } else if facts.is_full() {
            "MEMBER_LIMIT_REACHED"
        } else {
            "ok"
        })
    }
}
