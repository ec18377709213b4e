//! Servers to compare with: the service's own stack and routes, but another one answers checks.

use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;
use tonic::{Request, Response, Status, Streaming};
use tracing::info;

use crate::access::Access;
use crate::changes::Log;
use crate::config::ServeOptions;
use crate::domain::decision::{Asker, decide_project};
use crate::domain::facts::Time;
use crate::domain::policy::Policy;
use crate::grpc::Services;
use crate::grpc::decisions::{self, At};
use crate::grpc::gate::GateLayer;
use crate::grpc::questions;
use crate::grpc::v1::authorization_service_server::AuthorizationService;
use crate::grpc::v1::{
    self, BatchCheckRequest, BatchCheckResponse, CheckRequest, CheckResponse, CheckResult, DecisionReason, Origin,
    ProjectRole, check_result,
};
use crate::membership::{Reader, Writer};
use crate::server::{self, ServeError};
use crate::store::{Database, DatabaseAddress, Databases, Hosts, Role, StoreError, loads};
use crate::view::{ProjectKey, ProjectQuestion, View};

/// As long as the revisions are that the service names.
const REVISION: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Connections that roles are queried on, where they are queried at every check.
const CONNECTIONS: usize = 16;

/// Serves those answers to checks, and everything else as the service does, until `stop`. Its health says that it serves.
///
/// # Errors
/// When it cannot begin.
pub async fn serve(
    listener: TcpListener,
    authorization: impl AuthorizationService,
    databases: Databases,
    options: &ServeOptions,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let policy = built_in()?;
    // nobody keeps it: what needs it refuses
    let (view, _) = View::new(databases.clone(), server::view_settings(options));
    let writer = Writer::new(databases.main.clone(), view.clone(), Arc::clone(&policy));
    let reader = Reader::new(databases.main.clone());
    let access = Access::new(databases.clone(), view.clone(), Arc::clone(&policy));
    let log = Log::new(databases.main.clone(), view.clone(), usize::from(options.database_connections));
    let patience = (options.request_timeout, options.watch_patience);
    let services = Services::new(view, policy, (reader, writer, access, log), patience, server::capacity(options));
    let (_reporter, health) = tonic_health::server::health_reporter();
    let routes = server::routes(authorization, services, options)?.add_service(health);
    info!(address = %listener.local_addr()?, "listening");
    Ok(server::stack(listener, (None, GateLayer::new(None)), routes, options, stop).await?)
}

/// Connections to a database, none of which is made before it is needed.
///
/// # Errors
/// When they can't be prepared.
pub fn databases(address: &DatabaseAddress) -> Result<Databases, StoreError> {
    let hosts = Hosts::new(address, Role::Primary);
    let (main, loads) = (Database::new(hosts.clone(), CONNECTIONS)?, Database::for_loads(hosts, CONNECTIONS)?);
    Ok(Databases { main, loads, standbys: None })
}

fn built_in() -> Result<Arc<Policy>, ServeError> {
    Policy::built_in().map(Arc::new).map_err(|error| ServeError::Options(error.to_string()))
}

/// Answers every check with this, and looks nothing up: what the transport costs.
#[derive(Clone)]
pub struct Constant(pub CheckResponse);

impl Default for Constant {
    /// An answer of the size that a grant to a collaborator has.
    fn default() -> Self {
        Self(CheckResponse {
            allowed: true,
            role: ProjectRole::Editor.into(),
            origin: Origin::Collaborator.into(),
            required_role: ProjectRole::Reader.into(),
            reason: DecisionReason::Granted.into(),
            revision: REVISION.to_owned(),
            ..Default::default()
        })
    }
}

/// Asks PostgreSQL at every check, with the statements that a check waits for which finds nothing in the view.
#[derive(Clone)]
pub struct Queried {
    database: Database,
    policy: Arc<Policy>,
}

impl Queried {
    /// # Errors
    /// When the policy that is compiled in is none.
    pub fn new(databases: &Databases) -> Result<Self, ServeError> {
        Ok(Self { database: databases.loads.clone(), policy: built_in()? })
    }

