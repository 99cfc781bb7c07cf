//! The Rust client of the protocol's authors.

use guidepost_server::mcp::{Options, serve};
use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use serde_json::json;

use crate::support::{BUGFIX, Fixture, object};

#[tokio::test]
async fn the_rust_client_works_with_it() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (read, write) = tokio::io::split(theirs);
    let ops = fixture.ops.clone();
    let serving = tokio::spawn(async move { serve(ops, Options::default(), read, write).await });
    let client = ().serve(ours).await.unwrap();
    assert_eq!(client.list_all_tools().await.unwrap().len(), 8);
    let arguments = object(json!({ "workflow": "bugfix", "input": { "issue": "#7" } }));
    let call = CallToolRequestParams::new("guidepost_start").with_arguments(arguments);
    let result = client.call_tool(call).await.unwrap();
    let text = result.content[0].as_text().unwrap().text.clone();
    assert!(text.contains("- submit {pr!}"), "{text}");
    client.cancel().await.unwrap();
    serving.await.unwrap().unwrap();
}
