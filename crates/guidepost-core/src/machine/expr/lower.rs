//! From the parser's tree to [`Node`] and [`Block`]: resolves filters and tests, notes the names used, and refuses what is
//! not offered. Bounded by the depth check made before parsing, so recursion is safe.

use std::sync::Arc;

use indexmap::IndexSet;
use minijinja::Value;
use minijinja::machinery::{Span, ast};

use super::node::{Arguments, Block, For, Node, Operator, Placed, Target};
use super::{CompileError, Names, filter, test};
use crate::diagnostic::closest;

/// Names of local variables in scope at once. They are looked up one by one.
const LOCALS_MAX: usize = 256;

type Result<T> = std::result::Result<T, CompileError>;

/// Lowers one expression or template.
#[derive(Default)]
pub(super) struct Lower {
    /// What it names.
    pub(super) names: Names,
    /// Local variables in scope.
    locals: Vec<Arc<str>>,
}

fn refuse<T>(span: Span, message: impl Into<String>) -> Result<T> {
    Err(CompileError {
        message: message.into(),
        line: u32::from(span.start_line),
        column: u32::from(span.start_col) + 1,
    })
}

impl Lower {
    pub(super) fn blocks(&mut self, stmts: &[ast::Stmt<'_>]) -> Result<Vec<Placed>> {
        let placed = stmts.iter().map(|stmt| {
            let span = span(stmt);
            let (line, column) = (u32::from(span.start_line), u32::from(span.start_col) + 1);
            Ok(Placed { block: self.block(stmt)?, line, column })
        });
        placed.collect()
    }

    fn block(&mut self, stmt: &ast::Stmt<'_>) -> Result<Block> {
        match stmt {
            ast::Stmt::EmitRaw(raw) => Ok(Block::Text(raw.raw.into())),
            ast::Stmt::EmitExpr(emit) => Ok(Block::Emit(self.node(&emit.expr)?)),
            ast::Stmt::IfCond(choice) => Ok(Block::If(
                self.node(&choice.expr)?,
                self.blocks(&choice.true_body)?,
                self.blocks(&choice.false_body)?,
            )),
            ast::Stmt::ForLoop(each) => self.for_loop(each, each.span()),
            ast::Stmt::Set(set) => {
                let value = self.node(&set.expr)?;
                Ok(Block::Set(self.target(&set.target)?, value))
            }
            ast::Stmt::SetBlock(set) => {
                if set.filter.is_some() {
                    return refuse(set.span(), "filters on `set` blocks are not offered");
                }
                let body = self.scoped(|lower| lower.blocks(&set.body))?;
                Ok(Block::Capture(self.target(&set.target)?, body))
            }
            ast::Stmt::WithBlock(with) => self.scoped(|lower| {
                let mut bound = Vec::with_capacity(with.assignments.len());
                for (target, value) in &with.assignments {
                    let value = lower.node(value)?;
                    bound.push((lower.target(target)?, value));
                }
                Ok(Block::With(bound, lower.blocks(&with.body)?))
            }),
            ast::Stmt::Template(template) => {
                Ok(Block::With(Vec::new(), self.blocks(&template.children)?))
            }
            ast::Stmt::AutoEscape(s) => not_offered("autoescape", s.span()),
            ast::Stmt::FilterBlock(s) => not_offered("filter", s.span()),
            ast::Stmt::Block(s) => not_offered("block", s.span()),
            ast::Stmt::Import(s) => not_offered("import", s.span()),
            ast::Stmt::FromImport(s) => not_offered("from", s.span()),
            ast::Stmt::Extends(s) => not_offered("extends", s.span()),
            ast::Stmt::Include(s) => not_offered("include", s.span()),
            ast::Stmt::Macro(s) => not_offered("macro", s.span()),
            ast::Stmt::CallBlock(s) => not_offered("call", s.span()),
            ast::Stmt::Do(s) => not_offered("do", s.span()),
        }
    }

    fn for_loop(&mut self, each: &ast::ForLoop<'_>, span: Span) -> Result<Block> {
        if each.recursive {
            return refuse(span, "recursive loops are not offered");
        }
        let items = self.node(&each.iter)?;
        let (target, condition, body) = self.scoped(|lower| {
            let target = lower.target(&each.target)?;
            let condition = each.filter_expr.as_ref().map(|expr| lower.node(expr)).transpose()?;
            lower.locals.push(Arc::from("loop"));
            Ok((target, condition, lower.blocks(&each.body)?))
        })?;
        let otherwise = self.blocks(&each.else_body)?;
        Ok(Block::For(Box::new(For { target, items, condition, body, otherwise })))
    }

    /// Runs `inside`, then forgets the local variables it declared.
    fn scoped<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outside = self.locals.len();
        let result = inside(self);
        self.locals.truncate(outside);
        result
    }

