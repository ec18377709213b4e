//! `UserService`.

use tonic::{Request, Response, Status};

use super::pages::Paging;
use super::v1::user_service_server::UserService;
use super::v1::{
    UserServiceCreateRequest, UserServiceCreateResponse, UserServiceDeleteRequest, UserServiceDeleteResponse,
    UserServiceGetRequest, UserServiceGetResponse, UserServiceListRequest, UserServiceListResponse,
    UserServiceUpdateRequest, UserServiceUpdateResponse,
};
use super::{Services, fields, resources, writes};
use crate::membership::users::{CreateUser, DeleteUser, UpdateUser};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl UserService for Services {
    async fn create(&self, request: Request<UserServiceCreateRequest>) -> Answer<UserServiceCreateResponse> {
        let (context, request) = self.accept(request)?;
        let operation = CreateUser {
            username: fields::new_username("username", &request.username)?,
            active: !request.inactive,
            plan: fields::optional_plan("plan", &request.plan)?,
        };
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        Ok(Response::new(UserServiceCreateResponse { user: Some(resources::user(written.output)), revision }))
    }

    async fn get(&self, request: Request<UserServiceGetRequest>) -> Answer<UserServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let name = fields::username("username", &request.username)?;
        let user = self.read(deadline, reader.user(&name)).await?;
        Ok(Response::new(UserServiceGetResponse { user: Some(resources::user(user)) }))
    }

    async fn list(&self, request: Request<UserServiceListRequest>) -> Answer<UserServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let paging = Paging::new(self.seal().await?, vec!["users"], request.page_size, &request.page_token)?;
        let users = self.read(deadline, reader.users(paging.page())).await?;
        let (users, next_page_token) = paging.cut(users, |user| user.key().as_str().to_owned());
        let users = users.into_iter().map(resources::user).collect();
        Ok(Response::new(UserServiceListResponse { users, next_page_token }))
    }

    async fn update(&self, request: Request<UserServiceUpdateRequest>) -> Answer<UserServiceUpdateResponse> {
        let (context, request) = self.accept(request)?;
        let mask = fields::mask(request.update_mask.as_ref(), &["new_username", "active", "plan"])?;
        let mut operation = UpdateUser {
            username: fields::username("username", &request.username)?,
            new_username: None,
            active: mask.contains("active").then_some(request.active),
            plan: None,
        };
        if mask.contains("new_username") {
            operation.new_username = Some(fields::new_username("new_username", &request.new_username)?);
        }
        if mask.contains("plan") {
            operation.plan = Some(fields::plan("plan", &request.plan)?);
        }
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        Ok(Response::new(UserServiceUpdateResponse { user: Some(resources::user(written.output)), revision }))
    }

    async fn delete(&self, request: Request<UserServiceDeleteRequest>) -> Answer<UserServiceDeleteResponse> {
        let (context, request) = self.accept(request)?;
        let operation = DeleteUser { username: fields::username("username", &request.username)? };
        let written = self.write(&context, &operation).await?;
        let (removals, revision) = (writes::removals(&written), writes::revision(&written));
        Ok(Response::new(UserServiceDeleteResponse { removals, revision }))
    }
}
