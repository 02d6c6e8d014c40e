//! Deletion while something else works on the same store: two reapers, a snapshot, a restore and a proof at once.

use std::collections::BTreeSet;

use kura::workflows::expire::ExpireError;
use kura::workflows::restore::Summary;

use crate::expiry::{Desk, a_year_later, below};
use crate::support::simulate::{files, write};

/// Each time the threads meet at other places.
const ROUNDS: u32 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_reapers_a_snapshot_a_restore_and_a_proof_at_once_harm_nothing() {
    for round in 0..ROUNDS {
        let (kura, plan) = a_year_later().await;
        let (first, second, third) =
            (Desk::of(&kura, &plan).await, Desk::of(&kura, &plan).await, Desk::of(&kura, &plan).await);
        first.allow().await;
        write(&kura.source().join("2032-03-04"), "sent today", "2032-03-04");
        let (one, other, taken, restored, proof) = tokio::join!(
            first.run(),
            second.run(),
            kura.snapshot(&plan),
            kura.restore_to("meanwhile", &[]),
            third.prove(&kura),
        );
        // One may find that the other is at it, and leaves it alone.
        let mut certificates = BTreeSet::new();
        for ran in [one, other] {
            match ran {
                Ok(ran) => certificates.extend(ran.certificates),
                Err(ExpireError::Busy(_)) => {}
                Err(error) => panic!("round {round}: {error:?}"),
            }
        }
        assert_eq!(certificates, BTreeSet::from([1]), "round {round}: one certificate");
        assert_eq!(below(&kura, "test/sent-2031-03-03/"), 0, "round {round}");
        taken.expect("a snapshot beside a deletion");
        let (place, summary): (_, Summary) = restored;
        let there = files(&place);
        let owed = ["2031-03-04", "2031-03-05"].map(str::to_owned);
        assert!(owed.iter().all(|name| there.contains(name)), "round {round}: {there:?} {summary:?}");
        assert!(
            !there.contains("2031-03-03"),
            "round {round}: it was past its time before the restore began"
        );
        assert_eq!(proof.plans["test"].alive, proof.plans["test"].whole, "round {round}: {proof:?}");

        // Afterwards everything is as if one had come after the other.
        let proof = third.prove(&kura).await;
        assert!(proof.is_whole(), "round {round}: {proof:?}");
        let (place, _) = kura.restore_to("afterwards", &[]).await;
        let owed = ["2031-03-04", "2031-03-05", "2032-03-04"].map(str::to_owned);
        assert_eq!(files(&place), BTreeSet::from(owed), "round {round}");
        let again = second.run().await.expect("nothing is left to do");
        assert_eq!(again.certificates, Vec::<u64>::new(), "round {round}");
    }
}
