//! Boxes in rows: the layered drawing of Sugiyama, Tagawa and Toda (1981), in its plainest form.
//!
//! Lines run downwards from row to row. Those that lead back up are turned round first. A line that passes a row without
//! ending there, and each label, takes a slot of its own in the row, so that no line crosses a box or a label.

use std::collections::BTreeSet;

/// A thing to place: its width and height.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A line between two things, by their numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The size of its label.
    pub(super) label: Size,
}

/// Where everything went.
#[derive(Debug)]
pub(super) struct Placed {
    /// The upper left corner of each thing.
    pub(super) corners: Vec<(f64, f64)>,
    /// The way of each line.
    pub(super) ways: Vec<Way>,
    /// The size of the whole.
    pub(super) size: Size,
}

/// The way of a line, from its beginning to its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    /// Its points: straight through rows, bent between them.
    pub(super) points: Vec<(f64, f64)>,
    /// The middle of its label.
    pub(super) label: (f64, f64),
}

/// The room between rows and between things in a row.
const BETWEEN_ROWS: f64 = 24.0;
const BETWEEN_THINGS: f64 = 26.0;

/// Sweeps over the rows to untangle lines, and to straighten them. Long lines take more of the latter.
const UNTANGLING_SWEEPS: usize = 12;
const STRAIGHTENING_SWEEPS: usize = 60;

/// A slot in a row.
#[derive(Debug, Clone)]
struct Slot {
    row: usize,
    width: f64,
    height: f64,
    /// The middle.
    x: f64,
    /// Slots in the row above and the row below that a line joins it to.
    up: Vec<usize>,
    down: Vec<usize>,
}

/// Places things, the first at the top, and finds the ways of the lines. Lines from a thing to itself are not for here.
pub(super) fn place(sizes: &[Size], links: &[Link]) -> Placed {
    let turned = turned(sizes.len(), links);
    let rows_of = rows(sizes.len(), links, &turned);
    let mut grid = Grid::new(sizes, &rows_of);
    let chains: Vec<Vec<usize>> =
        links.iter().zip(&turned).map(|(link, is_turned)| grid.thread(link, *is_turned)).collect();
    grid.untangle();
    grid.straighten();
    grid.placed(sizes, &chains, &turned)
}

/// Which lines lead back up: those to a thing that a walk from the first one is still below.
fn turned(count: usize, links: &[Link]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Open,
        Closed,
    }
    let mut seen = vec![Seen::No; count];
    let mut turned = vec![false; links.len()];
    for start in 0..count {
        if seen[start] != Seen::No {
            continue;
        }
        // The walk keeps its own stack: a chain of states may be as long as there are states.
        let mut walk = vec![(start, 0)];
        seen[start] = Seen::Open;
        while let Some((thing, next)) = walk.pop() {
            let found = (next..links.len()).find(|link| links[*link].from == thing);
            let Some(link) = found else {
                seen[thing] = Seen::Closed;
                continue;
            };
            walk.push((thing, link + 1));
            let to = links[link].to;
            match seen[to] {
                Seen::Open => turned[link] = true,
                Seen::No => {
                    seen[to] = Seen::Open;
                    walk.push((to, 0));
                }
                Seen::Closed => {}
            }
        }
    }
    turned
}

/// The row of each thing: below everything that leads to it. Every second row is for labels.
fn rows(count: usize, links: &[Link], turned: &[bool]) -> Vec<usize> {
    let mut rows = vec![0; count];
    // Without lines that lead up there is no cycle, so this comes to rest after at most as many rounds as there are things.
    for _ in 0..count {
        let mut is_at_rest = true;
        for (link, is_turned) in links.iter().zip(turned) {
            let (upper, lower) =
                if *is_turned { (link.to, link.from) } else { (link.from, link.to) };
            if rows[lower] < rows[upper] + 2 {
                rows[lower] = rows[upper] + 2;
                is_at_rest = false;
            }
        }
        if is_at_rest {
            break;
        }
    }
    rows
}

/// All slots, and which are in each row, from left to right.
struct Grid {
    slots: Vec<Slot>,
    rows: Vec<Vec<usize>>,
}

impl Grid {
    /// A slot for each thing.
    fn new(sizes: &[Size], rows_of: &[usize]) -> Self {
        let mut grid = Self { slots: Vec::new(), rows: Vec::new() };
        for (size, row) in sizes.iter().zip(rows_of) {
            grid.slot(*row, *size);
        }
        grid
    }

