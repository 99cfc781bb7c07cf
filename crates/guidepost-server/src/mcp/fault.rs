//! Faults of the server itself: a request whose handling panics is answered as an internal error, and the server goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use rmcp::model::ErrorData;

/// What a client is told of a fault. Its cause is on standard error, for whoever looks after the server.
const FAULT: &str = "the server failed at this request, by a fault of its own; what it writes may have been done: read \
the run before you send the request again";

/// The answer of a request, or an internal error if making it panics. Nothing of what it held is used again: what is
/// shared between requests lies in the store.
///
/// # Errors
///
/// As `answer`, and for a panic.
pub(super) fn survived<T>(
    answer: impl Future<Output = Result<T, ErrorData>>,
) -> impl Future<Output = Result<T, ErrorData>> {
    let mut answer = Box::pin(answer);
    std::future::poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(ErrorData::internal_error(FAULT, None))))
    })
}
