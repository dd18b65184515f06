use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

pub(in crate::l402) fn scope() -> Scope {
    Scope {
        service: "api".parse().unwrap(),
        methods: "GET,POST".parse().unwrap(),
        path: "/v1/*".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        amount_msat: Amount::new(5_000).unwrap(),
        valid_until: 1_893_456_000,
    }
}

/// One request, owned, to lend from.
#[derive(Debug, Clone)]
pub(in crate::l402) struct Asked {
    pub service: Service,
    pub method: String,
    pub path: String,
    pub tenant: TenantId,
    pub amount_msat: Option<Amount>,
    pub now_seconds: i64,
}

impl Asked {
    pub(in crate::l402) fn fitting() -> Self {
        Self {
            service: "api".parse().unwrap(),
            method: "GET".into(),
            path: "/v1/x?q=1".into(),
            tenant: "acme".parse().unwrap(),
            amount_msat: None,
            now_seconds: 1_800_000_000,
        }
    }

    pub(in crate::l402) fn lend(&self) -> Request<'_> {
        Request {
            service: &self.service,
            method: &self.method,
            path: &self.path,
            tenant: &self.tenant,
            amount_msat: self.amount_msat,
            now_seconds: self.now_seconds,
        }
    }
}

fn with(added: &[&str]) -> Vec<String> {
    let added = added.iter().map(|text| (*text).to_owned());
    scope().caveats().into_iter().chain(added).collect()
}

fn refusal(added: &[&str], change: impl FnOnce(&mut Asked)) -> Option<CaveatRefusal> {
    let mut asked = Asked::fitting();
    change(&mut asked);
    verify_caveats(&with(added), &asked.lend()).err()
}

fn same(_: &mut Asked) {}

#[test]
fn a_new_token_carries_six_caveats_in_this_order() {
    let expected = [
        "services=api:0",
        "method=GET,POST",
        "path=/v1/*",
        "tenant=acme",
        "amount_msat=5000",
        "api_valid_until=1893456000",
    ];
    assert_eq!(scope().caveats(), expected);
}

#[test]
fn what_was_sold_is_what_is_found() {
    assert_eq!(verify_caveats(&scope().caveats(), &Asked::fitting().lend()), Ok(scope()));
}

#[test]
fn each_caveat_is_enforced() {
    use Condition as C;
    let wrong = |condition| Some(CaveatRefusal::WrongScope(condition));
    assert_eq!(refusal(&[], |it| it.service = "other".parse().unwrap()), wrong(C::Services));
    assert_eq!(refusal(&[], |it| it.method = "DELETE".into()), wrong(C::Method));
    assert_eq!(refusal(&[], |it| it.method = "get".into()), wrong(C::Method));
    assert_eq!(refusal(&[], |it| it.path = "/v2/x".into()), wrong(C::Path));
    assert_eq!(refusal(&[], |it| it.path = "/v1/../v2/x".into()), wrong(C::Path));
    assert_eq!(refusal(&[], |it| it.path = "/v1/..%2fv2".into()), wrong(C::Path));
    assert_eq!(refusal(&[], |it| it.tenant = "evil".parse().unwrap()), wrong(C::Tenant));
    assert_eq!(refusal(&[], |it| it.amount_msat = Amount::new(5_001)), wrong(C::Amount));
    assert_eq!(refusal(&[], |it| it.amount_msat = Amount::new(5_000)), None);
    let expired = Some(CaveatRefusal::Expired);
    assert_eq!(refusal(&[], |it| it.now_seconds = 1_893_455_999), None);
    assert_eq!(refusal(&[], |it| it.now_seconds = 1_893_456_000), expired);
}

#[test]
fn each_caveat_is_missed() {
    use Condition as C;
    let conditions = [C::Services, C::Method, C::Path, C::Tenant, C::Amount, C::ValidUntil];
    for (left_out, condition) in conditions.into_iter().enumerate() {
        let mut caveats = scope().caveats().to_vec();
        caveats.remove(left_out);
        let refusal = verify_caveats(&caveats, &Asked::fitting().lend());
        assert_eq!(refusal, Err(CaveatRefusal::Missing(condition)));
    }
    let none: [&str; 0] = [];
    assert!(verify_caveats(&none, &Asked::fitting().lend()).unwrap_err().is_broken());
}

#[test]
fn later_caveats_must_be_at_least_as_strict() {
    use Condition as C;
    for (added, condition) in [
        ("services=api:0,other:0", C::Services),
        ("services=other:0", C::Services),
        ("method=*", C::Method),
        ("method=GET,DELETE", C::Method),
        ("path=/*", C::Path),
        ("path=/v2/x", C::Path),
        ("path=/v1/../*", C::Path),
        ("tenant=evil", C::Tenant),
        ("domain = evil", C::Tenant),
        ("amount_msat=5001", C::Amount),
        ("amount = 6", C::Amount),
        ("api_valid_until=1893456001", C::ValidUntil),
        ("api_valid_until = 1893456001000", C::ValidUntil),
    ] {
        let refusal = refusal(&[added], same);
        assert_eq!(refusal, Some(CaveatRefusal::Widening(condition)), "{added}");
    }
    let twice = refusal(&["method=GET", "method=GET,POST"], same);
    assert_eq!(twice, Some(CaveatRefusal::Widening(C::Method)));
    let twice = refusal(&["expires_at <= 1890000000000", "expires_at <= 1890000001000"], same);
    assert_eq!(twice, Some(CaveatRefusal::Widening(C::ExpiresAt)));
}

