//! Calls in the order they arrived: a client that sends several without waiting means them one after the other. And the
//! end of them.

use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ClientRequest, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use tokio::sync::watch;

/// How long a call may keep the next one waiting. A busy store answers within 5 s; beyond this the call was given up.
const TURN_MAX: Duration = Duration::from_secs(10);

/// Whose turn it is: the call that is being answered.
#[derive(Debug, Clone)]
pub(super) struct Turn(Arc<watch::Sender<Option<RequestId>>>);

impl Turn {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Waits until a message may be handed on. Dropping it midway loses nothing: it only waits.
    pub(super) async fn wait_for(&self, message: &RxJsonRpcMessage<RoleServer>) {
        let Some(id) = call_of(message) else { return };
        let mut turn = self.0.subscribe();
        let free = turn.wait_for(Option::is_none);
        // A call that never ends, because its client gave it up, must not hold up the others for ever.
        drop(tokio::time::timeout(TURN_MAX, free).await);
        self.0.send_replace(Some(id.clone()));
    }

    /// Notes that a message was answered.
    pub(super) fn answered(&self, message: &TxJsonRpcMessage<RoleServer>) {
        let id = match message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        id.into_iter().for_each(|id| self.ended(id));
    }

    /// Notes that a call has ended, whether or not it is answered: one that its client cancelled is not.
    pub(super) fn ended(&self, id: &RequestId) {
        self.0.send_if_modified(|turn| turn.take_if(|present| present == id).is_some());
    }
}

/// Whether the client has closed its side.
#[derive(Debug, Clone)]
pub(super) struct Closing(Arc<watch::Sender<bool>>);

impl Closing {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Notes that nothing more will be read.
    pub(super) fn closed(&self) {
        self.0.send_replace(true);
    }

    /// Waits until nothing more will be read.
    pub(super) async fn wait(&self) {
        // The sender is here, so the wait ends only with what is waited for.
        drop(self.0.subscribe().wait_for(|is_closed| *is_closed).await);
    }
}

/// The id of a call that others wait for. Waiting is the one call that is meant to go on beside others.
fn call_of(message: &RxJsonRpcMessage<RoleServer>) -> Option<&RequestId> {
    match message {
        JsonRpcMessage::Request(request) => match &request.request {
            ClientRequest::CallToolRequest(call) if call.params.name != "guidepost_wait" => {
                Some(&request.id)
            }
            _ => None,
        },
        JsonRpcMessage::Response(_)
        | JsonRpcMessage::Notification(_)
        | JsonRpcMessage::Error(_) => None,
    }
}
