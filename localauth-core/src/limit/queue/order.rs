//! Whose turn it is: weighted fair queueing over users, without a lock and without time.
//!
//! Start-time fair queueing. Time is virtual here: it moves with whoever goes next. A user's requests go one after the
//! other, each due as long after the one before as it costs, and the request that is due first goes next. Whoever comes
//! back is due at once, but not earlier: being away saves nothing up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::id::UserId;

/// A request that waits. Later ones have larger numbers.
pub(super) type Ticket = u64;

/// What a request of weight 1 costs. Enough for a weight to be divided by, and for 10^12 requests without a pause.
const UNIT: u64 = 1 << 24;

/// How many users without a request that waits are remembered at least.
const FEW: usize = 64;

fn cost(weight: u16) -> u64 {
    UNIT / u64::from(weight.max(1))
}

/// The order of those who wait, each with a `W` to call them by.
#[derive(Debug)]
pub(super) struct Order<W> {
    /// When whoever went last was due.
    now: u64,
    users: HashMap<UserId, Line<W>>,
    /// The first request of each user who has one that waits, by when it is due, then by who came first.
    fronts: BTreeMap<(u64, Ticket), UserId>,
    /// The same users by how many they have.
    lengths: BTreeSet<(usize, UserId)>,
    waiting: usize,
    next_ticket: Ticket,
    sweep_at: usize,
}

#[derive(Debug)]
struct Line<W> {
    /// When the user's first request is due; without one, when the next one would be at the earliest.
    due: u64,
    /// What their latest request costs.
    cost: u64,
    /// What all that wait cost together.
    costs: u64,
    waiting: BTreeMap<Ticket, (u64, W)>,
}

impl<W> Default for Line<W> {
    fn default() -> Self {
        Self {
            due: 0,
            cost: UNIT,
            costs: 0,
            waiting: BTreeMap::new(),
        }
    }
}

impl<W> Default for Order<W> {
    fn default() -> Self {
        Self {
            now: 0,
            users: HashMap::new(),
            fronts: BTreeMap::new(),
            lengths: BTreeSet::new(),
            waiting: 0,
            next_ticket: 0,
            sweep_at: FEW,
        }
    }
}

impl<W> Order<W> {
    /// How many wait.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many of them are this user's.
    pub(super) fn waiting_of(&self, user: UserId) -> usize {
        self.users.get(&user).map_or(0, |line| line.waiting.len())
    }

    /// The user with the most requests that wait, and how many.
    pub(super) fn longest(&self) -> Option<(usize, UserId)> {
        self.lengths.last().copied()
    }

    /// A request that goes at once: nobody waits. It counts all the same.
    pub(super) fn pass(&mut self, user: UserId, weight: u16) {
        self.sweep();
        let now = self.now;
        let line = self.users.entry(user).or_default();
        let due = line.due.max(now);
        line.cost = cost(weight);
        line.due = due.saturating_add(line.cost);
        self.now = due;
    }

    /// Which place in the order the next request of `user` would have; 1 goes next.
    ///
    /// Exact as long as each user's requests have one weight, and nobody else comes or goes. Looks at no more users than
    /// go before.
    pub(super) fn position(&self, user: UserId) -> usize {
        let (due, own) = match self.users.get(&user) {
            Some(line) if line.waiting.is_empty() => (line.due.max(self.now), 0),
            Some(line) => (line.due.saturating_add(line.costs), line.waiting.len()),
            None => (self.now, 0),
        };
        let others = self.fronts.range(..(due, self.next_ticket)).map(|((front, _), other)| {
            let line = self.users.get(other).filter(|_| *other != user);
            line.map_or(0, |line| {
                let before = (due - front) / line.cost.max(1);
                usize::try_from(before)
                    .unwrap_or(usize::MAX)
                    .saturating_add(1)
                    .min(line.waiting.len())
            })
        });
        others.sum::<usize>() + own + 1
    }

    /// Lets a request wait.
    pub(super) fn join(&mut self, user: UserId, weight: u16, by: W) -> Ticket {
        self.sweep();
        let (now, ticket) = (self.now, self.next_ticket);
        let line = self.users.entry(user).or_default();
        if line.waiting.is_empty() {
            line.due = line.due.max(now);
            self.fronts.insert((line.due, ticket), user);
        } else {
            self.lengths.remove(&(line.waiting.len(), user));
        }
        line.cost = cost(weight);
        line.costs = line.costs.saturating_add(line.cost);
        line.waiting.insert(ticket, (line.cost, by));
        self.lengths.insert((line.waiting.len(), user));
        self.waiting += 1;
        self.next_ticket += 1;
        ticket
    }

