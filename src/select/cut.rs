//! Owns the cheapest cut through a grid of pixels: which side of an object's edge each one is on. Used by the object
//! search. Whole numbers, one thread: the same cut every time. Must never end in a cut that breaks a hard link.
//!
//! Boykov and Kolmogorov, "An Experimental Comparison of Min-Cut/Max-Flow Algorithms for Energy Minimization in Vision",
//! 2004: two search trees that grow from both ends and are mended rather than rebuilt after each push.

use std::collections::VecDeque;

use super::{SelectError, Stop, check};

/// Largest link to an end; such a link is never cut.
pub(super) const HARD: i32 = 1 << 29;

/// No tree.
const FREE: u8 = 0;
/// The tree of the inside.
const INSIDE: u8 = 1;
const OUTSIDE: u8 = 2;

/// Values of `parent` beyond the eight directions.
const END: u8 = 8;
const NONE: u8 = 9;

/// Pushes between two looks at `stop`.
const PATIENCE: u32 = 1 << 12;

/// Right, left, down, up, right-down, left-up, left-down, right-up: a direction and its opposite differ in the last bit.
pub(super) const STEPS: [(i32, i32); 8] = [
    (1, 0),
    (-1, 0),
    (0, 1),
    (0, -1),
    (1, 1),
    (-1, -1),
    (-1, 1),
    (1, -1),
];

/// A grid of nodes with links to their eight neighbours and to both ends. A rim of unlinked nodes lies around it.
pub(super) struct Grid {
    /// With the rim.
    stride: usize,
    width: usize,
    height: usize,
    offsets: [isize; 8],
    /// What may still flow to each neighbour.
    links: Vec<[i32; 8]>,
    /// What may still flow from the inside's end (above 0) or to the outside's (below 0).
    ends: Vec<i32>,
    tree: Vec<u8>,
    parent: Vec<u8>,
    stamp: Vec<u32>,
    depth: Vec<u32>,
    time: u32,
    active: VecDeque<u32>,
    queued: Vec<bool>,
    orphans: VecDeque<u32>,
}

impl Grid {
    pub fn new(width: usize, height: usize) -> Self {
        let stride = width + 2;
        let count = stride * (height + 2);
        let offsets = STEPS.map(|(x, y)| x as isize + y as isize * stride as isize);
        Self {
            stride,
            width,
            height,
            offsets,
            links: vec![[0; 8]; count],
            ends: vec![0; count],
            tree: vec![FREE; count],
            parent: vec![NONE; count],
            stamp: vec![0; count],
            depth: vec![0; count],
            time: 0,
            active: VecDeque::new(),
            queued: vec![false; count],
            orphans: VecDeque::new(),
        }
    }

    fn node(&self, x: usize, y: usize) -> usize {
        (y + 1) * self.stride + x + 1
    }

    /// Links the node to its neighbour in an even direction, both ways; ignored when there is none.
    pub fn link(&mut self, x: usize, y: usize, direction: usize, strength: i32) {
        let (dx, dy) = STEPS[direction];
        let (nx, ny) = (x as i32 + dx, y as i32 + dy);
        if nx < 0 || ny < 0 || nx >= self.width as i32 || ny >= self.height as i32 {
            return;
        }
        let (here, there) = (self.node(x, y), self.node(nx as usize, ny as usize));
        self.links[here][direction] = strength;
        self.links[there][direction ^ 1] = strength;
    }

    /// Above 0: how much it costs to leave the node outside; below 0: to take it inside.
    pub fn pull(&mut self, x: usize, y: usize, strength: i32) {
        let node = self.node(x, y);
        self.ends[node] = strength.clamp(-HARD, HARD);
    }

    /// Finds the cheapest cut: true for the nodes inside, row by row.
    pub fn cut(mut self, stop: Stop) -> Result<Vec<bool>, SelectError> {
        for node in 0..self.ends.len() {
            if self.ends[node] != 0 {
                self.tree[node] = if self.ends[node] > 0 { INSIDE } else { OUTSIDE };
                self.parent[node] = END;
                self.depth[node] = 1;
                self.wake(node);
            }
        }
        let mut pushes = 0;
        while let Some(node) = self.active.pop_front() {
            let node = node as usize;
            self.queued[node] = false;
            while let Some((from, direction)) = self.grow(node) {
                self.time += 1;
                self.push(from, direction);
                self.mend();
                pushes += 1;
                if pushes % PATIENCE == 0 {
                    check(stop)?;
                }
            }
        }
        let mut inside = Vec::with_capacity(self.width * self.height);
        for y in 0..self.height {
            let first = self.node(0, y);
            inside.extend(
                self.tree[first..first + self.width]
                    .iter()
                    .map(|tree| *tree == INSIDE),
            );
        }
        Ok(inside)
    }