    fn target(&mut self, expr: &ast::Expr<'_>) -> Result<Target> {
        let ast::Expr::List(list) = expr else { return Ok(Target::One(self.local(expr)?)) };
        let names = list.items.iter().map(|item| self.local(item)).collect::<Result<_>>()?;
        Ok(Target::Many(names))
    }

    fn local(&mut self, expr: &ast::Expr<'_>) -> Result<Arc<str>> {
        let ast::Expr::Var(var) = expr else {
            return refuse(expr.span(), "only a name can be bound here");
        };
        if var.id == "event" {
            return refuse(var.span(), "`event` always means the event being taken");
        }
        let name: Arc<str> = Arc::from(var.id);
        if !self.locals.contains(&name) {
            self.locals.push(name.clone());
        }
        if self.locals.len() > LOCALS_MAX {
            return refuse(var.span(), format!("there are more than {LOCALS_MAX} variables"));
        }
        Ok(name)
    }

    fn boxed(&mut self, expr: &ast::Expr<'_>) -> Result<Box<Node>> {
        self.node(expr).map(Box::new)
    }

    fn pair(&mut self, left: &ast::Expr<'_>, right: &ast::Expr<'_>) -> Result<Box<(Node, Node)>> {
        Ok(Box::new((self.node(left)?, self.node(right)?)))
    }

