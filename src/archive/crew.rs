//! The engine's threads: how many, and how far they give way to other programs.

use std::thread::{Scope, ScopedJoinHandle};

/// How many threads work, and how nicely.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crew {
    /// How many; at least one.
    pub threads: usize,
    /// Linux' nice value, 0 (as everybody) to 19 (only what nobody else wants). The disk's scheduler heeds it too.
    pub nice: u8,
}

impl Crew {
    /// Starts one of them in a scope.
    pub fn spawn<'scope, 'env, T: Send + 'scope>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> ScopedJoinHandle<'scope, T> {
        scope.spawn(move || {
            self.give_way();
            work()
        })
    }

    /// Makes this thread give way: on Linux a thread has a priority of its own. Nothing depends on it, so that a system
    /// that refuses goes on as fast as it may.
    fn give_way(self) {
        let nice = i32::from(self.nice.min(19));
        // Never the other way: whoever started Kura may have made it give way further.
        let is_less = self.nice > 0 && rustix::process::getpriority_process(None).is_ok_and(|now| now < nice);
        if is_less {
            rustix::process::setpriority_process(None, nice).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_give_way_and_those_around_them_do_not() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        let crew = Crew { threads: 1, nice: 7 };
        let inside = std::thread::scope(|scope| crew.spawn(scope, own).join().unwrap());
        assert_eq!((inside, own()), (before.max(7), before));
        let same = Crew { nice: 0, ..crew };
        assert_eq!(std::thread::scope(|scope| same.spawn(scope, own).join().unwrap()), before);
        let further = Crew { nice: 12, ..crew };
        let kept = std::thread::scope(|scope| {
            let inside = || std::thread::scope(|scope| crew.spawn(scope, own).join().unwrap());
            further.spawn(scope, inside).join().unwrap()
        });
        assert_eq!(kept, before.max(12), "never less than those around it");
    }
}
