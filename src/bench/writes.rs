//! Writes beside the questions: each changes a role, and asks at once, on another replica where there is one, whether it is seen.

use std::time::{Duration, Instant};

use prost_types::FieldMask;
use tonic::Status;
use tonic::transport::Channel;

use super::mix::Kind;
use super::questions::Population;
use super::record::Record;
use crate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use crate::grpc::v1::collaborator_service_client::CollaboratorServiceClient;
use crate::grpc::v1::{CheckRequest, CollaboratorServiceUpdateRequest, ProjectRole};

/// What an editor may, and a reporter may not.
const ACTION: &str = "delete_files";

/// How long a write may take to be seen before it is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever writes: nobody else changes the same role.
pub struct Writer {
    writes: CollaboratorServiceClient<Channel>,
    /// A connection to each replica, asked in turn.
    asked: Vec<AuthorizationServiceClient<Channel>>,
    project: String,
    user: String,
    count: usize,
}

impl Writer {
    /// Writes through the first channel, and asks through all. The number is below that of the projects.
    pub fn new(population: &Population, number: u64, replicas: &[Channel], through: Channel) -> Self {
        Self {
            writes: CollaboratorServiceClient::new(through),
            asked: replicas.iter().cloned().map(AuthorizationServiceClient::new).collect(),
            project: population.name(number),
            user: population.world.user(Kind::Direct, number, 0),
            count: 0,
        }
    }

    /// Writes once, and asks until it is seen. What the record says of staleness is what came of the first question.
    pub async fn write(&mut self, record: &mut Record, counts: bool) -> Result<(), Status> {
        self.count += 1;
        let role = if self.count.is_multiple_of(2) { ProjectRole::Editor } else { ProjectRole::Reporter };
        let begun = Instant::now();
        self.writes.update(self.change(role)).await?;
        let returned = Instant::now();
        let next = self.count % self.asked.len().max(1);
        let Some(asked) = self.asked.get_mut(next) else { return Ok(()) };
        let (user, project, action) = (self.user.clone(), self.project.clone(), ACTION.to_owned());
        let question = CheckRequest { user, project, action, consistency: None };
        let mut is_stale = false;
        while asked.check(question.clone()).await?.into_inner().allowed != (role == ProjectRole::Editor) {
            is_stale = true;
            if returned.elapsed() > PATIENCE {
                break;
            }
        }
        if counts {
            record.writes.note(returned - begun, 1);
            record.seen_after.note(returned.elapsed(), 1);
            record.stale += u64::from(is_stale);
        }
        Ok(())
    }

    fn change(&self, role: ProjectRole) -> CollaboratorServiceUpdateRequest {
        CollaboratorServiceUpdateRequest {
            project: self.project.clone(),
            collaborator: self.user.clone(),
            update_mask: Some(FieldMask { paths: vec!["role".to_owned()] }),
            role: role.into(),
            ..Default::default()
        }
    }
}
