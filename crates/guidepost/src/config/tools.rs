//! The tool servers that `tool` steps may call, from a file in the form that MCP clients share: `mcpServers` by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use guidepost_core::diagnostic::closest;
use guidepost_engine::work::tool::ToolServer;
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::CstRootNode;
use serde_json::{Map, Value as Json};

use crate::args::ToolServers;
use crate::config::home;
use crate::failure::{Failure, Kind};

/// The key under which servers are named.
const SERVERS: &str = "mcpServers";

/// What a server that is a program may be described by.
const STDIO: [&str; 5] = ["type", "command", "args", "env", "cwd"];

/// What a server that is reached over HTTP may be described by.
const HTTP: [&str; 4] = ["type", "url", "headers", "allow_private"];

/// The servers of the file that is named, else of the user's own, if there is one.
///
/// # Errors
///
/// If the file cannot be read or used.
pub(crate) fn servers(args: &ToolServers) -> Result<BTreeMap<String, ToolServer>, Failure> {
    let (path, is_named) = match &args.tools {
        Some(path) => (PathBuf::from(path), true),
        None => match user_file() {
            Some(path) => (path, false),
            None => return Ok(BTreeMap::new()),
        },
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if !is_named && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(BTreeMap::new());
        }
        Err(error) => {
            return Err(Failure::unreadable(&path.display().to_string(), &error)
                .hint("name the file of tool servers with --tools or GUIDEPOST_TOOLS"));
        }
    };
    parse(&text, &|name| env::var(name).ok()).map_err(|problem| unusable(&path, &problem))
}

/// The user's own file, where programs keep their configuration by the XDG base directories.
fn user_file() -> Option<PathBuf> {
    let configured = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let directory =
        configured.filter(|path| path.is_absolute()).or_else(|| Some(home()?.join(".config")))?;
    Some(directory.join("guidepost").join("tools.json"))
}

fn unusable(path: &Path, problem: &str) -> Failure {
    Failure::new(Kind::Damaged, "GP0460", format!("the tool servers cannot be used: {problem}"))
        .at(path.display().to_string())
        .hint("`guidepost explain GP0460` shows the form of the file")
}

/// The servers a text describes, with `variable` to look up `${NAME}`.
fn parse(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, ToolServer>, String> {
    let read = CstRootNode::parse(text, &ParseOptions::default());
    let top: Json =
        read.map_err(|error| error.to_string())?.to_serde_value().ok_or("it is empty")?;
    let servers = top.get(SERVERS).and_then(Json::as_object);
    let servers = servers.ok_or_else(|| format!("`{SERVERS}` is missing, an object of servers"))?;
    let mut found = BTreeMap::new();
    for (name, entry) in servers {
        let read = Entry { name, variable };
        found.insert(name.clone(), read.server(entry)?);
    }
    Ok(found)
}

/// The description of one server.
struct Entry<'e> {
    name: &'e str,
    variable: &'e dyn Fn(&str) -> Option<String>,
}

