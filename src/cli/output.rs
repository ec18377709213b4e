//! Answers as people and programs read them.

use comfy_table::{Table, presets};
use jiff::Timestamp;

use crate::grpc::v1::{CheckRequest, CheckResponse, DecisionReason, Origin, ProjectRole};

/// A question with its answer.
pub(super) struct Asked {
    pub request: CheckRequest,
    pub answer: CheckResponse,
}

/// A table of answers.
pub(super) fn table(rows: &[Asked]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["user", "project", "action", "allowed", "role", "origin", "why"]);
    for Asked { request, answer } in rows {
        let user = if request.user.is_empty() { "(anonymous)" } else { &request.user };
        let allowed = if answer.allowed { "yes" } else { "no" };
        let (role, origin) = (role(answer.role()), origin(answer.origin()));
        table.add_row([user, &request.project, &request.action, allowed, &role, &origin, &why(answer)]);
    }
    table
}

/// One answer as a JSON object.
pub(super) fn json(asked: &Asked) -> serde_json::Value {
    let Asked { request, answer } = asked;
    let expires_at = answer.expires_at.and_then(moment);
    serde_json::json!({
        "user": request.user,
        "project": request.project,
        "action": request.action,
        "allowed": answer.allowed,
        "role": role(answer.role()),
        "origin": origin(answer.origin()),
        "required_role": role(answer.required_role()),
        "reason": reason(answer.reason()),
        "over_limit": answer.over_limit,
        "expires_at": expires_at,
        "revision": answer.revision,
        "stale": answer.stale,
    })
}

fn why(answer: &CheckResponse) -> String {
    let reason = reason(answer.reason());
    let limit = if answer.over_limit { ", over its limit" } else { "" };
    let stale = if answer.stale { ", stale" } else { "" };
    match role(answer.required_role()).as_str() {
        "" => format!("{reason}{limit}{stale}"),
        required => format!("{reason}, needs {required}{limit}{stale}"),
    }
}

/// A moment as it is on the wire.
pub(super) fn moment(time: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

pub(super) fn role(role: ProjectRole) -> String {
    short(role.as_str_name(), "PROJECT_ROLE_").to_lowercase()
}

pub(super) fn origin(origin: Origin) -> String {
    short(origin.as_str_name(), "ORIGIN_").to_lowercase()
}

fn reason(reason: DecisionReason) -> &'static str {
    short(reason.as_str_name(), "DECISION_REASON_")
}

/// The name of an enum value without what all of them begin with; empty for the one that says nothing.
fn short(name: &'static str, prefix: &str) -> &'static str {
    match name.trim_start_matches(prefix) {
        "UNSPECIFIED" => "",
        name => name,
    }
}
