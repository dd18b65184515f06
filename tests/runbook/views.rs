//! The runbook's names, on a history that knows everything that can happen to credit.

use std::collections::BTreeSet;

use super::{Sqlite, history, queries as q};
use crate::server::{piperoll, run};

#[tokio::test]
async fn every_query_of_the_runbook_is_answered_as_it_expects() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    assert_eq!(sqlite.ask(q::BROKEN_LOTS), ["0"]);
    assert_eq!(sqlite.ask(q::BROKEN_LOTS_ALL), Vec::<String>::new());
    assert_eq!(sqlite.ask(q::SEEDED_MODE), ["billing_mode|live"]);
    assert_eq!(sqlite.ask(q::MODE), ["live"]);
    let three =
        ["sys-commons|commons", "sys-community-pool|community", "sys-foundation|foundation"];
    assert_eq!(sqlite.ask(q::SYSTEM_ACCOUNTS), three);
    assert_eq!(sqlite.ask(q::PENDING), ["1"]);
    let keys = sqlite.ask(q::DEPOSIT_KEYS);
    assert_eq!(keys.len(), 3, "three deposits, and not what carol received: {keys:?}");
    assert!(sqlite.ask(q::PAYMENT).is_empty());
    let migrations = sqlite.ask(q::MIGRATIONS);
    let first = "1|roll format 1|roll|2023-11-14 22:13:20".to_owned();
    assert!(migrations.contains(&first), "{migrations:?}");
    let result = sqlite.ask(q::RECONCILIATION).concat();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!((&result["passed"], &result["accounts"]), (&true.into(), &9.into()), "{result}");
}

#[tokio::test]
async fn names_that_money_took_stand_under_every_scope() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    let scopes = sqlite.ask("SELECT DISTINCT scope FROM billing_idempotency_keys ORDER BY scope");
    let expected = "deposit distribute finalize grant mint refund release reserve webhook";
    assert_eq!(scopes.join(" "), expected);
    for (scope, kinds) in [("deposit", "deposit"), ("mint", "deposit"), ("grant", "grant")] {
        let of = format!(
            "SELECT DISTINCT source_type FROM billing_idempotency_keys WHERE scope = '{scope}'"
        );
        assert_eq!(sqlite.ask(&of), [kinds], "{scope}");
    }
    let refunds = "SELECT idempotency_key, source_type, source_id FROM billing_idempotency_keys \
                   WHERE scope = 'refund'";
    assert_eq!(sqlite.ask(refunds), ["rfd_1|payment|pay_1"]);
}

#[tokio::test]
async fn the_configuration_shows_every_key_of_the_runbook_and_no_other() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    let told = sqlite.ask(
        "SELECT key, value FROM billing_config WHERE key NOT LIKE 'last_reconciliation_%' ORDER BY key",
    );
    let expected = [
        "billing_mode|live",
        "ceiling_micro|100000000000",
        "commons_account_id|sys-commons",
        "commons_rate_bps|600",
        "community_account_id|sys-community-pool",
        "community_rate_bps|7000",
        "enabled|true",
        "foundation_account_id|sys-foundation",
        "foundation_rate_bps|2400",
        "overrun_alert_threshold_pct|5",
        "reserve_ttl_seconds|300",
        "safety_multiplier|1.1",
        "share_gifts|false",
        "shares_cooldown_seconds|172800",
    ];
    assert_eq!(told, expected);
    // What it shows is what alerts.
    let rules = std::fs::read_to_string("docs/monitoring/alerts.yml").unwrap();
    let rule = rules.split("- alert: ").find(|rule| rule.starts_with("OverrunRate")).unwrap();
    assert!(rule.contains("> 0.05\n"), "{rule}");
}

#[tokio::test]
async fn tables_are_listed_under_the_runbooks_names() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    let listed = sqlite.ask(".tables").join(" ");
    for name in [
        "credit_accounts",
        "credit_balances",
        "credit_lots",
        "credit_reservations",
        "credit_ledger",
        "billing_config",
        "billing_idempotency_keys",
        "crypto_payments",
        "payment_provider_events",
        "migrations",
    ] {
        assert!(listed.split_whitespace().any(|word| word == name), "{name} in {listed}");
    }
}

#[tokio::test]
async fn lots_show_what_was_taken_from_them_without_breaking_their_sum() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    let words = "SELECT id, original_micro, available_micro, reserved_micro, consumed_micro, \
                 minted_micro FROM credit_lots ORDER BY id";
    let lots = sqlite.ask(words);
    let of = |lot: &str| lots.iter().find(|line| line.starts_with(lot)).unwrap().as_str();
    assert_eq!(of("lot_a"), "lot_a|1000000|0|0|1000000|1000000");
    // 200,000 taken back, 10,000 moved to carol, 100,000 charged, 50,000 still reserved.
    assert_eq!(of("lot_b"), "lot_b|590000|440000|50000|100000|800000");
    assert_eq!(of("lot_c"), "lot_c|90000|0|0|90000|90000");
}

