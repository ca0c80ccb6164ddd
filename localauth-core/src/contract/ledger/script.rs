//! A ledger against the [model](super::model), over whatever happens in whatever order.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::model::{Hold, Model};
use super::{claims, limit_id, post, reserve, seed};
use crate::clock::Timestamp;
use crate::contract::fixture::{at, key_id, user_id};
use crate::limit::{Amounts, Ask, Claim, Holder, Ledger, LimitRule, Price, Reserved, Window};

/// How much happens in a script that a rule makes up, and how many of these there are.
const STEPS: usize = 120;
const SCRIPTS: u32 = 4;

/// Runs `script` on a ledger, and panics where it does not do what the model does.
///
/// Each step is what happens, and three numbers that say how: somebody asks, asks for more, ends, in part or wholly; time
/// goes by; it is swept, looked at, seeded again. And the process crashes: then `make`, which also makes the first
/// ledger, makes the one that comes after it, over the same data where there is any, and `healed_after` goes by, after
/// which nothing of what was held may count.
pub async fn follows_the_model<D, Fut>(make: impl Fn() -> Fut, healed_after: Duration, script: &[[u8; 4]])
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
    Fut: Future<Output = D>,
{
    let mut ledger = Some(make().await);
    let mut run = Run::new();
    for step in script {
        if step[0] % 16 == 15 {
            drop(ledger.take());
            run.model.holds.clear();
            run.now = run.now + healed_after;
            ledger = Some(make().await);
        } else if let Some(ledger) = &ledger {
            run.step(&**ledger, *step).await;
        }
        run.model.check(run.now);
    }
}

/// Scripts without an order follow the model.
pub async fn scripts_follow_the_model<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let mut seed = 0x2545_f491_u32;
    let mut byte = || {
        // Xorshift.
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed.to_be_bytes()[0]
    };
    for n in 0..SCRIPTS {
        // Each with counters of its own.
        let mut run = Run::new();
        for claim in &mut run.model.claims {
            claim.counter.limit = limit_id(1_000 * n as usize + claim.counter.limit.as_uuid().as_u128() as usize % 100);
        }
        run.next_hold = 1_000_000 * n as usize;
        for _ in 0..STEPS {
            let step = [byte() % 15, byte(), byte(), byte()];
            run.step(&*ledger, step).await;
            run.model.check(run.now);
        }
    }
}

/// Where a script has come to.
struct Run {
    model: Model,
    now: Timestamp,
    next_hold: usize,
}

fn rules() -> [(Holder, LimitRule); 6] {
    let user = Holder::User(user_id(1));
    let per = LimitRule::per;
    [
        (
            Holder::Everyone,
            per(Window::Rolling(Duration::from_mins(1))).requests(5),
        ),
        (user, per(Window::Rolling(Duration::from_hours(1))).total_tokens(150)),
        (
            user,
            LimitRule {
                max_prompt_tokens: Some(60),
                max_completion_tokens: Some(80),
                ..per(Window::Day)
            },
        ),
        (Holder::Key(key_id(1)), per(Window::Month).cost_micros(400)),
        (
            user,
            per(Window::Rolling(Duration::from_secs(10))).concurrent(3).requests(20),
        ),
        (
            user,
            LimitRule {
                soft: true,
                ..per(Window::Rolling(Duration::from_secs(90)))
                    .requests(1)
                    .total_tokens(1)
            },
        ),
    ]
}

impl Run {
    fn new() -> Self {
        let (holders, rules): (Vec<Holder>, Vec<LimitRule>) = rules().into_iter().unzip();
        let mut claims: Vec<Claim> = claims(rules).to_vec();
        for (claim, holder) in claims.iter_mut().zip(holders) {
            claim.counter.holder = holder;
        }
        // What there was before anybody began to count.
        let before = |millis, requests| {
            let amounts = Amounts {
                requests,
                prompt_tokens: 3,
                completion_tokens: 2,
                cost_micros: 9,
                places: 0,
            };
            (at(millis), amounts)
        };
        let used = claims
            .iter()
            .map(|_| vec![before(-70_000, 2), before(-30_000, 1), before(-8_000, 1)]);
        Self {
            model: Model {
                used: used.collect(),
                claims,
                holds: std::collections::BTreeMap::new(),
            },
            now: at(0),
            next_hold: 0,
        }
    }

