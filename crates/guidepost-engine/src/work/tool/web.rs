//! A tool server that is reached over HTTP: the client library's own way, but for calls of tools.
//!
//! The library hands over what it read, and reading turns large whole numbers into others. So the answer to a call is read
//! here, and looked through before it is parsed, as it is on a pipe. Everything else is left to the library.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStream};
use guidepost_core::limits::TOOL_MESSAGE_BYTES_MAX;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::common::client_side_sse::BoxedSseResponse;
use rmcp::transport::common::http_header::{
    EVENT_STREAM_MIME_TYPE, HEADER_SESSION_ID, JSON_MIME_TYPE,
};
use rmcp::transport::streamable_http_client::{
    HttpStatusError, SseError, StreamableHttpClient, StreamableHttpError,
    StreamableHttpPostResponse,
};

use super::stdio::{kept, too_long};

/// As much of a refusal as is read.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

type Error = StreamableHttpError<reqwest::Error>;

/// A message of a stream of events.
type Event = <BoxedSseResponse as TryStream>::Ok;

type Headers = HashMap<HeaderName, HeaderValue>;

/// The library's client, which loses nothing of what tools give.
#[derive(Clone)]
pub(super) struct Web(pub(super) reqwest::Client);

impl StreamableHttpClient for Web {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let most = TOOL_MESSAGE_BYTES_MAX;
        let sent =
            self.post_message_with_max_sse_event_size(uri, message, session, token, headers, most);
        sent.await
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
        most: usize,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let is_call = matches!(
            &message,
            JsonRpcMessage::Request(asked) if matches!(asked.request, ClientRequest::CallToolRequest(_))
        );
        if !is_call {
            let sent = self
                .0
                .post_message_with_max_sse_event_size(uri, message, session, token, headers, most);
            return sent.await;
        }
        let accept = [EVENT_STREAM_MIME_TYPE, JSON_MIME_TYPE].join(", ");
        let mut request = self.0.post(uri.as_ref()).header(ACCEPT, accept);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(session) = &session {
            request = request.header(HEADER_SESSION_ID, session.as_ref());
        }
        let response = request.json(&message).send().await?;
        answer(response, &message, session.is_some()).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<(), Error> {
        self.0.delete_session(uri, session, token, headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last: Option<String>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<BoxedSseResponse, Error> {
        let most = TOOL_MESSAGE_BYTES_MAX;
        self.get_stream_with_max_sse_event_size(uri, session, last, token, headers, most).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last: Option<String>,
        token: Option<String>,
        headers: Headers,
        most: usize,
    ) -> Result<BoxedSseResponse, Error> {
        let events =
            self.0.get_stream_with_max_sse_event_size(uri, session, last, token, headers, most);
        // What was not heard to its end goes on here.
        Ok(events.await?.map(|event| event.map(exact)).boxed())
    }
}

/// What a server answered to the call of a tool.
async fn answer(
    mut response: Response,
    asked: &ClientJsonRpcMessage,
    has_session: bool,
) -> Result<StreamableHttpPostResponse, Error> {
    let status = response.status();
    if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
        return Ok(StreamableHttpPostResponse::Accepted);
    }
    if status == StatusCode::NOT_FOUND && has_session {
        return Err(StreamableHttpError::SessionExpired);
    }
    let header = |name: &str| {
        response.headers().get(name).and_then(|it| it.to_str().ok()).map(str::to_owned)
    };
    let (kind, session) = (header(CONTENT_TYPE.as_str()), header(HEADER_SESSION_ID));
    let is = |wanted: &str| kind.as_deref().is_some_and(|kind| kind.starts_with(wanted));
    if !status.is_success() {
        return refusal(response, is(JSON_MIME_TYPE)).await;
    }
    if is(EVENT_STREAM_MIME_TYPE) {
        return Ok(StreamableHttpPostResponse::Sse(events(response), session));
    }
    if !is(JSON_MIME_TYPE) {
        return Err(StreamableHttpError::UnexpectedContentType(kind));
    }
    let Some(body) = read(&mut response, TOOL_MESSAGE_BYTES_MAX).await? else {
        let id =
            if let JsonRpcMessage::Request(asked) = asked { Some(asked.id.clone()) } else { None };
        return Ok(StreamableHttpPostResponse::Json(too_long(id), session));
    };
    match serde_json::from_slice::<ServerJsonRpcMessage>(&body) {
        Ok(message) => Ok(StreamableHttpPostResponse::Json(kept(message, &body), session)),
        Err(error) => Err(unexpected(format!("what it answered is no message of MCP: {error}"))),
    }
}

/// An answer that is none: what the server says about it, if it says so as MCP does.
async fn refusal(
    mut response: Response,
    is_json: bool,
) -> Result<StreamableHttpPostResponse, Error> {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok());
    let after = after.map(str::to_owned);
    let body = read(&mut response, REFUSAL_BYTES_MAX).await?.unwrap_or_default();
    let is_stranger = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if is_json
        && !is_stranger
        && let Ok(error @ JsonRpcMessage::Error(_)) = serde_json::from_slice(&body)
    {
        return Ok(StreamableHttpPostResponse::Json(error, None));
    }
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Err(HttpStatusError::new(status.as_u16(), after).into());
    }
    Err(unexpected(format!("HTTP {status}: {}", String::from_utf8_lossy(&body))))
}

