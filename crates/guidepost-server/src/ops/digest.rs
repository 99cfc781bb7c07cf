//! Digests of requests, by which a repeat is told from a new request.

use guidepost_store::RequestDigest;
use serde_json::{Map, Value as Json};

/// The digest of a request's arguments. The order of an object's fields does not count.
pub(super) fn of(arguments: &Json) -> RequestDigest {
    let text = canonical(arguments).to_string();
    let mut digest = [0; 16];
    digest.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    RequestDigest(digest)
}

/// The same value with every object's fields sorted by name.
fn canonical(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            let fields: Map<String, Json> =
                sorted.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect();
            Json::Object(fields)
        }
        Json::Array(items) => Json::Array(items.iter().map(canonical).collect()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_fields_does_not_count_and_the_order_of_items_does() {
        assert_eq!(
            of(&json!({"a": {"x": 1, "y": 2}, "b": 3})),
            of(&json!({"b": 3, "a": {"y": 2, "x": 1}}))
        );
        assert_ne!(of(&json!([1, 2])), of(&json!([2, 1])));
        assert_ne!(of(&json!({"a": null})), of(&json!({})));
    }
}
