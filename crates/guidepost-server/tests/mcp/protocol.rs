//! What the protocol asks for, in both of its revisions.

use guidepost_server::mcp::Options;
use serde_json::{Value as Json, json};

use crate::support::{BUGFIX, Fixture, tokens};
use crate::wire::Wire;

/// What a request of the stateless revision says about itself.
fn meta() -> Json {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "wire", "version": "1" },
    })
}

#[tokio::test]
async fn a_session_begins_with_the_version_the_client_wants() {
    let fixture = Fixture::memory();
    for version in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        let mut wire = Wire::open(&fixture, Options::default());
        let hello = json!({
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": { "name": "wire", "version": "1" },
        });
        let answer = wire.request("initialize", hello).await;
        let result = &answer["result"];
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "guidepost");
        assert!(result["instructions"].as_str().unwrap().contains("guidepost_where"));
        for capability in ["tools", "resources", "prompts"] {
            assert!(result["capabilities"].get(capability).is_some(), "{answer}");
        }
        wire.close().await;
    }
}

#[tokio::test]
async fn without_a_session_every_request_stands_for_itself() {
    let fixture = Fixture::memory();
    let mut wire = Wire::open(&fixture, Options::default());
    let found = wire.request("server/discover", json!({ "_meta": meta() })).await;
    let versions = found["result"]["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-11-25")));
    assert!(found["result"]["instructions"].as_str().unwrap().contains("guidepost_where"));
    let listed = wire.request("tools/list", json!({ "_meta": meta() })).await;
    let result = &listed["result"];
    assert_eq!(result["tools"].as_array().unwrap().len(), 8);
    assert_eq!(result["resultType"], "complete");
    assert!(result["ttlMs"].is_u64() && result["cacheScope"].is_string(), "{listed}");
    let called = json!({ "name": "guidepost_where", "arguments": {}, "_meta": meta() });
    let answer = wire.request("tools/call", called).await;
    assert_eq!(answer["result"]["resultType"], "complete");
    let missing = wire.request("tools/list", json!({})).await;
    assert_eq!(missing["error"]["code"], -32602);
    let mut strange = meta();
    strange["io.modelcontextprotocol/protocolVersion"] = json!("1999-01-01");
    let unknown = wire.request("tools/list", json!({ "_meta": strange })).await;
    assert_eq!(unknown["error"]["code"], -32022);
    assert!(unknown["error"]["data"]["supported"].is_array());
    wire.close().await;
}

/// The list costs what it may, is the same each time and whatever the runs do, and has every hint.
#[tokio::test]
async fn the_list_of_tools_is_always_the_same_and_fits_its_budget() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let first = wire.request("tools/list", json!({})).await["result"]["tools"].clone();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let again = wire.request("tools/list", json!({})).await["result"]["tools"].clone();
    assert_eq!(first, again);
    let names: Vec<&str> =
        first.as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    let expected = ["where", "start", "do", "log", "wait", "read", "find", "define"];
    assert_eq!(names, expected.map(|name| format!("guidepost_{name}")));
    for tool in first.as_array().unwrap() {
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{tool}");
        }
        assert!(tool["description"].as_str().unwrap().len() < 2_048);
        assert_eq!(tool["inputSchema"]["type"], "object");
    }
    let tokens = tokens(&first.to_string());
    assert!(tokens <= 1_200, "{tokens} tokens");
    wire.close().await;
}

#[tokio::test]
async fn what_is_malformed_is_an_error_of_the_protocol() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    for (method, params, code) in [
        ("tools/call", json!({ "name": "guidepost_fly", "arguments": {} }), -32602),
        ("tools/call", json!({ "arguments": {} }), -32602),
        ("tools/call", json!({ "name": "guidepost_where", "arguments": [1] }), -32602),
        ("guidepost/fly", json!({}), -32601),
        ("resources/read", json!({ "uri": "guidepost://run/r-99" }), -32002),
        ("resources/read", json!({ "uri": "file:///etc/passwd" }), -32002),
        ("prompts/get", json!({ "name": "fly" }), -32602),
        ("prompts/get", json!({ "name": "resume_run" }), -32602),
    ] {
        let answer = wire.request(method, params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{method} {params}: {answer}");
    }
    wire.close().await;
}

/// Methods of the protocol that the server does not have are refused like any other.
#[tokio::test]
async fn whatever_method_there_is_not_is_refused_in_the_same_words() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    for (method, params) in [
        ("guidepost/fly", json!({})),
        ("logging/setLevel", json!({ "level": "info" })),
        ("resources/subscribe", json!({ "uri": "guidepost://run/r-1" })),
        ("tasks/get", json!({ "taskId": "1" })),
    ] {
        let answer = wire.request(method, params).await;
        assert_eq!(answer["error"]["code"], -32601, "{answer}");
        assert_eq!(answer["error"]["message"], format!("there is no method `{method}`"));
    }
    wire.close().await;
}

