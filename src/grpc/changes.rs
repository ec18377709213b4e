//! `ChangeService`: the log, page by page and as a stream.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};

use super::gate::Pass;
use super::pages::Paging;
use super::v1::change_service_server::ChangeService;
use super::v1::{
    self, ChangeServiceListRequest, ChangeServiceListResponse, ChangeServiceWatchRequest, ChangeServiceWatchResponse,
};
use super::watches::{self, Telling};
use super::{Services, errors, fields, resources, revision};
use crate::access::{Access, ChangesQuestion};
use crate::changes::{Event, Watch};
use crate::domain::change::{Change, ChangeKind, LogKey, LoggedChange, Object};
use crate::domain::change_filter::ChangeFilter;
use crate::domain::ids::Revision;
use crate::view::{Freshness, Standing, Token, ViewError};

/// How often a watch says that there is nothing to say, unless asked.
const HEARTBEAT: Duration = Duration::from_secs(10);

const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(1);
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(3_600);

/// Longer than any name in the log: `owner/project`.
const LONGEST_NAME: usize = 410;

#[tonic::async_trait]
impl ChangeService for Services {
    async fn list(
        &self,
        request: Request<ChangeServiceListRequest>,
    ) -> Result<Response<ChangeServiceListResponse>, Status> {
        let access = self.access_for(&request);
        let (deadline, request) = self.take(request)?;
        self.changes(&access, request, deadline).await.map(Response::new)
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<ChangeServiceWatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<ChangeServiceWatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let pass = request.extensions().get::<Pass>().cloned();
        let (deadline, request) = self.take(request)?;
        let filter = filter(request.filter.unwrap_or_default())?;
        let heartbeat = heartbeat(request.heartbeat)?;
        let place = self.inner.capacity.streams.enter_for_long()?;
        let watch = self.open_watch(&request.after, filter, deadline).await?;
        let (patience, stopping) = (self.inner.watch_patience, self.inner.stopping.child_token());
        let messages = watches::messages(watch, Telling { heartbeat, patience, stopping }, place);
        let messages = messages.map(move |message| pass.as_ref().map_or(Ok(()), Pass::holds).and(message));
        // an error is the end
        let messages = messages.scan(false, |ended, next| {
            let next = (!*ended).then_some(next);
            *ended |= matches!(next, Some(Err(_)));
            futures::future::ready(next)
        });
        Ok(Response::new(Box::pin(messages)))
    }
}

impl Services {
    async fn changes(
        &self,
        access: &Access,
        request: ChangeServiceListRequest,
        deadline: Instant,
    ) -> Result<ChangeServiceListResponse, Status> {
        let (from, until) = (fields::time("from", request.from)?, fields::time("until", request.until)?);
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return Err(errors::invalid_field("until", "must be later than `from`"));
        }
        let named = filter(request.filter.unwrap_or_default())?;
        let question =
            ChangesQuestion { filter: ChangeFilter { from, until, ..named }, oldest_first: request.oldest_first };
        let bound = bound(&question);
        let bound = bound.iter().map(String::as_str).collect();
        let paging = Paging::new(self.seal().await?, bound, request.page_size, &request.page_token)?;
        let page = paging.filled(LogKey::parse)?;
        let wanted = self.be_as_fresh(request.consistency.as_ref(), || deadline).await?;
        let found = self.read(deadline, access.until(deadline.into_std()).changes(&question, page)).await?;
        wanted.met_by(found.token)?;
        let token = |revision| revision::encode(Token { revision, ..found.token });
        let next_page_token = paging.go_on(&found.token.history.to_string(), found.next.map(|key| key.to_string()))?;
        Ok(ChangeServiceListResponse {
            changes: found.changes.into_iter().map(|change| listed(change, token)).collect(),
            next_page_token,
            pruned_through: Some(found.log_start).filter(|start| start.0 > 0).map(token).unwrap_or_default(),
            revision: token(found.token.revision),
        })
    }

    async fn open_watch(&self, after: &str, filter: ChangeFilter, deadline: Instant) -> Result<Watch, Status> {
        let view = &self.inner.view;
        if view.standing() != Standing::Fresh {
            return Err(errors::view(ViewError::NotFresh));
        }
        let now = view.token();
        let after = if after.is_empty() { now } else { revision::decode(after).ok_or_else(errors::invalid_start)? };
        if after.history != now.history {
            return Err(errors::invalid_start());
        }
        view.wait_for(Freshness::AtLeast(after.revision), Some(deadline)).await.map_err(errors::view)?;
        let opened = timeout_at(deadline, self.inner.log.watch(after, filter)).await;
        opened.map_err(|_| errors::view(ViewError::DeadlineExceeded))?.map_err(errors::watch)
    }
}

