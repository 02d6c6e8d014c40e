//! Buffers of sealed packs, used again: fresh memory is cleared page by page by the system, which costs more than
//! sealing does.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// So many buffers are kept; more are given back to the system.
const KEPT_MAX: usize = 3;

/// A few buffers that are not in use.
#[derive(Debug, Default)]
pub struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer, used before if there is one.
    pub fn take(&self) -> Vec<u8> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop().unwrap_or_else(|| Vec::with_capacity(1 << 20))
    }

    /// Gives bytes back once they are not needed; kept only if nobody else holds them.
    pub fn give(&self, bytes: Bytes) {
        let Ok(bytes) = bytes.try_into_mut() else { return };
        let mut buffer = Vec::from(bytes);
        buffer.clear();
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_MAX {
            idle.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_nobody_holds_is_used_again() {
        let buffers = Buffers::default();
        let mut first = buffers.take();
        first.resize(3 << 20, 7);
        let place = first.as_ptr();
        let bytes = Bytes::from(first);
        let other = bytes.clone();
        buffers.give(bytes);
        let fresh = buffers.take();
        assert_ne!(fresh.as_ptr(), place, "somebody holds it");
        buffers.give(other);
        let again = buffers.take();
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
    }
}