    fn neighbour(&self, node: usize, direction: usize) -> usize {
        node.wrapping_add_signed(self.offsets[direction])
    }

    fn wake(&mut self, node: usize) {
        if !self.queued[node] {
            self.queued[node] = true;
            self.active.push_back(node as u32);
        }
    }

    /// Takes free neighbours into the node's tree; the link that meets the other tree, counted from the inside.
    fn grow(&mut self, node: usize) -> Option<(usize, usize)> {
        let tree = self.tree[node];
        if tree == FREE {
            return None;
        }
        for direction in 0..8 {
            let other = self.neighbour(node, direction);
            let room = if tree == INSIDE {
                self.links[node][direction]
            } else {
                self.links.get(other).map_or(0, |l| l[direction ^ 1])
            };
            if room <= 0 {
                continue;
            }
            if self.tree[other] == FREE {
                self.tree[other] = tree;
                self.adopt(other, direction ^ 1, node);
                self.wake(other);
            } else if self.tree[other] != tree {
                return Some(if tree == INSIDE {
                    (node, direction)
                } else {
                    (other, direction ^ 1)
                });
            } else if self.stamp[other] <= self.stamp[node] && self.depth[other] > self.depth[node]
            {
                // A shorter way to the same end.
                self.adopt(other, direction ^ 1, node);
            }
        }
        None
    }

    fn adopt(&mut self, child: usize, towards: usize, parent: usize) {
        self.parent[child] = towards as u8;
        self.stamp[child] = self.stamp[parent];
        self.depth[child] = self.depth[parent] + 1;
    }

    /// Pushes as much as fits along the way from one end to the other through this link.
    fn push(&mut self, from: usize, direction: usize) {
        let to = self.neighbour(from, direction);
        let mut amount = self.links[from][direction];
        let mut node = from;
        while self.parent[node] != END {
            let up = self.parent[node] as usize;
            node = self.neighbour(node, up);
            amount = amount.min(self.links[node][up ^ 1]);
        }
        amount = amount.min(self.ends[node]);
        node = to;
        while self.parent[node] != END {
            let up = self.parent[node] as usize;
            amount = amount.min(self.links[node][up]);
            node = self.neighbour(node, up);
        }
        amount = amount.min(-self.ends[node]);

        self.links[from][direction] -= amount;
        self.links[to][direction ^ 1] += amount;
        node = from;
        while self.parent[node] != END {
            let up = self.parent[node] as usize;
            let above = self.neighbour(node, up);
            self.links[node][up] += amount;
            self.links[above][up ^ 1] -= amount;
            if self.links[above][up ^ 1] == 0 {
                self.orphan(node);
            }
            node = above;
        }
        self.ends[node] -= amount;
        if self.ends[node] == 0 {
            self.orphan(node);
        }
        node = to;
        while self.parent[node] != END {
            let up = self.parent[node] as usize;
            let above = self.neighbour(node, up);
            self.links[above][up ^ 1] += amount;
            self.links[node][up] -= amount;
            if self.links[node][up] == 0 {
                self.orphan(node);
            }
            node = above;
        }
        self.ends[node] += amount;
        if self.ends[node] == 0 {
            self.orphan(node);
        }
    }

    /// Cuts the node off its parent; `push` still needs the way up, so that the parent is forgotten by `mend`.
    fn orphan(&mut self, node: usize) {
        self.orphans.push_back(node as u32);
    }

