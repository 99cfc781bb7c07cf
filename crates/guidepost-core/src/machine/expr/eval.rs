//! The evaluator: walks a [`Node`] or [`Block`] tree with a budget.
//!
//! It recurses as deep as the tree, which [`super::bounds`] keeps shallow. What is undefined may be asked about and
//! defaulted; any other use of it is an error.

use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ValueKind};

use super::filter::Given;
use super::node::{Arguments, Block, For, Node, Operator, Placed, Target};
use super::value::article;
use super::{EvalError, Scope};
use crate::limits::FUEL_MAX;

pub(super) type Result<T> = std::result::Result<T, EvalError>;

/// The error of this message.
#[cold]
pub(super) fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(EvalError { message: message.into(), at: None })
}

/// One evaluation.
pub(super) struct Eval<'a> {
    scope: &'a Scope,
    locals: Vec<(Arc<str>, Value)>,
    fuel: u64,
    /// What is noted while a template is filled in as far as that goes; `None` if a part without a value ends it.
    gaps: Option<Gaps>,
}

/// Parts of a template that are not its author's words.
#[derive(Default)]
struct Gaps {
    values: Vec<Range<usize>>,
    errors: Vec<EvalError>,
    /// How many texts are being captured: what is rendered into them has no place in the whole yet.
    captures: usize,
}

/// Parts without a value that are replaced; with more, the template as a whole has none.
const GAPS_MAX: usize = 20;

impl<'a> Eval<'a> {
    pub(super) fn new(scope: &'a Scope) -> Self {
        Self { scope, locals: Vec::new(), fuel: FUEL_MAX, gaps: None }
    }

    /// The same, going on after a part without a value.
    pub(super) fn with_gaps(self) -> Self {
        Self { gaps: Some(Gaps::default()), ..self }
    }

    /// Where values stand in what was rendered, and why parts have none.
    pub(super) fn filled(self) -> (Vec<Range<usize>>, Vec<EvalError>) {
        self.gaps.map(|gaps| (gaps.values, gaps.errors)).unwrap_or_default()
    }

    /// Gives a name a value.
    pub(super) fn give(&mut self, name: &str, value: Value) {
        self.locals.push((Arc::from(name), value));
    }

    /// Uses up some of the budget.
    pub(super) fn spend(&mut self, steps: usize) -> Result<()> {
        match self.fuel.checked_sub(steps as u64) {
            Some(fuel) => {
                self.fuel = fuel;
                Ok(())
            }
            None => fail(format!("it takes more than {FUEL_MAX} steps")),
        }
    }

    /// Uses up what it costs to read or copy a text of this length.
    pub(super) fn spend_bytes(&mut self, bytes: usize) -> Result<()> {
        self.spend(1 + bytes / 256)
    }

    /// The value of a node, which must be defined.
    pub(super) fn value(&mut self, node: &Node) -> Result<Value> {
        let value = self.maybe(node)?;
        if value.is_undefined() {
            return match path(node) {
                Some(path) => fail(format!("`{path}` is undefined")),
                None => fail("the value is undefined"),
            };
        }
        Ok(value)
    }

    /// The truth of a node's value.
    pub(super) fn truth(&mut self, node: &Node) -> Result<bool> {
        Ok(self.value(node)?.is_true())
    }

