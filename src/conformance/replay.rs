//! The events of a world, replayed through the API: is each refused as the real system did, and is its whole effect the same?

use std::collections::BTreeSet;

use tonic::Status;

use super::align::align;
use super::api::{Api, Mode, Outcome};
use super::decided::CleanRow;
use super::question::{Answer, EventQuestion, GONE, Known, OK, Question, THERE};
use super::rows::{Row, Rows, left_out, rows};
use super::tally::{Case, Section, Tally};
use super::validation::{reason, said};
use super::world::{Event, Operation, World};
use super::{ConformanceError, read_back, rulings};

const EVENT: (Option<super::Resolution>, Section) = (None, Section::Event);
const EFFECT: (Option<super::Resolution>, Section) = (None, Section::EventEffect);

/// Replays all events on a service that holds the world as it was before them.
pub(super) async fn replay(api: &Api, world: &World, tally: &mut Tally) -> Result<(), ConformanceError> {
    let inactive = world.world_initial.inactive();
    let mut before = rows(&world.world_initial);
    for event in &world.events {
        let after = effect(&before, event)?;
        let known = Known::new(world, &before);
        let real = refusal(event)?;
        let (operation, inactive) = (&event.operation, &inactive);
        let asked = EventQuestion { known: &known, operation, real: &real, inactive };
        replay_one(api, tally, asked, (&before, &after)).await?;
        before = after;
    }
    let astray = before.symmetric_difference(&rows(&world.world)).map(ToString::to_string).collect::<Vec<_>>();
    if astray.is_empty() {
        Ok(())
    } else {
        Err(ConformanceError::Data(format!("the events do not lead to the world: {}", astray.join(", "))))
    }
}

/// Replays one event, compares, and brings the service in line with what the real system has.
async fn replay_one(
    api: &Api,
    tally: &mut Tally,
    event: EventQuestion<'_>,
    (real_before, real_after): (&Rows, &Rows),
) -> Result<(), ConformanceError> {
    let (out_before, out_after) = (left_out(real_before), left_out(real_after));
    let before: Rows = real_before.difference(&out_before).cloned().collect();
    let target: Rows = real_after.difference(&out_after).cloned().collect();
    if is_about(event.operation, &out_before) {
        tally.leave_out(EVENT, 1);
        tally.leave_out(EFFECT, real_before.symmetric_difference(real_after).count() as u64);
        return Ok(());
    }
    let (got, explanation) = said(run(api, event.operation).await?);
    let action = format!("{:?}", event.operation);
    let real = Answer::Owned(event.real.to_owned());
    let case = Case { place: EVENT, user: "", object: "", action: &action, explanation: &explanation };
    tally.compare(&case, &Question::Event(event), &real, &got);
    let after = read_back::read(api).await?;
    let changed: BTreeSet<&Row> =
        real_before.symmetric_difference(real_after).chain(before.symmetric_difference(&after)).collect();
    let fate = |rows: &Rows, row: &Row| if rows.contains(row) { THERE } else { GONE };
    for row in before.union(&after).chain(changed.iter().copied()).collect::<BTreeSet<_>>() {
        let question = Question::Effect { event, row, fits: !out_after.contains(row) };
        // what neither changed is judged too where rolegate should have changed it
        let ruled = rulings::expected(&question).is_some_and(|expected| expected != fate(real_after, row));
        if !changed.contains(row) && !ruled {
            continue;
        }
        let never_there = !before.contains(row) && !after.contains(row);
        if never_there && (out_before.contains(row) || out_after.contains(row)) {
            tally.leave_out(EFFECT, 1);
            continue;
        }
        let object = row.to_string();
        let case = Case { place: EFFECT, user: "", object: &object, action: &action, explanation: &explanation };
        tally.compare(&case, &question, &fate(real_after, row), &fate(&after, row));
    }
    // rows that rolegate may hold from now on
    tally.leave_out(EFFECT, target.intersection(&out_before).count() as u64);
    align(api, after, &target, event.inactive).await
}

/// The world after an event of the real system.
fn effect(before: &Rows, event: &Event) -> Result<Rows, ConformanceError> {
    let mut after = before.clone();
    for text in &event.removed {
        if !after.remove(&Row::parse(text).map_err(ConformanceError::Data)?) {
            return Err(ConformanceError::Data(format!("an event removes {text}, which is not there")));
        }
    }
    for text in &event.added {
        after.insert(Row::parse(text).map_err(ConformanceError::Data)?);
    }
    Ok(after)
}

/// What the real system said of an event, as rolegate calls it.
fn refusal(event: &Event) -> Result<Answer, ConformanceError> {
    let Some(refusal) = &event.error else { return Ok(OK) };
    let (project, collaborator, role) = Default::default();
    reason(refusal, &CleanRow::ProjectCollaborator { project, collaborator, role }, "")
}

/// Whether an event changes a row that rolegate does not let exist.
fn is_about(operation: &Operation, left_out: &Rows) -> bool {
    let Operation::SetCollaboratorRole { project, collaborator, .. } = operation else { return false };
    left_out
        .iter()
        .any(|row| matches!(row, Row::Collaborator { project: of, who, .. } if of == project && who == collaborator))
}

async fn run(api: &Api, operation: &Operation) -> Result<Outcome, Status> {
    match operation {
        Operation::RemoveMember { organization, member }
        | Operation::RemoveMemberByQueryset { organization, member } => api.remove_member(organization, member).await,
        Operation::RemoveTwoMembersByQueryset { memberships } => {
            for (organization, member) in memberships {
                if let Err(refused) = api.remove_member(organization, member).await? {
                    return Ok(Err(refused));
                }
            }
            Ok(Ok(()))
        }
        Operation::TransferOrganization { organization, new_owner } => {
            api.transfer_organization(organization, new_owner).await
        }
        Operation::ChangeProjectOwner { project, new_owner } => api.transfer_project(project, new_owner).await,
        Operation::SetMemberRole { organization, member, role } => {
            api.set_member_role((organization, member, role), Mode::Write).await
        }
        Operation::SetProjectPublic { project, is_public } => api.set_public(project, *is_public).await,
        Operation::SetCollaboratorRole { project, collaborator, role } => {
            api.set_collaborator_role((project, collaborator, role), Mode::Write).await
        }
        Operation::SetPlan { account, plan } => api.set_plan(account, plan, account.starts_with("org")).await,
        Operation::RemoveTeamMember { team, member } => api.remove_team_member(team, member).await,
        Operation::DeleteTeam { team } => api.delete_team(team).await,
        Operation::DeletePerson { person } => api.delete_user(person).await,
        Operation::SetDefaultProjectRole { organization, role } => {
            api.set_default_role(organization, role.as_deref()).await
        }
    }
}
