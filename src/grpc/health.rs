//! `grpc.health.v1`: SERVING exactly while the view may answer.

use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health as HealthService, HealthServer};
use tonic_health::server::{HealthReporter, health_reporter};
use tracing::{error, info, warn};

use super::{Services, v1};
use crate::view::{Standing, View};

/// What is reported for: the whole, and each service.
const NAMES: [&str; 11] = [
    "",
    v1::authorization_service_server::AuthorizationServiceServer::<Services>::NAME,
    v1::user_service_server::UserServiceServer::<Services>::NAME,
    v1::organization_service_server::OrganizationServiceServer::<Services>::NAME,
    v1::team_service_server::TeamServiceServer::<Services>::NAME,
    v1::project_service_server::ProjectServiceServer::<Services>::NAME,
    v1::collaborator_service_server::CollaboratorServiceServer::<Services>::NAME,
    v1::plan_service_server::PlanServiceServer::<Services>::NAME,
    v1::change_service_server::ChangeServiceServer::<Services>::NAME,
    v1::write_service_server::WriteServiceServer::<Services>::NAME,
    v1::replica_service_server::ReplicaServiceServer::<Services>::NAME,
];

/// Serving exactly while answers are not stale.
const FRESH: &str = "rolegate.fresh";

/// The health of the service. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
}

impl Health {
    /// A health that is NOT_SERVING, and the service that tells it.
    pub async fn new() -> (Self, HealthServer<impl HealthService>) {
        let (reporter, service) = health_reporter();
        let health = Self { reporter };
        health.report(ServingStatus::NotServing).await;
        (health, service)
    }

    /// Reports whether the view may answer, for ever.
    pub async fn follow(self, view: View) {
        loop {
            let standing = view.standing();
            let (status, fresh) = match standing {
                Standing::Fresh => (ServingStatus::Serving, ServingStatus::Serving),
                Standing::Stale => (ServingStatus::Serving, ServingStatus::NotServing),
                Standing::Silent => (ServingStatus::NotServing, ServingStatus::NotServing),
            };
            self.report(status).await;
            self.reporter.set_service_status(FRESH, fresh).await;
            match standing {
                Standing::Fresh => info!("serving"),
                Standing::Stale => {
                    error!("answering beyond the lease, as --serve-stale-for allows: grants may be stale")
                }
                Standing::Silent => warn!("not serving: the lease can't be kept"),
            }
            view.standing_changed(standing).await;
        }
    }

    /// Reports that it ends.
    pub async fn end(&self) {
        self.report(ServingStatus::NotServing).await;
        self.reporter.set_service_status(FRESH, ServingStatus::NotServing).await;
    }

    /// Ends the streams of those who watch, so that they hold up no shutdown.
    pub async fn close(mut self) {
        for name in NAMES.into_iter().chain([FRESH]) {
            self.reporter.clear_service_status(name).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        for name in NAMES {
            self.reporter.set_service_status(name, status).await;
        }
    }
}