    async fn step<L: Ledger + ?Sized>(&mut self, ledger: &L, [what, a, b, c]: [u8; 4]) {
        match what % 16 {
            0..=3 => self.begin(ledger, a, b, c).await,
            4 | 5 => self.extend(ledger, a, b, c).await,
            6 => self.settle(ledger, a, b, c).await,
            7..=9 => self.end(ledger, a, b, c).await,
            10 | 11 => {
                let times = [1, 999, 1_000, 7_321, 16_667, 60_000, 3_600_000, 40_000_000];
                let time = times[usize::from(a) % times.len()] * (u64::from(b) % 3 + 1) + u64::from(c);
                self.now = self.now + Duration::from_millis(time);
            }
            12 => ledger.sweep(self.now).wait().await.expect("the ledger answers"),
            13 => self.look(ledger).await,
            _ => {
                let claim = usize::from(a) % self.model.claims.len();
                self.seed(ledger, claim).await;
            }
        }
    }

    async fn seed<L: Ledger + ?Sized>(&self, ledger: &L, claim: usize) {
        let history = self.model.used[claim].clone();
        seed(ledger, &self.model.claims[claim], history, self.now).await;
    }

    fn claims(&self, which: &[usize]) -> Arc<[Claim]> {
        which.iter().map(|n| self.model.claims[*n].clone()).collect()
    }

    /// A new request, under some of the claims.
    async fn begin<L: Ledger + ?Sized>(&mut self, ledger: &L, a: u8, b: u8, c: u8) {
        let prices = [
            Price::FREE,
            Price {
                prompt: 1_000_000,
                completion: 2_000_000,
                ..Price::FREE
            },
            Price {
                completion: 300_000,
                ..Price::FREE
            },
            Price {
                prompt: 2_700_000,
                ..Price::FREE
            },
        ];
        let which = (0..self.model.claims.len()).filter(|n| a >> n & 1 == 1).collect();
        let most_completion = u64::from(c) % 40;
        let ask = Ask {
            prompt_tokens: u64::from(b) % 20,
            least_completion: (u64::from(c) / 64).min(most_completion),
            most_completion,
            price: prices[usize::from(a >> 6)],
            ..Ask::REQUEST
        };
        self.next_hold += 1;
        self.ask(ledger, self.next_hold, which, ask).await;
    }

    /// A request under way.
    fn pick(&self, which: u8) -> Option<(usize, Hold)> {
        let holds = &self.model.holds;
        let (name, hold) = holds.iter().nth(usize::from(which) % holds.len().max(1))?;
        Some((*name, hold.clone()))
    }

    /// More for a request under way.
    async fn extend<L: Ledger + ?Sized>(&mut self, ledger: &L, a: u8, b: u8, c: u8) {
        let Some((name, hold)) = self.pick(a) else { return };
        let ask = Ask {
            requests: 0,
            places: 0,
            prompt_tokens: 0,
            least_completion: u64::from(b) % 2,
            most_completion: u64::from(b) % 2 + u64::from(c) % 20,
            extra_cost: u64::from(b) / 64,
            ..hold.ask
        };
        self.ask(ledger, name, hold.claims, ask).await;
    }

    /// A request under way settles a part of what it has.
    async fn settle<L: Ledger + ?Sized>(&mut self, ledger: &L, a: u8, b: u8, c: u8) {
        let Some((name, hold)) = self.pick(a) else { return };
        let release = Amounts {
            requests: if b.is_multiple_of(2) { hold.held.requests } else { 0 },
            places: 0,
            ..part(hold.held, b)
        };
        let used = Amounts {
            requests: release.requests,
            ..part(release, c)
        };
        self.post(ledger, name, &hold, (release, used), false).await;
    }

    /// A request under way ends.
    async fn end<L: Ledger + ?Sized>(&mut self, ledger: &L, a: u8, b: u8, c: u8) {
        let Some((name, hold)) = self.pick(a) else { return };
        // One in four gives all of it back.
        let used = if b.is_multiple_of(4) {
            Amounts::ZERO
        } else {
            Amounts {
                requests: hold.held.requests,
                ..part(hold.held, c)
            }
        };
        self.post(ledger, name, &hold, (hold.held, used), true).await;
    }