#[test]
fn the_last_value_decides() {
    let added = ["method=GET", "path=/v1/x", "api_valid_until = 1850000000000", "amount = 5"];
    let narrowed = verify_caveats(&with(&added), &Asked::fitting().lend()).unwrap();
    let expected = Scope {
        methods: "GET".parse().unwrap(),
        path: "/v1/x".parse().unwrap(),
        valid_until: 1_850_000_000,
        ..scope()
    };
    assert_eq!(narrowed, expected);
    let expired = Some(CaveatRefusal::Expired);
    assert_eq!(refusal(&["api_valid_until=1"], same), expired);
    assert_eq!(refusal(&["expires_at <= 1800000000000"], same), expired);
    assert_eq!(refusal(&["expires_at <= 1800000001000"], same), None);
    let wrong = Some(CaveatRefusal::WrongScope(Condition::Method));
    assert_eq!(refusal(&["method=POST"], same), wrong);
}

#[test]
fn foreign_caveats_are_ignored_and_unreadable_ones_are_not() {
    let foreign = ["api_capabilities=read", "whatever", "other_valid_until=1", "preimage="];
    assert_eq!(refusal(&foreign[..3], same), None);
    let unreadable = Some(CaveatRefusal::Unreadable(Unreadable(Condition::Preimage)));
    assert_eq!(refusal(&foreign[3..], same), unreadable);
}

fn any_caveat() -> impl Strategy<Value = String> {
    let key = select(vec![
        "services",
        "method",
        "path",
        "tenant",
        "domain ",
        "amount_msat",
        "amount ",
        "api_valid_until",
        "other_valid_until",
        "expires_at <",
        "nobody_knows",
    ]);
    let value = select(vec![
        "api:0",
        "api:0,other:0",
        "other:0",
        "GET",
        "GET,POST",
        "POST,DELETE",
        "*",
        "/*",
        "/v1/*",
        "/v1/x",
        "/v1/../*",
        "/v2/*",
        "acme",
        " acme",
        "evil",
        "5000",
        " 5",
        "5001",
        "1850000000",
        "1893456000000",
        "9999999999",
        "0",
    ]);
    (key, value).prop_map(|(key, value)| format!("{key}={value}"))
}

fn any_asked() -> impl Strategy<Value = Asked> {
    let service = select(vec!["api", "other"]);
    let method = select(vec!["GET", "POST", "DELETE"]);
    let path = select(vec!["/v1/x", "/v1/y", "/v2/x", "/"]);
    let tenant = select(vec!["acme", "evil"]);
    let now = select(vec![0, 1_840_000_000, 1_860_000_000, 1_893_456_000, 9_000_000_000]);
    (service, method, path, tenant, now).prop_map(|(service, method, path, tenant, now)| Asked {
        service: service.parse().unwrap(),
        method: method.into(),
        path: path.into(),
        tenant: tenant.parse().unwrap(),
        amount_msat: None,
        now_seconds: now,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_added_ever_widens(added in vec(any_caveat(), 0..4), asked in any_asked()) {
        let sold = verify_caveats(&scope().caveats(), &asked.lend());
        let all: Vec<_> = scope().caveats().into_iter().chain(added).collect();
        if let Ok(found) = verify_caveats(&all, &asked.lend()) {
            let sold = sold.unwrap();
            prop_assert!(sold.methods.covers(&found.methods));
            prop_assert!(sold.path.covers(&found.path));
            prop_assert!(found.valid_until <= sold.valid_until);
            prop_assert!(found.amount_msat <= sold.amount_msat);
            prop_assert_eq!((sold.service, sold.tenant), (found.service, found.tenant));
        }
    }

    #[test]
    fn every_scope_reads_back(
        service in "[a-z0-9_]{1,32}", methods in "[A-Z]{1,8}(,[A-Z]{1,8}){0,3}|\\*",
        path in "/[a-z]{0,8}(/\\*)?", tenant in "[a-z0-9_]{1,32}",
        amount in 0..=i64::MAX.unsigned_abs(), valid_until in 1..=caveat::VALID_FOR_EVER,
    ) {
        let scope = Scope {
            service: service.parse().unwrap(),
            methods: methods.parse().unwrap(),
            path: path.parse().unwrap(),
            tenant: tenant.parse().unwrap(),
            amount_msat: Amount::new(amount).unwrap(),
            valid_until,
        };
        let method = methods.split(',').next().unwrap();
        let target = path.replace('*', "x");
        let request = Request {
            service: &scope.service,
            method,
            path: &target,
            tenant: &scope.tenant,
            amount_msat: Some(scope.amount_msat),
            now_seconds: 0,
        };
        prop_assert_eq!(verify_caveats(&scope.caveats(), &request), Ok(scope));
    }
}