    /// The value of a node, undefined if it names nothing.
    fn maybe(&mut self, node: &Node) -> Result<Value> {
        self.spend(1)?;
        match node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Event => Ok(self.scope.event.clone()),
            Node::Name(name) => Ok(self.name(name)),
            Node::Field(base, name) => {
                let base = self.value(base)?;
                Ok(base.get_attr(name).unwrap_or_default())
            }
            Node::Item(base, key) => {
                let base = self.value(base)?;
                let key = self.value(key)?;
                Ok(item(&base, &key))
            }
            Node::Slice(base, parts) => self.slice(base, parts),
            Node::Not(inner) => Ok(Value::from(!self.truth(inner)?)),
            Node::Negate(inner) => {
                let value = self.value(inner)?;
                self.negate(&value)
            }
            Node::And(pair) => {
                let left = self.value(&pair.0)?;
                if left.is_true() { self.value(&pair.1) } else { Ok(left) }
            }
            Node::Or(pair) => {
                let left = self.value(&pair.0)?;
                if left.is_true() { Ok(left) } else { self.value(&pair.1) }
            }
            Node::Binary(operator, pair) => {
                let left = self.value(&pair.0)?;
                let right = self.value(&pair.1)?;
                self.operate(*operator, &left, &right)
            }
            Node::Chain(first, rest) => self.chain(first, rest),
            Node::Choice(parts) => {
                let [condition, chosen, otherwise] = &**parts;
                if self.truth(condition)? { self.maybe(chosen) } else { self.maybe(otherwise) }
            }
            Node::Defined(inner) => Ok(Value::from(!self.lenient(inner)?.is_undefined())),
            Node::Default(parts, empty_too) => {
                let [inner, fallback] = &**parts;
                let value = self.lenient(inner)?;
                let missing = value.is_undefined() || (*empty_too && !value.is_true());
                if missing { self.value(fallback) } else { Ok(value) }
            }
            Node::Filter(filter, base, arguments) => {
                let base = self.value(base)?;
                let given = self.given(arguments)?;
                (filter.apply)(self, &base, &given)
            }
            Node::Test(test, base, arguments) => {
                let base = self.value(base)?;
                let given = self.given(arguments)?;
                (test.apply)(self, &base, given.positional.first()).map(Value::from)
            }
            Node::InState(path) => {
                let path = self.value(path)?;
                self.in_state(&path)
            }
            Node::Range(bounds) => self.range(bounds),
            Node::List(items) => {
                let items = items.iter().map(|item| self.value(item)).collect::<Result<_>>()?;
                self.list(items)
            }
            Node::Map(entries) => self.map(entries),
        }
    }

    /// The value of a node that is only asked about: a path that ends early is undefined.
    fn lenient(&mut self, node: &Node) -> Result<Value> {
        match node {
            Node::Field(base, name) => {
                let base = self.lenient(base)?;
                Ok(base.get_attr(name).unwrap_or_default())
            }
            Node::Item(base, key) => {
                let base = self.lenient(base)?;
                if base.is_undefined() {
                    return Ok(base);
                }
                let key = self.value(key)?;
                Ok(item(&base, &key))
            }
            Node::Literal(_)
            | Node::Event
            | Node::Name(_)
            | Node::Slice(..)
            | Node::Not(_)
            | Node::Negate(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Binary(..)
            | Node::Chain(..)
            | Node::Choice(_)
            | Node::Defined(_)
            | Node::Default(..)
            | Node::Filter(..)
            | Node::Test(..)
            | Node::InState(_)
            | Node::Range(_)
            | Node::List(_)
            | Node::Map(_) => self.maybe(node),
        }
    }

    fn name(&self, name: &str) -> Value {
        let local = self.locals.iter().rev().find(|(local, _)| &**local == name);
        match local {
            Some((_, value)) => value.clone(),
            None => self.scope.data.get(name).cloned().unwrap_or_default(),
        }
    }

    fn chain(&mut self, first: &Node, rest: &[(Operator, Node)]) -> Result<Value> {
        let mut left = self.value(first)?;
        for (operator, node) in rest {
            let right = self.value(node)?;
            if !self.operate(*operator, &left, &right)?.is_true() {
                return Ok(Value::from(false));
            }
            left = right;
        }
        Ok(Value::from(true))
    }

    fn given(&mut self, arguments: &Arguments) -> Result<Given> {
        let positional = arguments.positional.iter().map(|node| self.value(node));
        let positional = positional.collect::<Result<_>>()?;
        let named =
            arguments.named.iter().map(|(name, node)| Ok((name.clone(), self.value(node)?)));
        Ok(Given { positional, named: named.collect::<Result<_>>()? })
    }

    fn in_state(&mut self, path: &Value) -> Result<Value> {
        let Some(path) = path.as_str() else {
            return fail("`in_state` takes the path of a state as a text");
        };
        self.spend(self.scope.active.len())?;
        let is_in = self.scope.active.iter().any(|active| {
            let rest = active.as_str().strip_prefix(path);
            rest.is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('.'))
        });
        Ok(Value::from(is_in))
    }

    fn range(&mut self, bounds: &[Node]) -> Result<Value> {
        let mut numbers = Vec::with_capacity(3);
        for bound in bounds {
            let value = self.value(bound)?;
            let Some(number) = value.as_i64().filter(|_| value.is_integer()) else {
                return fail("`range` takes whole numbers");
            };
            numbers.push(i128::from(number));
        }
        let (start, stop, step) = match numbers[..] {
            [stop] => (0, stop, 1),
            [start, stop] => (start, stop, 1),
            [start, stop, step] => (start, stop, step),
            _ => return fail("`range` takes one to three numbers"),
        };
        if step == 0 {
            return fail("`range` cannot take steps of 0");
        }
        let length = ((stop - start) * step.signum() + step.abs() - 1) / step.abs();
        let length = usize::try_from(length.max(0)).unwrap_or(usize::MAX);
        self.check_list(length)?;
        let items = (0..length as i128).map(|n| Value::from(start + n * step));
        self.list(items.collect())
    }

    fn map(&mut self, entries: &[(Node, Node)]) -> Result<Value> {
        let mut fields = IndexMap::default();
        for (key, value) in entries {
            let key = self.value(key)?;
            let Some(key) = key.as_str() else {
                return fail(format!(
                    "the name of a field must be a text, not {}",
                    article(key.kind())
                ));
            };
            fields.insert(key.to_owned(), self.value(value)?);
        }
        self.object(fields)
    }

    /// Renders parts of a template. An error says where in the template it arose.
    pub(super) fn render(&mut self, blocks: &[Placed], out: &mut String) -> Result<()> {
        for placed in blocks {
            let (start, locals) = (out.len(), self.locals.len());
            if let Err(error) = self.render_block(&placed.block, out) {
                let at = error.at.or(Some((placed.line, placed.column)));
                self.leave_gap(EvalError { at, ..error }, start, out)?;
                self.locals.truncate(locals);
            }
        }
        Ok(())
    }

    /// Replaces what a part rendered before it failed by why it did, if that is wanted and was not done too often.
    fn leave_gap(&mut self, error: EvalError, start: usize, out: &mut String) -> Result<()> {
        match &mut self.gaps {
            Some(gaps) if gaps.errors.len() < GAPS_MAX => {
                out.truncate(start);
                if gaps.captures == 0 {
                    gaps.values.retain(|value| value.end <= start);
                }
                out.push('[');
                out.push_str(&error.message);
                out.push(']');
                gaps.errors.push(error);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Notes where a value stands.
    fn note_value(&mut self, place: Range<usize>) {
        if let Some(gaps) = self.gaps.as_mut().filter(|gaps| gaps.captures == 0) {
            gaps.values.push(place);
        }
    }

    /// Renders a text that is not part of the whole yet.
    fn capture(&mut self, body: &[Placed]) -> Result<String> {
        let mut text = String::new();
        let count = |eval: &mut Self, more: isize| {
            if let Some(gaps) = &mut eval.gaps {
                gaps.captures = gaps.captures.saturating_add_signed(more);
            }
        };
        count(self, 1);
        let rendered = self.scoped(|eval| eval.render(body, &mut text));
        count(self, -1);
        rendered.map(|()| text)
    }

    fn render_block(&mut self, block: &Block, out: &mut String) -> Result<()> {
        self.spend(1)?;
        match block {
            Block::Text(text) => {
                self.check_text(out.len() + text.len())?;
                self.spend_bytes(text.len())?;
                out.push_str(text);
                Ok(())
            }
            Block::Emit(node) => {
                let value = self.value(node)?;
                let start = out.len();
                self.write(&value, out)?;
                self.note_value(start..out.len());
                Ok(())
            }
            Block::If(condition, then, otherwise) => {
                let chosen = if self.truth(condition)? { then } else { otherwise };
                self.render(chosen, out)
            }
            Block::For(each) => self.for_each(each, out),
            Block::Set(target, node) => {
                let value = self.value(node)?;
                self.bind(target, value)
            }
            Block::Capture(target, body) => {
                let text = self.capture(body)?;
                let text = self.text(text)?;
                self.bind(target, text)
            }
            Block::With(bound, body) => self.scoped(|eval| {
                for (target, node) in bound {
                    let value = eval.value(node)?;
                    eval.bind(target, value)?;
                }
                eval.render(body, out)
            }),
        }
    }

    /// Runs `inside`, then forgets the local variables it bound.
    fn scoped<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outside = self.locals.len();
        let result = inside(self);
        self.locals.truncate(outside);
        result
    }

    fn for_each(&mut self, each: &For, out: &mut String) -> Result<()> {
        let items = self.value(&each.items)?;
        let items = self.members(&items)?;
        let outside = self.locals.len();
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            if let Some(condition) = &each.condition {
                self.bind(&each.target, item.clone())?;
                let keep = self.truth(condition)?;
                self.locals.truncate(outside);
                if !keep {
                    continue;
                }
            }
            kept.push(item);
        }
        if kept.is_empty() {
            return self.render(&each.otherwise, out);
        }
        let length = kept.len();
        for (index, item) in kept.into_iter().enumerate() {
            self.spend(1)?;
            self.bind(&each.target, item)?;
            self.locals.push((Arc::from("loop"), Value::from_object(Loop { index, length })));
            self.render(&each.body, out)?;
            self.locals.truncate(outside);
        }
        Ok(())
    }

    fn bind(&mut self, target: &Target, value: Value) -> Result<()> {
        match target {
            Target::One(name) => self.locals.push((name.clone(), value)),
            Target::Many(names) => {
                let values = self.items(&value)?;
                if values.len() != names.len() {
                    return fail(format!("{} names for {} values", names.len(), values.len()));
                }
                self.locals.extend(names.iter().cloned().zip(values));
            }
        }
        Ok(())
    }
}

