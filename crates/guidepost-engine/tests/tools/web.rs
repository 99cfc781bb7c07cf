//! Tool servers over HTTP.

use std::collections::BTreeMap;

use guidepost_engine::work::tool::{ToolServer, Tools};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::{failure, server, tools, value};

fn place(url: &str, allow_private: bool) -> ToolServer {
    let headers = BTreeMap::from([("Authorization".to_owned(), "Bearer t".to_owned())]);
    ToolServer::Http { url: url.to_owned(), headers, allow_private }
}

/// Serves MCP by plain JSON answers until it is aborted.
async fn serve(listener: TcpListener) {
    // They end with it.
    let mut talks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        talks.spawn(talk(stream));
    }
}

async fn talk(mut stream: TcpStream) {
    let mut pending = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut pending).await {
        let is_known = head.to_lowercase().contains("authorization: bearer t\r\n");
        let answer = match serde_json::from_slice::<Json>(&body) {
            _ if !is_known => http("401 Unauthorized", ""),
            Err(_) => http("405 Method Not Allowed", ""),
            Ok(asked) if asked.get("id").is_none() => http("202 Accepted", ""),
            Ok(asked) if asked["params"]["name"] == "garbage" => http("200 OK", "{\"what\""),
            Ok(asked) if asked["params"]["name"] == "exit" => return,
            Ok(asked) if asked["params"]["name"] == "fail" => {
                let error = json!({ "code": -32_602, "message": "no ink" });
                let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error });
                http("500 Internal Server Error", &answer.to_string())
            }
            Ok(asked) if asked["params"]["name"] == "refuse" => http("503 Service Unavailable", ""),
            Ok(asked) if asked["params"]["name"] == "giant" => {
                http("200 OK", &format!("{{\"x\":\"{}\"}}", "x".repeat(5 << 20)))
            }
            Ok(asked)
                if asked["params"]["name"].as_str().is_some_and(|it| it.ends_with("_number")) =>
            {
                let number = match asked["params"]["name"].as_str() {
                    Some("long_number") => r#"{"id":12345678901234567890123}"#,
                    _ => r#"{"id":18446744073709551615,"mol":6.02e+23}"#,
                };
                let answer = format!(
                    r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":[],"structuredContent":{number}}}}}"#,
                    asked["id"]
                );
                if head.starts_with("POST /stream ") {
                    streamed(&answer)
                } else {
                    http("200 OK", &answer)
                }
            }
            Ok(asked) => {
                let echoed = json!({ "content": [{ "type": "text", "text": asked["params"]["arguments"]["text"] }] });
                let result = server::answer(&asked).unwrap_or(echoed);
                let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result });
                http("200 OK", &answer.to_string())
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn http(status: &str, body: &str) -> String {
    of_kind("application/json", status, body)
}

/// An answer as the last of several events, its text on two lines.
fn streamed(answer: &str) -> String {
    let answer = answer.replacen(',', ",\r\ndata:", 1);
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "soon" } });
    let events =
        format!(": hello\n\ndata: {note}\n\nevent: message\r\nid: 7\r\ndata: {answer}\r\n\r\n");
    of_kind("text/event-stream", "200 OK", &events)
}

fn of_kind(kind: &str, status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// The next request: its head and its body.
async fn request(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    loop {
        if let Some(end) = pending.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&pending[..end + 2]).into_owned();
            let length = head.to_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length: ")
                    .and_then(|length| length.parse::<usize>().ok())
            });
            let all = end + 4 + length.unwrap_or(0);
            if pending.len() >= all {
                let body = pending[end + 4..all].to_vec();
                pending.drain(..all);
                return Some((head, body));
            }
        }
        let mut part = [0; 4_096];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        pending.extend_from_slice(&part[..read]);
    }
}

