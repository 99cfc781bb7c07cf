//! Merging an entry into a configuration, keeping everything else in it: order, comments and layout.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::entry::Entry;

/// The key under which the agents look for a server.
const NAME: &str = "guidepost";

/// The configuration with the entry under `mcpServers`. JSON with comments is read, and the comments stay.
///
/// # Errors
///
/// What is wrong with the configuration.
pub(super) fn into_json(text: &str, entry: &Entry) -> Result<String, String> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let root =
        CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| error.to_string())?;
    let top = root.object_value().ok_or("it is no JSON object")?;
    let servers = match top.get("mcpServers") {
        None => top.object_value_or_set("mcpServers"),
        Some(servers) => servers.object_value().ok_or("`mcpServers` is no JSON object")?,
    };
    let fields = vec![
        ("command".to_owned(), CstInputValue::from(entry.command.as_str())),
        ("args".to_owned(), CstInputValue::from(entry.args.clone())),
    ];
    match servers.get(NAME) {
        None => drop(servers.append(NAME, CstInputValue::Object(fields))),
        Some(known) => {
            // Whatever else was set for the server, an environment say, is the user's.
            let known = known.object_value().ok_or("its `guidepost` server is no JSON object")?;
            for (name, new) in fields {
                match known.get(&name) {
                    Some(field) if json_of(&field) == Some(plain(&name, entry)) => {}
                    Some(field) => field.set_value(new),
                    None => drop(known.append(&name, new)),
                }
            }
        }
    }
    let merged = root.to_string();
    Ok(if merged.ends_with('\n') { merged } else { merged + "\n" })
}

fn json_of(field: &jsonc_parser::cst::CstObjectProp) -> Option<serde_json::Value> {
    field.value()?.to_serde_value()
}

fn plain(name: &str, entry: &Entry) -> serde_json::Value {
    match name {
        "command" => entry.command.as_str().into(),
        _ => entry.args.clone().into(),
    }
}

/// The configuration with the entry as the table `mcp_servers.guidepost`.
///
/// # Errors
///
/// What is wrong with the configuration.
pub(super) fn into_toml(text: &str, entry: &Entry) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| in_line(&error, text))?;
    let mut holder = Table::new();
    // Only the server's own heading is written, not an empty one for the table around it.
    holder.set_implicit(true);
    let servers = document.entry("mcp_servers").or_insert(Item::Table(holder));
    let servers = servers.as_table_like_mut().ok_or("`mcp_servers` is no table")?;
    let server = servers.entry(NAME).or_insert(Item::Table(Table::new()));
    let server = server.as_table_like_mut().ok_or("`mcp_servers.guidepost` is no table")?;
    if server.get("command").and_then(Item::as_str) != Some(&entry.command) {
        server.insert("command", value(&entry.command));
    }
    let args: Array = entry.args.iter().collect();
    let is_same = server.get("args").and_then(Item::as_array).is_some_and(|old| {
        old.iter().map(|arg| arg.as_str()).eq(entry.args.iter().map(|arg| Some(arg.as_str())))
    });
    if !is_same {
        server.insert("args", value(args));
    }
    Ok(document.to_string())
}

/// What is wrong with a TOML text, on one line.
fn in_line(error: &toml_edit::TomlError, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn entry() -> Entry {
        Entry { command: "/opt/guidepost".to_owned(), args: vec!["mcp".to_owned()] }
    }

    fn check(merge: fn(&str, &Entry) -> Result<String, String>, before: &str, after: Expect) {
        let merged = merge(before, &entry()).unwrap_or_else(|what| format!("refused: {what}"));
        after.assert_eq(&merged);
        if let Ok(again) = merge(&merged, &entry()) {
            assert_eq!(again, merged, "a second time changes nothing");
        }
    }

    #[test]
    fn a_new_json_file_has_only_the_entry() {
        check(
            into_json,
            "",
            expect![[r#"
            {
              "mcpServers": {
                "guidepost": {
                  "command": "/opt/guidepost",
                  "args": ["mcp"]
                }
              }
            }
        "#]],
        );
    }

    #[test]
    fn other_servers_comments_and_layout_stay() {
        check(
            into_json,
            r#"{
  // mine
  "theme": "dark",
  "big": 12345678901234567890123,
  "mcpServers": {
    "git": { "command": "git-mcp" }, // keep
  },
}
"#,
            expect![[r#"
                {
                  // mine
                  "theme": "dark",
                  "big": 12345678901234567890123,
                  "mcpServers": {
                    "git": { "command": "git-mcp" }, // keep
                    "guidepost": {
                      "command": "/opt/guidepost",
                      "args": ["mcp"],
                    },
                  },
                }
            "#]],
        );
    }

    #[test]
    fn an_older_entry_is_brought_up_to_date_and_keeps_what_the_user_added() {
        check(
            into_json,
            r#"{"mcpServers":{"guidepost":{"command":"/old","args":["mcp"],"env":{"A":"1"}}}}"#,
            expect![[r#"
                {"mcpServers":{"guidepost":{"command":"/opt/guidepost","args":["mcp"],"env":{"A":"1"}}}}
            "#]],
        );
    }

    #[test]
    fn json_of_another_shape_is_refused() {
        check(into_json, "[]", expect!["refused: it is no JSON object"]);
        check(
            into_json,
            r#"{"mcpServers":[]}"#,
            expect!["refused: `mcpServers` is no JSON object"],
        );
        check(
            into_json,
            r#"{"mcpServers":"#,
            expect!["refused: Expected value after colon in object property on line 1 column 15"],
        );
    }

    #[test]
    fn toml_keeps_its_comments_and_tables() {
        check(
            into_toml,
            "model = \"o4\" # fast\n\n[mcp_servers.git]\ncommand = \"git-mcp\"\n\n[otel]\nexporter = \"none\"\n",
            expect![[r#"
                model = "o4" # fast

                [mcp_servers.git]
                command = "git-mcp"

                [mcp_servers.guidepost]
                command = "/opt/guidepost"
                args = ["mcp"]

                [otel]
                exporter = "none"
            "#]],
        );
        check(
            into_toml,
            "",
            expect![[r#"
            [mcp_servers.guidepost]
            command = "/opt/guidepost"
            args = ["mcp"]
        "#]],
        );
    }

    #[test]
    fn toml_of_another_shape_is_refused() {
        check(into_toml, "mcp_servers = 1", expect!["refused: `mcp_servers` is no table"]);
        check(
            into_toml,
            "a = ",
            expect!["refused: line 1: string values must be quoted, expected literal string"],
        );
    }
}