fn unexpected(what: String) -> Error {
    StreamableHttpError::UnexpectedServerResponse(Cow::Owned(what))
}

/// The whole body; `None` if it is longer than that.
async fn read(response: &mut Response, most: usize) -> Result<Option<Vec<u8>>, Error> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

/// The event, with an error in place of a result that reading would change.
fn exact(mut event: Event) -> Event {
    event.data = event.data.map(|data| match serde_json::from_str::<ServerJsonRpcMessage>(&data) {
        Ok(message) => match kept(message, data.as_bytes()) {
            error @ JsonRpcMessage::Error(_) => serde_json::to_string(&error).unwrap_or(data),
            _ => data,
        },
        Err(_) => data,
    });
    event
}

/// The events of an answer, one after the other.
fn events(response: Response) -> BoxedSseResponse {
    let reader = Reader {
        response,
        read: Vec::new(),
        looked_at: 0,
        event: Event::default(),
        is_over: false,
    };
    stream::unfold(reader, Reader::next).boxed()
}

/// Reads events line by line.
struct Reader {
    response: Response,
    /// What was read and belongs to no line yet.
    read: Vec<u8>,
    /// So much of that has no end of a line.
    looked_at: usize,
    /// What the lines so far say.
    event: Event,
    is_over: bool,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<Event, SseError>, Self)> {
        while !self.is_over {
            while let Some(line) = self.line() {
                if let Some(event) = self.take(&line) {
                    return Some((Ok(exact(event)), self));
                }
            }
            let held = self.event.data.as_ref().map_or(0, String::len);
            if self.read.len() + held > TOOL_MESSAGE_BYTES_MAX {
                self.is_over = true;
                let what = format!("the answer has more than {TOOL_MESSAGE_BYTES_MAX} bytes");
                return Some((Err(SseError::Body(what.into())), self));
            }
            match self.response.chunk().await {
                Ok(Some(part)) => self.read.extend_from_slice(&part),
                Ok(None) => self.is_over = true,
                Err(error) => {
                    self.is_over = true;
                    return Some((Err(SseError::Body(Box::new(error))), self));
                }
            }
        }
        None
    }

    /// The next whole line, without its end.
    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.read[self.looked_at..].iter().position(|byte| *byte == b'\n');
        let Some(end) = end.map(|end| self.looked_at + end) else {
            self.looked_at = self.read.len();
            return None;
        };
        self.looked_at = 0;
        let mut line: Vec<u8> = self.read.drain(..=end).collect();
        line.truncate(end);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    /// Takes a line; an empty one ends the event.
    fn take(&mut self, line: &[u8]) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (event != Event::default()).then_some(event);
        }
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.event.data = Some(value.to_owned()),
            },
            "event" => self.event.event = Some(value.to_owned()),
            "id" => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry = value.parse().ok(),
            // A comment, or something that is not known.
            _ => {}
        }
        None
    }
}