    pub(super) fn node(&mut self, expr: &ast::Expr<'_>) -> Result<Node> {
        match expr {
            ast::Expr::Var(var) => Ok(self.name(var.id)),
            ast::Expr::Const(constant) => Ok(Node::Literal(constant.value.clone())),
            ast::Expr::GetAttr(get) => self.field(get),
            ast::Expr::GetItem(get) => self.item(get),
            ast::Expr::Slice(slice) => {
                let mut part = |expr: &Option<ast::Expr<'_>>| {
                    expr.as_ref().map(|expr| self.node(expr)).transpose()
                };
                let parts = [part(&slice.start)?, part(&slice.stop)?, part(&slice.step)?];
                Ok(Node::Slice(self.boxed(&slice.expr)?, Box::new(parts)))
            }
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Not => Ok(Node::Not(self.boxed(&unary.expr)?)),
                ast::UnaryOpKind::Neg => Ok(Node::Negate(self.boxed(&unary.expr)?)),
            },
            ast::Expr::BinOp(binary) => self.binary(binary),
            ast::Expr::Compare(chain) => {
                let ops = chain.ops.iter().map(|op| Ok((compare(op.op), self.node(&op.expr)?)));
                let ops = ops.collect::<Result<_>>()?;
                Ok(Node::Chain(self.boxed(&chain.expr)?, ops))
            }
            ast::Expr::IfExpr(choice) => {
                let otherwise = match &choice.false_expr {
                    Some(expr) => self.node(expr)?,
                    None => Node::Literal(Value::UNDEFINED),
                };
                let condition = self.node(&choice.test_expr)?;
                Ok(Node::Choice(Box::new([condition, self.node(&choice.true_expr)?, otherwise])))
            }
            ast::Expr::Filter(filter) => self.filter(filter, filter.span()),
            ast::Expr::Test(test) => self.test(test, test.span()),
            ast::Expr::Call(call) => self.call(call, call.span()),
            ast::Expr::List(list) => self.list(&list.items),
            ast::Expr::Tuple(tuple) => self.list(&tuple.items),
            ast::Expr::Map(map) => {
                let entries = map.keys.iter().zip(&map.values);
                let entries = entries.map(|(key, value)| Ok((self.node(key)?, self.node(value)?)));
                Ok(Node::Map(entries.collect::<Result<_>>()?))
            }
        }
    }

    fn list(&mut self, items: &[ast::Expr<'_>]) -> Result<Node> {
        Ok(Node::List(items.iter().map(|item| self.node(item)).collect::<Result<_>>()?))
    }

    fn name(&mut self, id: &str) -> Node {
        if id == "event" {
            self.names.event = true;
            return Node::Event;
        }
        if !self.locals.iter().any(|local| &**local == id) {
            note(&mut self.names.attributes, id);
        }
        Node::Name(Arc::from(id))
    }

    fn field(&mut self, get: &ast::GetAttr<'_>) -> Result<Node> {
        let base = self.boxed(&get.expr)?;
        if matches!(*base, Node::Event) {
            note(&mut self.names.event_fields, get.name);
        }
        Ok(Node::Field(base, Arc::from(get.name)))
    }

    fn item(&mut self, get: &ast::GetItem<'_>) -> Result<Node> {
        let base = self.boxed(&get.expr)?;
        let key = self.boxed(&get.subscript_expr)?;
        if let (Node::Event, Node::Literal(name)) = (&*base, &*key)
            && let Some(name) = name.as_str()
        {
            note(&mut self.names.event_fields, name);
        }
        Ok(Node::Item(base, key))
    }

    fn binary(&mut self, binary: &ast::BinOp<'_>) -> Result<Node> {
        let pair = self.pair(&binary.left, &binary.right)?;
        let operator = match binary.op {
            ast::BinOpKind::ScAnd => return Ok(Node::And(pair)),
            ast::BinOpKind::ScOr => return Ok(Node::Or(pair)),
            ast::BinOpKind::Eq => Operator::Equal,
            ast::BinOpKind::Ne => Operator::NotEqual,
            ast::BinOpKind::Lt => Operator::Less,
            ast::BinOpKind::Lte => Operator::LessOrEqual,
            ast::BinOpKind::Gt => Operator::Greater,
            ast::BinOpKind::Gte => Operator::GreaterOrEqual,
            ast::BinOpKind::In => Operator::In,
            ast::BinOpKind::Add => Operator::Add,
            ast::BinOpKind::Sub => Operator::Subtract,
            ast::BinOpKind::Mul => Operator::Multiply,
            ast::BinOpKind::Div => Operator::Divide,
            ast::BinOpKind::FloorDiv => Operator::DivideWhole,
            ast::BinOpKind::Rem => Operator::Remainder,
            ast::BinOpKind::Pow => Operator::Power,
            ast::BinOpKind::Concat => Operator::Concat,
        };
        Ok(Node::Binary(operator, pair))
    }

    fn filter(&mut self, filter: &ast::Filter<'_>, span: Span) -> Result<Node> {
        let Some(base) = &filter.expr else {
            return refuse(span, "a filter needs a value");
        };
        let base = self.boxed(base)?;
        let Some(known) = filter::find(filter.name) else {
            return refuse(span, unknown("filter", filter.name, filter::names()));
        };
        let mut arguments = self.arguments(&filter.args, span)?;
        fits(known.name, known.parameters, known.required, &arguments, span)?;
        if known.name == "default" {
            let empty_too =
                match arguments.positional.get(1).or_else(|| named(&arguments, "boolean")) {
                    None => false,
                    Some(Node::Literal(value)) => value.is_true(),
                    Some(_) => return refuse(span, "`default` takes `true` or `false` here"),
                };
            arguments.positional.truncate(1);
            let fallback =
                arguments.positional.pop().unwrap_or_else(|| Node::Literal(Value::from("")));
            return Ok(Node::Default(Box::new([*base, fallback]), empty_too));
        }
        Ok(Node::Filter(known, base, arguments))
    }

    fn test(&mut self, call: &ast::Test<'_>, span: Span) -> Result<Node> {
        let base = self.boxed(&call.expr)?;
        match call.name {
            "defined" if call.args.is_empty() => return Ok(Node::Defined(base)),
            "undefined" if call.args.is_empty() => {
                return Ok(Node::Not(Box::new(Node::Defined(base))));
            }
            _ => {}
        }
        let Some(known) = test::find(call.name) else {
            return refuse(span, unknown("test", call.name, test::names()));
        };
        let arguments = self.arguments(&call.args, span)?;
        let parameters = &["value"][..known.arguments];
        fits(known.name, parameters, known.arguments, &arguments, span)?;
        Ok(Node::Test(known, base, arguments))
    }

    fn arguments(&mut self, args: &[ast::CallArg<'_>], span: Span) -> Result<Arguments> {
        let mut arguments = Arguments::default();
        for arg in args {
            match arg {
                ast::CallArg::Pos(expr) => arguments.positional.push(self.node(expr)?),
                ast::CallArg::Kwarg(name, expr) => {
                    arguments.named.push((Arc::from(*name), self.node(expr)?));
                }
                ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => {
                    return refuse(span, "arguments cannot be spread with `*` here");
                }
            }
        }
        Ok(arguments)
    }

    fn call(&mut self, call: &ast::Call<'_>, span: Span) -> Result<Node> {
        let ast::Expr::Var(function) = &call.expr else {
            return refuse(span, "values have no methods; use a filter, as in `text | upper`");
        };
        let mut arguments = self.arguments(&call.args, span)?;
        if !arguments.named.is_empty() {
            return refuse(span, "functions take no named arguments");
        }
        match (function.id, arguments.positional.len()) {
            ("in_state", 1) => {
                let path = arguments.positional.remove(0);
                if let Node::Literal(path) = &path
                    && let Some(path) = path.as_str()
                {
                    note(&mut self.names.states, path);
                }
                Ok(Node::InState(Box::new(path)))
            }
            ("range", 1..=3) => Ok(Node::Range(arguments.positional)),
            ("in_state", _) => refuse(span, "`in_state` takes the path of one state"),
            ("range", _) => refuse(span, "`range` takes one to three numbers"),
            (name, _) => refuse(span, unknown("function", name, ["in_state", "range"])),
        }
    }
}

fn not_offered<T>(statement: &str, span: Span) -> Result<T> {
    refuse(span, format!("`{{% {statement} %}}` is not offered in texts of a workflow"))
}

/// Where the expression of a statement stands, or else the statement.
fn span(stmt: &ast::Stmt<'_>) -> Span {
    match stmt {
        ast::Stmt::EmitExpr(emit) => emit.expr.span(),
        ast::Stmt::IfCond(choice) => choice.expr.span(),
        ast::Stmt::ForLoop(each) => each.iter.span(),
        ast::Stmt::Set(set) => set.expr.span(),
        ast::Stmt::Template(it) => it.span(),
        ast::Stmt::EmitRaw(it) => it.span(),
        ast::Stmt::WithBlock(it) => it.span(),
        ast::Stmt::SetBlock(it) => it.span(),
        ast::Stmt::AutoEscape(it) => it.span(),
        ast::Stmt::FilterBlock(it) => it.span(),
        ast::Stmt::Block(it) => it.span(),
        ast::Stmt::Import(it) => it.span(),
        ast::Stmt::FromImport(it) => it.span(),
        ast::Stmt::Extends(it) => it.span(),
        ast::Stmt::Include(it) => it.span(),
        ast::Stmt::Macro(it) => it.span(),
        ast::Stmt::CallBlock(it) => it.span(),
        ast::Stmt::Do(it) => it.span(),
    }
}

fn note(names: &mut IndexSet<String>, name: &str) {
    if !names.contains(name) {
        names.insert(name.to_owned());
    }
}

fn named<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a Node> {
    arguments.named.iter().find(|(key, _)| &**key == name).map(|(_, node)| node)
}

fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match closest(name, known) {
        Some(meant) => format!("there is no {what} `{name}`; did you mean `{meant}`?"),
        None => format!("there is no {what} `{name}`"),
    }
}