/// The item of a list or object; a negative index counts from the end.
fn item(base: &Value, key: &Value) -> Value {
    if base.kind() == ValueKind::Seq
        && let Some(index) = key.as_i64().filter(|index| *index < 0)
    {
        let index = base.len().and_then(|len| len.checked_add_signed(isize::try_from(index).ok()?));
        return index.and_then(|index| base.get_item_by_index(index).ok()).unwrap_or_default();
    }
    base.get_item(key).unwrap_or_default()
}

/// How the author wrote a node, if it is a path.
fn path(node: &Node) -> Option<String> {
    if let Node::Field(base, name) = node {
        Some(format!("{}.{name}", path(base)?))
    } else if let Node::Item(base, key) = node {
        let Node::Literal(key) = &**key else { return None };
        Some(format!("{}[{key:?}]", path(base)?))
    } else if let Node::Name(name) = node {
        Some(name.to_string())
    } else {
        matches!(node, Node::Event).then(|| "event".to_owned())
    }
}

/// What `loop` is inside a loop.
#[derive(Debug)]
struct Loop {
    index: usize,
    length: usize,
}

impl Object for Loop {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "index" => Value::from(self.index + 1),
            "index0" => Value::from(self.index),
            "revindex" => Value::from(self.length - self.index),
            "revindex0" => Value::from(self.length - self.index - 1),
            "first" => Value::from(self.index == 0),
            "last" => Value::from(self.index + 1 == self.length),
            "length" => Value::from(self.length),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["index", "index0", "revindex", "revindex0", "first", "last", "length"])
    }
}
