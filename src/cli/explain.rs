//! `rolegate explain`: why a running service answers as it does, for people.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;
use comfy_table::{Table, presets};

use super::ask::{ServerOptions, explain};
use super::output::{self, Asked, moment, origin, role};
use crate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use crate::grpc::v1::{
    CheckRequest, CheckResponse, DecisionReason, ExplainRequest, ExplainResponse, OriginExplanation, OriginStanding,
    ProjectRole, Resolution, Step, StepKind,
};

#[derive(Debug, Clone, Args)]
pub(super) struct ExplainOptions {
    /// The username; empty ('') asks for an anonymous visitor.
    user: String,

    /// The project: its UUID, or owner/name.
    project: String,

    /// The action: view_project, delete_files, …
    action: String,

    #[command(flatten)]
    server: ServerOptions,
}

pub(super) async fn run(options: &ExplainOptions) -> Result<ExitCode, Box<dyn Error>> {
    let mut client = AuthorizationServiceClient::new(options.server.connect().await?);
    let (user, project, action) = (options.user.clone(), options.project.clone(), options.action.clone());
    let request = ExplainRequest { user, project, action, consistency: None };
    let answer = client.explain(request.clone()).await.map_err(|status| explain(&status))?.into_inner();
    if options.server.json {
        println!("{:#}", json(&request, &answer));
    } else {
        print(&request, &answer);
    }
    Ok(ExitCode::from(u8::from(!answer.allowed)))
}

fn print(request: &ExplainRequest, answer: &ExplainResponse) {
    let ExplainRequest { user, project, action, .. } = request;
    let user = if user.is_empty() { "an anonymous visitor" } else { user };
    println!("{user} {} {action} on {project}: {}.", if answer.allowed { "may" } else { "may not" }, verdict(answer));
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["origin", "gives", "until", "why"]);
    for finding in &answer.origins {
        let until = finding.expires_at.and_then(moment).map(|end| end.to_string()).unwrap_or_default();
        table.add_row([origin(finding.origin()), role(finding.role()), until, why(finding, answer.resolution())]);
    }
    println!("{table}");
    match answer.alternatives.as_slice() {
        [] => {}
        alternatives => {
            println!("Any one of these would allow it:");
            for alternative in alternatives {
                let steps: Vec<String> = alternative.steps.iter().map(|step| sentence(step, request)).collect();
                println!("  - {}", steps.join(", and "));
            }
        }
    }
}

/// The decision in a clause.
fn verdict(answer: &ExplainResponse) -> String {
    let required = role(answer.required_role());
    let held = match answer.role() {
        ProjectRole::Unspecified => "holds no role there".to_owned(),
        held => format!("holds {} through {}", role(held), origin(answer.origin())),
    };
    match answer.reason() {
        DecisionReason::Unspecified => String::new(),
        DecisionReason::Granted => format!("it {held}, and {required} suffices"),
        DecisionReason::Anonymous => "only registered users hold roles".to_owned(),
        DecisionReason::UserNotFound => "there is no such user".to_owned(),
        DecisionReason::UserInactive => "the user is not active".to_owned(),
        DecisionReason::ProjectNotFound => "there is no such project".to_owned(),
        DecisionReason::OrganizationNotFound | DecisionReason::AccountNotFound => "there is no such account".to_owned(),
        DecisionReason::NoRole | DecisionReason::RoleTooLow if required.is_empty() => {
            format!("it {held}, and no role would do")
        }
        DecisionReason::NoRole | DecisionReason::RoleTooLow => format!("it {held}, and {required} is needed"),
        DecisionReason::TemplateProject => "never possible on a template project".to_owned(),
        DecisionReason::RestrictedProjectFiles => {
            format!("it {held}, and {required} is needed as the project's files are restricted")
        }
        DecisionReason::OverLimit => "the project has more collaborators than its owner's plan allows".to_owned(),
    }
}

