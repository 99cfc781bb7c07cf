//! The picture as SVG. It carries its own style, light and dark, and nothing in it comes from outside.

use std::fmt::Write as _;

use super::layout::{DOT, Line, Picture, Rect};
use super::text::LINE;
use super::{Chart, Mark, Node, Shape};
use crate::page::escape;

const STYLE: &str = "\
.gp{--ink:#1f2328;--soft:#59636e;--edge:#8c959f;--box:#fff;--group:#f6f8fa;--paper:#f6f8fa;--now:#0969da;--now-box:#ddf4ff;--past:#1a7f37;
font:13px system-ui,-apple-system,'Segoe UI',sans-serif}
@media(prefers-color-scheme:dark){.gp{--ink:#e6edf3;--soft:#9198a1;--edge:#656c76;--box:#161b22;--group:#10151c;--paper:#10151c;--now:#58a6ff;--now-box:#0c2d6b;--past:#3fb950}}
.gp text{fill:var(--ink)}.gp .name{font-weight:600}.gp .line{fill:var(--soft);font-size:12px}
.gp .box{fill:var(--box);stroke:var(--edge);stroke-width:1.3}.gp .group{fill:var(--group)}.gp .region{stroke-dasharray:5 4}
.gp .past>.box{stroke:var(--past);stroke-width:2}.gp .now>.box{stroke:var(--now);stroke-width:2.4}.gp .now>.leaf{fill:var(--now-box)}
.gp .way{fill:none;stroke:var(--edge);stroke-width:1.3}.gp .taken .way{stroke:var(--past);stroke-width:2.2}
.gp .tip{fill:var(--edge)}.gp .taken .tip{fill:var(--past)}
.gp .behind{fill:var(--group)}.gp.wide{max-width:none}.gp .label{font-size:12px;text-anchor:middle}.gp .taken .label{fill:var(--past);font-weight:600}
.gp .paper{fill:var(--paper)}.gp .dot{fill:var(--ink)}.gp .around{fill:var(--paper);stroke:var(--ink);stroke-width:1.5}";

/// The width of a picture that can still be read when it is made to fit into a page; a wider one is scrolled.
const READABLE_WIDTH: f64 = 1_500.0;

/// Draws the chart as it was laid out.
pub(super) fn draw(chart: &Chart, picture: &Picture) -> String {
    let mut svg = String::new();
    let (width, height) = (picture.width.ceil(), picture.height.ceil());
    let class = if width > READABLE_WIDTH { "gp wide" } else { "gp" };
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="{class}" role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}"><title>{}</title><style>{STYLE}</style><rect class="paper" width="{width}" height="{height}" rx="9"/>"#,
        escape(&chart.nodes[0].name)
    );
    for (node, rect) in chart.nodes.iter().zip(&picture.rects).skip(1) {
        draw_node(&mut svg, chart, node, *rect);
    }
    // All lines first, then all labels: a label may then cover a line, never the other way round.
    for line in &picture.lines {
        draw_way(&mut svg, line);
    }
    for dot in &picture.dots {
        let class = if dot.is_around { "around" } else { "dot" };
        let _ = write!(
            svg,
            r#"<circle class="{class}" cx="{:.1}" cy="{:.1}" r="{DOT}"/>"#,
            dot.at.0, dot.at.1
        );
    }
    for line in picture.lines.iter().filter(|line| !line.label.is_empty()) {
        draw_label(&mut svg, line);
    }
    svg.push_str("</svg>");
    svg
}

