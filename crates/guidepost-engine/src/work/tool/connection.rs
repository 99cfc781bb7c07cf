//! A connection to a tool server. Only this module and the transport beside it know the client library.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guidepost_core::diagnostic::closest;
use guidepost_core::limits::{PAYLOAD_BYTES_MAX, TOOL_MESSAGE_BYTES_MAX, TOOLS_MAX};
use guidepost_core::machine::schema::{Schema, listed};
use reqwest::header::{HeaderName, HeaderValue};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientConfig, ClientRequest,
    ContentBlock, ErrorCode, Implementation, MetaObject, PaginatedRequestParams, PingRequest,
    RequestMetaObject,
};
use rmcp::service::{
    ClientInitializeError, NotificationContext, RunningService, ServiceError, ServiceExt as _,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransportConfig, StreamableHttpError,
};
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Map, Value as Json};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use url::Url;

use super::ToolServer;
use super::stdio::{INEXACT, Notes, Pipes, TOO_LONG};
use super::web::Web;
use crate::call::{Call, Failure, chain};
use crate::work::{COMPLAINT_BYTES_MAX, address};

/// The key in `_meta` under which the idempotency key of the work travels.
const META_KEY: &str = "io.github.guidepost/idempotencyKey";

/// The key in `_meta` under which the number of the attempt travels.
const META_ATTEMPT: &str = "io.github.guidepost/attempt";

/// Calls under way at once over one HTTP connection: as many as an engine has hands, and more.
const CALLS_MAX: usize = 256;

/// How long a server that was late may take to show that it is alive.
const PING: Duration = Duration::from_secs(5);

/// Names that are shown of a server's tools when none is like the one that is wanted.
const NAMES_SHOWN_MAX: usize = 10;

/// An open connection.
pub(super) struct Connection {
    /// The server's name, for messages.
    name: String,
    client: RunningService<RoleClient, Client>,
    /// Sees a server that was started to its end.
    attended: Option<JoinHandle<()>>,
    notes: Arc<Notes>,
    listing: Mutex<Option<Arc<Listing>>>,
    is_stale: Arc<AtomicBool>,
    is_broken: AtomicBool,
}

/// A server's tools.
type Listing = Vec<Arc<Known>>;

/// A tool as its server describes it.
pub(super) struct Known {
    name: String,
    input: Json,
    output: Option<Json>,
    schemas: OnceLock<Schemas>,
}

/// What a tool takes and gives; `None` if the server does not say it in a way that can be used.
struct Schemas {
    input: Option<Schema>,
    output: Option<Schema>,
}

/// What answers the server.
struct Client {
    is_stale: Arc<AtomicBool>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let own = Implementation::new("guidepost", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(rmcp::model::ClientCapabilities::default(), own)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.is_stale.store(true, Ordering::Relaxed);
    }
}

impl Connection {
    /// Starts or reaches a server, and greets it.
    ///
    /// # Errors
    ///
    /// Why it cannot be done.
    pub(super) async fn open(
        name: &str,
        server: &ToolServer,
        allow_private: bool,
        notes: Arc<Notes>,
    ) -> Result<Self, Failure> {
        let is_stale = Arc::new(AtomicBool::new(false));
        let own = Client { is_stale: Arc::clone(&is_stale) };
        let mut attended = None;
        let opened = match server {
            ToolServer::Stdio { command, arguments, env, directory } => {
                let mut child = Command::new(command);
                child.args(arguments).envs(env);
                if let Some(directory) = directory {
                    child.current_dir(directory);
                }
                let (pipes, end) = Pipes::spawn(child, &notes).map_err(|error| {
                    Failure::lasting(format!(
                        "the tool server `{name}` cannot be started: `{command}`: {error}"
                    ))
                })?;
                attended = Some(end);
                own.serve(pipes).await
            }
            ToolServer::Http { url, headers, allow_private: is_near } => {
                let allow_private = allow_private || *is_near;
                own.serve(requests(name, url, headers, allow_private)?).await
            }
        };
        let client = opened.map_err(|error| unopened(name, &error, &notes))?;
        notes.greeted();
        Ok(Self {
            name: name.to_owned(),
            client,
            attended,
            notes,
            listing: Mutex::new(None),
            is_stale,
            is_broken: AtomicBool::new(false),
        })
    }

