//! Faults of the server itself (F3): whoever asked is answered, and the server goes on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use guidepost_core::id::{RunRef, Tenant};
use guidepost_server::mcp::Options;
use guidepost_store::testing::Layer;
use guidepost_store::{Loaded, Store, StoreError};
use serde_json::json;

use crate::support::Fixture;
use crate::wire::Wire;

/// Panics when it is asked for the run `r-d`.
struct Faulty(Arc<dyn Store>);

#[async_trait]
impl Layer for Faulty {
    fn inner(&self) -> &dyn Store {
        &*self.0
    }

    async fn load(&self, tenant: &Tenant, run: &RunRef) -> Result<Option<Loaded>, StoreError> {
        assert!(*run != RunRef::from("r-d"), "a fault that a test wants");
        self.0.load(tenant, run).await
    }
}

#[tokio::test]
async fn f3_a_fault_is_answered_and_survived() {
    let mut fixture = Fixture::memory();
    let inner = guidepost_store::open(&fixture.url).unwrap();
    fixture.ops = Arc::new(fixture.over_store(Arc::new(Faulty(inner))));
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    for (method, params) in [
        ("tools/call", json!({ "name": "guidepost_where", "arguments": { "run": "r-d" } })),
        ("tools/call", json!({ "name": "guidepost_wait", "arguments": { "run": "r-d" } })),
        ("resources/read", json!({ "uri": "guidepost://run/r-d" })),
        ("prompts/get", json!({ "name": "resume_run", "arguments": { "run": "r-d" } })),
    ] {
        let both = async {
            let answer = wire.request(method, params).await;
            // The turn of a call that failed is free at once.
            (answer, wire.done("guidepost_where", json!({})).await)
        };
        let both = tokio::time::timeout(Duration::from_secs(8), both).await;
        let (answer, next) = both.expect("both are answered");
        assert_eq!(answer["error"]["code"], -32603, "{answer}");
        let told = answer["error"]["message"].as_str().unwrap();
        assert!(told.contains("a fault of its own"), "{told}");
        assert!(next.starts_with("no open runs"), "{next}");
    }
    wire.close().await;
}