impl Entry<'_> {
    fn server(&self, entry: &Json) -> Result<ToolServer, String> {
        let name = self.name;
        if name.is_empty() || name.contains('/') {
            return Err(format!("`{name}` is no name for a server: it is empty, or has a `/`"));
        }
        let fields = entry.as_object().ok_or_else(|| format!("`{name}` is no object"))?;
        let is_http = fields.contains_key("url");
        let (kinds, known): (&[&str], &[&str]) =
            if is_http { (&["http", "streamable-http"], &HTTP) } else { (&["stdio"], &STDIO) };
        if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
            let instead = match closest(unknown, known.iter().copied()) {
                Some(key) => format!("did you mean `{key}`?"),
                None => format!("it may have {}", known.join(", ")),
            };
            return Err(format!("`{name}` has `{unknown}`, which means nothing here; {instead}"));
        }
        if !is_http && !fields.contains_key("command") {
            return Err(format!("`{name}` needs either a `command` or a `url`"));
        }
        match self.text(fields, "type")? {
            Some(given) if !kinds.contains(&given.as_str()) => {
                Err(format!("the `type` of `{name}` is `{given}`, and not `{}`", kinds[0]))
            }
            _ if is_http => self.http(fields),
            _ => self.stdio(fields),
        }
    }

    fn stdio(&self, fields: &Map<String, Json>) -> Result<ToolServer, String> {
        let arguments = match fields.get("args") {
            None => Vec::new(),
            Some(Json::Array(items)) => {
                items.iter().map(|item| self.filled(item, "args")).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(format!("`args` of `{}` is no list", self.name)),
        };
        Ok(ToolServer::Stdio {
            command: self.text(fields, "command")?.unwrap_or_default(),
            arguments,
            env: self.texts(fields, "env")?,
            directory: self.text(fields, "cwd")?.map(PathBuf::from),
        })
    }

    fn http(&self, fields: &Map<String, Json>) -> Result<ToolServer, String> {
        let allow_private = match fields.get("allow_private") {
            None => false,
            Some(Json::Bool(answer)) => *answer,
            Some(_) => return Err(format!("`allow_private` of `{}` is no boolean", self.name)),
        };
        Ok(ToolServer::Http {
            url: self.text(fields, "url")?.unwrap_or_default(),
            headers: self.texts(fields, "headers")?,
            allow_private,
        })
    }

    fn text(&self, fields: &Map<String, Json>, key: &str) -> Result<Option<String>, String> {
        fields.get(key).map(|value| self.filled(value, key)).transpose()
    }

    fn texts(
        &self,
        fields: &Map<String, Json>,
        key: &str,
    ) -> Result<BTreeMap<String, String>, String> {
        match fields.get(key) {
            None => Ok(BTreeMap::new()),
            Some(Json::Object(given)) => given
                .iter()
                .map(|(name, value)| Ok((name.clone(), self.filled(value, name)?)))
                .collect(),
            Some(_) => Err(format!("`{key}` of `{}` is no object", self.name)),
        }
    }

    /// A text with its `${NAME}` replaced by what the environment has.
    fn filled(&self, value: &Json, key: &str) -> Result<String, String> {
        let name = self.name;
        let text = value.as_str().ok_or_else(|| format!("`{key}` of `{name}` is no text"))?;
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (wanted, behind) = after
                .split_once('}')
                .ok_or_else(|| format!("`{key}` of `{name}` has a `${{` that is never closed"))?;
            let value = (self.variable)(wanted).ok_or_else(|| {
                format!("`{key}` of `{name}` needs the variable `{wanted}`, which is not set")
            })?;
            filled.push_str(before);
            filled.push_str(&value);
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, ToolServer>, String> {
        parse(text, &|name| (name == "TOKEN").then(|| "s3cret".to_owned()))
    }

    #[test]
    fn servers_are_programs_or_addresses() {
        let text = r#"{ // as other clients have it
            "mcpServers": {
                "files": { "command": "npx", "args": ["-y", "files"], "env": { "A": "${TOKEN}!" }, "cwd": "/tmp" },
                "web": { "type": "http", "url": "https://example.com/mcp", "headers": { "Authorization": "Bearer ${TOKEN}" } },
            },
        }"#;
        let found = read(text).unwrap();
        let texts = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let files = ToolServer::Stdio {
            command: "npx".to_owned(),
            arguments: vec!["-y".to_owned(), "files".to_owned()],
            env: texts("A", "s3cret!"),
            directory: Some(PathBuf::from("/tmp")),
        };
        let web = ToolServer::Http {
            url: "https://example.com/mcp".to_owned(),
            headers: texts("Authorization", "Bearer s3cret"),
            allow_private: false,
        };
        assert_eq!(found["files"], files);
        assert_eq!(found["web"], web);
        assert!(!format!("{found:?}").contains("s3cret"), "secrets are not shown");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        let told =
            |entry: &str| read(&format!(r#"{{ "mcpServers": {{ "a": {entry} }} }}"#)).unwrap_err();
        assert_eq!(told("{}"), "`a` needs either a `command` or a `url`");
        let both = told(r#"{ "command": "x", "url": "y" }"#);
        assert!(both.starts_with("`a` has `command`, which means nothing here"), "{both}");
        assert_eq!(
            told(r#"{ "command": "x", "arg": [] }"#),
            "`a` has `arg`, which means nothing here; did you mean `args`?"
        );
        assert_eq!(
            told(r#"{ "command": "x", "type": "sse" }"#),
            "the `type` of `a` is `sse`, and not `stdio`"
        );
        assert_eq!(
            told(r#"{ "command": "${NONE}" }"#),
            "`command` of `a` needs the variable `NONE`, which is not set"
        );
        assert_eq!(
            told(r#"{ "command": "${NONE" }"#),
            "`command` of `a` has a `${` that is never closed"
        );
        assert_eq!(told(r#"{ "command": 7 }"#), "`command` of `a` is no text");
        assert!(read(r#"{ "mcpServers": { "a/b": { "command": "x" } } }"#).is_err());
        assert_eq!(read("{}").unwrap_err(), "`mcpServers` is missing, an object of servers");
        assert!(read("nothing").is_err());
    }
}
