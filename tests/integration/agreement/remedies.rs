//! What an explanation says would help, done through the write API: then it is allowed.

use prost_types::FieldMask;
use rolegate::grpc::v1::{
    AddMemberRequest, Alternative, CollaboratorServiceAddRequest, CollaboratorServiceUpdateRequest, DecisionReason,
    OrganizationRole, OrganizationServiceTransferRequest, OrganizationServiceUpdateRequest, Plan,
    PlanServicePutRequest, ProjectServiceTransferRequest, ProjectServiceUpdateRequest, Step, StepKind,
    UpdateMemberRequest, UserServiceUpdateRequest,
};
use tonic::Status;

use super::{Agreement, Dice, Names, explained};
use crate::support::reason;

/// What a write may answer that an explanation does not look at.
const LIMITS: [&str; 5] = [
    "COLLABORATOR_LIMIT_REACHED",
    "MEMBER_LIMIT_REACHED",
    "PREMIUM_REQUIRED",
    "ROLE_NOT_ALLOWED_ON_PERSONAL_PROJECT",
    "PROJECT_NAME_TAKEN",
];

/// What the steps are about.
struct Place {
    project: String,
    owner: String,
    plan: String,
    user: String,
}

impl Agreement<'_> {
    /// Asks why something is denied, and does one of the things that would allow it. Returns the kinds of steps that were
    /// taken, where all of them were.
    pub async fn on_a_remedy(self, names: &Names, dice: &mut Dice) -> Result<Vec<StepKind>, String> {
        let mut request = explained::draw(names, dice);
        for _ in 0..20 {
            // most of what is drawn is allowed, or about nobody and nothing
            let glance = self.service.authorization().explain(request.clone()).await.unwrap().into_inner();
            if !glance.alternatives.is_empty() {
                break;
            }
            request = explained::draw(names, dice);
        }
        let explained = self.explain(&request).await?;
        // a role that is about to end may do so between the question and the check
        if explained.alternatives.is_empty() || explained.expires_at.is_some() {
            return Ok(Vec::new());
        }
        let alternative = dice.one(&explained.alternatives);
        let place = self.place(&request.project, &request.user).await;
        let taken = format!("{request:?} by {alternative:?}");
        if !self.take(&place, &alternative).await.map_err(|status| format!("{taken}: {status:?}"))? {
            return Ok(Vec::new());
        }
        let answer = self.service.check(&request.user, &place.project, &request.action).await;
        let answer = answer.map_err(|status| format!("{taken}: {status:?}"))?;
        // a plan's limits are not looked at: one more may be one too many
        if !answer.allowed && answer.reason() != DecisionReason::OverLimit {
            return Err(format!("{taken}\n then answered {answer:?}"));
        }
        Ok(alternative.steps.iter().map(Step::kind).collect())
    }

    async fn place(self, project: &str, user: &str) -> Place {
        let sql = "SELECT project.id::text, owner.username, plan.code
                   FROM project JOIN account AS owner ON owner.id = project.owner_id JOIN plan ON plan.id = owner.plan_id
                   WHERE project.id::text = $1 OR owner.username_key || '/' || project.name = $2";
        let path = project.split_once('/').map(|(owner, name)| format!("{}/{name}", owner.to_lowercase()));
        let row = self.client.query_one(sql, &[&project, &path]).await.unwrap();
        Place { project: row.get(0), owner: row.get(1), plan: row.get(2), user: user.to_owned() }
    }

    /// Takes the steps in their order; `false` where a limit forbids one.
    async fn take(self, place: &Place, alternative: &Alternative) -> Result<bool, Status> {
        for step in &alternative.steps {
            match self.take_one(place, step).await {
                Ok(()) => {}
                Err(status) if LIMITS.contains(&reason(&status).as_str()) => return Ok(false),
                Err(status) => return Err(status),
            }
        }
        Ok(true)
    }

    async fn take_one(self, place: &Place, step: &Step) -> Result<(), Status> {
        let (service, subject) = (self.service, step.subject.clone());
        match step.kind() {
            StepKind::Unspecified => return Err(Status::internal("a step of no kind")),
            StepKind::ActivateUser => {
                let update_mask = mask(&["active"]);
                let request =
                    UserServiceUpdateRequest { username: subject, update_mask, active: true, ..Default::default() };
                service.users().update(request).await?;
            }
            StepKind::UnsetTemplate => self.update(subject, "template", false).await?,
            StepKind::LiftFileRestriction => self.update(subject, "restricted_project_files", false).await?,
            StepKind::MakePublic => self.update(subject, "public", true).await?,
            StepKind::KeepCollaboratorLimit => {
                let plan = Plan {
                    code: place.plan.clone(),
                    premium: true,
                    max_collaborators_per_private_project: -1,
                    max_organization_members: -1,
                    personal_projects_up_to_reporter: false,
                    etag: String::new(),
                };
                service.plans().put(PlanServicePutRequest { plan: Some(plan), ..Default::default() }).await?;
            }
            StepKind::AddMember => {
                service.add_member(&place.owner, &subject, OrganizationRole::Member).await?;
            }
            StepKind::MakeOrganizationAdmin => self.make_admin(place, subject).await?,
            StepKind::GiveCollaboratorRole | StepKind::GiveTeamRole => self.give(place, step).await?,
            StepKind::SetDefaultProjectRole => {
                let (update_mask, role) = (mask(&["default_project_role"]), step.role);
                let request = OrganizationServiceUpdateRequest {
                    username: subject,
                    update_mask,
                    default_project_role: role,
                    ..Default::default()
                };
                service.organizations().update(request).await?;
            }
            StepKind::TransferProject => {
                let new_owner = place.user.clone();
                let request = ProjectServiceTransferRequest { project: subject, new_owner, ..Default::default() };
                service.projects().transfer(request).await?;
            }
            StepKind::TransferOrganization => {
                let new_owner = place.user.clone();
                let request = OrganizationServiceTransferRequest { username: subject, new_owner, ..Default::default() };
                service.organizations().transfer(request).await?;
            }
        }
        Ok(())
    }

    async fn update(self, project: String, field: &str, value: bool) -> Result<(), Status> {
        let request = ProjectServiceUpdateRequest {
            project,
            update_mask: mask(&[field]),
            public: value,
            restricted_project_files: value,
            template: value,
            ..Default::default()
        };
        self.service.projects().update(request).await.map(drop)
    }

    async fn make_admin(self, place: &Place, user: String) -> Result<(), Status> {
        let (organization, role) = (place.owner.clone(), OrganizationRole::Admin.into());
        let request = AddMemberRequest {
            organization: organization.clone(),
            user: user.clone(),
            role,
            public: true,
            ..Default::default()
        };
        match self.service.organizations().add_member(request).await {
            Err(status) if reason(&status) == "ALREADY_MEMBER" => {
                let request = UpdateMemberRequest {
                    organization,
                    user,
                    update_mask: mask(&["role"]),
                    role,
                    ..Default::default()
                };
                self.service.organizations().update_member(request).await.map(drop)
            }
            added => added.map(drop),
        }
    }

    /// Adds somebody, or changes the role and lets it last.
    async fn give(self, place: &Place, step: &Step) -> Result<(), Status> {
        let (project, collaborator, role) = (place.project.clone(), step.subject.clone(), step.role);
        let request = CollaboratorServiceAddRequest {
            project: project.clone(),
            collaborator: collaborator.clone(),
            role,
            ..Default::default()
        };
        match self.service.collaborators().add(request).await {
            Err(status) if reason(&status) == "ALREADY_COLLABORATOR" => {
                let update_mask = mask(&["role", "expires_at"]);
                let request =
                    CollaboratorServiceUpdateRequest { project, collaborator, update_mask, role, ..Default::default() };
                self.service.collaborators().update(request).await.map(drop)
            }
            added => added.map(drop),
        }
    }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}
