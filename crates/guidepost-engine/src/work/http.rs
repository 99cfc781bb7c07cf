//! Requests over HTTP. An address of this machine or its neighbourhood is reached only if the operator allows it, and it
//! is the address that is dialled which is checked, not the name.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use guidepost_core::limits::PAYLOAD_BYTES_MAX;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value as Json, json};
use url::{Host, Url};

use super::Handler;
use crate::call::{Call, Failure, Outcome};

/// How long a request may take when the step says nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a refusal is kept.
const COMPLAINT_BYTES_MAX: usize = 2_000;

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
        // Another part of the program may have chosen a provider already; then that one counts.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .user_agent(concat!("guidepost/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Guarded { allow_private }))
            .build()
            .map_err(|error| Failure::lasting(format!("no HTTP client: {}", chain(&error))))?;
        Ok(Self { client, allow_private })
    }

    async fn request(&self, call: &Call) -> Result<Json, Failure> {
        let spec = &call.spec;
        let text = |key: &str| spec.get(key).and_then(Json::as_str);
        let url = text("url").ok_or_else(|| Failure::lasting("`http` needs a `url`"))?;
        let url = Url::parse(url).map_err(|error| Failure::lasting(format!("`{url}`: {error}")))?;
        self.expect_allowed(&url)?;
        let has_body = spec.get("json").is_some() || spec.get("body").is_some();
        let method = text("method").unwrap_or(if has_body { "POST" } else { "GET" });
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

    fn expect_allowed(&self, url: &Url) -> Result<(), Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::lasting(format!(
                "`{}:` is not `http:` or `https:`",
                url.scheme()
            )));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Failure::lasting(format!("`{url}` names no host"))),
        };
        if self.allow_private || is_public(address) { Ok(()) } else { Err(private(address)) }
    }
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
        return serde_json::from_slice(&body).map_err(|error| {
            Failure::passing(format!("the answer says it is JSON, but: {error}"))
        });
    }
    let text = String::from_utf8(body);
    Ok(json!(text.map_err(|_| Failure::lasting("the answer is neither JSON nor UTF-8 text"))?))
}

/// Looks names up, and forgets the addresses that may not be reached.
#[derive(Debug)]
struct Guarded {
    allow_private: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (allowed, refused): (Vec<SocketAddr>, Vec<SocketAddr>) =
                found.partition(|address| allow_private || is_public(address.ip()));
            match (allowed.is_empty(), refused.first()) {
                (true, Some(address)) => Err(private(address.ip()).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

fn private(address: IpAddr) -> Failure {
    Failure::lasting(format!("`{address}` is a private address, which is not allowed here"))
}

/// Whether an address belongs to the public internet.
///
/// # Source
///
/// IANA's special-purpose address registries for IPv4 and IPv6.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_protocol = a == 192 && b == 0 && c == 0;
            let is_benchmark = a == 198 && (b == 18 || b == 19);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || a == 0
                || a >= 240
                || is_shared
                || is_protocol
                || is_benchmark)
        }
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public(inner),
            // What is handed out to the public is all in 2000::/3.
            None => {
                address.segments()[0] & 0xe000 == 0x2000
                    && address.segments()[0..2] != [0x2001, 0xdb8]
            }
        },
    }
}

/// The IPv4 address an IPv6 address stands for: mapped, 6to4 or through NAT64.
fn embedded(address: Ipv6Addr) -> Option<IpAddr> {
    let bytes = address.octets();
    let four = |at: usize| IpAddr::from([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(IpAddr::V4(mapped));
    }
    match address.segments() {
        [0x2002, ..] => Some(four(2)),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(four(12)),
        _ => None,
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for address in
            ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
