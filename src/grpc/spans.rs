//! A span around every request, with the name of the RPC and the request's id, so that what is logged says what it is about.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use pin_project_lite::pin_project;
use tonic::Status;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};
use tower_http::request_id::RequestId;
use tracing::{Span, debug, debug_span, info_span};

/// Handles every request in a span of its own, and says at `debug` when it was answered. Where a request has no span that anybody
/// wants, that costs next to nothing.
#[derive(Debug, Clone, Copy)]
pub struct SpanLayer;

/// The service behind that layer.
#[derive(Debug, Clone)]
pub struct InSpans<S>(S);

impl<S> Layer<S> for SpanLayer {
    type Service = InSpans<S>;

    fn layer(&self, inner: S) -> InSpans<S> {
        InSpans(inner)
    }
}

impl<S, B, R> Service<Request<B>> for InSpans<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = InSpan<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = request_span(&request);
        let answering = span.in_scope(|| self.0.call(request));
        InSpan { answering, begun: (!span.is_disabled()).then(Instant::now), span }
    }
}

pin_project! {
    /// A request being answered in its span.
    pub struct InSpan<F> {
        #[pin]
        answering: F,
        span: Span,
        begun: Option<Instant>,
    }
}

impl<F, R, E> Future for InSpan<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let request = self.project();
        let _entered = request.span.enter();
        let answer = ready!(request.answering.poll(context));
        if let (Some(begun), Ok(answer)) = (request.begun, &answer) {
            // a call that gave an answer says how it ended after that
            let code = answer.headers().get(Status::GRPC_STATUS).and_then(|code| code.to_str().ok());
            debug!(code, elapsed = ?begun.elapsed(), "answered");
        }
        Poll::Ready(answer)
    }
}

/// RPCs that are called on every request of other services. What they do from memory logs nothing, so that their spans are for
/// who looks closely.
const HOT: [&str; 3] = [
    "/rolegate.v1.AuthorizationService/Check",
    "/rolegate.v1.AuthorizationService/CheckOrganization",
    "/rolegate.v1.AuthorizationService/CheckAccount",
];

/// The span that a request is handled in: which RPC, and the id that the caller gave (`x-request-id`) or that was made
/// up for it. The caller gets the id back.
fn request_span<B>(request: &Request<B>) -> Span {
    if HOT.contains(&request.uri().path()) {
        debug_span!("request", rpc = rpc_of(request), id = id_of(request))
    } else {
        span_of(request)
    }
}

fn span_of<B>(request: &Request<B>) -> Span {
    info_span!("request", rpc = rpc_of(request), id = id_of(request))
}

/// Logs in the span of a request that may have none because nothing was to be logged of it.
pub(super) fn in_span_of<B, T>(request: &Request<B>, log: impl FnOnce() -> T) -> T {
    let span = Span::current();
    if span.is_disabled() { span_of(request).in_scope(log) } else { log() }
}

fn rpc_of<B>(request: &Request<B>) -> &str {
    request.uri().path().trim_start_matches('/')
}

fn id_of<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok())
}