#[tokio::test]
async fn a_server_over_http_is_called_and_its_faults_are_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener));
    let url = format!("http://{address}/mcp");
    let tools = tools(place(&url, true));
    assert_eq!(value(&tools, "desk/echo", json!({ "text": "hi" })).await, json!("hi"));
    let (reason, may_retry) = failure(&tools, "garbage", json!({})).await;
    assert!(
        reason.contains("the call of `garbage` did not reach the tool server `desk`"),
        "{reason}"
    );
    assert!(may_retry);
    let (reason, may_retry) = failure(&tools, "exit", json!({})).await;
    assert!(reason.contains("the tool server `desk`") && may_retry, "{reason}");
    assert_eq!(value(&tools, "echo", json!({ "text": "again" })).await, json!("again"));
    serving.abort();
    let _ = serving.await;
    let (reason, may_retry) = failure(&tools, "echo", json!({ "text": "hi" })).await;
    assert!(reason.contains("the tool server `desk`") && may_retry, "{reason}");
    let listener = TcpListener::bind(address).await.unwrap();
    let serving = tokio::spawn(serve(listener));
    assert_eq!(value(&tools, "echo", json!({ "text": "back" })).await, json!("back"));
    serving.abort();
}

/// As over a pipe: a number that would lose digits is no result, whether the answer comes at once or as an event.
#[tokio::test]
async fn a_result_over_http_that_reading_would_change_is_no_result() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener));
    for path in ["mcp", "stream"] {
        let tools = tools(place(&format!("http://{address}/{path}"), true));
        let (reason, may_retry) = failure(&tools, "long_number", json!({})).await;
        let expected = "the tool server `desk` answered the call of `long_number`: the answer cannot be kept as it is: \
                        structuredContent/id is 12345678901234567890123, a whole number of more than 64 bits, whose last \
                        digits would be lost; send it as a text";
        assert_eq!((reason.as_str(), may_retry), (expected, false), "{path}");
        let value = value(&tools, "short_number", json!({})).await;
        assert_eq!(value.to_string(), r#"{"id":18446744073709551615,"mol":6.02e+23}"#, "{path}");
    }
    serving.abort();
}

#[tokio::test]
async fn a_server_over_http_that_refuses_a_call_or_answers_too_much_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener));
    let tools = tools(place(&format!("http://{address}/mcp"), true));
    let (reason, _) = failure(&tools, "fail", json!({})).await;
    assert_eq!(reason, "the tool server `desk` refused the call of `fail`: no ink");
    let (reason, may_retry) = failure(&tools, "refuse", json!({})).await;
    assert!(reason.contains("503") && may_retry, "{reason}");
    let told = failure(&tools, "giant", json!({})).await;
    let expected = "the tool server `desk` answered the call of `giant`: the answer has more than 4194304 bytes";
    assert_eq!(told, (expected.to_owned(), false));
    assert_eq!(value(&tools, "echo", json!({ "text": "hi" })).await, json!("hi"));
    serving.abort();
}

#[tokio::test]
async fn a_server_over_http_that_is_not_there_or_refuses_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(listener));
    let ToolServer::Http { url, .. } = place(&url, true) else { panic!() };
    let stranger =
        ToolServer::Http { url: url.clone(), headers: BTreeMap::new(), allow_private: true };
    let (reason, _) = failure(&tools(stranger), "echo", json!({ "text": "hi" })).await;
    assert!(reason.contains("the tool server `desk`") && reason.contains("401"), "{reason}");
    serving.abort();
    let _ = serving.await;
    let (reason, may_retry) =
        failure(&tools(place(&url, true)), "echo", json!({ "text": "hi" })).await;
    assert!(reason.starts_with("the tool server `desk` cannot be reached: "), "{reason}");
    assert!(reason.contains("refused") && may_retry, "{reason}");
}

#[tokio::test]
async fn a_private_address_is_reached_only_if_it_may_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(serve(listener));
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433"] {
        let url = format!("http://{host}:{port}/mcp");
        let (reason, _) = failure(&tools(place(&url, false)), "echo", json!({})).await;
        assert!(reason.contains("private address"), "{host}: {reason}");
    }
    let url = format!("http://127.0.0.1:{port}/mcp");
    let servers = BTreeMap::from([("desk".to_owned(), place(&url, false))]);
    let allowed = Tools::new(servers, true);
    assert_eq!(value(&allowed, "echo", json!({ "text": "hi" })).await, json!("hi"));
    let (reason, _) = failure(&tools(place("file:///etc/passwd", true)), "echo", json!({})).await;
    assert!(reason.contains("is not `http:` or `https:`"), "{reason}");
    serving.abort();
}