    /// Ends it, and waits until a server that was started has ended: by itself when its stdin is closed, else because it is
    /// asked to, else killed.
    pub(super) async fn close(self) {
        let Self { client, attended, .. } = self;
        // A service that ended by a bug has nothing open.
        let _ = client.cancel().await;
        if let Some(attended) = attended {
            let _ = attended.await;
        }
    }

    /// Whether nothing more can be asked over it.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed) || self.client.peer().is_transport_closed()
    }

    /// Asks a server that was late whether it is alive; if it is not, the connection is not used any more.
    pub(super) async fn probe(&self) {
        let ping = ClientRequest::PingRequest(PingRequest::default());
        let answer = tokio::time::timeout(PING, self.client.peer().send_request(ping)).await;
        if !matches!(answer, Ok(Ok(_) | Err(ServiceError::McpError(_)))) {
            self.is_broken.store(true, Ordering::Relaxed);
        }
    }

    /// The server's tools, asked for once and again when it says that they changed.
    ///
    /// # Errors
    ///
    /// If it does not tell them.
    pub(super) async fn tools(&self) -> Result<Arc<Listing>, Failure> {
        let mut listing = self.listing.lock().await;
        if let Some(known) = &*listing
            && !self.is_stale.swap(false, Ordering::Relaxed)
        {
            return Ok(Arc::clone(known));
        }
        *listing = None;
        let mut tools = Listing::new();
        let mut cursor = None;
        loop {
            let wanted = PaginatedRequestParams::default().with_cursor(cursor);
            let page = self.client.peer().list_tools(Some(wanted)).await;
            let page =
                page.map_err(|error| self.unanswered("the question for its tools", &error))?;
            tools.extend(page.tools.into_iter().map(|tool| Arc::new(Known::of(tool))));
            if tools.len() > TOOLS_MAX {
                let name = &self.name;
                let what = format!("the tool server `{name}` lists more than {TOOLS_MAX} tools");
                return Err(Failure::lasting(what));
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let tools = Arc::new(tools);
        *listing = Some(Arc::clone(&tools));
        Ok(tools)
    }

    /// A tool by its name.
    ///
    /// # Errors
    ///
    /// If there is none; then one that may be meant.
    pub(super) async fn tool(&self, wanted: &str) -> Result<Arc<Known>, Failure> {
        let tools = self.tools().await?;
        if let Some(known) = tools.iter().find(|tool| tool.name == wanted) {
            return Ok(Arc::clone(known));
        }
        let names = || tools.iter().map(|tool| tool.name.as_str());
        let instead = match closest(wanted, names()) {
            Some(name) => format!("did you mean `{name}`?"),
            None if tools.is_empty() => "it has no tools at all".to_owned(),
            None => {
                let shown: Vec<&str> = names().take(NAMES_SHOWN_MAX).collect();
                let more = if tools.len() > shown.len() { ", …" } else { "" };
                format!("it has {}{more}", shown.join(", "))
            }
        };
        let name = &self.name;
        Err(Failure::lasting(format!("the tool server `{name}` has no tool `{wanted}`; {instead}")))
    }

    /// Calls a tool. Dropped midway, the server is told that nobody waits for the answer.
    ///
    /// # Errors
    ///
    /// Why there is no result.
    pub(super) async fn call(
        &self,
        tool: &Known,
        arguments: Map<String, Json>,
        call: &Call,
    ) -> Result<Json, Failure> {
        let mut meta = Map::new();
        meta.insert(META_KEY.to_owned(), Json::from(call.key.as_str()));
        meta.insert(META_ATTEMPT.to_owned(), Json::from(call.attempt));
        let mut asked = CallToolRequestParams::new(tool.name.clone()).with_arguments(arguments);
        asked.meta = Some(RequestMetaObject(MetaObject(meta)));
        let answer = self.client.peer().call_tool_once(asked).await;
        let answer = answer
            .map_err(|error| self.unanswered(&format!("the call of `{}`", tool.name), &error))?;
        let (server, name) = (&self.name, &tool.name);
        match answer {
            CallToolResponse::Complete(result) => self.result(tool, result),
            CallToolResponse::InputRequired(_) => Err(Failure::lasting(format!(
                "the tool `{name}` of `{server}` asks back, which a step cannot answer"
            ))),
            _ => Err(Failure::lasting(format!(
                "the tool `{name}` of `{server}` answers later, as a task of MCP, which is not supported"
            ))),
        }
    }

    fn result(&self, tool: &Known, result: CallToolResult) -> Result<Json, Failure> {
        let (server, name) = (&self.name, &tool.name);
        if result.is_error == Some(true) {
            let text = match content(result.content) {
                Json::String(text) => text,
                other => other.to_string(),
            };
            let text = if text.is_empty() { "it does not say why" } else { complaint(&text) };
            return Err(Failure::passing(format!(
                "the tool `{name}` of `{server}` failed: {text}"
            )));
        }
        let output = tool.schemas().output.as_ref();
        let value = match (result.structured_content, output) {
            (Some(value), Some(schema)) => {
                let problems = schema.check(&value);
                if !problems.is_empty() {
                    return Err(Failure::passing(format!(
                        "the tool `{name}` of `{server}` gave what its own description forbids: {}",
                        listed(&problems)
                    )));
                }
                value
            }
            (Some(value), None) => value,
            (None, Some(_)) => {
                return Err(Failure::passing(format!(
                    "the tool `{name}` of `{server}` gave no structured result, which its own description promises"
                )));
            }
            (None, None) => content(result.content),
        };
        if size(&value) > PAYLOAD_BYTES_MAX {
            return Err(Failure::lasting(format!(
                "the result of the tool `{name}` of `{server}` has more than {PAYLOAD_BYTES_MAX} bytes"
            )));
        }
        Ok(value)
    }

    /// What it means that an answer did not come.
    fn unanswered(&self, what: &str, error: &ServiceError) -> Failure {
        let name = &self.name;
        match error {
            ServiceError::McpError(error) => {
                let lasts = matches!(
                    error.code,
                    TOO_LONG
                        | INEXACT
                        | ErrorCode::INVALID_PARAMS
                        | ErrorCode::METHOD_NOT_FOUND
                        | ErrorCode::INVALID_REQUEST
                );
                // Where the answer came and could not be taken, nobody refused.
                let verb =
                    if matches!(error.code, TOO_LONG | INEXACT) { "answered" } else { "refused" };
                let message = error.message.trim();
                let reason = format!("the tool server `{name}` {verb} {what}: {message}");
                Failure { reason, may_retry: !lasts }
            }
            ServiceError::TransportSend(error) => {
                self.is_broken.store(true, Ordering::Relaxed);
                let told = self.notes.told();
                Failure::passing(format!(
                    "{what} did not reach the tool server `{name}`, or its answer did not come back: {}{told}",
                    why(&*error.error)
                ))
            }
            ServiceError::TransportClosed | ServiceError::Cancelled { .. } => {
                self.is_broken.store(true, Ordering::Relaxed);
                let told = self.notes.told();
                Failure::passing(format!("the tool server `{name}` was lost during {what}{told}"))
            }
            other => Failure::passing(format!(
                "the tool server `{name}` answered {what} with something else: {other}"
            )),
        }
    }

    /// What is known about why nothing came in time.
    pub(super) fn told(&self) -> String {
        self.notes.told()
    }
}

impl Known {
    fn of(tool: rmcp::model::Tool) -> Self {
        Self {
            name: tool.name.into_owned(),
            input: Json::Object(Map::clone(&tool.input_schema)),
            output: tool.output_schema.map(|schema| Json::Object(Map::clone(&schema))),
            schemas: OnceLock::new(),
        }
    }

    /// What does not fit into what the tool takes.
    ///
    /// # Errors
    ///
    /// Every problem with its place.
    pub(super) fn expect_taken(&self, arguments: &Json) -> Result<(), Failure> {
        let problems = self.schemas().input.as_ref().map(|schema| schema.check(arguments));
        match problems {
            Some(problems) if !problems.is_empty() => Err(Failure::lasting(format!(
                "the tool `{}` does not take this input: {}",
                self.name,
                listed(&problems)
            ))),
            _ => Ok(()),
        }
    }

    fn schemas(&self) -> &Schemas {
        self.schemas.get_or_init(|| {
            let compiled = |source: &Json| {
                let schema = Schema::new(source.clone());
                schema
                    .inspect_err(|error| {
                        tracing::warn!(tool = self.name, %error, "a schema cannot be used, and is not checked");
                    })
                    .ok()
            };
            Schemas { input: compiled(&self.input), output: self.output.as_ref().and_then(compiled) }
        })
    }
}

/// The transport to a server that is reached over HTTP.
fn requests(
    name: &str,
    url: &str,
    headers: &BTreeMap<String, String>,
    allow_private: bool,
) -> Result<StreamableHttpClientTransport<Web>, Failure> {
    let unusable = |what: String| {
        Failure::lasting(format!("the tool server `{name}` cannot be reached: {what}"))
    };
    let address = Url::parse(url).map_err(|error| unusable(format!("`{url}`: {error}")))?;
    address::expect_allowed(&address, allow_private).map_err(|failure| unusable(failure.reason))?;
    let client = address::client(allow_private).build().map_err(|error| unusable(chain(&error)))?;
    let mut sent = HashMap::new();
    for (key, value) in headers {
        let bad = || unusable(format!("the header `{key}` cannot be sent"));
        let header = HeaderName::from_bytes(key.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        sent.insert(header, value);
    }
    let config = StreamableHttpClientTransportConfig::with_uri(address.as_str())
        .custom_headers(sent)
        .max_concurrent_requests(CALLS_MAX)
        .max_sse_event_size(TOOL_MESSAGE_BYTES_MAX)
        .reinit_on_expired_session(true);
    Ok(StreamableHttpClientTransport::with_client(Web(client), config))
}

/// Why a server was not opened.
fn unopened(name: &str, error: &ClientInitializeError, notes: &Notes) -> Failure {
    let told = notes.told();
    let what = match error {
        ClientInitializeError::ConnectionClosed(_) => {
            format!("the tool server `{name}` did not begin to speak MCP{told}")
        }
        ClientInitializeError::TransportError { error, .. } => {
            format!("the tool server `{name}` cannot be reached: {}{told}", why(&*error.error))
        }
        other => format!("the tool server `{name}` did not begin to speak MCP: {other}{told}"),
    };
    Failure::passing(what)
}

/// A transport's error with its causes, also those that it keeps to itself.
fn why(error: &(dyn std::error::Error + 'static)) -> String {
    match error.downcast_ref() {
        Some(StreamableHttpError::<reqwest::Error>::Client(error)) => chain(error),
        _ => match error.source() {
            Some(cause) => format!("{error}: {}", why(cause)),
            None => error.to_string(),
        },
    }
}

/// The text of a result; what is no text stays as it is, in a list.
fn content(blocks: Vec<ContentBlock>) -> Json {
    let texts: Option<Vec<&str>> =
        blocks.iter().map(|block| block.as_text().map(|text| text.text.as_str())).collect();
    match texts {
        Some(texts) => Json::String(texts.join("\n")),
        None => serde_json::to_value(&blocks).unwrap_or_default(),
    }
}

/// Bytes of a value as JSON.
fn size(value: &Json) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len())
}

/// As much of a complaint as is kept.
fn complaint(text: &str) -> &str {
    &text[..text.floor_char_boundary(COMPLAINT_BYTES_MAX)]
}
