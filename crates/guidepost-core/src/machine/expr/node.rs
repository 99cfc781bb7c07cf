//! The tree an expression or a template is compiled to: owned, resolved, and as small as what is offered.

use std::sync::Arc;

use minijinja::Value;

use super::filter::Filter;
use super::test::Test;

/// An expression.
#[derive(Debug)]
pub(super) enum Node {
    /// A constant.
    Literal(Value),
    /// The data of the event being taken.
    Event,
    /// A local variable, or else an attribute.
    Name(Arc<str>),
    /// `a.b`
    Field(Box<Node>, Arc<str>),
    /// `a[b]`
    Item(Box<Node>, Box<Node>),
    /// `a[start:stop:step]`
    Slice(Box<Node>, Box<[Option<Node>; 3]>),
    /// `not a`
    Not(Box<Node>),
    /// `-a`
    Negate(Box<Node>),
    /// `a and b`
    And(Box<(Node, Node)>),
    /// `a or b`
    Or(Box<(Node, Node)>),
    /// An operator between two values.
    Binary(Operator, Box<(Node, Node)>),
    /// `a < b <= c`
    Chain(Box<Node>, Vec<(Operator, Node)>),
    /// `a if condition else b`, in the order condition, a, b.
    Choice(Box<[Node; 3]>),
    /// `a is defined`
    Defined(Box<Node>),
    /// `a | default(b)`; with `true` as second argument also for what is empty.
    Default(Box<[Node; 2]>, bool),
    /// `a | filter(…)`
    Filter(&'static Filter, Box<Node>, Arguments),
    /// `a is test(…)`
    Test(&'static Test, Box<Node>, Arguments),
    /// `in_state("A.B")`
    InState(Box<Node>),
    /// `range(…)`
    Range(Vec<Node>),
    /// `[a, b]`
    List(Vec<Node>),
    /// `{"a": b}`
    Map(Vec<(Node, Node)>),
}

/// What stands between the parentheses of a filter or a test.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// By position.
    pub(super) positional: Vec<Node>,
    /// By name.
    pub(super) named: Vec<(Arc<str>, Node)>,
}

/// Operators between two values that evaluate both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Add,
    Subtract,
    Multiply,
    Divide,
    DivideWhole,
    Remainder,
    Power,
    Concat,
}

/// A part of a template, and where it begins.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) block: Block,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// What a part of a template is.
#[derive(Debug)]
pub(super) enum Block {
    /// As it stands.
    Text(Box<str>),
    /// `{{ a }}`
    Emit(Node),
    /// `{% if %}`
    If(Node, Vec<Placed>, Vec<Placed>),
    /// `{% for %}`
    For(Box<For>),
    /// `{% set a = b %}`
    Set(Target, Node),
    /// `{% set a %}…{% endset %}`
    Capture(Target, Vec<Placed>),
    /// `{% with a = b %}…{% endwith %}`
    With(Vec<(Target, Node)>, Vec<Placed>),
}

/// A loop of a template.
#[derive(Debug)]
pub(super) struct For {
    pub(super) target: Target,
    pub(super) items: Node,
    pub(super) condition: Option<Node>,
    pub(super) body: Vec<Placed>,
    /// What is rendered if there is no item.
    pub(super) otherwise: Vec<Placed>,
}

/// Local variables a value is bound to.
#[derive(Debug)]
pub(super) enum Target {
    One(Arc<str>),
    /// The value is taken apart.
    Many(Vec<Arc<str>>),
}
