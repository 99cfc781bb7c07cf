//! Tells code, strings and comments of Rust source apart, line by line. Knows no more of the language than that takes.

/// A piece of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// What it is.
    pub(super) kind: Kind,
    /// The line it begins on, from 1.
    pub(super) line: usize,
    /// Its text: of a string, what stands between its quotes, escapes as written.
    pub(super) text: &'a str,
}

/// What a piece of source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    String,
    Comment,
}

/// Cuts source into pieces, in order.
pub(super) fn pieces(source: &str) -> Vec<Piece<'_>> {
    let mut lexer = Lexer { source, at: 0, line: 1, counted: 0, pieces: Vec::new() };
    lexer.run();
    lexer.pieces
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    /// How far line breaks are counted.
    counted: usize,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) {
        let mut code_from = 0;
        while self.at < self.source.len() {
            let rest = &self.source[self.at..];
            if rest.starts_with("//") {
                self.push(Kind::Code, code_from, self.at);
                let end = rest.find('\n').unwrap_or(rest.len());
                self.push(Kind::Comment, self.at, self.at + end);
                self.at += end;
                code_from = self.at;
            } else if rest.starts_with("/*") {
                self.push(Kind::Code, code_from, self.at);
                let end = block_comment(rest);
                self.push(Kind::Comment, self.at, self.at + end);
                self.at += end;
                code_from = self.at;
            } else if let Some((open, inner, close)) = self.string(rest) {
                self.push(Kind::Code, code_from, self.at);
                let from = self.at + open;
                self.push_at(Kind::String, from, from + inner);
                self.at = from + inner + close;
                code_from = self.at;
            } else if rest.starts_with('\'') {
                self.at += character(rest);
            } else {
                self.at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        self.push(Kind::Code, code_from, self.source.len());
    }

    /// The lengths of a string's opening, content and closing, if one begins here.
    fn string(&self, rest: &str) -> Option<(usize, usize, usize)> {
        if let Some(inside) = rest.strip_prefix('"') {
            return Some((1, quoted(inside), 1));
        }
        // A raw string's `r` begins a word; `var"` is none.
        let before = self.source[..self.at].chars().next_back();
        let is_inside_a_word =
            before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        let hashes_from = ["r", "br", "cr"].iter().find(|prefix| rest.starts_with(**prefix))?.len();
        let hashes = rest[hashes_from..].bytes().take_while(|byte| *byte == b'#').count();
        let open = hashes_from + hashes + 1;
        if is_inside_a_word || !rest[hashes_from + hashes..].starts_with('"') {
            return None;
        }
        let close = format!("\"{}", "#".repeat(hashes));
        let inner = rest[open..].find(&close).unwrap_or(rest.len() - open);
        Some((open, inner, close.len()))
    }

    fn push(&mut self, kind: Kind, from: usize, to: usize) {
        if from < to {
            self.push_at(kind, from, to);
        }
    }

    fn push_at(&mut self, kind: Kind, from: usize, to: usize) {
        let to = to.min(self.source.len());
        let text = &self.source[from..to];
        let passed = &self.source.as_bytes()[self.counted..from];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.counted = from;
        self.pieces.push(Piece { kind, line: self.line, text });
    }
}

/// The length of a string's content, up to its closing quote.
fn quoted(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in rest.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a block comment, which may hold others.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a character literal, or 1 for the tick of a lifetime.
fn character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => {
            // The escaped letter may be a tick itself.
            letters.next();
            letters.find(|(_, letter)| *letter == '\'').map_or(1, |(at, _)| at + 1)
        }
        Some(_) => match letters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, source: &str) -> Vec<(usize, &str)> {
        let all = pieces(source).into_iter();
        all.filter(|piece| piece.kind == kind).map(|piece| (piece.line, piece.text)).collect()
    }

    #[test]
    fn strings_comments_and_code_are_told_apart() {
        let source = "let a = \"no // comment\"; // a \"comment\"\nlet b = 'x';\n/* one /* inside */ other */ done";
        assert_eq!(of(Kind::String, source), [(1, "no // comment")]);
        assert_eq!(
            of(Kind::Comment, source),
            [(1, "// a \"comment\""), (3, "/* one /* inside */ other */")]
        );
        let code: String = of(Kind::Code, source).into_iter().map(|(_, text)| text).collect();
        assert_eq!(code, "let a = ; \nlet b = 'x';\n done");
    }

    #[test]
    fn escapes_raw_strings_and_ticks_do_not_confuse_it() {
        let source = r##"f("a\"b", r#"c"d"#, br"e", '"', '\'', b'\\', var::<'a, 'b>("z"))"##;
        assert_eq!(of(Kind::String, source), [(1, "a\\\"b"), (1, "c\"d"), (1, "e"), (1, "z")]);
    }

    #[test]
    fn what_never_ends_ends_with_the_file() {
        for source in ["\"open", "/* open", "r#\"open", "'", "'\\", "\"ä"] {
            let _ = pieces(source);
        }
    }
}
