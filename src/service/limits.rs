//! Limits on minting: a node makes some hundreds of invoices a second, and strangers ask for them.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use piperoll_domain::id::TenantId;
use tokio::time::Instant;

use crate::service::{Error, Rate};

/// How many addresses are told apart at once; beyond that, the others share one bucket.
const ADDRESSES_MAX: usize = 50_000;

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Payer {
    Tenant(TenantId),
    Address(IpAddr),
    /// Too many addresses are known.
    Others(TenantId),
}

/// Buckets that empty with time.
#[derive(Debug)]
pub(super) struct Limits {
    began: Instant,
    per_address: Rate,
    per_tenant: Rate,
    /// Until when, in nanoseconds since the beginning, each bucket is in debt.
    buckets: Mutex<HashMap<Payer, u64>>,
}

impl Limits {
    pub(super) fn new(per_address: Rate, per_tenant: Rate) -> Self {
        Self { began: Instant::now(), per_address, per_tenant, buckets: Mutex::default() }
    }

    /// Takes one invoice out of an address' and its tenant's buckets, or none of either. Without an
    /// address, the tenant's alone counts.
    pub(super) fn take(&self, tenant: &TenantId, address: Option<IpAddr>) -> Result<(), Error> {
        self.take_at(self.began.elapsed(), tenant, address)
    }

    fn take_at(
        &self,
        now: Duration,
        tenant: &TenantId,
        address: Option<IpAddr>,
    ) -> Result<(), Error> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut buckets = self.lock();
        let one = address.map(|address| bucket(&mut buckets, now, tenant, network(address)));
        let whole = Payer::Tenant(tenant.clone());
        let debt = |payer: &Payer| buckets.get(payer).copied().unwrap_or(0);
        let of_one = one.as_ref().map(|one| after_one(self.per_address, debt(one), now));
        let of_one = of_one.transpose()?;
        let of_whole = after_one(self.per_tenant, debt(&whole), now)?;
        buckets.extend(one.zip(of_one));
        buckets.insert(whole, of_whole);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Payer, u64>> {
        // Nothing panics while it is held.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose bucket an invoice comes out of.
fn bucket(
    buckets: &mut HashMap<Payer, u64>,
    now: u64,
    tenant: &TenantId,
    address: IpAddr,
) -> Payer {
    let payer = Payer::Address(address);
    if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&payer) {
        buckets.retain(|_, debt| *debt > now);
        if buckets.len() >= ADDRESSES_MAX {
            return Payer::Others(tenant.clone());
        }
    }
    payer
}

/// One household has 2^64 addresses of version 6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// A bucket's debt after one more, if its burst allows it.
fn after_one(rate: Rate, debt: u64, now: u64) -> Result<u64, Error> {
    const MINUTE: u64 = 60_000_000_000;
    let Some(each) = MINUTE.checked_div(rate.per_minute.into()) else {
        return Err(Error::RateLimited { retry_after: Duration::from_mins(1) });
    };
    let room = each.saturating_mul(rate.burst.saturating_sub(1).into());
    let debt = debt.max(now);
    let too_early = debt.saturating_sub(now).saturating_sub(room);
    if too_early > 0 {
        return Err(Error::RateLimited { retry_after: Duration::from_nanos(too_early) });
    }
    Ok(debt.saturating_add(each))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        let per_address = Rate { burst: 3, per_minute: 60 };
        Limits::new(per_address, Rate { burst: 5, per_minute: 600 })
    }

    fn wait(taken: Result<(), Error>) -> Option<Duration> {
        match taken {
            Ok(()) => None,
            Err(Error::RateLimited { retry_after }) => Some(retry_after),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let (limits, acme) = (limits(), "acme".parse().unwrap());
        let address = Some("203.0.113.7".parse().unwrap());
        let at = |ms| wait(limits.take_at(Duration::from_millis(ms), &acme, address));
        assert_eq!([at(0), at(0), at(0)], [None; 3]);
        assert_eq!(at(0), Some(Duration::from_secs(1)));
        assert_eq!(at(400), Some(Duration::from_millis(600)));
        assert_eq!(at(1_000), None);
        assert_eq!(at(1_000), Some(Duration::from_secs(1)));
        assert_eq!([at(60_000), at(60_000), at(60_000)], [None; 3]);
    }

    #[test]
    fn a_tenant_has_a_limit_over_all_addresses_and_none_for_others() {
        let limits = limits();
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let take = |tenant, last: u8| {
            wait(limits.take_at(Duration::ZERO, tenant, Some(IpAddr::from([203, 0, 113, last]))))
        };
        assert!((1..=5).all(|last| take(&acme, last).is_none()));
        assert!(take(&acme, 6).is_some());
        assert!(take(&other, 7).is_none());
    }

    #[test]
    fn a_household_of_version_6_is_one_address() {
        let (limits, acme) = (limits(), "acme".parse().unwrap());
        let take =
            |text: &str| wait(limits.take_at(Duration::ZERO, &acme, Some(text.parse().unwrap())));
        let house = ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:3"];
        assert_eq!(house.map(take), [None; 3]);
        assert!(take("2001:db8::4").is_some());
        assert!(take("2001:db8:0:1::4").is_none());
        assert!(take("::ffff:203.0.113.9").is_none());
    }

    #[test]
    fn no_rate_is_no_invoice() {
        let limits =
            Limits::new(Rate { burst: 9, per_minute: 0 }, Rate { burst: 9, per_minute: 9 });
        let acme = "acme".parse().unwrap();
        assert!(wait(limits.take(&acme, Some("203.0.113.7".parse().unwrap()))).is_some());
        assert!(wait(limits.take(&acme, None)).is_none(), "nobody tells its address");
    }
}
