//! Plans: their rows, and pages of them.

use tokio_postgres::Row;

use super::database::Client;
use super::error::StoreError;
use super::rows::{execute, limit, query, query_one, query_opt};
use crate::domain::ids::PlanId;
use crate::domain::records::Plan;
use crate::domain::rules::PlanRules;

macro_rules! select_plans {
    ($name:literal, $rest:literal) => {
        concat!(
            "-- ",
            $name,
            "
            SELECT id, code, premium, collaborator_limit, member_limit, personal_projects_up_to_reporter FROM plan ",
            $rest
        )
    };
}

/// A plan by code.
pub async fn by_code(client: &Client, code: &str) -> Result<Option<Plan>, StoreError> {
    const SQL: &str = select_plans!("plan_by_code", "WHERE code = $1");
    Ok(query_opt(client, SQL, &[&code]).await?.map(|row| plan(&row, 0)))
}

/// A plan by code, kept from being deleted until the transaction ends.
pub async fn hold_by_code(client: &Client, code: &str) -> Result<Option<Plan>, StoreError> {
    const SQL: &str = select_plans!("hold_plan_by_code", "WHERE code = $1 FOR KEY SHARE");
    Ok(query_opt(client, SQL, &[&code]).await?.map(|row| plan(&row, 0)))
}

/// A plan by code, locked so that writes of it come one after the other.
pub async fn lock_by_code(client: &Client, code: &str) -> Result<Option<Plan>, StoreError> {
    const SQL: &str = select_plans!("lock_plan_by_code", "WHERE code = $1 FOR NO KEY UPDATE");
    Ok(query_opt(client, SQL, &[&code]).await?.map(|row| plan(&row, 0)))
}

/// A page of plans, by code.
pub async fn page(client: &Client, after: &str, size: i64) -> Result<Vec<Plan>, StoreError> {
    const SQL: &str = select_plans!("plans_page", "WHERE code > $1 ORDER BY code LIMIT $2");
    Ok(query(client, SQL, &[&after, &size]).await?.iter().map(|row| plan(row, 0)).collect())
}

/// Creates a plan, or replaces the one of that code; says whether it is new.
pub async fn put(client: &Client, code: &str, rules: &PlanRules) -> Result<(PlanId, bool), StoreError> {
    const SQL: &str = "-- put_plan
        INSERT INTO plan (code, premium, collaborator_limit, member_limit, personal_projects_up_to_reporter)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (code) DO UPDATE SET premium = $2, collaborator_limit = $3, member_limit = $4,
            personal_projects_up_to_reporter = $5
        RETURNING id, xmax = 0";
    let stored = |limit: Option<u32>| limit.and_then(|limit| i32::try_from(limit).ok());
    let (collaborators, members) = (stored(rules.collaborator_limit), stored(rules.member_limit));
    let capped = rules.personal_projects_up_to_reporter;
    let row = query_one(client, SQL, &[&code, &rules.premium, &collaborators, &members, &capped]).await?;
    Ok((PlanId(row.get(0)), row.get(1)))
}

/// Deletes a plan.
///
/// # Errors
/// The constraint `account_plan_fk` where an account is on it.
pub async fn delete(client: &Client, plan: PlanId) -> Result<(), StoreError> {
    const SQL: &str = "-- delete_plan
        DELETE FROM plan WHERE id = $1";
    execute(client, SQL, &[&plan.0]).await?;
    Ok(())
}

pub(super) fn plan(row: &Row, first: usize) -> Plan {
    Plan {
        id: PlanId(row.get(first)),
        code: row.get(first + 1),
        rules: PlanRules {
            premium: row.get(first + 2),
            collaborator_limit: limit(row.get(first + 3)),
            member_limit: limit(row.get(first + 4)),
            personal_projects_up_to_reporter: row.get(first + 5),
        },
    }
}