    fn slot(&mut self, row: usize, size: Size) -> usize {
        let number = self.slots.len();
        if self.rows.len() <= row {
            self.rows.resize(row + 1, Vec::new());
        }
        self.rows[row].push(number);
        let Size { width, height } = size;
        self.slots.push(Slot { row, width, height, x: 0.0, up: Vec::new(), down: Vec::new() });
        number
    }

    /// Slots for a line on its way down, its label in the middle one.
    fn thread(&mut self, link: &Link, is_turned: bool) -> Vec<usize> {
        let (upper, lower) = if is_turned { (link.to, link.from) } else { (link.from, link.to) };
        let (first, last) = (self.slots[upper].row, self.slots[lower].row);
        // Rows with an odd number are for labels, and there is one right below the upper end.
        let label_row = if is_turned { last - 1 } else { first + 1 };
        let mut chain = vec![upper];
        for row in first + 1..last {
            let size = if row == label_row { link.label } else { Size { width: 4.0, height: 0.0 } };
            chain.push(self.slot(row, size));
        }
        chain.push(lower);
        for pair in chain.windows(2) {
            self.slots[pair[0]].down.push(pair[1]);
            self.slots[pair[1]].up.push(pair[0]);
        }
        chain
    }

    /// Orders each row by the middle of what its slots are joined to, over and over, and keeps the best order seen.
    fn untangle(&mut self) {
        let mut best = (self.crossings(), self.rows.clone());
        for sweep in 0..UNTANGLING_SWEEPS {
            let is_down = sweep % 2 == 0;
            let order: Vec<usize> = if is_down {
                (1..self.rows.len()).collect()
            } else {
                (0..self.rows.len().saturating_sub(1)).rev().collect()
            };
            for row in order {
                let beside = if is_down { row - 1 } else { row + 1 };
                let places = self.places(beside);
                let mut keyed: Vec<(f64, usize)> = self.rows[row]
                    .iter()
                    .enumerate()
                    .map(|(at, slot)| {
                        let joined =
                            if is_down { &self.slots[*slot].up } else { &self.slots[*slot].down };
                        #[expect(clippy::cast_precision_loss, reason = "a row has few slots")]
                        let own = at as f64;
                        (mean(joined.iter().map(|other| places[*other])).unwrap_or(own), *slot)
                    })
                    .collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.rows[row] = keyed.into_iter().map(|(_, slot)| slot).collect();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    /// The place of each slot in its row; those of other rows have none.
    #[expect(clippy::cast_precision_loss, reason = "a row has few slots")]
    fn places(&self, row: usize) -> Vec<f64> {
        let mut places = vec![0.0; self.slots.len()];
        for (at, slot) in self.rows[row].iter().enumerate() {
            places[*slot] = at as f64;
        }
        places
    }

    fn crossings(&self) -> usize {
        let mut crossings = 0;
        for row in 0..self.rows.len().saturating_sub(1) {
            let places = self.places(row + 1);
            let ends: Vec<f64> = self.rows[row]
                .iter()
                .flat_map(|slot| {
                    let mut ends: Vec<f64> =
                        self.slots[*slot].down.iter().map(|below| places[*below]).collect();
                    ends.sort_by(f64::total_cmp);
                    ends
                })
                .collect();
            for (at, end) in ends.iter().enumerate() {
                crossings += ends[at + 1..].iter().filter(|other| *other < end).count();
            }
        }
        crossings
    }

    /// Moves slots towards what they are joined to, keeping their order and their distance.
    fn straighten(&mut self) {
        for row in 0..self.rows.len() {
            let wanted = vec![0.0; self.rows[row].len()];
            self.settle(row, &wanted);
        }
        for sweep in 0..STRAIGHTENING_SWEEPS {
            let order: Vec<usize> = if sweep % 2 == 0 {
                (0..self.rows.len()).collect()
            } else {
                (0..self.rows.len()).rev().collect()
            };
            for row in order {
                let wanted: Vec<f64> =
                    self.rows[row].iter().map(|slot| self.wanted(*slot)).collect();
                self.settle(row, &wanted);
            }
        }
    }

    fn wanted(&self, slot: usize) -> f64 {
        let slot = &self.slots[slot];
        let joined = slot.up.iter().chain(&slot.down).map(|other| self.slots[*other].x);
        mean(joined).unwrap_or(slot.x)
    }

    /// Puts a row's slots as near as can be to where they want to be: slots that push each other move as one group, to the
    /// mean of what its members want.
    fn settle(&mut self, row: usize, wanted: &[f64]) {
        struct Group {
            /// Where its first member wants to be, summed over its members, and how many there are.
            sum: f64,
            count: f64,
            /// The distance of each member from the first.
            offsets: Vec<f64>,
        }
        let slots = self.rows[row].clone();
        let gap = |left: usize, right: usize| {
            (self.slots[left].width + self.slots[right].width) / 2.0 + BETWEEN_THINGS
        };
        let mut groups: Vec<Group> = Vec::new();
        for (at, (_, wanted)) in slots.iter().zip(wanted).enumerate() {
            groups.push(Group { sum: *wanted, count: 1.0, offsets: vec![0.0] });
            while groups.len() > 1 {
                let [.., before, last] = groups.as_slice() else { break };
                let first_of_last = at + 1 - last.offsets.len();
                let distance = gap(slots[first_of_last - 1], slots[first_of_last]);
                let end = before.sum / before.count + before.offsets[before.offsets.len() - 1];
                if last.sum / last.count >= end + distance {
                    break;
                }
                let Some(last) = groups.pop() else { break };
                let Some(before) = groups.last_mut() else { break };
                let shift = before.offsets[before.offsets.len() - 1] + distance;
                before.sum += last.sum - last.count * shift;
                before.count += last.count;
                before.offsets.extend(last.offsets.iter().map(|offset| offset + shift));
            }
        }
        let places = groups
            .iter()
            .flat_map(|group| group.offsets.iter().map(|offset| group.sum / group.count + offset));
        let places: Vec<f64> = places.collect();
        for (slot, x) in slots.into_iter().zip(places) {
            self.slots[slot].x = x;
        }
    }

    fn placed(&self, sizes: &[Size], chains: &[Vec<usize>], turned: &[bool]) -> Placed {
        let left = self.slots.iter().map(|slot| slot.x - slot.width / 2.0).fold(f64::MAX, f64::min);
        let right =
            self.slots.iter().map(|slot| slot.x + slot.width / 2.0).fold(f64::MIN, f64::max);
        let mut tops = Vec::new();
        let mut y = 0.0;
        for row in &self.rows {
            tops.push(y);
            let height = self.height(row);
            // A row without labels takes hardly any room.
            y += height + if height > 0.0 { BETWEEN_ROWS } else { 0.0 };
        }
        let corners = sizes.iter().zip(&self.slots).map(|(size, slot)| {
            let room = self.height(&self.rows[slot.row]) - size.height;
            (slot.x - left - size.width / 2.0, tops[slot.row] + room / 2.0)
        });
        let corners: Vec<(f64, f64)> = corners.collect();
        let ports = self.ports(chains);
        let ways = chains.iter().zip(turned).zip(&ports).map(|((chain, is_turned), ports)| {
            self.way(chain, *is_turned, *ports, &corners, sizes, &tops, left)
        });
        Placed {
            ways: ways.collect(),
            corners,
            size: Size { width: (right - left).max(0.0), height: (y - BETWEEN_ROWS).max(0.0) },
        }
    }

    fn height(&self, row: &[usize]) -> f64 {
        row.iter().map(|slot| self.slots[*slot].height).fold(0.0, f64::max)
    }

    /// Where along the upper box's lower edge, and the lower box's upper edge, each line touches: spread out, in the order
    /// of what they lead to, so that no two run into each other.
    fn ports(&self, chains: &[Vec<usize>]) -> Vec<(f64, f64)> {
        let mut ports = vec![(0.0, 0.0); chains.len()];
        let ends: BTreeSet<usize> =
            chains.iter().flat_map(|chain| [chain[0], chain[chain.len() - 1]]).collect();
        for end in ends {
            let mut below: Vec<usize> =
                (0..chains.len()).filter(|line| chains[*line][0] == end).collect();
            below.sort_by(|a, b| {
                self.slots[chains[*a][1]].x.total_cmp(&self.slots[chains[*b][1]].x)
            });
            for (line, x) in below.iter().zip(self.spread(end, below.len())) {
                ports[*line].0 = x;
            }
            let before_last = |line: usize| self.slots[chains[line][chains[line].len() - 2]].x;
            let mut above: Vec<usize> = (0..chains.len())
                .filter(|line| chains[*line][chains[*line].len() - 1] == end)
                .collect();
            above.sort_by(|a, b| before_last(*a).total_cmp(&before_last(*b)));
            for (line, x) in above.iter().zip(self.spread(end, above.len())) {
                ports[*line].1 = x;
            }
        }
        ports
    }

    fn spread(&self, slot: usize, count: usize) -> Vec<f64> {
        let slot = &self.slots[slot];
        #[expect(clippy::cast_precision_loss, reason = "few lines touch one box")]
        let part = |at: usize| (at as f64 + 1.0) / (count as f64 + 1.0) - 0.5;
        // Lines huddle in the middle of a wide box rather than running to its corners.
        let room = slot.width.min(40.0 * (part(count) + 0.5) * 4.0);
        (0..count).map(|at| slot.x + part(at) * room).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "one line, seen against everything placed")]
    fn way(
        &self,
        chain: &[usize],
        is_turned: bool,
        ports: (f64, f64),
        corners: &[(f64, f64)],
        sizes: &[Size],
        tops: &[f64],
        left: f64,
    ) -> Way {
        let (upper, lower) = (chain[0], chain[chain.len() - 1]);
        let mut way = Way::default();
        let start = corners[upper].1 + sizes[upper].height;
        way.points.push((ports.0 - left, start));
        // Beside a taller box a line stays in its own column: it turns only in the room between rows.
        let row = self.slots[upper].row;
        let below = tops[row] + self.height(&self.rows[row]);
        if below > start {
            way.points.push((ports.0 - left, below));
        }
        for slot in &chain[1..chain.len() - 1] {
            let slot = &self.slots[*slot];
            let (x, top) = (slot.x - left, tops[slot.row]);
            let bottom = top + self.height(&self.rows[slot.row]);
            if slot.height > 0.0 {
                way.label = (x, (top + bottom) / 2.0);
            }
            way.points.push((x, top));
            way.points.push((x, bottom));
        }
        let above = tops[self.slots[lower].row];
        if above < corners[lower].1 {
            way.points.push((ports.1 - left, above));
        }
        way.points.push((ports.1 - left, corners[lower].1));
        if is_turned {
            way.points.reverse();
        }
        way
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Size = Size { width: 80.0, height: 30.0 };
    const LABEL: Size = Size { width: 50.0, height: 16.0 };

    fn link(from: usize, to: usize) -> Link {
        Link { from, to, label: LABEL }
    }

    fn overlaps(a: ((f64, f64), Size), b: ((f64, f64), Size)) -> bool {
        let apart = |at: f64, size: f64, other: f64| at + size <= other + 0.01;
        !(apart(a.0.0, a.1.width, b.0.0)
            || apart(b.0.0, b.1.width, a.0.0)
            || apart(a.0.1, a.1.height, b.0.1)
            || apart(b.0.1, b.1.height, a.0.1))
    }

    /// Boxes and labels must not touch each other, whatever leads where.
    fn check(count: usize, links: &[Link]) {
        let placed = place(&vec![BOX; count], links);
        let boxes = placed.corners.iter().map(|corner| (*corner, BOX));
        let labels = placed.ways.iter().map(|way| {
            ((way.label.0 - LABEL.width / 2.0, way.label.1 - LABEL.height / 2.0), LABEL)
        });
        let all: Vec<_> = boxes.chain(labels).collect();
        for (at, a) in all.iter().enumerate() {
            for b in &all[at + 1..] {
                assert!(!overlaps(*a, *b), "{a:?} {b:?} of {links:?}");
            }
        }
        for way in &placed.ways {
            assert!(way.points.iter().all(|(x, y)| x.is_finite() && y.is_finite()));
        }
    }

    #[test]
    fn boxes_and_labels_keep_apart() {
        check(1, &[]);
        check(3, &[link(0, 1), link(1, 2)]);
        check(3, &[link(0, 1), link(1, 2), link(2, 0), link(0, 2), link(0, 2)]);
        check(
            5,
            &[link(0, 1), link(0, 2), link(0, 3), link(3, 4), link(1, 4), link(4, 0), link(4, 3)],
        );
        check(4, &[link(3, 2), link(2, 1), link(1, 3)]);
    }

    #[test]
    fn any_small_graph_can_be_placed() {
        // A plain generator of numbers is enough to reach many shapes, and the same ones every time.
        let mut seed = 7_usize;
        let mut next = |below: usize| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..200 {
            let count = next(9) + 2;
            let links: Vec<Link> = (0..next(16))
                .map(|_| (next(count), next(count)))
                .filter(|(from, to)| from != to)
                .map(|(from, to)| link(from, to))
                .collect();
            check(count, &links);
        }
    }

    #[test]
    fn a_line_that_leads_back_begins_at_its_source() {
        let placed = place(&[BOX; 2], &[link(0, 1), link(1, 0)]);
        let (down, up) = (&placed.ways[0].points, &placed.ways[1].points);
        assert!(down[0].1 < down[down.len() - 1].1);
        assert!(up[0].1 > up[up.len() - 1].1);
    }
}
