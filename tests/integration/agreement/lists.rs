//! The lists, page by page.

use rolegate::grpc::v1::{DecisionReason, ListProjectsRequest, ListUsersRequest, ListedProject, ListedUser, Origin};
use tonic::{Code, Status};

use super::{Agreement, Dice, Names, same};
use crate::support::oracle::{ACTIONS, ProjectFilter};
use crate::support::{Matrix, Service};

pub use crate::support::oracle::on_the_wire;

/// More pages than any of these lists has.
const ENDLESS: usize = 10_000;

/// Asks for all pages, and returns the projects as they came, and the reason.
pub async fn all_projects(
    service: &Service,
    request: &ListProjectsRequest,
) -> Result<(Vec<ListedProject>, DecisionReason), Status> {
    let (mut client, mut request) = (service.authorization(), request.clone());
    let mut all = Vec::new();
    for _ in 0..ENDLESS {
        let page = client.list_projects(request.clone()).await?.into_inner();
        assert!(page.projects.len() <= request.page_size as usize, "a page has no more than was asked for");
        let reason = page.reason();
        all.extend(page.projects);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok((all, reason));
        }
    }
    panic!("{request:?} does not end");
}

/// Asks for all pages, and returns the users as they came, whether everybody may, and the reason.
pub async fn all_users(
    service: &Service,
    request: &ListUsersRequest,
) -> Result<(Vec<ListedUser>, bool, DecisionReason), Status> {
    let (mut client, mut request) = (service.authorization(), request.clone());
    let (mut all, mut everyone) = (Vec::new(), None);
    for _ in 0..ENDLESS {
        let page = client.list_users(request.clone()).await?.into_inner();
        assert!(page.users.len() <= request.page_size as usize, "a page has no more than was asked for");
        assert_eq!(*everyone.get_or_insert(page.everyone), page.everyone, "every page says the same of everyone");
        let reason = page.reason();
        all.extend(page.users);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok((all, everyone.unwrap_or_default(), reason));
        }
    }
    panic!("{request:?} does not end");
}

impl Agreement<'_> {
    /// The projects of somebody.
    pub async fn on_projects(self, names: &Names, dice: &mut Dice) -> Result<(), String> {
        let (user, action) = (dice.one(&names.accounts), dice.one(&ACTIONS).0);
        let filter = ProjectFilter {
            owner: if dice.once_in(3) { dice.one(&names.accounts) } else { String::new() },
            origin: Origin::try_from(dice.below(8) as i32).unwrap(),
            include_public: dice.once_in(2),
        };
        let origin = if dice.once_in(2) { filter.origin } else { Origin::Unspecified };
        let filter = ProjectFilter { origin, ..filter };
        let request = ListProjectsRequest {
            user: user.clone(),
            action: action.to_owned(),
            owner: filter.owner.clone(),
            origin: filter.origin.into(),
            include_public: filter.include_public,
            page_size: dice.one(&[1, 2, 3, 7, 20]),
            page_token: String::new(),
            consistency: None,
        };
        let ask = || all_projects(self.service, &request);
        let judge =
            |matrix: &Matrix, answer: &Result<_, Status>| match (answer, matrix.projects_of(&user, action, &filter)) {
                (Ok(answer), Some(right)) => same(&request, answer, &right),
                (Err(status), None) => same(&request, &status.code(), &Code::NotFound),
                (answer, right) => Err(format!("{request:?}\n answered {answer:?}\n right is {right:?}")),
            };
        self.while_nothing_ends(ask, judge).await
    }

    /// The users of a project.
    pub async fn on_users(self, names: &Names, dice: &mut Dice) -> Result<(), String> {
        let (project, incognito) = (dice.one(&names.projects), dice.once_in(2));
        let action = if dice.once_in(3) { None } else { Some(dice.one(&ACTIONS).0) };
        let request = ListUsersRequest {
            project: project.clone(),
            action: action.unwrap_or_default().to_owned(),
            include_incognito: incognito,
            page_size: dice.one(&[1, 2, 3, 7, 20]),
            page_token: String::new(),
            consistency: None,
        };
        let ask = || async { all_users(self.service, &request).await.unwrap() };
        let judge = |matrix: &Matrix, answer: &_| {
            let right = match matrix.users_of(&project, action, incognito) {
                Some((users, everyone)) => (users, everyone, DecisionReason::Unspecified),
                None => (Vec::new(), false, DecisionReason::ProjectNotFound),
            };
            same(&request, answer, &right)
        };
        self.while_nothing_ends(ask, judge).await
    }
}
