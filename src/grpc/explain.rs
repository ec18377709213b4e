//! `Explain`: why a check is answered as it is, on the wire.

use tokio::time::Instant;
use tonic::Status;

use super::decisions::At;
use super::v1::{self, Alternative, ExplainRequest, ExplainResponse, OriginExplanation, OriginStanding, StepKind};
use super::{Services, decisions, fields, questions, resources, revision};
use crate::access::{Access, ExplainQuestion, Explained};
use crate::domain::explain::{Finding, Standing};
use crate::domain::policy::Resolution;
use crate::domain::remedy::Step;

impl Services {
    pub(super) async fn explain_check(
        &self,
        access: &Access,
        request: ExplainRequest,
        deadline: Instant,
    ) -> Result<ExplainResponse, Status> {
        let question = ExplainQuestion {
            user: fields::optional_username("user", &request.user)?,
            project: fields::project("project", &request.project)?,
            rule: *questions::project_action(&self.inner.policy, &request.action)?,
        };
        let wanted = self.be_as_fresh(request.consistency.as_ref(), || deadline).await?;
        let explained = self.read(deadline, access.until(deadline.into_std()).explain(&question)).await?;
        wanted.met_by(explained.token)?;
        Ok(response(&explained))
    }
}

fn response(explained: &Explained) -> ExplainResponse {
    let decision = decisions::project(&explained.decision, At::default());
    let resolution = match explained.resolution {
        Resolution::Highest => v1::Resolution::Highest,
        Resolution::FirstOrigin => v1::Resolution::FirstOrigin,
    };
    let remedies = explained.remedies.iter();
    ExplainResponse {
        allowed: decision.allowed,
        role: decision.role,
        origin: decision.origin,
        required_role: decision.required_role,
        reason: decision.reason,
        over_limit: decision.over_limit,
        expires_at: decision.expires_at,
        resolution: resolution.into(),
        origins: explained.origins.iter().map(|finding| origin(finding, explained)).collect(),
        alternatives: remedies.map(|steps| Alternative { steps: steps.iter().map(step).collect() }).collect(),
        revision: revision::encode(explained.token),
    }
}

fn origin(finding: &Finding, explained: &Explained) -> OriginExplanation {
    let gives = explained.teams.iter().filter(|team| finding.teams.contains(&team.id));
    OriginExplanation {
        origin: resources::origin(finding.origin).into(),
        role: finding.held.map(|held| resources::project_role(held.role)).unwrap_or_default().into(),
        expires_at: finding.held.and_then(|held| decisions::end(held.ends_at)),
        standing: standing(finding.standing).into(),
        teams: gives.map(|team| team.path.clone()).collect(),
    }
}

fn standing(standing: Standing) -> OriginStanding {
    match standing {
        Standing::Wins => OriginStanding::Wins,
        Standing::LowerRole => OriginStanding::LowerRole,
        Standing::LaterOrigin => OriginStanding::LaterOrigin,
        Standing::Nobody => OriginStanding::Nobody,
        Standing::NotOwner => OriginStanding::NotOwner,
        Standing::NoOrganization => OriginStanding::NoOrganization,
        Standing::NotAdmin => OriginStanding::NotAdmin,
        Standing::NotAdded => OriginStanding::NotAdded,
        Standing::Ended => OriginStanding::Ended,
        Standing::NotMember => OriginStanding::NotMember,
        Standing::NoDefaultRole => OriginStanding::NoDefaultRole,
        Standing::NotPublic => OriginStanding::NotPublic,
    }
}

fn step((step, subject): &(Step, String)) -> v1::Step {
    let kind = match step {
        Step::ActivateUser => StepKind::ActivateUser,
        Step::UnsetTemplate => StepKind::UnsetTemplate,
        Step::LiftFileRestriction => StepKind::LiftFileRestriction,
        Step::KeepCollaboratorLimit => StepKind::KeepCollaboratorLimit,
        Step::AddMember => StepKind::AddMember,
        Step::GiveCollaboratorRole(_) => StepKind::GiveCollaboratorRole,
        Step::GiveTeamRole(_, _) => StepKind::GiveTeamRole,
        Step::SetDefaultProjectRole(_) => StepKind::SetDefaultProjectRole,
        Step::MakePublic => StepKind::MakePublic,
        Step::MakeOrganizationAdmin => StepKind::MakeOrganizationAdmin,
        Step::TransferProject => StepKind::TransferProject,
        Step::TransferOrganization => StepKind::TransferOrganization,
    };
    let gives = step.gives();
    v1::Step {
        kind: kind.into(),
        subject: subject.clone(),
        role: gives.map(|(role, _)| resources::project_level(role)).unwrap_or_default().into(),
        origin: gives.map(|(_, origin)| resources::origin(origin)).unwrap_or_default().into(),
    }
}
