//! How often one address may try to sign in or to set up: a few at once, then slowly. By the service's own clock.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;

/// Tries at once.
const BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// After that one in this many seconds.
const SECONDS_EACH: u64 = 6;
/// Addresses that are remembered; beyond it those that have rested are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// The service's clock as the limiter reads it.
#[derive(Clone)]
struct Ticks(Arc<dyn Clock>);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.now().as_micros()).unwrap_or(0))
    }
}

/// The tries of each address.
pub(in crate::web) struct Throttle {
    limiter: RateLimiter<IpAddr, DashMapStateStore<IpAddr>, Ticks, NoOpMiddleware<Duration>>,
    clock: Ticks,
}

impl Throttle {
    /// Nobody has tried yet.
    pub(in crate::web) fn new(clock: Arc<dyn Clock>) -> Self {
        let quota = Quota::with_period(Duration::from_secs(SECONDS_EACH));
        let quota = quota.unwrap_or_else(|| Quota::per_minute(BURST)).allow_burst(BURST);
        let clock = Ticks(clock);
        Self { limiter: RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()), clock }
    }

    /// Counts a try; `Err` says how many seconds to wait.
    pub(in crate::web) fn take(&self, peer: IpAddr) -> Result<(), u64> {
        if self.limiter.len() > ADDRESSES_MAX {
            self.limiter.retain_recent();
        }
        let refused = self.limiter.check_key(&peer);
        refused.map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::time::Instant;

    #[test]
    fn after_twenty_tries_one_waits_and_others_do_not() {
        let start = Instant::from_micros(1_796_486_400_000_000);
        let clock = Arc::new(ManualClock::new(start));
        let throttle = Throttle::new(clock.clone());
        let [one, other] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from);
        assert!((0..20).all(|_| throttle.take(one).is_ok()));
        assert_eq!(throttle.take(one), Err(6));
        assert_eq!(throttle.take(other), Ok(()));
        clock.set(start.plus_minutes(1));
        assert!((0..10).all(|_| throttle.take(one).is_ok()), "one in six seconds");
        assert!(throttle.take(one).is_err());
    }
}
