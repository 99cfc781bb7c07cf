//! `guidepost run` is killed between what a tool did and the commit that would keep its result.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::run::guidepost;

/// A tool server in the shell. It writes every call down before it answers, and the first answer comes too late.
const SERVER: &str = r#"
while read -r line; do
  id=$(printf '%s' "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
  say() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
  case "$line" in
    *'"initialize"'*) say '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}' ;;
    *'"tools/list"'*) say '{"tools":[{"name":"pay","inputSchema":{"type":"object"}}]}' ;;
    *'"tools/call"'*)
      printf '%s\n' "$line" >> calls.log
      count=$(wc -l < calls.log)
      if [ "$count" = 1 ]; then sleep 3; fi
      say '{"content":[{"type":"text","text":"receipt '"$count"'"}]}' ;;
  esac
done
"#;

const DEFINITION: &str = "
name: pay
attributes: { receipt: { type: string } }
steps:
  - { name: Pay, tool: till/pay, input: { amount: 3 }, output: [receipt] }
";

/// The calls the tool saw.
fn calls(directory: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(directory.join("calls.log")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// S4.3, R1, B7: the same key reaches the tool again, and one result is accepted.
#[test]
fn a_tool_that_is_called_again_after_a_crash_sees_the_same_key() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path();
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
    write("server.sh", SERVER);
    write("pay.yaml", DEFINITION);
    let servers = json!({ "mcpServers": { "till": { "command": "sh", "args": ["server.sh"] } } });
    write("tools.json", &servers.to_string());
    let begin = ["run", "pay.yaml", "--key", "k", "--lease", "200ms", "--tools", "tools.json"];
    let mut child = guidepost(directory, &begin).spawn().unwrap();
    for _ in 0..1_000 {
        if !calls(directory).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(guidepost(directory, &begin).status().unwrap().success());
    let calls = calls(directory);
    let meta = |call: &Json, name: &str| {
        call["params"]["_meta"][format!("io.github.guidepost/{name}")].clone()
    };
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(meta(&calls[0], "idempotencyKey").as_str().is_some_and(|key| key.len() == 32));
    assert_eq!(meta(&calls[0], "idempotencyKey"), meta(&calls[1], "idempotencyKey"));
    assert_eq!((meta(&calls[0], "attempt"), meta(&calls[1], "attempt")), (json!(1), json!(2)));
    let read = guidepost(directory, &["read", "r-1", "data", "/receipt"])
        .stdout(std::process::Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&read.stdout);
    assert!(text.contains("receipt 2") && !text.contains("receipt 1"), "{text}");
    assert!(guidepost(directory, &["verify"]).status().unwrap().success());
}

/// A command that ends lets its tool servers end as any program is to: their stdin is closed, who does not heed that is asked
/// to end, and only who heeds nothing is killed. It has ended when the command has.
#[test]
fn a_tool_server_may_end_in_peace_when_the_command_ends() {
    let ends = [
        ("by itself", String::new(), "sleep 0.4; echo 'by itself' > end.log"),
        (
            "asked",
            "trap 'echo asked > end.log; exit 0' TERM\n".to_owned(),
            "while :; do sleep 0.05; done",
        ),
        (
            "killed",
            "trap '' TERM\n".to_owned(),
            "echo killed > end.log; while :; do sleep 0.05; done",
        ),
    ];
    for (how, first, last) in ends {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path();
        let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
        write("server.sh", &format!("echo $$ > pid\n{first}{SERVER}\n{last}\n"));
        write("pay.yaml", DEFINITION);
        // Only the first call of all is answered late.
        write("calls.log", "{}\n");
        let servers =
            json!({ "mcpServers": { "till": { "command": "sh", "args": ["server.sh"] } } });
        write("tools.json", &servers.to_string());
        for words in [&["run", "pay.yaml"][..], &["doctor"]] {
            let _ = std::fs::remove_file(directory.join("end.log"));
            let began = std::time::Instant::now();
            let command = [words, &["--tools", "tools.json"]].concat();
            assert!(guidepost(directory, &command).status().unwrap().success(), "{how}: {words:?}");
            let took = began.elapsed();
            let end = std::fs::read_to_string(directory.join("end.log")).unwrap_or_default();
            assert_eq!(end.trim(), how, "{words:?}");
            assert!(took < Duration::from_secs(15), "{how}: {words:?} took {took:?}");
            let pid = std::fs::read_to_string(directory.join("pid")).unwrap();
            let process = format!("/proc/{}", pid.trim());
            assert!(!Path::new(&process).exists(), "{how}: {words:?} left its server behind");
        }
    }
}
