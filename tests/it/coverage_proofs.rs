//! Proofs of coverage as signed objects: chained, locked, and named when one is altered, removed or replaced (K-121).

use kura::archive::digest::Sha256;
use kura::archive::evidence::AuditPosition;
use kura::clock::Clock as _;
use kura::workflows::coverage_proofs::{self, CoverageProofError, Proofs};
use kura::workflows::host::Host;
use kura::workflows::replica;

use crate::expiry::{Desk, a_year_later};
use crate::support::kura::Kura;

async fn stored(kura: &Kura, desk: &Desk) -> u64 {
    let proof = desk.prove(kura).await;
    coverage_proofs::record((&desk.host, None), &desk.catalog, (&proof, None), &*desk.clock).await.unwrap()
}

async fn loaded(desk: &Desk) -> Proofs {
    coverage_proofs::load(&desk.host, &desk.catalog).await.unwrap()
}

fn file(kura: &Kura, number: u64) -> std::path::PathBuf {
    kura.store().join(format!("audit/coverage/{number:010}.json"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_proof_is_signed_and_names_the_one_before() {
    let (kura, plan) = a_year_later().await;
    let desk = Desk::of(&kura, &plan).await;
    assert_eq!(loaded(&desk).await.stored, []);
    for number in 1..=3 {
        assert_eq!(stored(&kura, &desk).await, number);
    }
    let found = loaded(&desk).await;
    assert_eq!(found.problems, []);
    let previous: Vec<Option<Sha256>> = found.stored.iter().map(|one| one.record.previous).collect();
    assert_eq!(previous, [None, Some(found.stored[0].digest), Some(found.stored[1].digest)]);
    let record = &found.stored[2].record;
    // One day is past its time and still there, the two others are whole.
    let plan = &record.plans[0];
    assert_eq!((plan.plan.as_str(), plan.alive, plan.whole), ("test", 2, 2));
    let said: Vec<_> = plan.exceptions.iter().map(|one| (one.code.as_str(), one.cohort.as_deref())).collect();
    assert_eq!(said, [("past-its-time", Some("sent-2031-03-03"))]);
    assert!(record.audit.as_ref().is_some_and(|AuditPosition { sequence, .. }| *sequence > 0));
    // It is locked as long as other evidence, goes to the second store, and is judged there.
    let locked = std::fs::metadata(file(&kura, 3)).unwrap().modified().unwrap();
    let locked = locked.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let end = desk.host.evidence_end(desk.clock.now()).as_seconds();
    assert_eq!(i64::try_from(locked).unwrap(), end);
    let other = kura::vault::MemoryVault::new();
    let ends = replica::ends_of(&desk.host, &other, desk.clock.now()).await.unwrap();
    replica::copy(&*desk.host.vault, &other, &ends).await.unwrap();
    assert!(other.keys().contains(&"audit/coverage/0000000003.json".to_owned()));
    let scrubbed = replica::scrub((&*desk.host.vault, &other), &ends, (None, false)).await.unwrap();
    assert_eq!(scrubbed.wrong, []);
    desk.catalog.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_was_altered_removed_or_replaced_is_named() {
    let (kura, plan) = a_year_later().await;
    let desk = Desk::of(&kura, &plan).await;
    for _ in 0..4 {
        stored(&kura, &desk).await;
    }
    let objects: Vec<Vec<u8>> = (1..=4).map(|number| std::fs::read(file(&kura, number)).unwrap()).collect();
    let put = |number: u64, bytes: Option<&[u8]>| {
        std::fs::remove_file(file(&kura, number)).unwrap();
        if let Some(bytes) = bytes {
            std::fs::write(file(&kura, number), bytes).unwrap();
        }
    };
    let back = |number: u64| {
        drop(std::fs::remove_file(file(&kura, number)));
        std::fs::write(file(&kura, number), &objects[usize::try_from(number).unwrap() - 1]).unwrap();
    };
    let named = async || -> Vec<String> {
        loaded(&desk)
            .await
            .problems
            .into_iter()
            .map(|(object, what)| {
                format!("{} {what}", object.trim_start_matches("audit/coverage/").trim_end_matches(".json"))
            })
            .collect()
    };
    // One byte.
    let mut altered = objects[1].clone();
    let place = altered.len() / 2;
    altered[place] ^= 1;
    put(2, Some(&altered));
    let found = named().await;
    assert!(
        found.len() == 2 && found[0].starts_with("0000000002") && found[1].contains("replaced"),
        "{found:?}"
    );
    back(2);
    // In the place of another.
    put(2, Some(&objects[2]));
    assert!(named().await[0].starts_with("0000000002 "), "it is for another place");
    back(2);
    // Removed between others, and the last one.
    put(2, None);
    assert_eq!(named().await, ["0000000003 proof 2 before it is missing"]);
    back(2);
    put(4, None);
    let found = named().await;
    assert!(found.len() == 1 && found[0].contains("the audit log names it"), "{found:?}");
    back(4);
    // The oldest may go: evidence is kept for some years.
    put(1, None);
    assert_eq!(named().await, Vec::<String>::new());
    assert!(matches!(coverage_proofs::one(&desk.host, 1).await, Err(CoverageProofError::None(1))));
    let host = Host::open(kura.home(), None).await.unwrap();
    assert_eq!(coverage_proofs::one(&host, 4).await.unwrap().record.number, 4);
    desk.catalog.close().await;
}
