//! The small scene of the tests of freshness: an organization, a private project in it, and two services on one database,
//! one of them behind a proxy.

use rolegate::grpc::v1::{OrganizationRole, ProjectRole};

use super::proxy::Proxy;
use super::{Service, fresh_database};

/// The project of the scene.
pub const PROJECT: &str = "acme/trees";

/// ann owns acme, bob and cyd are members, bob and cyd are in `@acme/crew`, bob is an editor of `acme/trees`.
pub struct Scene {
    /// Between [`Self::here`] and the database.
    pub proxy: Proxy,
    /// The service under test.
    pub here: Service,
    /// Another one, straight on the same database.
    pub elsewhere: Service,
    /// The id of the project.
    pub project: String,
}

impl Scene {
    /// Sets it, with these flags for both services. Nothing of the scene is known to the view of [`Self::here`] yet, but
    /// its loads have a connection with prepared statements.
    pub async fn set(flags: &[&str]) -> Self {
        let database = fresh_database().await;
        let elsewhere = Service::start_on(database.clone(), flags).await;
        elsewhere.create_users(&["ann", "bob", "cyd"]).await;
        elsewhere.create_organization("acme", "ann").await;
        for user in ["bob", "cyd"] {
            elsewhere.add_member("acme", user, OrganizationRole::Member).await.unwrap();
        }
        elsewhere.create_team("@acme/crew", &["bob", "cyd"]).await;
        let project = elsewhere.create_project(PROJECT, false).await;
        elsewhere.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
        let proxy = Proxy::start(&database).await;
        let here = Service::start_on(proxy.config(&database), flags).await;
        here.check("nobody", "nobody/nothing", "view_project").await.unwrap();
        here.check("nobody2", "00000000-0000-4000-8000-000000000000", "view_project").await.unwrap();
        Self { proxy, here, elsewhere, project }
    }
}
