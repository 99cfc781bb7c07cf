//! Bounds that hold before anything is parsed.
//!
//! The parser, and the dropping of its tree, recurse. An upper bound of the depth they can reach is read off the tokens
//! first: brackets and statements nest, and every operator, dot, subscript or filter since the last comma makes the tree
//! at most one deeper.

use minijinja::machinery::{Span, Token, Tokenizer};
use minijinja::syntax::SyntaxConfig;

use super::CompileError;
use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX};

/// Refuses a source that is too long or nests too deeply.
pub(super) fn check(
    source: &str,
    is_expression: bool,
    syntax: SyntaxConfig,
) -> Result<(), CompileError> {
    if source.len() > EXPRESSION_BYTES_MAX {
        let message = format!("is longer than {EXPRESSION_BYTES_MAX} bytes");
        return Err(CompileError { message, line: 1, column: 1 });
    }
    let mut tokens = Tokenizer::new(source, "", is_expression, syntax);
    let mut depth = Depth::default();
    // A token that cannot be read is reported by the parser, which reads the same tokens and gets no further.
    while let Ok(Some((token, span))) = tokens.next_token() {
        depth.take(&token);
        if depth.bound() > EXPRESSION_DEPTH_MAX {
            return Err(too_deep(span));
        }
    }
    Ok(())
}

fn too_deep(span: Span) -> CompileError {
    CompileError {
        message: format!(
            "nests more than {EXPRESSION_DEPTH_MAX} deep, counting brackets, operators and blocks"
        ),
        line: u32::from(span.start_line),
        column: u32::from(span.start_col) + 1,
    }
}

/// How deep the tree can be at the token just read.
#[derive(Default)]
struct Depth {
    /// Per open bracket, how many operators were seen in it since its last comma; the first entry is outside all brackets.
    chains: Vec<usize>,
    /// Per open block statement, how deep its bodies nest: 1, and 1 more for each `elif`.
    blocks: Vec<usize>,
    statement: Statement,
}

/// Where in a block statement we are.
#[derive(Default, PartialEq, Eq)]
enum Statement {
    #[default]
    Outside,
    /// Its name comes next.
    Name,
    /// Inside a `set`, which opens a block unless an assignment follows.
    Set,
    /// Inside another one.
    Other,
}

impl Depth {
    fn bound(&self) -> usize {
        self.chains.iter().sum::<usize>() + self.blocks.iter().sum::<usize>()
    }

    fn deepen(&mut self) {
        if self.chains.is_empty() {
            self.chains.push(0);
        }
        if let Some(chain) = self.chains.last_mut() {
            *chain += 1;
        }
    }

    fn take(&mut self, token: &Token<'_>) {
        match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                self.deepen();
                self.chains.push(0);
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                self.chains.pop();
            }
            Token::Comma | Token::Colon => self.restart_chain(),
            Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::FloorDiv
            | Token::Pow
            | Token::Mod
            | Token::Dot
            | Token::Tilde
            | Token::Pipe
            | Token::Eq
            | Token::Ne
            | Token::Gt
            | Token::Gte
            | Token::Lt
            | Token::Lte => self.deepen(),
            Token::Assign => self.take_assign(),
            Token::Ident(name) => self.take_word(name),
            Token::VariableStart => self.chains.clear(),
            Token::BlockStart => {
                self.chains.clear();
                self.statement = Statement::Name;
            }
            Token::BlockEnd => {
                if self.statement == Statement::Set {
                    self.blocks.push(1);
                }
                self.statement = Statement::Outside;
                self.chains.clear();
            }
            Token::VariableEnd
            | Token::TemplateData(_)
            | Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_) => {}
        }
    }

    fn restart_chain(&mut self) {
        if let Some(chain) = self.chains.last_mut() {
            *chain = 0;
        }
    }

    fn take_assign(&mut self) {
        if self.statement == Statement::Set && self.chains.len() <= 1 {
            self.statement = Statement::Other;
        }
        self.restart_chain();
    }

    fn take_word(&mut self, word: &str) {
        if self.statement == Statement::Name {
            self.take_statement(word);
        } else if matches!(word, "and" | "or" | "not" | "in" | "is" | "if" | "else") {
            self.deepen();
        }
    }

    fn take_statement(&mut self, name: &str) {
        self.statement = if name == "set" { Statement::Set } else { Statement::Other };
        match name {
            "set" => {}
            "elif" => {
                if let Some(block) = self.blocks.last_mut() {
                    *block += 1;
                }
            }
            _ if name.starts_with("end") => {
                self.blocks.pop();
            }
            // Statements that open nothing are counted too: there are few of them, and all of those are refused.
            "else" => {}
            _ => self.blocks.push(1),
        }
    }
}
