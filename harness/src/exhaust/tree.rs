//! Every program of a scope exactly once, up to what a collector can tell apart.
//!
//! # Which programs are the same
//! A collector sees memory only when it is called. Between two calls the mutator may do what it likes; what counts is the state that it
//! leaves: the root slots in the order of their pushes and the cells of all objects ([`State`]). So a program *is* the sequence of its
//! calls (allocations with what they ask for, and collections), the state at each, and the state at its end, which is what the judge
//! sees. Programs that agree in these are the same to collector and judge, and the shortest, first in the order of [`Move`]s, stands for them. That
//! covers renamed registers, which only number slots; ops without effect; stores that are overwritten before anybody looks; ops that
//! commute; and operands named by another register that holds the same object.
//!
//! # How they are enumerated
//! After each call the states that the mutator can reach by its own moves are searched breadth first, parents and moves in order, so
//! the first way to a state is the shortest and of those the first; every other way is cut. A prefix of what is kept is kept, so the
//! programs are a tree, and each is judged at its own end. The tests count small scopes by brute force over all programs and a simulation
//! that knows nothing of this, and find the same programs.
//!
//! An allocation into the register after the last one has no root slot left: it must trap, and ends its program.

use super::alphabet::{Kind, Move};
use super::state::State;
use super::{ExhaustError, Scope};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// A call of the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// None yet: the start of every program.
    Start,
    /// An allocation.
    Alloc(Kind),
    /// A collection.
    Collect,
}

/// A part of the tree: a prefix, the state that it leaves, and the call that comes next, with all that can follow.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) prefix: Vec<Move>,
    state: State,
    call: Call,
}

impl Branch {
    /// The whole tree.
    pub(super) fn root() -> Self {
        Self { prefix: Vec::new(), state: State::default(), call: Call::Start }
    }
}

/// What looks at the programs of a branch.
pub(super) trait Visitor {
    /// Is shown a program after all of its prefixes in the branch. `live` says that none of these, nor of the branch's own, has given false. Says
    /// whether the program's extensions are live, or breaks off.
    fn visit(&mut self, program: &[Move], live: bool) -> ControlFlow<(), bool>;

    /// Is given the branches that a walk with a cut leaves out.
    fn leave_out(&mut self, _: Branch) {}
}

/// One program of a stretch between two calls.
struct Node {
    state: State,
    /// Index of the program that it extends by one move; none right after the call.
    parent: Option<usize>,
    step: Option<Move>,
    /// Moves since the call, with it.
    depth: usize,
    /// Whether it ends in a push to a full root stack.
    is_last: bool,
}

/// Shows a visitor every program of a branch, in an order that never changes; calls that would be op `cut` or a later one, counted from
/// 1, are left out with all that follows them.
pub(super) fn walk(
    scope: Scope,
    branch: &Branch,
    cut: Option<usize>,
    live: bool,
    visitor: &mut impl Visitor,
) -> ControlFlow<()> {
    let mut walk = Walk { scope, cut: cut.unwrap_or(usize::MAX), program: branch.prefix.clone(), visitor };
    walk.stretch(&branch.state, branch.call, live)
}

struct Walk<'a, V> {
    scope: Scope,
    cut: usize,
    program: Vec<Move>,
    visitor: &'a mut V,
}

