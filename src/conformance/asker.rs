//! Asks many questions in few calls, and compares the answers.

use tonic::transport::Channel;

use super::question::{Answer, NONE, Question, bit};
use super::tally::{Case, Section, Tally};
use super::{ConformanceError, Resolution};
use crate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use crate::grpc::v1::check_item::Object;
use crate::grpc::v1::check_result::Result as Checked;
use crate::grpc::v1::{
    BatchCheckRequest, CheckItem, CheckResponse, CheckResult, DecisionReason, ExplainRequest, OrganizationLevel,
    Origin, ProjectRole,
};

/// How many questions the service takes in one call.
const BATCH: usize = 1000;

/// What is compared of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Whether it is allowed.
    Allowed,
    /// Whether any role is held.
    AnyRole,
    /// The role with its origin.
    Role,
    /// Whether the project is within its limit.
    Valid,
    /// What the user is to the organization.
    Level,
}

/// One question, and what the real system answered.
pub(super) struct Ask<'a> {
    pub section: Section,
    pub user: &'a str,
    pub object: Object,
    /// The object as the world calls it.
    pub name: &'a str,
    pub function: &'a str,
    pub action: &'static str,
    pub part: Part,
    pub question: Question<'a>,
    pub real: Answer,
}

/// Collects questions until there are enough for a call.
pub(super) struct Asker<'a, 't> {
    client: AuthorizationServiceClient<Channel>,
    resolution: Resolution,
    waiting: Vec<Ask<'a>>,
    pub tally: &'t mut Tally,
}

impl<'a, 't> Asker<'a, 't> {
    pub fn new(channel: Channel, resolution: Resolution, tally: &'t mut Tally) -> Self {
        let client = AuthorizationServiceClient::new(channel);
        Self { client, resolution, waiting: Vec::new(), tally }
    }

    /// Where its answers are counted.
    pub fn place(&self, section: Section) -> (Option<Resolution>, Section) {
        (Some(self.resolution), section)
    }

    /// Takes a question; it may be asked later.
    pub async fn ask(&mut self, ask: Ask<'a>) -> Result<(), ConformanceError> {
        self.waiting.push(ask);
        if self.waiting.len() < BATCH { Ok(()) } else { self.finish().await }
    }

    /// Asks what waits.
    pub async fn finish(&mut self) -> Result<(), ConformanceError> {
        let asks = std::mem::take(&mut self.waiting);
        if asks.is_empty() {
            return Ok(());
        }
        let checks = asks.iter().map(|ask| CheckItem {
            user: ask.user.to_owned(),
            object: Some(ask.object.clone()),
            action: ask.action.to_owned(),
        });
        let request = BatchCheckRequest { checks: checks.collect(), consistency: None };
        let results = self.client.batch_check(request).await?.into_inner().results;
        if results.len() != asks.len() {
            return Err(ConformanceError::Data(format!("{} questions, {} answers", asks.len(), results.len())));
        }
        for (ask, result) in asks.iter().zip(results) {
            let (place, got) = ((Some(self.resolution), ask.section), part(ask.part, &result));
            let Some(expected) = self.tally.judge(place, &ask.question, &ask.real, &got) else { continue };
            let explanation = self.explain(ask, &result).await?;
            let action = format!("{} ({})", ask.function, ask.action);
            let (user, object) = (ask.user, ask.name);
            let case = Case { place, user, object, action: &action, explanation: &explanation };
            self.tally.disagree(&case, &expected, &got);
        }
        Ok(())
    }

    /// Why rolegate answered as it did.
    async fn explain(&mut self, ask: &Ask<'_>, result: &CheckResult) -> Result<String, ConformanceError> {
        let Object::Project(project) = &ask.object else { return Ok(said(result)) };
        let request = ExplainRequest {
            user: ask.user.to_owned(),
            project: project.clone(),
            action: ask.action.to_owned(),
            consistency: None,
        };
        let explained = self.client.explain(request).await?.into_inner();
        let gives = |origin: &crate::grpc::v1::OriginExplanation| {
            let standing = origin.standing().as_str_name().trim_start_matches("ORIGIN_STANDING_").to_lowercase();
            let role = role_name(origin.role());
            (!role.is_empty()).then(|| format!("{} {role}: {standing}", origin_name(origin.origin())))
        };
        let origins: Vec<String> = explained.origins.iter().filter_map(gives).collect();
        Ok(format!("{}; {}", said(result), origins.join(", ")))
    }
}

/// The part of an answer that is compared.
fn part(part: Part, result: &CheckResult) -> Answer {
    match (&result.result, part) {
        (Some(Checked::Project(answer)), Part::Allowed) => bit(answer.allowed),
        (Some(Checked::Project(answer)), Part::AnyRole) => bit(answer.role() != ProjectRole::Unspecified),
        (Some(Checked::Project(answer)), Part::Valid) => bit(!answer.over_limit),
        (Some(Checked::Project(answer)), Part::Role) => held(answer),
        (Some(Checked::Organization(answer)), Part::Allowed) => bit(answer.allowed),
        (Some(Checked::Organization(answer)), Part::Level) => match answer.level() {
            OrganizationLevel::Unspecified => NONE,
            level => Answer::Owned(level.as_str_name().trim_start_matches("ORGANIZATION_LEVEL_").to_lowercase()),
        },
        (Some(Checked::Account(answer)), Part::Allowed) => bit(answer.allowed),
        (Some(Checked::Error(error)), _) => Answer::Owned(format!("error {}: {}", error.code, error.message)),
        _ => Answer::Borrowed("no answer"),
    }
}

fn held(answer: &CheckResponse) -> Answer {
    match answer.role() {
        ProjectRole::Unspecified => NONE,
        role => Answer::Owned(format!("{} as {}", role_name(role), origin_name(answer.origin()))),
    }
}

/// The reason in an answer.
fn said(result: &CheckResult) -> String {
    let reason = match &result.result {
        Some(Checked::Project(answer)) => answer.reason(),
        Some(Checked::Organization(answer)) => answer.reason(),
        Some(Checked::Account(answer)) => answer.reason(),
        Some(Checked::Error(error)) => return error.message.clone(),
        None => DecisionReason::Unspecified,
    };
    reason.as_str_name().trim_start_matches("DECISION_REASON_").to_owned()
}

fn role_name(role: ProjectRole) -> String {
    match role {
        ProjectRole::Unspecified => String::new(),
        role => role.as_str_name().trim_start_matches("PROJECT_ROLE_").to_lowercase(),
    }
}

fn origin_name(origin: Origin) -> String {
    origin.as_str_name().trim_start_matches("ORIGIN_").to_lowercase()
}
