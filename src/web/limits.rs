//! How often somebody may ask: so often at once, and so often on and on; by token, and by peer before there is one.
//!
//! Behind a proxy every peer is the proxy: there, the limit for peers is the limit for all of them together.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;

use super::problem::{Kind, Problem};

/// How many requests one token may make at once; it wins one back every `TOKEN_PAUSE`.
pub const TOKEN_BURST: NonZeroU32 = nonzero(120);
const TOKEN_PAUSE: Duration = Duration::from_millis(100);
/// How many requests may come from one peer at once; it wins one back every `PEER_PAUSE`.
pub const PEER_BURST: NonZeroU32 = nonzero(600);
const PEER_PAUSE: Duration = Duration::from_millis(10);
/// From so many keys on, those that have all their requests back are forgotten.
const KEYS_MAX: usize = 10_000;

const fn nonzero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// Time as the limiters count it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Moment(u64);

impl std::ops::Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        Nanos::new(self.0.saturating_sub(earlier.0))
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.as_u64()))
    }
}

/// Kura's clock for the limiters: a simulated second is a second for them too.
#[derive(Clone)]
struct Seen(Arc<dyn Clock>);

impl governor::clock::Clock for Seen {
    type Instant = Moment;

    fn now(&self) -> Moment {
        let micros = u64::try_from(self.0.now().as_micros()).unwrap_or(0);
        Moment(micros.saturating_mul(1000))
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Seen, NoOpMiddleware<Moment>>;

/// The limits of one service.
pub(super) struct Limits {
    tokens: Limiter<String>,
    peers: Limiter<IpAddr>,
    clock: Seen,
}

impl Limits {
    /// Nobody has asked yet.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let clock = Seen(clock);
        let quota =
            |pause, burst| Quota::with_period(pause).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        Arc::new(Self {
            tokens: Limiter::dashmap_with_clock(quota(TOKEN_PAUSE, TOKEN_BURST), clock.clone()),
            peers: Limiter::dashmap_with_clock(quota(PEER_PAUSE, PEER_BURST), clock.clone()),
            clock,
        })
    }

    /// Counts a request of a peer.
    pub(super) fn check_peer(&self, peer: IpAddr) -> Result<(), Problem> {
        self.check(&self.peers, &peer)
    }

    /// Counts a request with a token that counts, by the token's id.
    pub(super) fn check_token(&self, id: String) -> Result<(), Problem> {
        self.check(&self.tokens, &id)
    }

    fn check<K: std::hash::Hash + Eq + Clone>(&self, limiter: &Limiter<K>, key: &K) -> Result<(), Problem> {
        if limiter.len() > KEYS_MAX {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()).as_secs().saturating_add(1);
            Problem::new(
                Kind::TooMany,
                format!("Ask again in {wait} s, and less often."),
                format!("{wait}秒後に、間隔をあけてもう一度お試しください。"),
            )
            .waiting(wait)
        })
    }
}
