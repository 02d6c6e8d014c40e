//! In which cohort a file belongs whose hash is now known.

use std::collections::BTreeMap;

use super::{Basis, Resolver, Tally};
use crate::archive::digest::FileHash;
use crate::archive::stat_cache::{Known, print_of};
use crate::archive::task::Task;
use crate::domain::sent_day::Earlier;
use crate::domain::time::Day;

/// Decides the cohort of a file whose hash is now known. `None`: it is not stored, and the report says why.
pub fn decide(
    basis: &Basis<'_>,
    mut task: Task,
    hash: &FileHash,
    cohorts: &mut BTreeMap<i32, Tally>,
) -> Option<Task> {
    let earlier = match (&task.known, basis.first_seen) {
        (Some(known), _) if known.hash == *hash => {
            let day = Day::from_number(known.day);
            let is_untouched = known.print == print_of(&task.found.stat, task.found.is_leaf);
            match basis.last_run.filter(|_| is_untouched) {
                Some(last_run) => Earlier::Untouched { day, last_run },
                None => Earlier::SameContent(day),
            }
        }
        (Some(_), _) => Earlier::OtherContent,
        (None, Some(seen)) => match seen.get(&basis.hashing.seen(task.digest, hash)) {
            Some(day) => Earlier::SameContent(Day::from_number(*day)),
            None => Earlier::Never,
        },
        (None, None) => Earlier::Never,
    };
    let mut resolver = Resolver { basis, out: Decided(cohorts), fates: BTreeMap::new() };
    let day = resolver.day_of(&task.found, earlier)?;
    if let Some(known) = &task.known
        && (known.day != day || known.is_gone)
    {
        if !known.is_gone && resolver.is_alive(known.day) {
            resolver.out.0.entry(known.day).or_default().gone.push(task.digest);
        }
        task.known = None;
    }
    if basis.damaged.contains(&day) {
        task.known = task.known.map(|known| Known { has_content: false, hash: [0; 32], ..known });
    }
    task.day = day;
    Some(task)
}

struct Decided<'a>(&'a mut BTreeMap<i32, Tally>);
