//! Where everything goes: boxes inside boxes, from the innermost outwards.

use super::layers::{self, Link, Size, Way};
use super::text::{self, LINE};
use super::{Chart, Edge, End, Mark, Node, Shape};

/// Room around what is inside a box, and between the box of the whole and its edge.
const PADDING: f64 = 18.0;

/// Radius of the dot at which a box is entered.
pub(super) const DOT: f64 = 6.0;

/// How far a line from a box to itself goes out.
pub(super) const LOOP: f64 = 22.0;

/// Least height of such a line with its label.
const LOOP_HEIGHT: f64 = 22.0;

/// A box's place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where everything went.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// The boxes, in the chart's order.
    pub(super) rects: Vec<Rect>,
    /// The lines.
    pub(super) lines: Vec<Line>,
    /// The dots at which boxes are entered, and at which lines from the box around begin.
    pub(super) dots: Vec<Dot>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A line, its points and its label.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) points: Vec<(f64, f64)>,
    pub(super) is_loop: bool,
    pub(super) label: Vec<String>,
    /// The middle of the label.
    pub(super) label_at: (f64, f64),
    pub(super) mark: Mark,
}

/// A dot.
#[derive(Debug)]
pub(super) struct Dot {
    pub(super) at: (f64, f64),
    /// Whether it stands for the box around itself rather than for entering it.
    pub(super) is_around: bool,
}

/// What is inside a box, with places relative to the box's own corner.
#[derive(Debug, Default)]
struct Inside {
    size: (f64, f64),
    children: Vec<(usize, f64, f64)>,
    lines: Vec<Line>,
    dots: Vec<Dot>,
}

/// Finds a place for everything.
pub(super) fn lay_out(chart: &Chart) -> Picture {
    let mut insides: Vec<Inside> = chart.nodes.iter().map(|_| Inside::default()).collect();
    // Children come after their parents, so going backwards every box is measured before the one around it.
    for number in (0..chart.nodes.len()).rev() {
        insides[number] = match chart.nodes[number].shape {
            Shape::Regions => regions(chart, number, &insides),
            Shape::Group => group(chart, number, &insides),
            Shape::State | Shape::Final | Shape::History { .. } => leaf(&chart.nodes[number]),
        };
        let height = &mut insides[number].size.1;
        *height = height.max(loops_height(chart, number));
        if chart.nodes[number].shape == Shape::Regions {
            stretch(&chart.nodes[number], &mut insides);
        }
    }
    let (width, height) = insides[0].size;
    let rects = chart.nodes.iter().map(|_| Rect::default()).collect();
    let mut picture = Picture { rects, width, height, ..Picture::default() };
    let mut corners = vec![(0.0, 0.0); chart.nodes.len()];
    for (number, inside) in insides.into_iter().enumerate() {
        let (x, y) = corners[number];
        let (width, height) = inside.size;
        picture.rects[number] = Rect { x, y, width, height };
        for (child, inner_x, inner_y) in inside.children {
            corners[child] = (x + inner_x, y + inner_y);
        }
        picture.lines.extend(inside.lines.into_iter().map(|line| line.moved(x, y)));
        let dots = inside.dots.into_iter();
        picture.dots.extend(dots.map(|dot| Dot { at: (dot.at.0 + x, dot.at.1 + y), ..dot }));
    }
    picture
}

impl Line {
    fn moved(mut self, x: f64, y: f64) -> Self {
        for point in &mut self.points {
            *point = (point.0 + x, point.1 + y);
        }
        self.label_at = (self.label_at.0 + x, self.label_at.1 + y);
        self
    }
}

fn leaf(node: &Node) -> Inside {
    let size = match node.shape {
        Shape::History { .. } => (26.0, 26.0),
        _ => {
            let (width, height) = header(node);
            ((width + 28.0).max(64.0), height + 18.0)
        }
    };
    Inside { size, ..Inside::default() }
}

/// The size of a box's name and lines.
fn header(node: &Node) -> (f64, f64) {
    let lines = node.lines.iter().map(|line| text::width(line) * 0.9);
    // A name is bold, and so somewhat wider.
    let width = lines.fold(text::width(&node.name) * 1.08, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "a box has few lines")]
    let height = (node.lines.len() as f64 + 1.0) * LINE;
    (width, height)
}

/// How far down in a box its inside begins. The machine's own box is not drawn, so it has no name.
fn top(node: &Node) -> f64 {
    if node.parent.is_none() { PADDING } else { header(node).1 + PADDING + 6.0 }
}

fn regions(chart: &Chart, number: usize, insides: &[Inside]) -> Inside {
    let node = &chart.nodes[number];
    let top = top(node);
    let mut x = PADDING;
    let mut inside = Inside::default();
    let height = node.children.iter().map(|child| insides[*child].size.1).fold(0.0, f64::max);
    for child in &node.children {
        inside.children.push((*child, x, top));
        x += insides[*child].size.0 + PADDING / 2.0;
    }
    let width = (x - PADDING / 2.0 + PADDING).max(header(node).0 + 2.0 * PADDING);
    inside.size = (width, top + height + PADDING);
    inside
}

