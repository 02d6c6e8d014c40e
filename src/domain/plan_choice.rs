//! What a plan chooses among: the class of its data, what happens to old records, how objects are locked.

/// 区分: what kind of data a plan protects, and so what its clock counts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// 利用者の複製診療情報: each record counts from its sent day.
    Application,
    /// システムデータ: each generation counts from its last day.
    System,
}

/// What a plan does with a record that is past its year at the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PastRetention {
    /// Not backed up; counted and listed for the administrator (第22条).
    #[default]
    Report,
    /// Backed up, and counted from the day it was first seen.
    KeepFromFirstSeen,
}

/// Which kind of object lock holds a plan's data until it may be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LockMode {
    /// A person with a special right can lift the lock, for lawful early erasure.
    Governance,
    /// Nobody can lift the lock before its date.
    #[default]
    Compliance,
}