fn draw_node(svg: &mut String, chart: &Chart, node: &Node, rect: Rect) {
    let mark = match node.mark {
        Mark::None => "",
        Mark::Past => "past",
        Mark::Now => "now",
    };
    let _ = write!(svg, r#"<g class="{mark}"><title>{}</title>"#, escape(&node.path));
    let is_region = node.parent.is_some_and(|parent| chart.nodes[parent].shape == Shape::Regions);
    let region = if is_region { " region" } else { "" };
    match node.shape {
        Shape::History { deep } => draw_history(svg, rect, deep),
        Shape::State => {
            draw_box(svg, rect, &format!("box leaf{region}"));
            draw_centred(svg, node, rect);
        }
        Shape::Final => {
            draw_box(svg, rect, "box leaf");
            let inner = Rect {
                x: rect.x + 3.5,
                y: rect.y + 3.5,
                width: rect.width - 7.0,
                height: rect.height - 7.0,
            };
            draw_box(svg, inner, "box leaf");
            draw_centred(svg, node, rect);
        }
        Shape::Group | Shape::Regions => {
            draw_box(svg, rect, &format!("box group{region}"));
            draw_heading(svg, node, rect);
        }
    }
    svg.push_str("</g>");
}

fn draw_box(svg: &mut String, rect: Rect, class: &str) {
    let Rect { x, y, width, height } = rect;
    let _ = write!(
        svg,
        r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="9"/>"#
    );
}

fn draw_history(svg: &mut String, rect: Rect, deep: bool) {
    let (x, y) = (rect.x + rect.width / 2.0, rect.y + rect.height / 2.0);
    let letter = if deep { "H*" } else { "H" };
    let _ = write!(
        svg,
        r#"<circle class="box leaf" cx="{x:.1}" cy="{y:.1}" r="12"/><text class="name" text-anchor="middle" x="{x:.1}" y="{:.1}">{letter}</text>"#,
        y + 4.5
    );
}

fn draw_centred(svg: &mut String, node: &Node, rect: Rect) {
    draw_text(svg, node, rect.x + rect.width / 2.0, rect.y + 22.0, r#" text-anchor="middle""#);
}

fn draw_heading(svg: &mut String, node: &Node, rect: Rect) {
    draw_text(svg, node, rect.x + 14.0, rect.y + 22.0, "");
}

fn draw_text(svg: &mut String, node: &Node, x: f64, mut y: f64, anchor: &str) {
    let _ = write!(
        svg,
        r#"<text class="name"{anchor} x="{x:.1}" y="{y:.1}">{}</text>"#,
        escape(&node.name)
    );
    for line in &node.lines {
        y += LINE;
        let _ = write!(
            svg,
            r#"<text class="line"{anchor} x="{x:.1}" y="{y:.1}">{}</text>"#,
            escape(line)
        );
    }
}

fn draw_way(svg: &mut String, line: &Line) {
    let Some((first, rest)) = line.points.split_first() else { return };
    let Some(last) = rest.last() else { return };
    let taken = if line.mark == Mark::None { "" } else { "taken" };
    let mut way = format!("M{:.1} {:.1}", first.0, first.1);
    let mut from = *first;
    for to in rest {
        if line.is_loop || (from.0 - to.0).abs() < 0.5 {
            let _ = write!(way, "L{:.1} {:.1}", to.0, to.1);
        } else {
            let middle = (from.1 + to.1) / 2.0;
            let _ = write!(
                way,
                "C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {:.1}",
                from.0, to.0, to.0, to.1
            );
        }
        from = *to;
    }
    // Lines end straight: downwards, upwards, or to the left for those that come back to their box.
    let before = line.points[line.points.len() - 2];
    let tip = if line.is_loop {
        format!("M{0:.1} {1:.1}l8 -4v8z", last.0, last.1)
    } else if before.1 <= last.1 {
        format!("M{0:.1} {1:.1}l-4 -8h8z", last.0, last.1)
    } else {
        format!("M{0:.1} {1:.1}l-4 8h8z", last.0, last.1)
    };
    let _ = write!(
        svg,
        r#"<g class="{taken}"><path class="way" d="{way}"/><path class="tip" d="{tip}"/></g>"#
    );
}

fn draw_label(svg: &mut String, line: &Line) {
    let size = super::layout::label_size(&line.label);
    let (x, y) = line.label_at;
    let taken = if line.mark == Mark::None { "" } else { "taken" };
    let _ = write!(
        svg,
        r#"<g class="{taken}"><rect class="behind" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="3"/>"#,
        x - size.width / 2.0,
        y - size.height / 2.0,
        size.width,
        size.height
    );
    let mut at = y - size.height / 2.0 + 13.0;
    for text in &line.label {
        let _ =
            write!(svg, r#"<text class="label" x="{x:.1}" y="{at:.1}">{}</text>"#, escape(text));
        at += LINE - 1.0;
    }
    svg.push_str("</g>");
}