/// Makes regions as high as the highest of them.
fn stretch(node: &Node, insides: &mut [Inside]) {
    let height = node.children.iter().map(|child| insides[*child].size.1).fold(0.0, f64::max);
    for child in &node.children {
        insides[*child].size.1 = height;
    }
}

fn group(chart: &Chart, number: usize, insides: &[Inside]) -> Inside {
    let node = &chart.nodes[number];
    let scene = Scene::new(node, insides);
    let placed = layers::place(&scene.sizes, &scene.links);
    let inner_width = placed.size.width.max(header(node).0);
    let offset = (PADDING + (inner_width - placed.size.width) / 2.0, top(node));
    let mut inside = Inside {
        size: (inner_width + 2.0 * PADDING, offset.1 + placed.size.height + PADDING),
        ..Inside::default()
    };
    for (child, thing) in node.children.iter().zip(scene.dots.len()..) {
        let corner = placed.corners[thing];
        let room = scene.sizes[thing].width - insides[*child].size.0;
        inside.children.push((*child, corner.0 + room / 2.0 + offset.0, corner.1 + offset.1));
    }
    for (is_around, corner) in scene.dots.iter().zip(&placed.corners) {
        let at = (corner.0 + DOT + offset.0, corner.1 + DOT + offset.1);
        inside.dots.push(Dot { at, is_around: *is_around });
    }
    for (edge, way) in scene.edges.iter().zip(placed.ways) {
        inside.lines.push(line(edge, way).moved(offset.0, offset.1));
    }
    loops(node, insides, &mut inside);
    inside
}

/// What is placed inside a box: first the dots, then the children.
struct Scene<'a> {
    /// Whether each dot stands for the box around.
    dots: Vec<bool>,
    sizes: Vec<Size>,
    links: Vec<Link>,
    edges: Vec<&'a Edge>,
}

impl<'a> Scene<'a> {
    fn new(node: &'a Node, insides: &[Inside]) -> Self {
        let edges: Vec<&Edge> = node.edges.iter().filter(|edge| !is_loop(edge)).collect();
        let mut dots = Vec::new();
        let mut begins: Vec<Option<usize>> = Vec::new();
        for edge in &edges {
            begins.push(match edge.from {
                End::Child(_) => None,
                End::Entry | End::Around => {
                    dots.push(edge.from == End::Around);
                    Some(dots.len() - 1)
                }
            });
        }
        let thing = |child: usize| {
            let at = node.children.iter().position(|known| *known == child);
            at.map(|at| at + dots.len())
        };
        let mut links = Vec::new();
        let mut drawn = Vec::new();
        for (edge, begin) in edges.into_iter().zip(begins) {
            let from = match edge.from {
                End::Child(child) => thing(child),
                End::Entry | End::Around => begin,
            };
            let (Some(from), Some(to)) = (from, thing(edge.to)) else { continue };
            links.push(Link { from, to, label: label_size(&edge.label) });
            drawn.push(edge);
        }
        let dot = Size { width: 2.0 * DOT, height: 2.0 * DOT };
        let children = node.children.iter().map(|child| {
            let (width, height) = insides[*child].size;
            Size { width: width + 2.0 * loop_room(node, *child), height }
        });
        let sizes = dots.iter().map(|_| dot).chain(children).collect();
        Self { dots, sizes, links, edges: drawn }
    }
}

fn is_loop(edge: &Edge) -> bool {
    edge.from == End::Child(edge.to)
}

/// Room on each side of a child for its lines to itself. On both sides, so that the child stays in the middle.
fn loop_room(node: &Node, child: usize) -> f64 {
    let loops = node.edges.iter().filter(|edge| is_loop(edge) && edge.to == child);
    loops.map(|edge| label_size(&edge.label).width + LOOP + 8.0).fold(0.0, f64::max)
}

/// The size of a label; nothing for none.
pub(super) fn label_size(label: &[String]) -> Size {
    if label.is_empty() {
        return Size { width: 4.0, height: 0.0 };
    }
    let width = label.iter().map(|line| text::width(&text::label(line))).fold(0.0, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "a label has few lines")]
    let height = label.len() as f64 * (LINE - 1.0) + 4.0;
    Size { width: width + 10.0, height }
}

fn line(edge: &Edge, way: Way) -> Line {
    Line {
        points: way.points,
        is_loop: false,
        label: edge.label.iter().map(|line| text::label(line)).collect(),
        label_at: way.label,
        mark: edge.mark,
    }
}

/// The height a box needs for its lines to itself.
fn loops_height(chart: &Chart, number: usize) -> f64 {
    let Some(parent) = chart.nodes[number].parent else { return 0.0 };
    let edges = chart.nodes[parent].edges.iter();
    edges.filter(|edge| is_loop(edge) && edge.to == number).map(loop_height).sum()
}

fn loop_height(edge: &Edge) -> f64 {
    LOOP_HEIGHT.max(label_size(&edge.label).height + 2.0)
}