#[tokio::test]
async fn the_ledger_adds_up_to_what_accounts_hold() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    let words = "SELECT l.account_id, sum(l.amount_micro) FROM credit_ledger AS l \
                 WHERE l.entry_type NOT LIKE 'shadow_%' GROUP BY l.account_id \
                 EXCEPT SELECT account_id, sum(available_micro - debt_micro) FROM credit_balances \
                 GROUP BY account_id";
    assert_eq!(sqlite.ask(words), Vec::<String>::new());
    let all = sqlite.ask("SELECT DISTINCT account_id FROM credit_ledger ORDER BY 1");
    let expected = ["alice", "bob", "carol", "sys-commons", "sys-community-pool", "sys-foundation"];
    assert_eq!(all, expected);
}

#[tokio::test]
async fn shadow_and_shares_stand_in_the_ledger() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    let words = "SELECT entry_type, amount_micro, metadata ->> 'would_have_402' \
                 FROM credit_ledger WHERE entry_type LIKE 'shadow_%' ORDER BY entry_seq";
    let shadow = sqlite.ask(words);
    let expected = [
        "shadow_reserve|300000|0",
        "shadow_finalize|310000|",
        "shadow_reserve|5000000|1",
        "shadow_release|5000000|",
    ];
    assert_eq!(shadow, expected);
    // A beginning stays where it was recorded once there is an end.
    let places = "SELECT count(*), count(DISTINCT entry_seq) FROM credit_ledger \
                  WHERE entry_type LIKE 'shadow_%'";
    assert_eq!(sqlite.ask(places), ["4|4"]);
    // alice's use in soft mode that could be collected, and bob's in live mode.
    let words = q::SHARED.replace("'-1 day'", "'-100 years'");
    let commons = (1_000_000_u64 + 100_000) * 5 / 100;
    let shared = sqlite.ask(&words);
    let reversed = sqlite.ask(
        "SELECT sum(amount_micro) FROM credit_ledger WHERE amount_micro < 0 \
                               AND entry_type = 'commons_contribution'",
    );
    assert_eq!(reversed, [""], "what was clawed back had not been used");
    assert_eq!(shared[0], format!("commons_contribution|{commons}"));
    assert_eq!(shared[1], format!("revenue_share|{}", 1_100_000 - commons));
}

#[tokio::test]
async fn an_accounts_entries_are_searched_and_never_scanned() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    for account in ["alice", "sys-commons"] {
        let plan = sqlite.ask(&format!(
            "EXPLAIN QUERY PLAN SELECT * FROM credit_ledger WHERE account_id = '{account}'"
        ));
        let tables = ["entries", "balances", "accounts", "shares", "lots", " e", " a", " p"];
        let scanned = |line: &&String| tables.iter().any(|t| line.contains(&format!("SCAN {t}")));
        assert!(!plan.iter().any(|line| scanned(&line)), "{plan:#?}");
        assert!(plan.iter().any(|line| line.contains("SEARCH e USING PRIMARY KEY (position=?)")));
    }
    let plan = sqlite.ask(&format!("EXPLAIN QUERY PLAN {}", q::PAYMENT));
    assert!(plan.concat().contains("payments_by_provider_id"), "{plan:?}");
    let plan = sqlite.ask("EXPLAIN QUERY PLAN SELECT count(*) FROM lot_invariant");
    assert!(plan.concat().contains("lots_broken"), "{plan:?}");
}

#[tokio::test]
async fn a_write_by_hand_is_refused_with_the_command_to_use() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    for words in [q::SET_SOFT, q::SET_LIVE] {
        let said = sqlite.refuses(words);
        assert!(said.contains("read-only: use `piperoll billing mode set"), "{said}");
    }
    let void = "UPDATE credit_lots SET available_micro = 0, consumed_micro = original_micro \
                WHERE id = 'lot_b'";
    assert!(sqlite.refuses(void).contains("piperoll lots void"));
    for view in ["credit_accounts", "credit_ledger", "crypto_payments", "migrations"] {
        let said = sqlite.refuses(&format!("DELETE FROM {view}"));
        assert!(said.contains("read-only"), "{view}: {said}");
    }
    assert_eq!(sqlite.ask(q::MODE), ["live"]);
}

#[tokio::test]
async fn every_command_that_a_refusal_names_is_a_command() {
    let house = history::told().await;
    let Some(sqlite) = Sqlite::of(house.path()) else { return };
    let said = sqlite.ask("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").concat();
    let named: BTreeSet<&str> = said.split("`piperoll ").skip(1).map(before_its_end).collect();
    assert!(named.contains("billing mode set") && named.contains("lots void"), "{named:?}");
    for words in named {
        let help: Vec<&str> = words.split(' ').chain(["--help"]).collect();
        let output = run(piperoll(&help)).await;
        assert!(output.status.success(), "piperoll {words}");
    }
}

fn before_its_end(text: &str) -> &str {
    text.split('`').next().unwrap()
}

#[tokio::test]
async fn an_audit_proves_ledger_shares_and_shadow_from_the_roll() {
    let directory = history::told().await.close().await;
    let report = crate::house::audit(directory.path()).await;
    assert!(report.is_sound(), "{report:?}");
    let checked = |name: &str| report.checks.iter().find(|one| one.name == name).unwrap().checked;
    // alice, bob and carol; two charges that were shared; two reservations in shadow, and their ends.
    assert_eq!((checked("ledger"), checked("shares"), checked("shadow")), (3, 2, 4));
}
