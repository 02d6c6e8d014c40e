//! Whose rows were released, as marks that only this installation can make; and comparing them with earlier releases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::anonymize::extract::ExtractRules;
use crate::anonymize::hierarchy::UNKNOWN;
use crate::anonymize::instructions::Instructions;
use crate::anonymize::ledger::{PersonMark, Released, overlaps};
use crate::anonymize::normal_form::key;
use crate::anonymize::table::Table;
use crate::catalog::{Catalog, CrowdsRow};
use crate::clock::random_bytes;
use crate::config::{self, ConfigError, Home};
use crate::domain::permit::{AfterUse, PermitState};

use super::ExtractError;
use super::source::Source;

/// The installation's key for marks.
pub(super) struct LedgerKey(Zeroizing<[u8; 32]>);

impl LedgerKey {
    /// The key of a home; made when it is needed first.
    pub(super) fn of(home: &Home) -> Result<Self, ConfigError> {
        let path = home.key_file("ledger.key");
        if !path.exists() {
            let mut bytes = Zeroizing::new([0_u8; 32]);
            random_bytes(&mut *bytes);
            let made = config::write_new(&path, &*bytes, 0o600);
            // Two programs at once: the file that is there counts.
            made.or_else(|error| if path.exists() { Ok(()) } else { Err(error) })?;
        }
        let bytes = Zeroizing::new(config::read_file(&path)?);
        let bytes: [u8; 32] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| ConfigError::Invalid { path, message: "it is not a key of 32 bytes".to_owned() })?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// What tells this key from another, and nothing else about it.
    fn name(&self) -> [u8; 8] {
        let digest = blake3::keyed_hash(&self.0, b"kura ledger key name");
        let mut name = [0; 8];
        name.copy_from_slice(digest.as_bytes().split_at(8).0);
        name
    }

    fn mark(&self, parts: &[&str]) -> PersonMark {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in parts {
            hasher
                .update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes())
                .update(part.as_bytes());
        }
        let mut mark = [0; 16];
        mark.copy_from_slice(hasher.finalize().as_bytes().split_at(16).0);
        PersonMark::from_le_bytes(mark)
    }

    /// The mark of the person of each row. Without a column that says whose a row is, the row itself is the person; of rows
    /// that are alike the first, the second and so on.
    pub(super) fn marks(&self, source: &Table, rules: &ExtractRules) -> Vec<PersonMark> {
        let person = rules.person.as_deref().and_then(|name| source.column(name));
        let mut alike: BTreeMap<PersonMark, u64> = BTreeMap::new();
        let mut of_row = |row: usize| {
            let cells: Vec<&str> = source.columns.iter().map(|column| column.text(row)).collect();
            let own = self.mark(&cells);
            let nth = alike.entry(own).or_insert(0);
            *nth += 1;
            self.mark(&["row", &own.to_string(), &nth.to_string()])
        };
        (0..source.rows())
            .map(|row| match person.map(|column| column.text(row)).filter(|id| *id != UNKNOWN) {
                Some(id) => self.mark(&["person", &key(id)]),
                None => of_row(row),
            })
            .collect()
    }

    /// Crowds of marks as bytes: the name of the key, then for each crowd how many, then the marks.
    pub(super) fn write(&self, crowds: &[BTreeSet<PersonMark>]) -> Vec<u8> {
        let mut bytes = self.name().to_vec();
        for crowd in crowds {
            bytes.extend(u32::try_from(crowd.len()).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend(crowd.iter().flat_map(|mark| mark.to_le_bytes()));
        }
        bytes
    }

    fn read(&self, bytes: &[u8]) -> Option<Vec<BTreeSet<PersonMark>>> {
        let mut rest = bytes.strip_prefix(&self.name())?;
        let mut crowds = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (marks, after) = after.split_at_checked(length.checked_mul(16)?)?;
            let crowd =
                marks.chunks_exact(16).filter_map(|mark| mark.try_into().ok().map(PersonMark::from_le_bytes));
            crowds.push(crowd.collect());
            rest = after;
        }
        Some(crowds)
    }
}

/// The marks of the crowds of an extract, with the key that made them.
pub(super) async fn marked(
    home: &Home,
    (source, instructions): (Arc<Source>, Arc<Instructions>),
    crowds: Vec<Vec<usize>>,
) -> Result<(LedgerKey, Vec<BTreeSet<PersonMark>>), ExtractError> {
    let key = LedgerKey::of(home)?;
    super::off(move || {
        let marks = key.marks(&source.table, &instructions.rules);
        Ok((key, crowds_of(&marks, &crowds)))
    })
    .await
}

/// The marks of each crowd.
fn crowds_of(marks: &[PersonMark], crowds: &[Vec<usize>]) -> Vec<BTreeSet<PersonMark>> {
    let of = |rows: &Vec<usize>| rows.iter().filter_map(|row| marks.get(*row).copied()).collect();
    crowds.iter().map(of).collect()
}

/// Refuses a release that would show somebody together with an earlier one whose data is not confirmed to be gone. Says
/// with how many it was compared, and how many there are at all.
pub(super) async fn compare(
    catalog: &Catalog,
    key: &LedgerKey,
    (permit, execution): (&str, u32),
    crowds: &[BTreeSet<PersonMark>],
    threshold: u64,
) -> Result<(u64, u64), ExtractError> {
    let all = catalog.earlier_crowds(permit, execution).await?;
    let mut found = Vec::new();
    let mut compared = 0;
    for row in &all {
        if is_gone(catalog, row).await? {
            continue;
        }
        let earlier = key.read(&row.crowds).ok_or_else(|| ExtractError::Ledger(row.permit.clone()))?;
        let new = Released { permit: permit.to_owned(), crowds: crowds.to_vec() };
        let old = Released { permit: row.permit.clone(), crowds: earlier };
        let threshold = threshold.max(row.threshold);
        found.extend(super::off(move || Ok(overlaps(&new, &[old], threshold))).await?);
        compared += 1;
    }
    if found.is_empty() {
        Ok((compared, u64::try_from(all.len()).unwrap_or(u64::MAX)))
    } else {
        Err(ExtractError::Overlaps(found))
    }
}

/// Whether somebody confirmed that the data of an earlier release is erased or given back.
async fn is_gone(catalog: &Catalog, row: &CrowdsRow) -> Result<bool, ExtractError> {
    let Some(permit) = catalog.permit(&row.permit).await? else { return Ok(false) };
    let is_closed = matches!(permit.permit.state, PermitState::Closed { .. });
    Ok(is_closed && matches!(permit.permit.content.after_use, AfterUse::Erased | AfterUse::Returned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back_with_their_key_only() {
        let (one, other) = (LedgerKey(Zeroizing::new([1; 32])), LedgerKey(Zeroizing::new([2; 32])));
        let crowds = vec![BTreeSet::from([1, 2, 3]), BTreeSet::from([u128::MAX])];
        let bytes = one.write(&crowds);
        assert_eq!(one.read(&bytes), Some(crowds));
        assert_eq!(other.read(&bytes), None);
        assert_eq!(one.read(bytes.split_at(bytes.len() - 1).0), None);
    }
}
