//! Grants that reach their end: which is next, and that the log has it.

use std::time::Duration;

use jiff::Timestamp;

use super::database::Client;
use super::error::StoreError;
use super::rows::{execute, query_opt};
use crate::domain::ids::{AccountId, ProjectId, TeamId};
use crate::domain::records::Subject;

/// The next end that the log does not have.
#[derive(Debug, Clone, Copy)]
pub struct NextExpiry {
    /// On which project.
    pub project: ProjectId,
    /// Whose.
    pub subject: Subject,
    /// How long until then, by the database's clock; `None` once it has come.
    pub remaining: Option<Duration>,
}

/// Finds the grant whose end is the first that the log does not have.
pub async fn next(client: &Client) -> Result<Option<NextExpiry>, StoreError> {
    const SQL: &str = "-- next_expiry
        SELECT project_id, user_id, team_id, expires_at, clock_timestamp() FROM collaborator
        WHERE expires_at IS NOT NULL AND NOT expiry_logged
        ORDER BY expires_at, project_id, user_id, team_id LIMIT 1";
    let Some(row) = query_opt(client, SQL, &[]).await? else { return Ok(None) };
    let (end, now): (Timestamp, Timestamp) = (row.get(3), row.get(4));
    let user = row.get::<_, Option<i64>>(1).map(|user| Subject::User(AccountId(user)));
    let team = row.get::<_, Option<i64>>(2).map(|team| Subject::Team(TeamId(team)));
    Ok(Some(NextExpiry {
        project: ProjectId(row.get(0)),
        subject: user.or(team).ok_or_else(|| StoreError::unreadable("collaborator", "nobody"))?,
        remaining: (end > now).then(|| Duration::try_from(end.duration_since(now)).unwrap_or_default()),
    }))
}

/// Notes that the log has the end of a grant. `false` where it has it already, or where the grant has no end that has come:
/// decided under the lock of the row, so that one of several who note it does.
pub async fn note(client: &Client, project: ProjectId, subject: Subject) -> Result<bool, StoreError> {
    const SQL: &str = "-- note_expiry
        UPDATE collaborator SET expiry_logged = true
        WHERE project_id = $1 AND (user_id = $2 OR team_id = $3)
            AND NOT expiry_logged AND expires_at <= clock_timestamp()";
    let (user, team) = subject.columns();
    Ok(execute(client, SQL, &[&project.0, &user, &team]).await? > 0)
}
