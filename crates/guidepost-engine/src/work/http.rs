//! Requests over HTTP. An address of this machine or its neighbourhood is reached only if the operator allows it.

use std::time::Duration;

use async_trait::async_trait;
use guidepost_core::limits::PAYLOAD_BYTES_MAX;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value as Json, json};
use url::Url;

use super::{COMPLAINT_BYTES_MAX, Handler, address, expect_kept};
use crate::call::{Call, Failure, Outcome, chain};

/// How long a request may take when the step says nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Makes requests.
///
/// `url`, `method` (GET unless there is a body), `headers`, `query`, and `json` or `body` say what to ask. The answer is
/// the result: JSON if it says it is, else text. The idempotency key travels as `Idempotency-Key`. A status of 408, 429 or
/// 5xx is worth another try, any other that is no success is not. Redirects are not followed.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    allow_private: bool,
}

impl Http {
    /// A client. With `allow_private`, it also reaches this machine and its private networks.
    ///
    /// # Errors
    ///
    /// If the system's certificates or resolver cannot be used.
    pub fn new(allow_private: bool) -> Result<Self, Failure> {
        let client = address::client(allow_private)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Failure::lasting(format!("no HTTP client: {}", chain(&error))))?;
        Ok(Self { client, allow_private })
    }

    async fn request(&self, call: &Call) -> Result<Json, Failure> {
        let spec = &call.spec;
        let text = |key: &str| spec.get(key).and_then(Json::as_str);
        let url = text("url").ok_or_else(|| Failure::lasting("`http` needs a `url`"))?;
        let url = Url::parse(url).map_err(|error| Failure::lasting(format!("`{url}`: {error}")))?;
        address::expect_allowed(&url, self.allow_private)?;
        let method = method(spec);
        let method = Method::from_bytes(method.to_uppercase().as_bytes())
            .map_err(|_| Failure::lasting(format!("`{method}` is no HTTP method")))?;
        let mut request = self.client.request(method, url).headers(headers(call)?);
        if let Some(query) = spec.get("query") {
            request = request.query(query);
        }
        if let Some(body) = spec.get("json") {
            request = request.json(body);
        } else if let Some(body) = text("body") {
            request = request.body(body.to_owned());
        }
        if let Some(timeout) = call.timeout {
            request = request.timeout(timeout);
        }
        let response = request
            .send()
            .await
            .map_err(|error| Failure::passing(format!("the request failed: {}", chain(&error))))?;
        answer(response).await
    }
}

/// The method of a request: what it says, else `POST` if it has a body and `GET` if not.
#[must_use]
pub fn method(spec: &Json) -> &str {
    let has_body = spec.get("json").is_some() || spec.get("body").is_some();
    let by_default = if has_body { "POST" } else { "GET" };
    spec.get("method").and_then(Json::as_str).unwrap_or(by_default)
}

#[async_trait]
impl Handler for Http {
    async fn perform(&self, call: Call) -> Outcome {
        match self.request(&call).await {
            Ok(value) => Outcome::Done(value),
            Err(failure) => Outcome::Failed(failure),
        }
    }
}

fn headers(call: &Call) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let bad = |name: &str| Failure::lasting(format!("the header `{name}` cannot be sent"));
    let key = HeaderValue::from_str(&call.key).map_err(|_| bad("Idempotency-Key"))?;
    headers.insert(HeaderName::from_static("idempotency-key"), key);
    let given = call.spec.get("headers").and_then(Json::as_object);
    for (name, value) in given.into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(name))?;
        headers.insert(header, HeaderValue::from_str(&text).map_err(|_| bad(name))?);
    }
    Ok(headers)
}

async fn answer(mut response: Response) -> Result<Json, Failure> {
    let status = response.status();
    let is_json =
        response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(
            |kind| kind.split(';').next().unwrap_or_default().trim().ends_with("json"),
        );
    let bound = if status.is_success() { PAYLOAD_BYTES_MAX } else { COMPLAINT_BYTES_MAX };
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| {
            Failure::passing(format!("the answer broke off: {}", chain(&error)))
        })?;
        let Some(chunk) = chunk else { break };
        if body.len() + chunk.len() > bound {
            if status.is_success() {
                return Err(Failure::lasting(format!("the answer has more than {bound} bytes")));
            }
            body.extend_from_slice(&chunk[..bound - body.len()]);
            break;
        }
        body.extend_from_slice(&chunk);
    }
    if !status.is_success() {
        let complaint = String::from_utf8_lossy(&body);
        let reason = format!("the answer was {status}: {}", complaint.trim());
        let may_retry = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        return Err(Failure { reason: reason.trim_end_matches([':', ' ']).to_owned(), may_retry });
    }
    if is_json && !body.is_empty() {
        let value = serde_json::from_slice(&body).map_err(|error| {
            Failure::passing(format!("the answer says it is JSON, but: {error}"))
        })?;
        expect_kept("the answer", &String::from_utf8_lossy(&body))?;
        return Ok(value);
    }
    let text = String::from_utf8(body);
    Ok(json!(text.map_err(|_| Failure::lasting("the answer is neither JSON nor UTF-8 text"))?))
}
