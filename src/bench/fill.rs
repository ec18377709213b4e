//! Brings a world into the views of all replicas before anything is measured: each project and each user is asked about once.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Status;
use tonic::transport::Channel;

use super::calls::decision;
use super::load::Target;
use super::questions::{Population, Question};
use crate::grpc::v1::BatchCheckRequest;
use crate::grpc::v1::authorization_service_client::AuthorizationServiceClient;

/// Projects in a batch, each with a user; what a service takes in one is 1,000 questions.
const BATCH: u64 = 500;

/// Batches under way on a replica: what a view loads with at a time.
const AT_ONCE: usize = 4;

/// Asks about everything but what is kept for cold questions, and tells how many projects that were.
///
/// # Errors
/// When a batch, or a question in it, fails.
pub async fn fill(target: &Target, population: &Population, progress: impl Fn(u64)) -> Result<(), Status> {
    let (projects, progress) = (population.warm_projects(), &progress);
    for channel in target.each_replica() {
        let firsts = (0..projects).step_by(usize::try_from(BATCH).unwrap_or(1));
        stream::iter(firsts)
            .map(|first| Ok::<_, Status>(first..(first + BATCH).min(projects)))
            .try_for_each_concurrent(AT_ONCE, async |numbers| {
                let count = numbers.end - numbers.start;
                ask(channel.clone(), population, numbers).await?;
                progress(count);
                Ok(())
            })
            .await?;
    }
    Ok(())
}

async fn ask(channel: Channel, population: &Population, numbers: std::ops::Range<u64>) -> Result<(), Status> {
    let checks = numbers.flat_map(|number| population.filling(number)).map(Question::item).collect();
    let request = BatchCheckRequest { checks, consistency: None };
    let answer = AuthorizationServiceClient::new(channel).batch_check(request).await?.into_inner();
    answer.results.into_iter().try_for_each(|result| decision(result).map(drop))
}
