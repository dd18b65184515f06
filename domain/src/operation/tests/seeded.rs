//! A tenant that bills in some way from its first fact on.

use super::*;
use crate::billing::{Billing, Mode};

fn seeded(name: &str, billing: Billing) -> OpenSeededTenant {
    let open = OpenTenant { tenant: tenant(name), opened: tenant_opened(1) };
    OpenSeededTenant { open, billing, reason: "seeded".to_owned() }
}

fn live() -> Billing {
    Billing { mode: Mode::Live, ..Billing::default() }
}

#[test]
fn a_seeded_tenant_is_opened_and_bills_so_at_once() {
    let story = shop().when(seeded("acme_2", live()));
    let story = story.says(&["tenant.opened.v1", "billing.changed.v1"]);
    let State::Billing(bills) = &story.slot(&"billing-acme_2-acme_2".parse().unwrap()).state else {
        panic!()
    };
    assert_eq!((bills.version, bills.billing.mode), (1, Mode::Live));
}

#[test]
fn who_is_open_is_not_seeded_and_who_cannot_be_seeded_is_not_opened() {
    let story = shop().when(seeded("acme", live())).rejected(&Rejection::TenantExists);
    let story = story.when(OpenSeededTenant { reason: " ".to_owned(), ..seeded("acme_2", live()) });
    let story = story.rejected(&Rejection::ReasonNeeded);
    story.when(open_tenant("acme_2")).says(&["tenant.opened.v1"]);
}

#[test]
fn the_seed_that_everybody_begins_with_is_no_fact() {
    shop().when(seeded("acme_2", Billing::default())).says(&["tenant.opened.v1"]);
}