fn why(finding: &OriginExplanation, resolution: Resolution) -> String {
    let through =
        if finding.teams.is_empty() { String::new() } else { format!(" (through {})", finding.teams.join(", ")) };
    let standing = match finding.standing() {
        OriginStanding::Unspecified => "",
        OriginStanding::Wins => "wins",
        OriginStanding::LowerRole => "lower than the one that wins",
        OriginStanding::LaterOrigin if resolution == Resolution::FirstOrigin => {
            "the first origin that gives a role wins"
        }
        OriginStanding::LaterOrigin => "the same role, from a later origin",
        OriginStanding::Nobody => "user or project is not there, or the user not active",
        OriginStanding::NotOwner => "does not own it",
        OriginStanding::NoOrganization => "no organization owns the project",
        OriginStanding::NotAdmin => "is no admin of the organization",
        OriginStanding::NotAdded => "was not added",
        OriginStanding::Ended => "the grant has ended",
        OriginStanding::NotMember => "is none of the organization's plain members",
        OriginStanding::NoDefaultRole => "the organization sets no default role",
        OriginStanding::NotPublic => "the project is private",
    };
    format!("{standing}{through}")
}

/// What to do, as somebody would be told to.
fn sentence(step: &Step, request: &ExplainRequest) -> String {
    let (subject, given) = (&step.subject, role(step.role()));
    let ExplainRequest { user, project, .. } = request;
    match step.kind() {
        StepKind::Unspecified => String::new(),
        StepKind::ActivateUser => format!("make {subject} active"),
        StepKind::UnsetTemplate => format!("let {subject} be no template"),
        StepKind::LiftFileRestriction => format!("lift the restriction of project files on {subject}"),
        StepKind::KeepCollaboratorLimit => format!("bring {subject} within its owner's collaborator limit"),
        StepKind::AddMember => format!("make {subject} a member of the organization"),
        StepKind::GiveCollaboratorRole => format!("give {subject} the role {given} on {project}"),
        StepKind::GiveTeamRole => format!("give {subject} the role {given} on {project}"),
        StepKind::SetDefaultProjectRole => format!("give all members of {subject} the role {given} by default"),
        StepKind::MakePublic => format!("make {subject} public"),
        StepKind::MakeOrganizationAdmin => format!("make {subject} an admin of the organization"),
        StepKind::TransferProject => format!("transfer {subject} to {user}"),
        StepKind::TransferOrganization => format!("transfer the organization {subject} to {user}"),
    }
}

/// The same as for a check, and what led to it.
fn json(request: &ExplainRequest, answer: &ExplainResponse) -> serde_json::Value {
    let mut object = output::json(&asked(request, answer));
    let lower = |name: &'static str, prefix| name.trim_start_matches(prefix).to_lowercase();
    let origins = answer.origins.iter().map(|finding| {
        serde_json::json!({
            "origin": origin(finding.origin()),
            "role": role(finding.role()),
            "expires_at": finding.expires_at.and_then(moment),
            "standing": lower(finding.standing().as_str_name(), "ORIGIN_STANDING_"),
            "teams": finding.teams,
        })
    });
    let step = |step: &Step| {
        serde_json::json!({
            "kind": lower(step.kind().as_str_name(), "STEP_KIND_"),
            "subject": step.subject,
            "role": role(step.role()),
            "origin": origin(step.origin()),
        })
    };
    let alternatives = answer.alternatives.iter().map(|one| one.steps.iter().map(step).collect::<Vec<_>>());
    if let Some(fields) = object.as_object_mut() {
        fields.insert("resolution".into(), lower(answer.resolution().as_str_name(), "RESOLUTION_").into());
        fields.insert("origins".into(), origins.collect());
        fields.insert("alternatives".into(), serde_json::json!(alternatives.collect::<Vec<_>>()));
    }
    object
}

/// The check that is explained.
fn asked(request: &ExplainRequest, answer: &ExplainResponse) -> Asked {
    let ExplainRequest { user, project, action, .. } = request.clone();
    Asked {
        request: CheckRequest { user, project, action, consistency: None },
        answer: CheckResponse {
            allowed: answer.allowed,
            role: answer.role,
            origin: answer.origin,
            required_role: answer.required_role,
            reason: answer.reason,
            over_limit: answer.over_limit,
            expires_at: answer.expires_at,
            revision: answer.revision.clone(),
            stale: false,
        },
    }
}
