//! What a seed decides before anything happens: which faults there are, and how often.
//!
//! Each kind of fault is left out of about half of all seeds, so that some run far without the
//! others in their way.

use std::time::Duration;

use super::dice::Dice;

/// How often each thing goes wrong, in a thousand, and how large everything is.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// How many things people do in all.
    pub(super) steps: usize,
    pub(super) buyers: u64,
    pub(super) roll: RollFaults,
    pub(super) node: NodeFaults,
    /// How often a life ends by a crash rather than by being told to.
    pub(super) crash: u64,
    /// How often an index is lost at a crash.
    pub(super) index_lost: u64,
    /// How often somebody sets the clock.
    pub(super) clock: u64,
    /// How slowly the index is written.
    pub(super) index_pace: Duration,
    /// How many streams and unflushed claims fit into memory.
    pub(super) streams: usize,
    pub(super) unflushed: usize,
    pub(super) queue: usize,
    /// How long people think between two things they do.
    pub(super) think: u64,
    /// The store says that it stored what it did not: the checks must see it.
    pub(super) lies: u64,
}

/// What goes wrong at the roll.
#[derive(Debug, Clone, Default)]
pub(super) struct RollFaults {
    pub(super) refused: u64,
    pub(super) lost: u64,
    pub(super) unanswered: u64,
    pub(super) head: u64,
    pub(super) read: u64,
    /// The longest that a call takes, in milliseconds.
    pub(super) slow: u64,
}

/// What goes wrong at the provider.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeFaults {
    /// How often its mood changes.
    pub(super) moods: u64,
    pub(super) create: u64,
    pub(super) silent: u64,
    pub(super) lies: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) late: u64,
    pub(super) reordered: u64,
    pub(super) forged: u64,
    /// The longest way, in milliseconds.
    pub(super) slow: u64,
    /// Whether it sends a webhook again that was not taken.
    pub(super) insists: bool,
}

impl Plan {
    pub(super) fn of(dice: &mut Dice) -> Self {
        let mut often = |most: u64| if dice.happens(500) { 1 + dice.below(most) } else { 0 };
        let roll = RollFaults {
            refused: often(60),
            lost: often(60),
            unanswered: often(60),
            head: often(80),
            read: often(30),
            slow: often(40),
        };
        let node = NodeFaults {
            moods: often(120),
            create: often(500),
            silent: often(500),
            lies: often(500),
            lost: often(500),
            doubled: often(500),
            late: often(500),
            reordered: often(300),
            forged: often(300),
            slow: often(400),
            insists: often(1) > 0,
        };
        let (crash, index_lost, clock) = (often(1_000), often(700), often(40));
        let longest = if dice.happens(500) { 60 } else { 3_000 };
        Self {
            steps: 120 + usize::try_from(dice.below(140)).unwrap(),
            buyers: 1 + dice.below(6),
            roll,
            node,
            crash,
            index_lost,
            clock,
            index_pace: dice.millis(30),
            streams: if dice.happens(400) { 4 } else { 100_000 },
            unflushed: if dice.happens(200) { 8 } else { 1_000_000 },
            queue: if dice.happens(200) { 3 } else { 4_096 },
            think: 5 + dice.below(longest),
            lies: 0,
        }
    }
}
