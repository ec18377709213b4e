//! A service of a test's own, in this process, on a free port; and short ways to talk to it.

use std::net::SocketAddr;
use std::ops::Deref;

use clap::Parser;
use rolegate::config::ServeOptions;
use rolegate::domain::policy::Policy;
use rolegate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use rolegate::grpc::v1::change_service_client::ChangeServiceClient;
use rolegate::grpc::v1::collaborator_service_client::CollaboratorServiceClient;
use rolegate::grpc::v1::consistency::Requirement;
use rolegate::grpc::v1::organization_service_client::OrganizationServiceClient;
use rolegate::grpc::v1::plan_service_client::PlanServiceClient;
use rolegate::grpc::v1::project_service_client::ProjectServiceClient;
use rolegate::grpc::v1::team_service_client::TeamServiceClient;
use rolegate::grpc::v1::user_service_client::UserServiceClient;
use rolegate::grpc::v1::write_service_client::WriteServiceClient;
use rolegate::grpc::v1::{
    AddMemberRequest, AddTeamMemberRequest, CheckRequest, CheckResponse, CollaboratorServiceAddRequest,
    CollaboratorServiceRemoveRequest, Consistency, OrganizationRole, OrganizationServiceCreateRequest, ProjectRole,
    ProjectServiceCreateRequest, TeamServiceCreateRequest, UserServiceCreateRequest,
};
use rolegate::{server, telemetry};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    serve: ServeOptions,
}

/// A client of every service.
pub struct Clients {
    pub channel: Channel,
    /// As the short ways below write.
    wait_for_replicas: Option<bool>,
}

impl Clients {
    /// All clients on that channel.
    pub fn on(channel: Channel) -> Self {
        Self { channel, wait_for_replicas: None }
    }

    /// The same service, whose writes are not to wait for the replicas.
    pub fn unconfirmed(&self) -> Self {
        Self { channel: self.channel.clone(), wait_for_replicas: Some(false) }
    }

    pub fn authorization(&self) -> AuthorizationServiceClient<Channel> {
        AuthorizationServiceClient::new(self.channel.clone())
    }

    pub fn users(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.channel.clone())
    }

    pub fn organizations(&self) -> OrganizationServiceClient<Channel> {
        OrganizationServiceClient::new(self.channel.clone())
    }

    pub fn teams(&self) -> TeamServiceClient<Channel> {
        TeamServiceClient::new(self.channel.clone())
    }

    pub fn projects(&self) -> ProjectServiceClient<Channel> {
        ProjectServiceClient::new(self.channel.clone())
    }

    pub fn collaborators(&self) -> CollaboratorServiceClient<Channel> {
        CollaboratorServiceClient::new(self.channel.clone())
    }

    pub fn changes(&self) -> ChangeServiceClient<Channel> {
        ChangeServiceClient::new(self.channel.clone())
    }

    pub fn writes(&self) -> WriteServiceClient<Channel> {
        WriteServiceClient::new(self.channel.clone())
    }

    pub fn plans(&self) -> PlanServiceClient<Channel> {
        PlanServiceClient::new(self.channel.clone())
    }
}

/// A running service. Derefs to the clients of it.
pub struct Service {
    #[allow(dead_code, reason = "the benchmark connects by itself")]
    pub address: SocketAddr,
    pub database: Config,
    clients: Clients,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Deref for Service {
    type Target = Clients;

    fn deref(&self) -> &Clients {
        &self.clients
    }
}

impl Service {
    /// A service on a fresh database, once it is serving.
    pub async fn start() -> Self {
        Self::start_on(super::fresh_database().await, &[]).await
    }

    /// A service on that database with these flags, once it is serving.
    pub async fn start_on(database: Config, flags: &[&str]) -> Self {
        let service = Self::launch(database, flags).await;
        service.until(ServingStatus::Serving).await;
        service
    }

    /// A service that decides by that policy, once it is serving.
    pub async fn start_by(policy: Policy, database: Config) -> Self {
        let service = Self::launch_with(database, policy, options(&[])).await;
        service.until(ServingStatus::Serving).await;
        service
    }

    /// A service whose view may take so few bytes that it forgets all the time; no flag allows that little.
    pub async fn start_forgetful(database: Config, memory: u64) -> Self {
        let options = ServeOptions { view_memory: bytesize::ByteSize::b(memory), ..options(&[]) };
        let service = Self::launch_with(database, Policy::built_in().unwrap(), options).await;
        service.until(ServingStatus::Serving).await;
        service
    }

    /// The same, without waiting for anything.
    pub async fn launch(database: Config, flags: &[&str]) -> Self {
        Self::launch_with(database, Policy::built_in().unwrap(), options(flags)).await
    }