/// Lines from a child to itself, at its right side, one below the other.
fn loops(node: &Node, insides: &[Inside], inside: &mut Inside) {
    for (child, x, y) in inside.children.clone() {
        let (width, height) = insides[child].size;
        let loops: Vec<&Edge> =
            node.edges.iter().filter(|edge| is_loop(edge) && edge.to == child).collect();
        let all: f64 = loops.iter().map(|edge| loop_height(edge)).sum();
        let right = x + width;
        let mut top = y + (height - all) / 2.0;
        for edge in loops {
            let middle = top + loop_height(edge) / 2.0;
            let points = vec![
                (right, middle - 6.0),
                (right + LOOP, middle - 6.0),
                (right + LOOP, middle + 6.0),
                (right, middle + 6.0),
            ];
            let label_at = (right + LOOP + label_size(&edge.label).width / 2.0 - 2.0, middle);
            let way = Way { points, label: label_at };
            inside.lines.push(Line { is_loop: true, ..line(edge, way) });
            top += loop_height(edge);
        }
    }
}

#[cfg(test)]
mod tests {
    use guidepost_core::workflow;

    use super::*;
    use crate::chart::Trail;

    /// States inside states, regions, history, loops, long ways, and lines that begin or end deep inside.
    const RICH: &str = r##"
name: rich
initial: Plan
states:
  Plan:
    initial: Read
    states:
      Read: { guideline: Read the issue and the code around it before anything else., on: { Understood: Draft } }
      Draft: { on: { Drafted: Check, Unclear: Read, Again: Draft, Louder: Draft } }
      Check: { on: { Good: Ready, Bad: Draft } }
      Ready: { type: final }
      Last: { type: history }
    on: { Abort: Cancelled, Restart: .Read, Note: { actions: { log: noted } } }
    onDone: Work
  Work:
    type: parallel
    states:
      Code:
        initial: Write
        states:
          Write: { on: { Blocked: "#rich.Plan.Check", Compiles: Done } }
          Done: { type: final }
      Docs:
        initial: Outline
        states:
          Outline: { on: { Done: Done } }
          Done: { type: final }
    on: { Rethink: "#rich.Plan.Last", Redo: .Code.Write, Abort: Cancelled }
    onDone: Review
    after: { 8h: Cancelled }
  Review: { on: { Approve: Shipped, Reject: [{ target: Work, guard: "event.hard" }, { target: Plan }] } }
  Shipped: { type: final }
  Cancelled: { type: final }
"##;

    fn rich() -> (Chart, Picture) {
        let compiled = workflow::compile(RICH.as_bytes(), "rich.yaml");
        let machine = compiled.machine.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let chart = Chart::new(&machine, &Trail::default()).unwrap();
        let picture = lay_out(&chart);
        (chart, picture)
    }

    fn contains(outer: Rect, inner: Rect) -> bool {
        outer.x <= inner.x
            && outer.y <= inner.y
            && outer.x + outer.width >= inner.x + inner.width
            && outer.y + outer.height >= inner.y + inner.height
    }

    fn touches(a: Rect, b: Rect) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    }

    fn labels(picture: &Picture) -> Vec<Rect> {
        let labelled = picture.lines.iter().filter(|line| !line.label.is_empty());
        let rects = labelled.map(|line| {
            let Size { width, height } = label_size(&line.label);
            let (x, y) = (line.label_at.0 - width / 2.0, line.label_at.1 - height / 2.0);
            Rect { x, y, width, height }
        });
        rects.collect()
    }

    #[test]
    fn boxes_lie_in_their_parents_and_beside_their_siblings() {
        let (chart, picture) = rich();
        for (number, node) in chart.nodes.iter().enumerate() {
            let rect = picture.rects[number];
            if let Some(parent) = node.parent {
                assert!(contains(picture.rects[parent], rect), "{}", node.path);
            }
            for (at, one) in node.children.iter().enumerate() {
                for other in &node.children[at + 1..] {
                    assert!(!touches(picture.rects[*one], picture.rects[*other]), "{}", node.path);
                }
            }
        }
    }

    #[test]
    fn labels_collide_with_nothing() {
        let (chart, picture) = rich();
        let labels = labels(&picture);
        assert_eq!(labels.len(), 20);
        let whole = picture.rects[0];
        for (at, label) in labels.iter().enumerate() {
            assert!(contains(whole, *label));
            assert!(labels[at + 1..].iter().all(|other| !touches(*label, *other)), "{label:?}");
            let leaves = chart.nodes.iter().zip(&picture.rects);
            for (node, rect) in leaves.filter(|(node, _)| node.children.is_empty()) {
                assert!(!touches(*label, *rect), "{label:?} {}", node.path);
            }
        }
    }

    #[test]
    fn what_leads_into_regions_or_nowhere_is_said_in_words() {
        let (chart, _) = rich();
        let lines = |path: &str| {
            let node = chart.nodes.iter().find(|node| node.path == path);
            node.map(|node| node.lines.join("; ")).unwrap_or_default()
        };
        assert_eq!(lines("Work"), "Redo → Write");
        assert_eq!(lines("Plan"), "Note /");
    }
}
