//! Transitions and timers are told as people speak of them.

use guidepost_core::id::RunRef;
use guidepost_server::ops::{Detail, What, WhereAmI};
use guidepost_server::text;
use serde_json::json;

use crate::log::read;
use crate::support::on_every_store;

const TRIP: &str = r#"
name: trip
delays: { patience: 36h }
initial: Travel
states:
  Travel:
    initial: Pack
    on: { Hold: Pause, 'Stay.*': {} }
    onDone: Home
    states:
      Pack: { on: { Packed: Fly } }
      Fly: { agent: pilot, prompt: Fly., onDone: Hotel, onError: Pack }
      Hotel: { after: { 72h: Back } }
      Back: { type: final }
      Where: { type: history }
  Pause: { on: { Resume: Travel.Where }, after: { patience: Travel } }
  Home: { always: { target: End } }
  End: { type: final }
"#;

#[tokio::test]
async fn histories_name_no_internal_events_and_no_history_states() {
    on_every_store(async |fixture| {
        fixture.define(TRIP).await;
        let run = fixture.start("trip", json!({})).await;
        for (event, data) in [
            ("Packed", json!({})),
            ("Hold", json!({})),
            ("Resume", json!({})),
            ("failed", json!({ "reason": "fog" })),
            ("Packed", json!({})),
            ("done", json!({})),
        ] {
            fixture.send(&run, event, data, None).await.unwrap();
        }
        let full = WhereAmI { run: RunRef::from(run.as_str()), detail: Detail::Full };
        let standing = fixture.ops.where_am_i(&full).await.unwrap();
        let packet = text::standing(&standing, text::Words::Tools);
        assert!(packet.contains("- after 3d in Travel.Hotel: due in 3d, at "), "{packet}");
        fixture.pass("73h");
        let history = read(&fixture, &run, What::History, None).await;
        for line in [
            ": began in Travel.Pack\n",
            ": Resume, Pause -> Travel.Fly\n",
            ": failed, Travel.Fly -> Travel.Pack with <<{\"error\":",
            ": done, Travel.Fly -> Travel.Hotel\n",
            ": after 3d, Travel.Hotel -> Travel.Back\n",
            ": done, Travel -> Home\n",
            ": always, Home -> End\n",
        ] {
            assert!(history.contains(line), "{line}: {history}");
        }
        for internal in ["xstate", "Where", "after:"] {
            assert!(!history.contains(internal) && !packet.contains(internal), "{history}{packet}");
        }
    })
    .await;
}

/// What the workflow itself answers has no state to name.
#[tokio::test]
async fn a_transition_of_the_workflow_itself_names_the_workflow() {
    on_every_store(async |fixture| {
        let definition = "name: noting\ninitial: A\non: { GO: {}, END: Z }\nstates: { A: {}, Z: { type: final } }";
        fixture.define(definition).await;
        let run = fixture.start("noting", json!({})).await;
        fixture.send(&run, "GO", json!({}), None).await.unwrap();
        fixture.send(&run, "END", json!({}), None).await.unwrap();
        let history = read(&fixture, &run, What::History, None).await;
        assert!(history.contains(": GO in noting\n"), "{history}");
        assert!(history.contains(": END -> Z\n"), "{history}");
    })
    .await;
}