/// Reads what is asked for.
fn filter(filter: v1::ChangeFilter) -> Result<ChangeFilter, Status> {
    let object = match v1::ObjectKind::try_from(filter.object) {
        Ok(v1::ObjectKind::Unspecified) => None,
        Ok(wanted) => Object::ALL.iter().copied().find(|object| object_kind(*object) == wanted),
        Err(_) => return Err(errors::invalid_field("filter.object", "is no sort of thing that there is")),
    };
    let in_names = |byte: u8| byte.is_ascii_alphanumeric() || b"@/._-".contains(&byte);
    if filter.name.len() > LONGEST_NAME || !filter.name.bytes().all(in_names) {
        return Err(errors::invalid_field("filter.name", "is no name that anything can have"));
    }
    if !filter.subject.is_empty() {
        fields::collaborator("filter.subject", &filter.subject)?;
    }
    fields::optional_username("filter.actor", &filter.actor)?;
    if filter.caller.len() > LONGEST_NAME {
        return Err(errors::invalid_field("filter.caller", "is longer than any caller is called"));
    }
    let v1::ChangeFilter { name, subject, actor, caller, .. } = filter;
    Ok(ChangeFilter { object, name, subject, actor, caller, from: None, until: None })
}

fn heartbeat(asked: Option<prost_types::Duration>) -> Result<Duration, Status> {
    let Some(asked) = asked else { return Ok(HEARTBEAT) };
    let asked = Duration::try_from(asked).ok();
    let asked = asked.filter(|asked| (SHORTEST_HEARTBEAT..=LONGEST_HEARTBEAT).contains(asked));
    asked.ok_or_else(|| errors::invalid_field("heartbeat", "must be between 1 second and 1 hour"))
}

/// All that a list says but which page: what its page tokens are bound to.
fn bound(question: &ChangesQuestion) -> Vec<String> {
    let ChangeFilter { object, name, subject, actor, caller, from, until } = &question.filter;
    let time = |time: &Option<Timestamp>| time.map(|time| time.as_microsecond().to_string()).unwrap_or_default();
    let names = [name, subject, actor].map(|name| name.to_ascii_lowercase());
    let object = object.map(Object::name).unwrap_or_default().to_owned();
    let rest = [object, caller.clone(), time(from), time(until), question.oldest_first.to_string()];
    ["list_changes".to_owned()].into_iter().chain(names).chain(rest).collect()
}

fn listed(logged: LoggedChange, token: impl Fn(Revision) -> String) -> v1::ListedChange {
    v1::ListedChange {
        revision: token(logged.revision),
        committed_at: resources::time(logged.committed_at),
        operation: logged.operation.clone(),
        actor: logged.actor.clone().unwrap_or_default(),
        caller: logged.caller.clone().unwrap_or_default(),
        request_id: logged.request_id.clone().unwrap_or_default(),
        change: Some(change(logged)),
    }
}

/// A write, or a part of it, as it goes on the wire.
pub(super) fn event(event: Event, previous: Token, now: Token) -> v1::ChangeEvent {
    let first = event.changes.first();
    v1::ChangeEvent {
        previous_revision: revision::encode(previous),
        revision: revision::encode(now),
        committed_at: first.and_then(|first| resources::time(first.committed_at)),
        operation: first.map(|first| first.operation.clone()).unwrap_or_default(),
        actor: first.and_then(|first| first.actor.clone()).unwrap_or_default(),
        caller: first.and_then(|first| first.caller.clone()).unwrap_or_default(),
        request_id: first.and_then(|first| first.request_id.clone()).unwrap_or_default(),
        part: event.part,
        more: event.more,
        changes: event.changes.into_iter().map(change).collect(),
    }
}

fn change(logged: LoggedChange) -> v1::Change {
    let kind = match logged.kind() {
        ChangeKind::Created => v1::ChangeKind::Created,
        ChangeKind::Updated => v1::ChangeKind::Updated,
        ChangeKind::Removed => v1::ChangeKind::Removed,
        ChangeKind::Expired => v1::ChangeKind::Expired,
    };
    let Change { object, name, subject, before, after } = logged.change;
    let object = object_kind(object).into();
    v1::Change { kind: kind.into(), object, name, subject, before: before.map(record), after: after.map(record) }
}

fn object_kind(object: Object) -> v1::ObjectKind {
    match object {
        Object::User => v1::ObjectKind::User,
        Object::Organization => v1::ObjectKind::Organization,
        Object::Member => v1::ObjectKind::Member,
        Object::Team => v1::ObjectKind::Team,
        Object::TeamMember => v1::ObjectKind::TeamMember,
        Object::Project => v1::ObjectKind::Project,
        Object::Collaborator => v1::ObjectKind::Collaborator,
        Object::Plan => v1::ObjectKind::Plan,
    }
}

/// A record of the log: always an object.
fn record(stored: serde_json::Value) -> Struct {
    match stored {
        serde_json::Value::Object(fields) => {
            Struct { fields: fields.into_iter().map(|(name, stored)| (name, value(stored))).collect() }
        }
        _ => Struct::default(),
    }
}

fn value(stored: serde_json::Value) -> Value {
    let kind = match stored {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(stored) => Kind::BoolValue(stored),
        serde_json::Value::Number(stored) => Kind::NumberValue(stored.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(stored) => Kind::StringValue(stored),
        serde_json::Value::Array(stored) => {
            Kind::ListValue(ListValue { values: stored.into_iter().map(value).collect() })
        }
        stored @ serde_json::Value::Object(_) => Kind::StructValue(record(stored)),
    };
    Value { kind: Some(kind) }
}
