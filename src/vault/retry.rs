//! Trying again after a passing fault: how often, how long, and when to stop.

use std::future::Future;
use std::time::Duration;

use crate::clock::random_bytes;

/// How often and how long a passing fault is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Most tries in all, the first included.
    pub tries_max: u32,
    /// The wait before the second try; it doubles from try to try.
    pub first_wait: Duration,
    /// Longest wait between two tries.
    pub wait_max: Duration,
    /// No new try begins after this much time in all.
    pub total_max: Duration,
}

impl Default for Patience {
    /// Eight tries within a minute and a half.
    fn default() -> Self {
        Self {
            tries_max: 8,
            first_wait: Duration::from_millis(250),
            wait_max: Duration::from_secs(15),
            total_max: Duration::from_secs(90),
        }
    }
}

impl Patience {
    /// The wait after the `tries`-th try: doubled each time, capped, and spread over its upper half.
    ///
    /// `dice` is 0..=255. The spread keeps many writers from coming back in the same instant.
    fn wait_after(&self, tries: u32, dice: u8) -> Duration {
        let doubled = self.first_wait.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
        let wait = doubled.min(self.wait_max);
        wait / 2 + wait / 2 * u32::from(dice) / 255
    }
}

/// How one try ended.
pub(super) enum Try<T, E> {
    /// It is settled, well or badly; no further try can change it.
    Settled(Result<T, E>),
    /// A passing fault; worth another try.
    Passing(E),
}

/// Tries until it is settled or the patience ends; then gives the last fault.
///
/// `attempt` gets the number of the try, from 1.
pub(super) async fn patiently<T, E, F>(patience: &Patience, mut attempt: impl FnMut(u32) -> F) -> Result<T, E>
where
    F: Future<Output = Try<T, E>>,
{
    let begun = tokio::time::Instant::now();
    let mut tries = 1;
    loop {
        let fault = match attempt(tries).await {
            Try::Settled(result) => return result,
            Try::Passing(fault) => fault,
        };
        let mut dice = [0];
        random_bytes(&mut dice);
        let wait = patience.wait_after(tries, dice[0]);
        if tries >= patience.tries_max || begun.elapsed().saturating_add(wait) > patience.total_max {
            return Err(fault);
        }
        tokio::time::sleep(wait).await;
        tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let patience = Patience::default();
        let longest: Vec<u128> = (1..=8).map(|tries| patience.wait_after(tries, 255).as_millis()).collect();
        assert_eq!(longest, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000]);
        assert_eq!(patience.wait_after(1, 0).as_millis(), 125);
        assert_eq!(patience.wait_after(u32::MAX, 255).as_millis(), 15000);
    }

    #[tokio::test]
    async fn the_last_fault_is_told_when_the_patience_ends() {
        let patience = Patience { tries_max: 3, first_wait: Duration::ZERO, ..Patience::default() };
        let told: Result<(), u32> = patiently(&patience, |tries| async move { Try::Passing(tries) }).await;
        assert_eq!(told, Err(3));
        let settled: Result<u32, u32> = patiently(&patience, |tries| async move {
            if tries < 2 { Try::Passing(tries) } else { Try::Settled(Ok(tries)) }
        })
        .await;
        assert_eq!(settled, Ok(2));
    }
}