#[tokio::test]
async fn runs_and_workflows_are_resources() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let listed = wire.request("resources/list", json!({})).await;
    let listed = listed["result"]["resources"].as_array().unwrap();
    let uris: Vec<&str> = listed.iter().filter_map(|resource| resource["uri"].as_str()).collect();
    assert_eq!(uris, ["guidepost://run/r-1", "guidepost://workflow/bugfix"]);
    for (uri, part) in uris.iter().zip(["state: fix", "review (atomic)"]) {
        let read = wire.request("resources/read", json!({ "uri": uri })).await;
        let text = read["result"]["contents"][0]["text"].as_str().unwrap();
        assert!(text.contains(part), "{text}");
    }
    let templates = wire.request("resources/templates/list", json!({})).await;
    assert_eq!(templates["result"]["resourceTemplates"][0]["uriTemplate"], "guidepost://run/{id}");
    for list in ["tools/list", "resources/list", "resources/templates/list", "prompts/list"] {
        let lost = wire.request(list, json!({ "cursor": "zz" })).await;
        assert_eq!(lost["error"]["code"], -32_602, "{list}: {lost}");
    }
    wire.close().await;
}

#[tokio::test]
async fn prompts_begin_and_resume() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let listed = wire.request("prompts/list", json!({})).await;
    assert_eq!(listed["result"]["prompts"].as_array().unwrap().len(), 2);
    for (name, arguments, part) in [
        ("resume_run", json!({ "run": "r-1" }), "- submit {pr!}"),
        ("start_workflow", json!({ "workflow": "bugfix", "goal": "fix #7" }), "bugfix@1 {issue!"),
    ] {
        let got =
            wire.request("prompts/get", json!({ "name": name, "arguments": arguments })).await;
        let text = got["result"]["messages"][0]["content"]["text"].as_str().unwrap();
        assert!(text.contains(part), "{text}");
    }
    wire.close().await;
}

/// Somebody who is not waited for any more does not keep the server from its end.
#[tokio::test]
async fn a_wait_can_be_cancelled() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let call = json!({ "name": "guidepost_wait", "arguments": { "run": "r-1", "seconds": 55 } });
    let wait = json!({ "jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": call });
    wire.message(&wait).await;
    wire.request("ping", json!({})).await;
    let began = std::time::Instant::now();
    wire.notify("notifications/cancelled", json!({ "requestId": "w" })).await;
    wire.close().await;
    assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
}

/// What comes before the handshake is answered, or ends the connection, and nothing else.
#[tokio::test]
async fn what_comes_before_the_handshake_is_no_failure() {
    let fixture = Fixture::memory();
    let mut wire = Wire::open(&fixture, Options::default());
    let early = wire.request("tools/list", json!({})).await;
    assert_eq!(early["error"]["code"], -32602, "{early}");
    wire.bytes(b"nonsense\n").await;
    assert_eq!(wire.answer().await["error"]["code"], -32700);
    let pong = wire.request("ping", json!({})).await;
    assert!(pong["result"].is_object(), "{pong}");
    wire.close().await;
}

/// A client that asks before it has begun is told how to begin, and may then do so.
#[tokio::test]
async fn whoever_asks_too_early_is_told_how_to_begin() {
    let fixture = Fixture::memory();
    let mut wire = Wire::open(&fixture, Options::default());
    assert_eq!(wire.request("ping", json!({})).await["result"], json!({}));
    let early = wire.request("tools/list", json!({})).await;
    assert_eq!(early["error"]["code"], -32602, "{early}");
    assert!(early["error"]["message"].as_str().unwrap().contains("initialize"), "{early}");
    let hello = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "wire", "version": "1" },
    });
    let answer = wire.request("initialize", hello).await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
    wire.notify("notifications/initialized", json!({})).await;
    assert_eq!(
        wire.request("tools/list", json!({})).await["result"]["tools"].as_array().unwrap().len(),
        8
    );
}

/// A client may send everything, close its side, and read the answers then.
#[tokio::test]
async fn answers_are_written_though_the_client_has_sent_its_last() {
    let fixture = Fixture::memory();
    let discover = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": { "_meta": meta() } });
    let bare = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let mut strange = meta();
    strange["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let unknown = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": { "_meta": strange } });
    for _ in 0..20 {
        let mut wire = Wire::open(&fixture, Options::default());
        let lines = format!("{discover}\n{bare}\n{unknown}\n");
        wire.bytes(lines.as_bytes()).await;
        let answers = wire.close().await;
        let codes: Vec<_> = answers.iter().map(|answer| answer["error"]["code"].as_i64()).collect();
        assert_eq!(codes, [None, Some(-32602), Some(-32022)], "{answers:?}");
    }
}
