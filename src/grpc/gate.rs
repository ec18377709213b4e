//! The gate in front of all services: finds out who calls, and lets it on only to what it may call.
//!
//! The caller that was found goes on with the request, and is asked again where only the request itself says what it is about:
//! a write without an actor (`writes.rs`), an object outside of what the caller is confined to.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, Either};
use tonic::Status;
use tonic::codegen::http::header::{AUTHORIZATION, HeaderValue};
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};
use tracing::{Span, info};

use super::errors;
use super::scopes::{self, Rule, Rules};
use super::spans;
use crate::admission::{Admitted, Known, Peer};
use crate::callers::{Caller, Scope};

/// What anybody may call: who asks after the health has no key, and reflection is offered where a setting says so.
const OPEN: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// Puts the gate in front of services. Where callers are not known it is open, and costs nothing.
#[derive(Clone)]
pub struct GateLayer(Option<Arc<Keeper>>);

/// The gate in front of a service.
#[derive(Clone)]
pub struct Gate<S> {
    inner: S,
    keeper: Option<Arc<Keeper>>,
}

struct Keeper {
    known: Known,
    rules: Rules,
}

impl GateLayer {
    /// A gate that tells callers apart by that; without it, one that is open.
    pub fn new(known: Option<Known>) -> Self {
        Self(known.map(|known| Arc::new(Keeper { known, rules: scopes::rules() })))
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, keeper: self.0.clone() }
    }
}

type Answer<S, B> = Result<<S as Service<Request<B>>>::Response, <S as Service<Request<B>>>::Error>;

impl<S, B, R> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Either<S::Future, Either<Ready<Answer<S, B>>, BoxFuture<'static, Answer<S, B>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some(keeper) = &self.keeper else { return Either::Left(self.inner.call(request)) };
        match keeper.judge(&mut request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(Stop::Refused(status)) => Either::Right(Either::Left(ready(Ok(status.into_http())))),
            Err(Stop::UnknownKey) => {
                let keeper = Arc::clone(keeper);
                // the service that was polled until it is ready is the one to be called
                let next = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, next);
                Either::Right(Either::Right(Box::pin(async move {
                    keeper.known.refreshed().await;
                    match keeper.judge(&mut request) {
                        Ok(()) => inner.call(request).await,
                        Err(Stop::Refused(status)) => Ok(status.into_http()),
                        Err(Stop::UnknownKey) => Ok(errors::caller_unknown().into_http()),
                    }
                })))
            }
        }
    }
}

/// Why a request does not go on.
enum Stop {
    Refused(Status),
    /// It may, once newer keys of tokens are known.
    UnknownKey,
}

impl Keeper {
    /// Finds the caller of a request, asks whether it may call this, and has the request say who it is.
    fn judge<B>(&self, request: &mut Request<B>) -> Result<(), Stop> {
        let path = request.uri().path();
        if OPEN.iter().any(|open| path.starts_with(open)) {
            return Ok(());
        }
        let authorization = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let caller = match self.known.find(request.extensions().get::<Peer>(), authorization) {
            Admitted::Caller(caller) => caller,
            Admitted::UnknownKey => return Err(Stop::UnknownKey),
            Admitted::Unknown => {
                spans::in_span_of(request, || info!("refused a caller that is not known"));
                return Err(Stop::Refused(errors::caller_unknown()));
            }
        };
        let rule = self.may_call(&caller, request).map_err(Stop::Refused)?;
        // what a caller proved is of no use to who answers it, and is in no log
        let authorization = request.headers_mut().remove(AUTHORIZATION);
        if rule.is_stream {
            let (known, peer) = (self.known.clone(), request.extensions().get::<Peer>().cloned());
            request.extensions_mut().insert(Pass(Arc::new(Shown {
                known,
                peer,
                authorization,
                caller: caller.clone(),
                span: Span::current(),
            })));
        }
        request.extensions_mut().insert(caller);
        Ok(())
    }

    fn may_call<B>(&self, caller: &Caller, request: &Request<B>) -> Result<Rule, Status> {
        let rule = self.rules.get(request.uri().path());
        let rule = *rule.ok_or_else(|| Status::unimplemented("there is no such method"))?;
        if !caller.may(rule.scope) {
            return Err(spans::in_span_of(request, || lacks(caller, rule.scope)));
        }
        if caller.bounds().is_some() && !rule.is_bounded {
            spans::in_span_of(request, || info!(caller = caller.name(), "refused a caller that is confined"));
            return Err(errors::out_of_bounds());
        }
        Ok(rule)
    }
}

/// What a caller showed at the beginning of a stream. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pass(Arc<Shown>);

struct Shown {
    known: Known,
    peer: Option<Peer>,
    authorization: Option<HeaderValue>,
    caller: Caller,
    /// What is logged of the stream.
    span: Span,
}

impl Pass {
    /// Refuses to go on where what was shown is no longer good, or the caller file says something else of the caller now.
    pub(super) fn holds(&self) -> Result<(), Status> {
        let Shown { known, peer, authorization, caller, span } = &*self.0;
        match known.find(peer.as_ref(), authorization.as_ref().map(HeaderValue::as_bytes)) {
            Admitted::Caller(now) if now == *caller => Ok(()),
            Admitted::Caller(_) | Admitted::Unknown | Admitted::UnknownKey => {
                span.in_scope(|| info!(caller = caller.name(), "ended a stream whose caller is no longer let in"));
                Err(errors::caller_unknown())
            }
        }
    }
}

/// Whether a caller has a scope.
pub(super) fn may(caller: &Caller, scope: Scope) -> Result<(), Status> {
    if caller.may(scope) { Ok(()) } else { Err(lacks(caller, scope)) }
}

/// Refuses a caller that has not.
fn lacks(caller: &Caller, scope: Scope) -> Status {
    info!(caller = caller.name(), scope = scope.name(), "refused a caller that lacks a scope");
    errors::scope_missing(scope)
}
