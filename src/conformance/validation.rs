//! What the real system says of rows that would be written, against writes with `validate_only`.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::api::{Api, Mode, Outcome};
use super::decided::{Clean, CleanMode, CleanResult, CleanRow};
use super::limits::Limits;
use super::question::{Answer, Candidate, CleanMember, Known, OK, Question, REFUSED};
use super::tally::{Case, Section, Tally};
use super::world::{Refusal, World};
use super::{ConformanceError, at};

/// Questions under way at a time.
const AT_ONCE: usize = 8;

/// What the rows of a world are validated with.
pub(super) struct Validation<'a> {
    pub world: &'a World,
    pub api: &'a Api,
    pub known: &'a Known<'a>,
    pub limits: Limits<'a>,
}

/// Whether somebody can become a member, by organization and name.
pub(super) type NewMembers<'a> = BTreeMap<(&'a str, &'a str), Answer>;

impl<'a> Validation<'a> {
    /// Asks about every candidate and every row.
    pub async fn ask(&self, tally: &mut Tally) -> Result<NewMembers<'a>, ConformanceError> {
        let decided = &self.world.decisions;
        for (project, letters) in decided.projects.iter().zip(&decided.check_can_become_collaborator) {
            self.collaborators(tally, project, letters).await?;
        }
        let new_members = self.members(tally).await?;
        for clean in &decided.clean {
            match &clean.row {
                CleanRow::ProjectCollaborator { project, collaborator, role } => {
                    self.clean_collaborator(tally, clean, (project, collaborator, role)).await?;
                }
                CleanRow::OrganizationMember { organization, member, role } => {
                    self.clean_member(tally, clean, (organization, member, role)).await?;
                }
                CleanRow::TeamMember { team, member } => self.clean_team_member(tally, clean, (team, member)).await?,
            }
        }
        Ok(new_members)
    }

    async fn collaborators(&self, tally: &mut Tally, project: &'a str, letters: &str) -> Result<(), ConformanceError> {
        let (decided, place) = (&self.world.decisions, (None, Section::NewCollaborator));
        let mut candidates = Vec::new();
        for (who, letter) in decided.candidates.iter().zip(letters.chars()) {
            let class = decided.can_become_collaborator_legend.get(&letter);
            let class = class.ok_or_else(|| ConformanceError::unknown(letter))?;
            if self.is_touched(project, who, class) {
                tally.leave_out(place, 1);
            } else {
                candidates.push(Candidate { known: self.known, project, who, class });
            }
        }
        let asked = stream::iter(candidates).map(|candidate| async move {
            let asked = self.api.add_collaborator((project, candidate.who, "reader"), false, Mode::ValidateOnly).await;
            asked.map(|asked| (candidate, asked))
        });
        let mut asked = asked.buffered(AT_ONCE);
        while let Some((candidate, asked)) = asked.try_next().await? {
            let real = candidate.answer().ok_or_else(|| ConformanceError::unknown(candidate.class))?;
            let (got, explanation) = said(asked);
            let action = "check_can_become_collaborator (Add)";
            let case = Case { place, user: candidate.who, object: project, action, explanation: &explanation };
            tally.compare(&case, &Question::NewCollaborator(candidate), &real, &got);
        }
        Ok(())
    }

    async fn members(&self, tally: &mut Tally) -> Result<NewMembers<'a>, ConformanceError> {
        let decided = &self.world.decisions;
        let mut new_members = NewMembers::new();
        for (organization, bits) in decided.organizations.iter().zip(&decided.can_become_member) {
            for (candidate, bit) in decided.candidates.iter().zip(bits.chars()) {
                let real = if bit == '1' { OK } else { REFUSED };
                let asked = self.api.add_member((organization, candidate, "member"), true, Mode::ValidateOnly).await?;
                let (answer, explanation) = said(asked);
                let got = if answer == OK { OK } else { REFUSED };
                let case = Case {
                    place: (None, Section::NewMember),
                    user: candidate,
                    object: organization,
                    action: "can_become_member (AddMember)",
                    explanation: &explanation,
                };
                tally.compare(&case, &Question::NewMember { known: self.known, organization, candidate }, &real, &got);
                new_members.insert((organization.as_str(), candidate.as_str()), got);
            }
        }
        Ok(new_members)
    }

    async fn clean_collaborator(
        &self,
        tally: &mut Tally,
        clean: &Clean,
        (project, who, role): (&'a str, &'a str, &'a str),
    ) -> Result<(), ConformanceError> {
        let place = (None, Section::Model);
        let class = self.class(project, who)?;
        if self.is_touched(project, who, class) {
            tally.leave_out(place, 1);
            return Ok(());
        }
        let asked = match clean.mode {
            CleanMode::Create => self.api.add_collaborator((project, who, role), false, Mode::ValidateOnly).await?,
            CleanMode::Update => self.api.set_collaborator_role((project, who, role), Mode::ValidateOnly).await?,
        };
        let real = self.real(clean, who)?;
        let allowed = clean.mode == CleanMode::Create && real == OK;
        let candidate = Candidate { known: self.known, project, who, class };
        let (got, explanation) = said(asked);
        let action = format!("ProjectCollaborator {} as {role}", clean.mode.name());
        let case = Case { place, user: who, object: project, action: &action, explanation: &explanation };
        tally.compare(&case, &Question::CleanCollaborator { candidate, allowed }, &real, &got);
        Ok(())
    }

    async fn clean_member(
        &self,
        tally: &mut Tally,
        clean: &Clean,
        (organization, member, role): (&'a str, &'a str, &'a str),
    ) -> Result<(), ConformanceError> {
        let is_new = clean.mode == CleanMode::Create;
        let row = (organization, member, role);
        let asked = if is_new {
            self.api.add_member(row, true, Mode::ValidateOnly).await?
        } else {
            self.api.set_member_role(row, Mode::ValidateOnly).await?
        };
        let (real, (got, explanation)) = (self.real(clean, member)?, said(asked));
        let action = format!("OrganizationMember {} as {role}", clean.mode.name());
        let place = (None, Section::Model);
        let case = Case { place, user: member, object: organization, action: &action, explanation: &explanation };
        let asked = CleanMember { known: self.known, organization, member, role, is_new, real: &real };
        tally.compare(&case, &Question::CleanMember(asked), &real, &got);
        Ok(())
    }

    async fn clean_team_member(
        &self,
        tally: &mut Tally,
        clean: &Clean,
        (team, member): (&'a str, &'a str),
    ) -> Result<(), ConformanceError> {
        let asked = self.api.add_team_member(team, member, Mode::ValidateOnly).await?;
        let (real, (got, explanation)) = (self.real(clean, member)?, said(asked));
        let place = (None, Section::Model);
        let case = Case { place, user: member, object: team, action: "TeamMember create", explanation: &explanation };
        tally.compare(&case, &Question::Plain, &real, &got);
        Ok(())
    }

    /// What the real model says, as rolegate calls it: of several refusals the first in the order of the permission model.
    fn real(&self, clean: &Clean, who: &str) -> Result<Answer, ConformanceError> {
        match &clean.result {
            CleanResult::Fine(word) if word == "ok" => Ok(OK),
            CleanResult::Fine(word) => Err(ConformanceError::unknown(word)),
            CleanResult::Refused(refusal) => reason(refusal, &clean.row, who),
        }
    }

    /// What `check_can_become_collaborator` says of a candidate.
    fn class(&self, project: &str, who: &str) -> Result<&'a str, ConformanceError> {
        let decided = &self.world.decisions;
        let row = decided.projects.iter().position(|name| name == project);
        let column = decided.candidates.iter().position(|name| name == who);
        let (Some(row), Some(column)) = (row, column) else { return Err(ConformanceError::unknown(who)) };
        let letter = at(&decided.check_can_become_collaborator, row)?.chars().nth(column);
        let class = letter.and_then(|letter| decided.can_become_collaborator_legend.get(&letter));
        class.map(String::as_str).ok_or_else(|| ConformanceError::unknown(who))
    }

    /// Whether a row that was left out has a part in the decision.
    fn is_touched(&self, project: &str, who: &str, class: &str) -> bool {
        let at_limit = class == "ReachedCollaboratorLimitError";
        self.limits.is_left_out(project, who) || (at_limit && self.limits.has_room_again(project))
    }
}

