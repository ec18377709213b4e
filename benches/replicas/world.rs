//! What is written to: organizations that have nothing to do with one another, with a member each.

use rolegate::grpc::v1::{OrganizationRole, UpdateMemberRequest};
use tokio_postgres::Config;

use crate::support::{Clients, Service};

/// How many organizations there are, and so how many can write without meeting.
pub const SIZE: usize = 16;

pub fn organization(number: usize) -> String {
    format!("organization-{number}")
}

pub fn user(number: usize) -> String {
    format!("user-{number}")
}

/// Writes them all, through a service that is gone then.
pub async fn write(database: &Config) {
    let service = Service::start_on(database.clone(), &[]).await;
    let clients = service.unconfirmed();
    clients.create_users(&["boss"]).await;
    for number in 0..SIZE {
        clients.create_users(&[&user(number)]).await;
        clients.create_organization(&organization(number), "boss").await;
        clients.add_member(&organization(number), &user(number), OrganizationRole::Member).await.unwrap();
    }
    drop(clients);
    service.stop().await;
}

/// The write that is measured: another role for the member of an organization.
pub async fn update(clients: &Clients, number: usize, promote: bool, wait_for_replicas: bool) {
    let role = if promote { OrganizationRole::Creator } else { OrganizationRole::Member };
    let request = UpdateMemberRequest {
        organization: organization(number),
        user: user(number),
        role: role.into(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["role".to_owned()] }),
        wait_for_replicas: Some(wait_for_replicas),
        ..Default::default()
    };
    clients.organizations().update_member(request).await.unwrap();
}