    async fn launch_with(database: Config, policy: Policy, options: ServeOptions) -> Self {
        if let Ok(filter) = std::env::var("ROLEGATE_TEST_LOG") {
            // started before by another test of this process
            let _ = telemetry::start(telemetry::LogFormat::Human, EnvFilter::new(filter));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (stopped, config) = (stop.clone(), database.clone());
        let task = tokio::spawn(async move {
            server::serve(listener, config, policy, &options, stopped.cancelled()).await.unwrap();
        });
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self { address, database, clients: Clients::on(channel), stop, task }
    }

    /// Ends it in order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Short ways to ask and to write.
impl Clients {
    /// What `grpc.health.v1` says of the whole.
    pub async fn health(&self) -> ServingStatus {
        let mut client = HealthClient::new(self.channel.clone());
        client.check(HealthCheckRequest::default()).await.unwrap().into_inner().status()
    }

    /// Waits until it says so.
    pub async fn until(&self, wanted: ServingStatus) {
        let watched = async {
            let mut client = HealthClient::new(self.channel.clone());
            let mut statuses = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
            while let Some(status) = statuses.message().await.unwrap() {
                if status.status() == wanted {
                    return;
                }
            }
            panic!("the health stream ended before {wanted:?}");
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), watched).await.unwrap();
    }
}

/// Short ways to what most tests ask and write.
impl Clients {
    /// Asks one question that must be as fresh as that.
    pub async fn check_at(
        &self,
        (user, project, action): (&str, &str, &str),
        requirement: Requirement,
    ) -> Result<CheckResponse, Status> {
        let (user, project, action) = (user.to_owned(), project.to_owned(), action.to_owned());
        let consistency = Some(Consistency { requirement: Some(requirement) });
        let request = CheckRequest { user, project, action, consistency };
        self.authorization().check(request).await.map(tonic::Response::into_inner)
    }

    /// Removes a collaborator.
    pub async fn remove_collaborator(&self, project: &str, who: &str) -> Result<String, Status> {
        let (project, collaborator) = (project.to_owned(), who.to_owned());
        let request = CollaboratorServiceRemoveRequest {
            project,
            collaborator,
            wait_for_replicas: self.wait_for_replicas,
            ..Default::default()
        };
        self.collaborators().remove(request).await.map(|removed| removed.into_inner().revision)
    }

    /// Asks one question.
    pub async fn check(&self, user: &str, project: &str, action: &str) -> Result<CheckResponse, Status> {
        let request = CheckRequest {
            user: user.to_owned(),
            project: project.to_owned(),
            action: action.to_owned(),
            consistency: None,
        };
        self.authorization().check(request).await.map(tonic::Response::into_inner)
    }

    /// Creates users on the default plan.
    pub async fn create_users(&self, names: &[&str]) {
        for name in names {
            self.create_user(name).await.unwrap();
        }
    }

    /// Creates a user on the default plan.
    pub async fn create_user(&self, name: &str) -> Result<String, Status> {
        let request = UserServiceCreateRequest {
            username: name.to_owned(),
            wait_for_replicas: self.wait_for_replicas,
            ..Default::default()
        };
        self.users().create(request).await.map(|created| created.into_inner().revision)
    }

    /// Creates an organization.
    pub async fn create_organization(&self, name: &str, owner: &str) {
        let (username, owner) = (name.to_owned(), owner.to_owned());
        let request = OrganizationServiceCreateRequest {
            username,
            owner,
            wait_for_replicas: self.wait_for_replicas,
            ..Default::default()
        };
        self.organizations().create(request).await.unwrap();
    }

    /// Adds a member.
    pub async fn add_member(&self, organization: &str, user: &str, role: OrganizationRole) -> Result<String, Status> {
        let request = AddMemberRequest {
            organization: organization.to_owned(),
            user: user.to_owned(),
            role: role.into(),
            wait_for_replicas: self.wait_for_replicas,
            ..Default::default()
        };
        self.organizations().add_member(request).await.map(|added| added.into_inner().revision)
    }

    /// Creates a team with these people in it.
    pub async fn create_team(&self, team: &str, people: &[&str]) {
        let request = TeamServiceCreateRequest {
            team: team.to_owned(),
            wait_for_replicas: self.wait_for_replicas,
            ..Default::default()
        };
        self.teams().create(request).await.unwrap();
        for user in people {
            let (team, user) = (team.to_owned(), (*user).to_owned());
            self.teams().add_team_member(AddTeamMemberRequest { team, user, ..Default::default() }).await.unwrap();
        }
    }

    /// Creates a project, `owner/name`, and returns its id.
    pub async fn create_project(&self, path: &str, public: bool) -> String {
        let (owner, name) = path.split_once('/').unwrap();
        let (owner, name) = (owner.to_owned(), name.to_owned());
        let request = ProjectServiceCreateRequest {
            owner,
            name,
            public,
            wait_for_replicas: self.wait_for_replicas,
            ..Default::default()
        };
        self.projects().create(request).await.unwrap().into_inner().project.unwrap().id
    }

    /// Adds a collaborator.
    pub async fn add_collaborator(&self, project: &str, who: &str, role: ProjectRole) -> Result<String, Status> {
        let request = CollaboratorServiceAddRequest {
            project: project.to_owned(),
            collaborator: who.to_owned(),
            role: role.into(),
            wait_for_replicas: self.wait_for_replicas,
            ..Default::default()
        };
        self.collaborators().add(request).await.map(|added| added.into_inner().revision)
    }
}

fn options(flags: &[&str]) -> ServeOptions {
    Options::try_parse_from(["rolegate"].iter().chain(flags)).unwrap().serve
}

/// The reason in an error's details.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