    /// What to call a request by that waits.
    pub(super) fn caller(&mut self, user: UserId, ticket: Ticket) -> Option<&mut W> {
        let (_, by) = self.users.get_mut(&user)?.waiting.get_mut(&ticket)?;
        Some(by)
    }

    /// Takes a request out that waits no longer. It costs nothing.
    pub(super) fn leave(&mut self, user: UserId, ticket: Ticket) -> Option<W> {
        self.take(user, ticket).map(|(_, by)| by)
    }

    /// Takes the latest request of `user` out.
    pub(super) fn leave_last(&mut self, user: UserId) -> Option<(Ticket, W)> {
        let ticket = *self.users.get(&user)?.waiting.last_key_value()?.0;
        self.leave(user, ticket).map(|by| (ticket, by))
    }

    /// Takes out whose turn it is.
    pub(super) fn next(&mut self) -> Option<(Ticket, W)> {
        let (&(due, ticket), &user) = self.fronts.first_key_value()?;
        let (cost, by) = self.take(user, ticket)?;
        self.now = due;
        if let Some(line) = self.users.get_mut(&user) {
            line.due = due.saturating_add(cost);
            if let Some((&first, _)) = line.waiting.first_key_value() {
                // Due later than it was: its own turn is over.
                self.fronts.remove(&(due, first));
                self.fronts.insert((line.due, first), user);
            }
        }
        Some((ticket, by))
    }

    /// Nobody waits and nobody works: a new day.
    pub(super) fn reset(&mut self) {
        debug_assert_eq!(self.waiting, 0, "somebody waits while nobody works");
        self.now = 0;
        self.users.clear();
    }

    fn take(&mut self, user: UserId, ticket: Ticket) -> Option<(u64, W)> {
        let line = self.users.get_mut(&user)?;
        let length = line.waiting.len();
        let taken = line.waiting.remove(&ticket)?;
        line.costs -= taken.0.min(line.costs);
        self.waiting -= 1;
        self.lengths.remove(&(length, user));
        if length > 1 {
            self.lengths.insert((length - 1, user));
        }
        if self.fronts.remove(&(line.due, ticket)).is_some()
            && let Some((&first, _)) = line.waiting.first_key_value()
        {
            self.fronts.insert((line.due, first), user);
        }
        Some(taken)
    }

