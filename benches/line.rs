//! How a benchmark tells what it measured: a line of JSON for each pair, which `cargo xtask bench` reads.

/// Prints one pair: what Guidepost takes or does, next to the floor.
pub(crate) fn line(name: &str, value: f64, floor: f64) {
    let ratio = value / floor;
    println!(
        "{}",
        serde_json::json!({ "name": name, "value": value, "floor": floor, "ratio": ratio })
    );
}
