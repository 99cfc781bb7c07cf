//! `docs/schema.md`: the tables and views of the SQL interface, each with the question it answers, from the migrations.

use std::fmt::Write as _;

use crate::codegen::NOTICE;
use crate::project::File;

/// Where the migrations are.
const MIGRATIONS: &str = "crates/guidepost-store/src/sqlite/migrations/";

/// A table or a view.
#[derive(Debug, PartialEq, Eq)]
struct Relation {
    name: String,
    question: String,
    columns: Vec<String>,
}

/// The document; none while there are no migrations.
pub(super) fn document(files: &[File]) -> Option<File> {
    let migrations = files.iter().filter(|file| file.path.starts_with(MIGRATIONS));
    let all: Vec<&str> = migrations.map(|file| file.text.as_str()).collect();
    let tables: Vec<Relation> =
        all.iter().flat_map(|text| relations(text, "CREATE TABLE ")).collect();
    let views: Vec<Relation> =
        all.iter().flat_map(|text| relations(text, "CREATE VIEW ")).collect();
    if tables.is_empty() {
        return None;
    }
    let mut text = format!(
        "{NOTICE}\n# The schema\n\nWhat a store in SQLite holds. [SQL as an interface](sql.md) says what may be done with it by hand; \
         `.schema` in the `sqlite3` shell shows it in full.\n\n## Tables\n\n| Table | The question it answers | Columns |\n|---|---|---|\n"
    );
    for Relation { name, question, columns } in tables {
        let columns: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
        let _ = writeln!(text, "| `{name}` | {question} | {} |", columns.join(", "));
    }
    text.push_str("\n## Views\n\n| View | The question it answers |\n|---|---|\n");
    for Relation { name, question, .. } in views {
        let _ = writeln!(text, "| `{name}` | {question} |");
    }
    Some(File { path: "docs/schema.md".to_owned(), text })
}

/// What statements of a kind create, with the comments above them.
fn relations(source: &str, statement: &str) -> Vec<Relation> {
    let mut found: Vec<Relation> = Vec::new();
    let mut question: Vec<&str> = Vec::new();
    let mut is_inside = false;
    for line in source.lines() {
        if let Some(comment) = line.strip_prefix("-- ") {
            question.push(comment);
        } else if let Some(rest) = line.strip_prefix(statement) {
            let name =
                rest.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
            let question = std::mem::take(&mut question).join(" ").replace('|', "\\|");
            found.push(Relation { name: name.to_owned(), question, columns: Vec::new() });
            is_inside = true;
        } else {
            question.clear();
            if line.starts_with(')') || line.is_empty() {
                is_inside = false;
            } else if let Some(relation) = found.last_mut().filter(|_| is_inside) {
                relation.columns.extend(columns(line));
            }
        }
    }
    found
}

/// The columns a line of a table declares: mostly one, several if they stand side by side.
fn columns(line: &str) -> Vec<String> {
    // Deeper lines go on with what the line before them began.
    let Some(declared) = line.strip_prefix("    ").filter(|rest| !rest.starts_with([' ', '-']))
    else {
        return Vec::new();
    };
    let mut depth = 0_usize;
    let parts = declared.split(|letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    });
    let names = parts.filter_map(|part| part.split_whitespace().next());
    let is_column = |name: &&str| name.starts_with(|letter: char| letter.is_ascii_lowercase());
    names.filter(is_column).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_with_their_question_and_columns() {
        let source = "-- About the file.\n\n-- Which are there?\n-- All of them.\nCREATE TABLE thing (\n    thing_id  INTEGER PRIMARY KEY,\n    -- Why.\n    kind      TEXT NOT NULL\n              CHECK (kind IN ('a', 'b')),\n    a TEXT, b TEXT DEFAULT (max(1, 2)),\n    UNIQUE (thing_id, kind)\n);\nCREATE INDEX i ON thing (kind);\n";
        let columns = ["thing_id", "kind", "a", "b"].map(str::to_owned).to_vec();
        let (name, question) = ("thing".to_owned(), "Which are there? All of them.".to_owned());
        assert_eq!(relations(source, "CREATE TABLE "), [Relation { name, question, columns }]);
    }

    #[test]
    fn views_are_found_with_their_question() {
        let source = "-- Who?\nCREATE VIEW who AS\nSELECT 1;\n";
        let (name, question) = ("who".to_owned(), "Who?".to_owned());
        let expected = [Relation { name, question, columns: Vec::new() }];
        assert_eq!(relations(source, "CREATE VIEW "), expected);
    }
}
