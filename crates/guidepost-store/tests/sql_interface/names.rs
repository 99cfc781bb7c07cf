//! Texts and names in rows.

use guidepost_core::name::NameOf;
use guidepost_core::workflow::{OpenState, OpenTransition, OpenWorkflow, compile_open};

use crate::file::File;

/// What holds text holds text, and names can be read and typed.
#[test]
fn texts_are_text_and_names_are_legible() {
    File::each(|file| {
        file.lead();
        for (table, column) in [
            ("workflow", "description"),
            ("workflow", "created_at"),
            ("workflow_state", "guideline"),
            ("workflow_state", "description"),
            ("workflow_transition", "name"),
            ("workflow_transition", "description"),
            ("agent_instance", "agent_name"),
            ("agent_instance", "goal"),
            ("agent_instance", "session"),
        ] {
            file.refused(
                &format!("UPDATE {table} SET {column} = x'ff'"),
                "CHECK constraint failed",
            );
        }
        for statement in [
            "INSERT INTO workflow (name) VALUES (x'ff')",
            "INSERT INTO workflow_state (workflow_id, name) VALUES (1, x'ff')",
            "INSERT INTO agent_instance (workflow_id, agent_name, current_state_id) VALUES (1, x'ff', 1)",
        ] {
            file.refused(statement, "CHECK constraint failed");
        }
        for name in [
            "''",
            "printf('%201c', 'x')",
            "'a' || char(10)",
            "char(27) || '[31m'",
            "char(133)",
            "'a' || char(0)",
        ] {
            for statement in [
                format!("INSERT INTO workflow (name) VALUES ({name})"),
                format!("INSERT INTO workflow_state (workflow_id, name) VALUES (1, {name})"),
                format!(
                    "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, {name}, 1, 2)"
                ),
                format!(
                    "INSERT INTO agent_instance (workflow_id, agent_name, current_state_id) VALUES (1, {name}, 1)"
                ),
                format!("UPDATE workflow_transition SET name = {name} WHERE transition_id = 1"),
                format!("UPDATE agent_instance SET agent_name = {name} WHERE agent_id = 17"),
            ] {
                file.refused(&statement, "this is no name");
            }
        }
        file.shell("UPDATE agent_instance SET agent_name = 'Zoë 2' WHERE agent_id = 17");
        file.shell("UPDATE agent_instance SET agent_name = 5.5, goal = NULL WHERE agent_id = 18");
        assert_eq!(file.shell("SELECT agent_name FROM agent_instance"), "Zoë 2\n5.5");
    });
}

/// What SQL takes for a name definitions take too, and nothing else: else one row would disable a whole workflow.
#[test]
fn names_follow_the_rules_of_definitions() {
    let long = "é".repeat(101);
    let names = [
        "",
        " ",
        " lead",
        "lead ",
        "\u{3000}x",
        "x\u{85}",
        "x\u{2029}y",
        "a\tb",
        "a\0b",
        "Zoë's lead",
        "v1.0 review",
        ".",
        "#1",
        "a#1",
        "a*",
        "*",
        "**",
        "*.a",
        ".*",
        "order.*",
        "order.*.*",
        "a.b",
        "xstate.x",
        "xstate.*",
        "xstate",
        "bug@2",
        "7",
        "+7",
        "+",
        "-7",
        "007",
        "7a",
        "r-1",
        "R-1O",
        "r-u",
        "r-unit",
        "r-",
        "r-12345678901234",
        "r-é",
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5dac96774bbcceb302099a8057",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805",
        &long[..200],
        &long,
    ];
    let workflow = |name: &str, state: &str, transition: &str| OpenWorkflow {
        name: name.to_owned(),
        states: vec![
            OpenState { name: state.to_owned(), guideline: None },
            OpenState { name: "end".to_owned(), guideline: None },
        ],
        transitions: vec![OpenTransition {
            name: transition.to_owned(),
            from: state.to_owned(),
            to: "end".to_owned(),
            description: None,
        }],
    };
    File::each(|file| {
        file.lead();
        let answer = file.python(&format!(
            r#"
import json
def error_of(statement, name):
    try:
        cur.execute(statement, (name,))
        return None
    except sqlite3.Error as error:
        return str(error)
    finally:
        db.rollback()
statements = [
    "INSERT INTO workflow (name) VALUES (?)",
    "INSERT INTO workflow_state (workflow_id, name) VALUES (1, ?)",
    "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, ?, 1, 2)",
    "UPDATE workflow_transition SET name = ? WHERE transition_id = 1",
    "INSERT INTO agent_instance (workflow_id, agent_name, current_state_id) VALUES (1, ?, 1)",
    "UPDATE agent_instance SET agent_name = ? WHERE agent_id = 17",
]
print(json.dumps([[error_of(one, name) for one in statements] for name in json.loads(r"""{}""")]))
"#,
            serde_json::to_string(&names[..]).unwrap()
        ));
        let answers: Vec<Vec<Option<String>>> = serde_json::from_str(&answer).unwrap();
        for (name, answers) in names.iter().zip(answers) {
            let kinds = [
                (NameOf::Workflow, Some(workflow(name, "begin", "go"))),
                (NameOf::State, Some(workflow("w", name, "go"))),
                (NameOf::Transition, Some(workflow("w", "begin", name))),
                (NameOf::Transition, None),
                (NameOf::Agent, None),
                (NameOf::Agent, None),
            ];
            for ((kind, open), refusal) in kinds.into_iter().zip(answers) {
                if let Some(open) = open {
                    let is_read = compile_open(&open).machine.is_some();
                    assert_eq!(is_read, refusal.is_none(), "{kind} {name:?}: {refusal:?}");
                }
                let wrong = match kind.check(name) {
                    Ok(()) if kind == NameOf::Transition && name.starts_with("xstate.") => {
                        Some("what happens inside the machine".to_owned())
                    }
                    checked => checked.err().map(|wrong| wrong.rule.to_string()),
                };
                match (&wrong, &refusal) {
                    (None, None) => {}
                    (Some(wrong), Some(refusal)) if refusal.contains(wrong) => {}
                    _ => panic!("{kind} {name:?}: {wrong:?} against {refusal:?}"),
                }
            }
        }
    });
}
