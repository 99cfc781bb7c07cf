//! What the tools cost an agent before it has done anything.

use tiktoken_rs::o200k_base;

/// Tokens of the whole list at most.
const LIST_TOKENS_MAX: usize = 1_200;

#[test]
fn the_list_of_tools_fits_its_budget() {
    let list: serde_json::Value =
        serde_json::from_str(include_str!("../src/mcp/tools.json")).unwrap();
    let tools = list.as_array().unwrap();
    assert_eq!(tools.len(), 8);
    let tokens = o200k_base().unwrap();
    let cost = |text: &str| tokens.encode_ordinary(text).len();
    for tool in tools {
        println!("{} {}", tool["name"], cost(&tool.to_string()));
    }
    let all = cost(&list.to_string());
    println!("all {all}");
    assert!(all <= LIST_TOKENS_MAX, "{all} tokens");
}
