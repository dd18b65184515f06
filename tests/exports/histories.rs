//! Random histories of credit: awkward costs, several commodities, and everything that goes wrong.

use piperoll::bench::Random;
use piperoll_domain::{
    account::Order,
    billing::Mode,
    event::Recorded,
    money::Money,
    operation::{DeclareCommodity, Finalize, Mint, Operation, Reserve, TransferCredit},
    testing::*,
};

const STEPS: usize = 150;
const ACCOUNTS: [&str; 4] = ["alice", "Alice", "cus_7", "a.b~c:d-e"];
const POOLS: [&str; 2] = ["general", "prepaid"];
/// With and without decimals, and two whose codes beancount does not take as they are.
const CODES: [(&str, u8); 5] = [("MSAT", 0), ("USD", 6), ("EUR", 2), ("S", 12), ("K_", 3)];

struct Dice {
    random: Random,
    count: usize,
}

impl Dice {
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len())]
    }

    fn amount(&mut self) -> u64 {
        let most = self.one(&[3, 50, 1_000, 1_000_003, 1 << 40]);
        u64::try_from(self.random.below(most)).unwrap()
    }

    fn money(&mut self) -> Money {
        let (code, _) = self.one(&CODES);
        money(code, self.amount())
    }

    fn new_name(&mut self, of: &str) -> String {
        self.count += 1;
        format!("{of}-{}", self.count)
    }

    /// Perhaps one that there is.
    fn name(&mut self, of: &str) -> String {
        format!("{of}-{}", self.random.below(self.count + 1))
    }

    fn mint(&mut self) -> Operation {
        let (account, lot) = (self.one(&ACCOUNTS), self.new_name("lot"));
        let mint: Mint = if self.random.below(4) == 0 {
            grant(account, &lot, self.money())
        } else {
            let amount = self.money();
            deposit(account, &lot, amount, self.money())
        };
        let mint = pooled(self.one(&POOLS), mint);
        if self.random.below(3) == 0 { until(300_000, mint).into() } else { mint.into() }
    }

    fn top_up(&mut self) -> Vec<Operation> {
        let (payment, account) = (self.new_name("pay"), self.one(&ACCOUNTS));
        let price = self.amount() + 1;
        let paid = [
            top_up(&payment, account, price),
            invoice(&payment, price),
            status(&payment, paid()),
            fulfil(&payment),
        ];
        let given_back = refund(&payment, &self.new_name("ref"), msat(price / 3));
        paid.into_iter().chain([given_back]).take(4 + self.random.below(2)).collect()
    }

    fn meter(&mut self) -> Vec<Operation> {
        let (account, reservation) = (self.one(&ACCOUNTS), self.new_name("res"));
        let (wanted, pool) = (self.money(), id(self.one(&POOLS)));
        let hold = Reserve { pool, ..hold(account, &reservation, wanted) };
        let cost = money(wanted.commodity.as_str(), self.amount());
        let end = match self.random.below(4) {
            0 => give_back(&reservation),
            _ => Finalize { account: Some(id(account)), ..finalize(&reservation, cost) }.into(),
        };
        // What happens to lots while they are reserved.
        let between = self.correct();
        vec![hold.into(), between, end]
    }

    fn correct(&mut self) -> Operation {
        let (account, lot) = (self.one(&ACCOUNTS), self.name("lot"));
        match self.random.below(6) {
            0 => void(account, &lot),
            1 => expire_lot(account, &lot),
            2 => claw_back(account, &lot, Some(self.amount())),
            3 => claw_back(account, &self.name("pay"), None),
            _ => claw_back(account, &lot, None),
        }
    }

    fn mode(&mut self) -> Operation {
        let mode = self.one(&[Mode::Live, Mode::Soft, Mode::Soft, Mode::Shadow]);
        let order = self.one(&[Order::PoolAge, Order::PoolExpiryAge]);
        ordered(mode, self.one(&POOLS), order)
    }

    fn wishes(&mut self) -> Vec<Operation> {
        match self.random.below(14) {
            0..=3 => vec![self.mint()],
            4 | 5 => {
                let (account, total) = (self.one(&ACCOUNTS), self.money());
                vec![spend_from(account, total, self.one(&POOLS))]
            }
            6..=8 => self.meter(),
            9 => {
                let (from, to, name) =
                    (self.one(&ACCOUNTS), self.one(&ACCOUNTS), self.new_name("move"));
                let (total, pool) = (self.money(), id(self.one(&POOLS)));
                vec![TransferCredit { pool, ..transfer(&name, from, to, total) }.into()]
            }
            10 => vec![self.correct()],
            11 | 12 => self.top_up(),
            _ => vec![self.mode()],
        }
    }
}

/// The same history for the same seed.
pub(super) fn history(seed: u64) -> Vec<Recorded> {
    let mut dice = Dice { random: Random::of(seed), count: 0 };
    let mut story = shop();
    for (code, scale) in &CODES[2..] {
        story = story.and(DeclareCommodity { code: id(code), scale: *scale });
    }
    for _ in 0..STEPS {
        for wish in dice.wishes() {
            // Many are refused: that is what the rules are for.
            let _ = story.put(wish);
        }
        story.pass(u32::try_from(dice.random.below(5_000)).unwrap());
    }
    story.history
}