    async fn decide(&self, question: &ProjectQuestion<'_>) -> Result<CheckResponse, StoreError> {
        let client = self.database.client().await?;
        let names: Vec<_> = question.user.iter().cloned().collect();
        let project = async {
            let entry = match &question.project {
                ProjectKey::Id(id) => loads::load_projects(&client, &[*id]).await?.entries.pop().map(|one| one.1),
                ProjectKey::Path(path) => {
                    loads::load_paths(&client, std::slice::from_ref(path)).await?.entries.pop().map(|one| one.1)
                }
            };
            Ok::<_, StoreError>(entry.flatten())
        };
        // sent together: one round trip
        let (mut names, project) = tokio::try_join!(loads::load_names(&client, &names), project)?;
        client.give_back();
        let named = names.entries.pop().and_then(|(_, named)| named);
        let asker = if question.user.is_some() { Asker::named(named.as_ref()) } else { Asker::Anonymous };
        let owned = project.as_ref().map(loads::LoadedProject::owned);
        let now = Time(jiff::Timestamp::now().as_microsecond());
        let decision = decide_project(&self.policy, asker, owned, question.rule, now);
        Ok(decisions::project(&decision, At { revision: REVISION.to_owned(), stale: false }))
    }
}

/// What `async_trait` makes of methods that are never called; a macro inside of it comes too late for it.
macro_rules! not_asked {
    ($($name:ident($request:ident) -> $response:ident;)+) => {
        type StreamCheckStream = futures::stream::Empty<Result<v1::StreamCheckResponse, Status>>;

        fn stream_check<'a, 'b>(
            &'a self,
            _: Request<Streaming<v1::StreamCheckRequest>>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<Self::StreamCheckStream>, Status>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(async { Err(not_asked()) })
        }

        $(fn $name<'a, 'b>(
            &'a self,
            _: Request<v1::$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<v1::$response>, Status>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(async { Err(not_asked()) })
        })+
    };
}

#[tonic::async_trait]
impl AuthorizationService for Constant {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn batch_check(&self, request: Request<BatchCheckRequest>) -> Result<Response<BatchCheckResponse>, Status> {
        let answer = CheckResponse { revision: String::new(), ..self.0.clone() };
        let result = CheckResult { result: Some(check_result::Result::Project(answer)) };
        let results = vec![result; request.get_ref().checks.len()];
        Ok(Response::new(BatchCheckResponse { results, revision: self.0.revision.clone(), stale: false }))
    }

    not_asked! {
        check_organization(CheckOrganizationRequest) -> CheckOrganizationResponse;
        check_account(CheckAccountRequest) -> CheckAccountResponse;
        explain(ExplainRequest) -> ExplainResponse;
        list_actions(ListActionsRequest) -> ListActionsResponse;
        list_projects(ListProjectsRequest) -> ListProjectsResponse;
        list_users(ListUsersRequest) -> ListUsersResponse;
    }
}

#[tonic::async_trait]
impl AuthorizationService for Queried {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let request = request.into_inner();
        let question = questions::project(&self.policy, &request.user, &request.project, &request.action)?;
        let answer = self.decide(&question).await;
        answer.map(Response::new).map_err(|error| Status::unavailable(error.to_string()))
    }

    not_asked! {
        batch_check(BatchCheckRequest) -> BatchCheckResponse;
        check_organization(CheckOrganizationRequest) -> CheckOrganizationResponse;
        check_account(CheckAccountRequest) -> CheckAccountResponse;
        explain(ExplainRequest) -> ExplainResponse;
        list_actions(ListActionsRequest) -> ListActionsResponse;
        list_projects(ListProjectsRequest) -> ListProjectsResponse;
        list_users(ListUsersRequest) -> ListUsersResponse;
    }
}

fn not_asked() -> Status {
    Status::unimplemented("a benchmark does not ask this")
}