    /// Finds orphans new parents or frees them.
    fn mend(&mut self) {
        for node in &self.orphans {
            self.parent[*node as usize] = NONE;
        }
        while let Some(node) = self.orphans.pop_front() {
            let node = node as usize;
            let tree = self.tree[node];
            let mut best = (u32::MAX, 0);
            for direction in 0..8 {
                if self.room_from(node, direction, tree) > 0 {
                    let other = self.neighbour(node, direction);
                    let depth = self.depth_of(other, tree);
                    if depth < best.0 {
                        best = (depth, direction);
                    }
                }
            }
            if best.0 < u32::MAX {
                self.parent[node] = best.1 as u8;
                self.stamp[node] = self.time;
                self.depth[node] = best.0 + 1;
                continue;
            }
            for direction in 0..8 {
                let other = self.neighbour(node, direction);
                if self.tree.get(other) != Some(&tree) || self.parent[other] == NONE {
                    continue;
                }
                if self.room_from(node, direction, tree) > 0 {
                    self.wake(other);
                }
                if self.parent[other] as usize == direction ^ 1 {
                    self.parent[other] = NONE;
                    self.orphans.push_back(other as u32);
                }
            }
            self.tree[node] = FREE;
        }
    }

    /// What may flow between the node and its neighbour in the direction of the tree's growth.
    fn room_from(&self, node: usize, direction: usize, tree: u8) -> i32 {
        if tree == INSIDE {
            let other = self.neighbour(node, direction);
            self.links.get(other).map_or(0, |l| l[direction ^ 1])
        } else {
            self.links[node][direction]
        }
    }

    /// Steps to the tree's end, or the maximum where the way is broken; notes what it learns on the way.
    fn depth_of(&mut self, start: usize, tree: u8) -> u32 {
        if self.tree[start] != tree {
            return u32::MAX;
        }
        let (mut node, mut steps) = (start, 0);
        let total = loop {
            if self.stamp[node] == self.time && self.parent[node] != NONE {
                break steps + self.depth[node];
            }
            match self.parent[node] {
                NONE => return u32::MAX,
                END => {
                    self.stamp[node] = self.time;
                    self.depth[node] = 1;
                    break steps + 1;
                }
                up => {
                    steps += 1;
                    node = self.neighbour(node, up as usize);
                }
            }
        };
        let (mut node, mut depth) = (start, total);
        while self.stamp[node] != self.time {
            self.stamp[node] = self.time;
            self.depth[node] = depth;
            depth -= 1;
            node = self.neighbour(node, self.parent[node] as usize);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cost of a labelling: links between different sides, and pulls not followed.
    fn cost(pulls: &[i32], links: &[(usize, usize, i32)], inside: &[bool]) -> i64 {
        let pulls = pulls.iter().zip(inside).map(|(pull, inside)| {
            i64::from(if *inside {
                (-pull).max(0)
            } else {
                (*pull).max(0)
            })
        });
        let cut = links.iter().filter(|(a, b, _)| inside[*a] != inside[*b]);
        pulls.sum::<i64>() + cut.map(|(_, _, s)| i64::from(*s)).sum::<i64>()
    }

    #[test]
    fn no_labelling_is_cheaper() {
        let mut state = 7_u32;
        let mut random = |limit: u32| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            ((state >> 10) % limit) as i32
        };
        for (width, height) in [(4, 4), (5, 3), (1, 12), (13, 1), (2, 7), (1, 1)] {
            for _ in 0..60 {
                let mut grid = Grid::new(width, height);
                let mut pulls = vec![0; width * height];
                let mut links = Vec::new();
                for (at, pull) in pulls.iter_mut().enumerate() {
                    let (x, y) = (at % width, at / width);
                    *pull = random(41) - 20;
                    grid.pull(x, y, *pull);
                    for direction in [0, 2, 4, 6] {
                        let (nx, ny) =
                            (x as i32 + STEPS[direction].0, y as i32 + STEPS[direction].1);
                        let strength = random(12);
                        grid.link(x, y, direction, strength);
                        if nx >= 0 && nx < width as i32 && ny < height as i32 {
                            links.push((at, ny as usize * width + nx as usize, strength));
                        }
                    }
                }
                let found = grid.cut(&|| false).expect("not stopped");
                let best = (0..1u32 << (width * height))
                    .map(|bits| {
                        (0..width * height)
                            .map(|i| bits >> i & 1 == 1)
                            .collect::<Vec<_>>()
                    })
                    .map(|inside| cost(&pulls, &links, &inside))
                    .min();
                assert_eq!(Some(cost(&pulls, &links, &found)), best);
            }
        }
    }
}
