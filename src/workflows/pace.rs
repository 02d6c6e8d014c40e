//! How fast a run sends: other users of the line need their share.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The pace of sending; without a limit nothing waits.
#[derive(Debug)]
pub(super) struct Pace(Option<(DefaultDirectRateLimiter, NonZeroU32)>);

impl Pace {
    /// At most so many KiB a second on average; a second's worth may go at once.
    pub(super) fn new(limit_kib: Option<NonZeroU32>) -> Self {
        Self(limit_kib.map(|limit| (RateLimiter::direct(Quota::per_second(limit)), limit)))
    }

    /// Waits until `bytes` more may be sent.
    pub(super) async fn take(&self, bytes: usize) {
        let Some((limiter, second)) = &self.0 else { return };
        let mut left = bytes.div_ceil(1024);
        while left > 0 {
            let part = u32::try_from(left).unwrap_or(u32::MAX).min(second.get());
            if let Some(part) = NonZeroU32::new(part) {
                // No part is larger than what a second allows, so that none is refused.
                limiter.until_n_ready(part).await.unwrap_or_default();
            }
            left = left.saturating_sub(usize::try_from(part).unwrap_or(left));
        }
    }
}