    async fn post<L: Ledger + ?Sized>(
        &mut self,
        ledger: &L,
        name: usize,
        hold: &Hold,
        (release, used): (Amounts, Amounts),
        last: bool,
    ) {
        post(
            ledger,
            name,
            &self.claims(&hold.claims),
            (release, used),
            last,
            self.now,
        )
        .await;
        for claim in &hold.claims {
            self.model.used[*claim].push((self.now, used));
        }
        if last {
            self.model.holds.remove(&name);
        } else if let Some(hold) = self.model.holds.get_mut(&name) {
            hold.held = hold.held.minus(release);
        }
    }

    /// Asks, and compares the answer.
    async fn ask<L: Ledger + ?Sized>(&mut self, ledger: &L, name: usize, which: Vec<usize>, ask: Ask) {
        let claims = self.claims(&which);
        let mut answer = reserve(ledger, name, &claims, &ask, self.now).await;
        if let Reserved::Unknown(unknown) = &answer {
            for n in unknown {
                self.seed(ledger, which[*n]).await;
            }
            answer = reserve(ledger, name, &claims, &ask, self.now).await;
        }
        let rooms: Vec<_> = which.iter().map(|n| self.model.room(*n, &ask, self.now)).collect();
        // `None` is a refusal, and less than any number.
        let least = rooms
            .iter()
            .map(|room| room.0)
            .min()
            .unwrap_or(Some(ask.most_completion));
        let most = rooms
            .iter()
            .map(|room| room.1)
            .min()
            .unwrap_or(Some(ask.most_completion));
        match answer {
            Reserved::Granted { held, standings } => {
                let count = Some(held.completion_tokens);
                assert!(count >= least && count <= most, "{held:?} for {ask:?}: {rooms:?}");
                assert_eq!(held, ask.amounts(held.completion_tokens));
                let hold = self.model.holds.entry(name).or_insert(Hold {
                    claims: which.clone(),
                    held: Amounts::ZERO,
                    ask,
                });
                hold.held = hold.held.plus(held);
                self.compare(&which, &standings);
            }
            Reserved::Refused {
                by,
                retry_after,
                standings,
            } => {
                assert_eq!(least, None, "{ask:?} is refused: {rooms:?}");
                assert_eq!(rooms[by].0, None, "{ask:?} is refused by another: {rooms:?}");
                assert_ne!(retry_after, Some(Duration::ZERO));
                self.compare(&which, &standings);
            }
            Reserved::Unknown(unknown) => panic!("{unknown:?} were just seeded"),
        }
    }

    /// How everything stands, as far as it is known.
    async fn look<L: Ledger + ?Sized>(&self, ledger: &L) {
        let which: Vec<usize> = (0..self.model.claims.len()).collect();
        let told = ledger.standings(&self.claims(&which), self.now).wait().await;
        for (n, standing) in told.expect("the ledger answers").into_iter().enumerate() {
            if let Some(standing) = standing {
                self.compare(&[n], &[standing]);
            }
        }
    }

    fn compare(&self, which: &[usize], standings: &[crate::limit::Standing]) {
        for (n, standing) in which.iter().zip(standings) {
            let (expected, used) = (self.model.used(*n, self.now), standing.used);
            let rule = &self.model.claims[*n].rule;
            assert_eq!(
                expected.surely.minus(used),
                Amounts::ZERO,
                "too little: {standing:?}, {rule:?}"
            );
            assert_eq!(
                used.minus(expected.perhaps),
                Amounts::ZERO,
                "too much: {standing:?}, {rule:?}"
            );
            assert_eq!(standing.held, self.model.held(*n), "{rule:?}");
        }
    }
}

/// A part of tokens and cost, from none to all.
fn part(of: Amounts, share: u8) -> Amounts {
    let part = |whole: u64| whole * u64::from(share) / 255;
    Amounts {
        requests: 0,
        places: 0,
        prompt_tokens: part(of.prompt_tokens),
        completion_tokens: part(of.completion_tokens),
        cost_micros: part(of.cost_micros),
    }
}
