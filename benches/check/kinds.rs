//! The other ways to ask beside a `Check`: about organizations and accounts, in batches, on streams.

use std::sync::Arc;

use futures::stream;
use rolegate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use rolegate::grpc::v1::{
    BatchCheckRequest, CheckAccountRequest, CheckItem, CheckOrganizationRequest, CheckRequest, StreamCheckRequest,
    check_item, check_result,
};

use crate::remote::{CALLS, CONNECTIONS, IN_FLIGHT, PROCESSOR, Questions, ROUNDS, Remote, TIME};
use crate::report::Report;
use crate::rounds;
use crate::world::{By, Distance, World};

/// Compares each to the checks that it stands for or beside.
pub fn compare(report: &mut Report, check: &Remote<'_>, world: &World) {
    let granted: Questions = world.requests(Distance::Direct, By::Id).into();
    let rows: [(&str, &dyn Fn() -> [f64; 2]); 4] = [
        ("gRPC: CheckOrganization to Check", &|| organizations(check, &granted)),
        ("gRPC: CheckAccount to Check", &|| accounts(check, &granted)),
        ("gRPC: StreamCheck, 256 a stream, to Check", &|| streams(check, &granted)),
        ("gRPC: BatchCheck of 256, each, to Check", &|| batches(check, &granted)),
    ];
    for (row, other) in rows {
        let [time, processor] = rounds::interleave(ROUNDS / 2, other, || check.many(&granted));
        report.add(row, TIME, time);
        report.add(row, PROCESSOR, processor);
    }
}

fn organizations(remote: &Remote<'_>, questions: &Questions) -> [f64; 2] {
    remote.storm(IN_FLIGHT, |task, channel| {
        let (mut client, questions) = (AuthorizationServiceClient::new(channel), Arc::clone(questions));
        async move {
            for call in 0..CALLS / IN_FLIGHT {
                let user = questions[(task + call) % questions.len()].user.clone();
                let (organization, action) = ("acme".to_owned(), "read_teams".to_owned());
                let request = CheckOrganizationRequest { user, organization, action, consistency: None };
                assert!(client.check_organization(request).await.unwrap().into_inner().allowed);
            }
        }
    })
}

fn accounts(remote: &Remote<'_>, questions: &Questions) -> [f64; 2] {
    remote.storm(IN_FLIGHT, |task, channel| {
        let (mut client, questions) = (AuthorizationServiceClient::new(channel), Arc::clone(questions));
        async move {
            for call in 0..CALLS / IN_FLIGHT {
                let user = questions[(task + call) % questions.len()].user.clone();
                let (account, action) = (user.clone(), "update_account".to_owned());
                let request = CheckAccountRequest { user, account, action, consistency: None };
                assert!(client.check_account(request).await.unwrap().into_inner().allowed);
            }
        }
    })
}

fn streams(remote: &Remote<'_>, questions: &Questions) -> [f64; 2] {
    remote.storm(CONNECTIONS, |task, channel| {
        let mut client = AuthorizationServiceClient::new(channel);
        let items = items(questions, task);
        async move {
            let asked =
                (0..).zip(items).map(|(id, check)| StreamCheckRequest { id, check: Some(check), consistency: None });
            let mut answers = client.stream_check(stream::iter(asked)).await.unwrap().into_inner();
            let mut count = 0;
            while let Some(answer) = answers.message().await.unwrap() {
                count += usize::from(answer.result.and_then(|result| result.result).is_some_and(|one| granted(&one)));
            }
            assert_eq!(count, CALLS / CONNECTIONS);
        }
    })
}

fn batches(remote: &Remote<'_>, questions: &Questions) -> [f64; 2] {
    remote.storm(CONNECTIONS, |task, channel| {
        let mut client = AuthorizationServiceClient::new(channel);
        let checks = items(questions, task);
        async move {
            let answer =
                client.batch_check(BatchCheckRequest { checks, consistency: None }).await.unwrap().into_inner();
            assert!(answer.results.iter().all(|result| result.result.as_ref().is_some_and(granted)));
        }
    })
}

/// As many questions as one connection has to ask.
fn items(questions: &Questions, task: usize) -> Vec<CheckItem> {
    let item = |CheckRequest { user, project, action, .. }: &CheckRequest| CheckItem {
        user: user.clone(),
        object: Some(check_item::Object::Project(project.clone())),
        action: action.clone(),
    };
    questions.iter().cycle().skip(task).take(CALLS / CONNECTIONS).map(item).collect()
}

fn granted(result: &check_result::Result) -> bool {
    matches!(result, check_result::Result::Project(answer) if answer.allowed)
}
