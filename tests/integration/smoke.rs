//! A write, and the next check sees it.

use rolegate::grpc::v1::{DecisionReason, Origin, ProjectRole};

use crate::support::Service;

#[tokio::test]
async fn the_next_check_after_a_write_sees_it() {
    let service = Service::start().await;
    service.create_users(&["ann", "bob"]).await;
    service.create_project("ann/trees", true).await;

    let before = service.check("bob", "ann/trees", "delete_files").await.unwrap();
    assert_eq!((before.allowed, before.reason()), (false, DecisionReason::RoleTooLow));
    assert_eq!((before.role(), before.origin()), (ProjectRole::Reader, Origin::Public));

    service.add_collaborator("ann/trees", "bob", ProjectRole::Editor).await.unwrap();
    let after = service.check("bob", "ann/trees", "delete_files").await.unwrap();
    assert_eq!((after.allowed, after.origin()), (true, Origin::Collaborator));
    service.stop().await;
}
