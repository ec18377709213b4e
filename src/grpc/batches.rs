//! `WriteService`: several writes as one.

use tonic::{Request, Response, Status};

use super::v1::write_operation::Operation as Asked;
use super::v1::write_result::Result as Answered;
use super::v1::write_service_server::WriteService;
use super::v1::{WriteOperation, WriteRequest, WriteResponse, WriteResult};
use super::writes::{self, Ending, Write, WriteAnswer};
use super::{Services, effects, errors};
use crate::membership::{Batch, Operation, Step, Stepped, Written, step};

/// How many operations one write may have.
const MOST: usize = 1_000;

/// Makes the answer of one operation, once it is known how the whole ended.
type Finish = Box<dyn FnOnce(Ending) -> Answered + Send>;

#[tonic::async_trait]
impl WriteService for Services {
    async fn write(&self, request: Request<WriteRequest>) -> Result<Response<WriteResponse>, Status> {
        let count = request.get_ref().operations.len().max(1);
        let (asked, request) = self.accept_many(request, count)?;
        if request.operations.is_empty() || request.operations.len() > MOST {
            return Err(errors::invalid_field("operations", "must be 1 to 1,000"));
        }
        let steps = request.operations.into_iter().enumerate().map(|(index, operation)| read(index, operation));
        let batch = Batch::new(steps.collect::<Result<Vec<_>, Status>>()?);
        Services::write(self, &asked, &batch, answer).await
    }
}

/// What all of them came to.
fn answer(written: Written<'_, Vec<Stepped<Finish>>>) -> WriteResponse {
    let mut left = writes::REMOVALS;
    let results = written.output.into_iter().map(|Stepped { output, removals }| {
        let removals = writes::removals(removals.iter(), left);
        left -= removals.removals.len();
        WriteResult { result: Some(output(Ending { removals: Some(removals), effects: None })) }
    });
    WriteResponse { results: results.collect(), effects: written.effects.map(effects::effects), ..Default::default() }
}

macro_rules! operations {
    ($($name:ident),+ $(,)?) => {
        impl WriteAnswer for WriteResponse {
            fn set_revision(&mut self, revision: String) {
                for result in self.results.iter_mut().filter_map(|result| result.result.as_mut()) {
                    match result {
                        $(Answered::$name(answer) => answer.set_revision(revision.clone()),)+
                    }
                }
                self.revision = revision;
            }
        }

        /// Reads one operation.
        fn read(index: usize, operation: WriteOperation) -> Result<Box<dyn Step<Finish>>, Status> {
            match operation.operation {
                $(Some(Asked::$name(request)) => one(index, request, Answered::$name),)+
                None => Err(errors::invalid_field(&format!("operations[{index}].operation"), "must be given")),
            }
        }
    };
}

operations!(
    CreateUser,
    UpdateUser,
    DeleteUser,
    RemoveUserEverywhere,
    CreateOrganization,
    UpdateOrganization,
    DeleteOrganization,
    TransferOrganization,
    AddMember,
    UpdateMember,
    RemoveMember,
    CreateTeam,
    RenameTeam,
    DeleteTeam,
    AddTeamMember,
    RemoveTeamMember,
    CreateProject,
    UpdateProject,
    DeleteProject,
    TransferProject,
    AddCollaborator,
    UpdateCollaborator,
    RemoveCollaborator,
    PutPlan,
    DeletePlan,
);

/// One operation, whose answer becomes one of several.
fn one<R: Write + 'static>(
    index: usize,
    mut request: R,
    answered: fn(R::Response) -> Answered,
) -> Result<Box<dyn Step<Finish>>, Status>
where
    writes::Output<R>: 'static,
{
    let operation = as_one_of_several(&mut request).and_then(|()| request.operation());
    let operation = operation.map_err(|status| errors::of_operation(index, R::Operation::NAME, &status))?;
    Ok(step(operation, move |output| -> Finish { Box::new(move |ending| answered(R::answer(output, ending))) }))
}

/// How it is asked for is said once, for all of them.
fn as_one_of_several(request: &mut impl Write) -> Result<(), Status> {
    let said = [
        ("actor", !request.actor().is_empty()),
        ("validate_only", request.validate_only()),
        ("wait_for_replicas", request.wait_for_replicas().is_some()),
        ("request_id", !request.request_id().is_empty()),
    ];
    match said.iter().find(|(_, is_said)| *is_said) {
        Some((field, _)) => Err(errors::invalid_field(field, "must be said once, for all operations")),
        None => Ok(()),
    }
}