    /// Forgets users who have nothing to wait for and nothing to make up for. Now and then: it looks at all of them.
    fn sweep(&mut self) {
        if self.users.len() < self.sweep_at {
            return;
        }
        let now = self.now;
        self.users.retain(|_, line| !line.waiting.is_empty() || line.due > now);
        self.sweep_at = self.users.len() * 2 + FEW;
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.users.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn user(n: u8) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(u128::from(n) + 1))
    }

    /// The users in the order in which they would go.
    fn drain(order: &mut Order<u8>) -> Vec<u8> {
        std::iter::from_fn(|| order.next().map(|(_, by)| by)).collect()
    }

    #[test]
    fn a_flood_holds_up_nobody_else() {
        let mut order = Order::default();
        order.pass(user(0), 1);
        for _ in 0..1_000 {
            order.join(user(0), 1, 0);
        }
        assert_eq!(order.position(user(1)), 1);
        order.join(user(1), 1, 1);
        assert_eq!(order.next().unwrap().1, 1);
        assert_eq!(order.position(user(1)), 2, "one of the flood, then the next of theirs");
    }

    #[test]
    fn being_away_saves_nothing_up() {
        let mut order = Order::default();
        order.pass(user(1), 1);
        for _ in 0..100 {
            order.join(user(0), 1, 0);
        }
        for _ in 0..50 {
            order.next();
        }
        for _ in 0..100 {
            order.join(user(1), 1, 1);
        }
        let ones: u8 = drain(&mut order)[..40].iter().sum();
        assert_eq!(ones, 20);
    }

    #[test]
    fn leaving_and_coming_back_gains_nothing() {
        let mut order = Order::default();
        order.pass(user(0), 1);
        let flood: Vec<_> = (0..10).map(|_| order.join(user(0), 1, 0)).collect();
        order.join(user(1), 1, 1);
        for ticket in flood {
            order.leave(user(0), ticket);
        }
        order.join(user(0), 1, 0);
        assert_eq!(drain(&mut order), [1, 0]);
    }

    #[test]
    fn who_has_nothing_to_make_up_for_is_forgotten() {
        let mut order = Order::<u8>::default();
        for n in 0..=u8::MAX {
            order.join(user(n), 1, n);
        }
        drain(&mut order);
        for _ in 0..1_000 {
            order.pass(user(0), 1);
        }
        order.join(user(1), 1, 1);
        drain(&mut order);
        order.pass(user(2), 1);
        assert!(order.remembered() <= 2 * FEW + 2 * 256, "{}", order.remembered());
        order.reset();
        assert_eq!(order.remembered(), 0);
    }

    proptest! {
        /// Over any stretch in which two users always have something that waits, what each got by its weight differs by
        /// no more than a request of each.
        #[test]
        fn places_are_shared_by_weight(weights in prop::collection::vec(1_u16..20, 2..6), rounds in 50_usize..300) {
            let mut order = Order::default();
            for (n, weight) in (0_u8..).zip(&weights) {
                for _ in 0..rounds {
                    order.join(user(n), *weight, n);
                }
            }
            let mut got = vec![0_u32; weights.len()];
            // Until the first of them has nothing left.
            while let Some((_, by)) = order.next() {
                let count = &mut got[usize::from(by)];
                *count += 1;
                if usize::try_from(*count).unwrap() == rounds {
                    break;
                }
                for a in 0..weights.len() {
                    for b in 0..weights.len() {
                        let (of_a, of_b) = (f64::from(weights[a]), f64::from(weights[b]));
                        let apart = (f64::from(got[a]) / of_a - f64::from(got[b]) / of_b).abs();
                        prop_assert!(apart <= 1.0 / of_a + 1.0 / of_b + 0.01, "{got:?} by {weights:?}");
                    }
                }
            }
        }

        /// The position that is told at entry is how many turns it takes, if nobody else comes.
        #[test]
        fn the_position_is_true(
            weights in prop::collection::vec(prop::sample::select(vec![1_u16, 2, 4, 8]), 1..6),
            steps in prop::collection::vec((0_usize..8, 0_u8..4), 0..60),
        ) {
            let mut order = Order::default();
            for (which, kind) in steps {
                let n = which % weights.len();
                let who = user(u8::try_from(n).unwrap());
                match kind {
                    0 => { order.next(); }
                    _ => { order.join(who, weights[n], u8::MAX); }
                }
            }
            let told = order.position(user(0));
            order.join(user(0), weights[0], 0);
            let turns = drain(&mut order).iter().position(|by| *by == 0).unwrap() + 1;
            prop_assert_eq!(told, turns);
        }

        /// Whatever comes and goes: each user's requests go in their order, nobody is lost, and the books are right.
        #[test]
        fn nobody_is_lost(steps in prop::collection::vec((0_u8..4, 0_u8..5, any::<prop::sample::Index>()), 0..200)) {
            let mut order = Order::default();
            let mut model: Vec<VecDeque<Ticket>> = vec![VecDeque::new(); 4];
            for (n, kind, index) in steps {
                let line = usize::from(n);
                match kind {
                    0 | 1 => model[line].push_back(order.join(user(n), u16::from(n), n)),
                    2 => if let Some((ticket, by)) = order.next() {
                        prop_assert_eq!(model[usize::from(by)].pop_front(), Some(ticket));
                    },
                    3 => if !model[line].is_empty() {
                        let at = index.index(model[line].len());
                        let ticket = model[line].remove(at).unwrap();
                        prop_assert_eq!(order.leave(user(n), ticket), Some(n));
                        prop_assert_eq!(order.leave(user(n), ticket), None);
                    },
                    _ => prop_assert_eq!(
                        order.leave_last(user(n)).map(|(ticket, _)| ticket),
                        model[line].pop_back()
                    ),
                }
                let all: usize = model.iter().map(VecDeque::len).sum();
                prop_assert_eq!(order.waiting(), all);
                prop_assert_eq!(order.waiting_of(user(n)), model[line].len());
                let longest = model.iter().map(VecDeque::len).max().filter(|most| *most > 0);
                prop_assert_eq!(order.longest().map(|(length, _)| length), longest);
            }
            let left: usize = model.iter().map(VecDeque::len).sum();
            prop_assert_eq!(drain(&mut order).len(), left);
        }
    }
}