impl CleanMode {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

/// A refusal of the real system as rolegate calls it.
pub(super) fn reason(refusal: &Refusal, row: &CleanRow, who: &str) -> Result<Answer, ConformanceError> {
    if refusal.class == "ReachedMaxOrganizationMembersError" {
        return Ok(Answer::Borrowed("MEMBER_LIMIT_REACHED"));
    }
    let said = |field: &str, text: &str| {
        refusal.errors.get(field).is_some_and(|errors| errors.iter().any(|error| error == text))
    };
    let already = match row {
        CleanRow::ProjectCollaborator { .. } => "ALREADY_COLLABORATOR",
        CleanRow::OrganizationMember { .. } => "ALREADY_MEMBER",
        CleanRow::TeamMember { .. } => "ALREADY_TEAM_MEMBER",
    };
    // a team's name cannot be a member's
    let no_person = if who.starts_with('@') { "INVALID_FIELD" } else { "NOT_A_PERSON" };
    let in_order = [
        ("role", "invalid_choice", "INVALID_FIELD"),
        ("__all__", "Cannot add the project owner as a collaborator.", "OWNER_CANNOT_BE_COLLABORATOR"),
        ("collaborator", "invalid", no_person),
        ("member", "invalid", no_person),
        ("__all__", "Cannot add the organization owner as a member.", "OWNER_CANNOT_BE_MEMBER"),
        ("__all__", "unique_together", already),
        ("__all__", "Cannot add team member that is not an organization member.", "NOT_ORGANIZATION_MEMBER"),
        (
            "__all__",
            "Cannot add a user who is not a member of the organization as a project collaborator.",
            "NOT_ORGANIZATION_MEMBER",
        ),
        ("__all__", "Team does not exist.", "TEAM_NOT_IN_ORGANIZATION"),
    ];
    let first = in_order.into_iter().find(|(field, text, _)| said(field, text));
    let first = first.map(|(_, _, reason)| Answer::Borrowed(reason));
    first.ok_or_else(|| ConformanceError::Data(format!("{refusal:?} is no refusal that is known")))
}

/// What rolegate said, and how it put it.
pub(super) fn said(outcome: Outcome) -> (Answer, String) {
    match outcome {
        Ok(()) => (OK, String::new()),
        Err(refused) => (Answer::Owned(refused.reason), refused.message),
    }
}