impl<V: Visitor> Walk<'_, V> {
    fn stretch(&mut self, state: &State, call: Call, live: bool) -> ControlFlow<()> {
        let base = self.program.len();
        let nodes = self.nodes(state, call);
        let mut lives: Vec<bool> = Vec::with_capacity(nodes.len());
        for (i, node) in nodes.iter().enumerate() {
            self.program.truncate(base);
            self.spell(&nodes, i);
            let was = node.parent.map_or(live, |p| lives[p]);
            let is = if self.program.is_empty() { live } else { self.visitor.visit(&self.program, was)? && was };
            lives.push(is);
            if node.is_last || self.program.len() >= self.scope.ops {
                continue;
            }
            let next = self.program.len() + 1;
            for call in Kind::ALL.map(Call::Alloc).into_iter().chain([Call::Collect]) {
                if next >= self.cut {
                    let prefix = self.program.clone();
                    self.visitor.leave_out(Branch { prefix, state: node.state.clone(), call });
                } else {
                    self.stretch(&node.state, call, is)?;
                }
            }
        }
        self.program.truncate(base);
        ControlFlow::Continue(())
    }

    /// All programs that a call and the mutator's moves after it make, as far as there are ops left.
    fn nodes(&self, state: &State, call: Call) -> Vec<Node> {
        let registers = self.scope.objects;
        let node =
            |state, step, is_last| Node { state, parent: None, step, depth: usize::from(step.is_some()), is_last };
        let mut nodes: Vec<Node> = match call {
            Call::Start => vec![node(state.clone(), None, false)],
            Call::Collect => vec![node(state.clone(), Some(Move::Collect), false)],
            Call::Alloc(kind) => (0..=state.registers().min(registers))
                .map(|dst| node(state.allocated(kind, dst), Some(Move::Alloc { kind, dst }), dst == registers))
                .collect(),
        };
        let room = self.scope.ops - self.program.len();
        if nodes.iter().all(|n| n.depth >= room) {
            return nodes;
        }
        let mut seen: HashSet<State> = nodes.iter().map(|n| n.state.clone()).collect();
        let mut i = 0;
        while i < nodes.len() {
            if nodes[i].depth < room && !nodes[i].is_last {
                let depth = nodes[i].depth + 1;
                for m in nodes[i].state.moves(registers) {
                    let state = nodes[i].state.after(m);
                    if seen.insert(state.clone()) {
                        nodes.push(Node { state, parent: Some(i), step: Some(m), depth, is_last: false });
                    }
                }
            }
            i += 1;
        }
        nodes
    }

    /// Appends the moves from the call to a node.
    fn spell(&mut self, nodes: &[Node], node: usize) {
        let base = self.program.len();
        let mut at = Some(node);
        while let Some(i) = at {
            self.program.extend(nodes[i].step);
            at = nodes[i].parent;
        }
        self.program[base..].reverse();
    }
}

/// Programs that are counted at most: on 32 machines more than a day's work of two cores.
pub(super) const MOST_COUNTED: u64 = 1 << 27;

/// How many programs of each length a branch has, from length 1.
///
/// # Errors
/// There are more than `most`, or `stop` was set before the end.
pub(super) fn count(scope: Scope, branch: &Branch, most: u64, stop: &AtomicBool) -> Result<Vec<u64>, ExhaustError> {
    struct Count<'a> {
        lengths: Vec<u64>,
        left: u64,
        is_over: bool,
        stop: &'a AtomicBool,
    }
    impl Visitor for Count<'_> {
        fn visit(&mut self, program: &[Move], _: bool) -> ControlFlow<(), bool> {
            self.is_over = self.left == 0;
            if self.is_over || self.stop.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            self.lengths[program.len() - 1] += 1;
            self.left -= 1;
            ControlFlow::Continue(true)
        }
    }
    let mut count = Count { lengths: vec![0; scope.ops], left: most, is_over: false, stop };
    match walk(scope, branch, None, true, &mut count) {
        ControlFlow::Continue(()) => Ok(count.lengths),
        ControlFlow::Break(()) if count.is_over => Err(ExhaustError::TooMany { scope, most }),
        ControlFlow::Break(()) => Err(ExhaustError::Stopped),
    }
}

/// The tree in pieces: the branches that start with a call at op `cut` or later, in order. What is before them is the
/// [root](Branch::root) walked with the same cut.
pub(super) fn branches(scope: Scope, cut: usize) -> Vec<Branch> {
    struct Cut(Vec<Branch>);
    impl Visitor for Cut {
        fn visit(&mut self, _: &[Move], _: bool) -> ControlFlow<(), bool> {
            ControlFlow::Continue(true)
        }
        fn leave_out(&mut self, branch: Branch) {
            self.0.push(branch);
        }
    }
    let mut branches = Cut(Vec::new());
    let _ = walk(scope, &Branch::root(), Some(cut), true, &mut branches);
    branches.0
}