/// Checks the number and names of arguments.
fn fits(
    name: &str,
    parameters: &[&str],
    required: usize,
    arguments: &Arguments,
    span: Span,
) -> Result<()> {
    if let Some((unknown, _)) =
        arguments.named.iter().find(|(key, _)| !parameters.contains(&&**key))
    {
        return refuse(span, format!("`{name}` has no argument `{unknown}`"));
    }
    let given = arguments.positional.len() + arguments.named.len();
    if given < required || given > parameters.len() {
        let wanted = match (required, parameters.len()) {
            (0, 0) => "no argument".to_owned(),
            (least, most) if least == most => format!("{most} argument(s)"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        return refuse(span, format!("`{name}` takes {wanted}, not {given}"));
    }
    Ok(())
}

fn compare(op: ast::CompareOpKind) -> Operator {
    match op {
        ast::CompareOpKind::Eq => Operator::Equal,
        ast::CompareOpKind::Ne => Operator::NotEqual,
        ast::CompareOpKind::Lt => Operator::Less,
        ast::CompareOpKind::Lte => Operator::LessOrEqual,
        ast::CompareOpKind::Gt => Operator::Greater,
        ast::CompareOpKind::Gte => Operator::GreaterOrEqual,
        ast::CompareOpKind::In => Operator::In,
        ast::CompareOpKind::NotIn => Operator::NotIn,
    }
}
