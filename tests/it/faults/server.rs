//! An S3 server that answers 503, resets connections, stalls, loses what it acknowledged, refuses, or is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kura::vault::s3::S3Vault;
use kura::vault::{BucketUrl, Patience, S3Settings, Vault};

use crate::support::kura::listing;
use crate::support::s3::{address, server, settings};
use crate::support::s3_gate::{Act, Gate};
use crate::support::simulate::files;
use crate::support::site::{Ran, Site, chain, noise};

/// A site in the plain bucket with one snapshot, and a gate before its server.
async fn site_and_gate() -> (Site, Gate, BucketUrl) {
    let server = server();
    let gate = Gate::before(&server.endpoint).await;
    let direct = address(&server.bucket, &server.endpoint);
    let site = Site::in_bucket(direct.to_string(), &server.writer);
    for number in 0..20 {
        site.write(&format!("sub/{number}"), noise(number, 3000));
    }
    site.kura(&["snapshot", "test"]).ends(0);
    let behind = BucketUrl { endpoint: Some(gate.endpoint.clone()), ..direct };
    (site, gate, behind)
}

async fn vault(address: &BucketUrl, settings: &S3Settings) -> Arc<dyn Vault> {
    Arc::new(S3Vault::open(address, settings).await.expect("the bucket opens"))
}

/// Gives up after two tries: what fails here fails for good.
fn impatient() -> S3Settings {
    S3Settings {
        attempt_timeout: Duration::from_millis(300),
        patience: Patience {
            tries_max: 2,
            first_wait: Duration::from_millis(5),
            wait_max: Duration::from_millis(5),
            total_max: Duration::from_secs(20),
        },
        ..settings(&server().writer)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_which_every_request_fails_twice_in_some_way_is_a_success() {
    let (site, gate, behind) = site_and_gate().await;
    let vault = vault(&behind, &settings(&server().writer)).await;
    let faults = [Act::Busy, Act::Reset, Act::DropAnswer, Act::CutAnswer];
    for first in 0..faults.len() {
        let mut tries: BTreeMap<String, usize> = BTreeMap::new();
        let mut kinds = first;
        // A stall costs its whole waiting time: one is enough.
        let mut stalls = usize::from(first == 0);
        gate.rule(move |asked| {
            let tried = tries.entry(format!("{} {}", asked.method, asked.path)).or_default();
            *tried += 1;
            kinds += 1;
            match *tried {
                1 if asked.is_put() && stalls > 0 => {
                    stalls -= 1;
                    Act::Stall
                }
                1 | 2 => faults[kinds % faults.len()],
                _ => Act::Pass,
            }
        });
        site.write("large", noise(100 + u64::try_from(first).unwrap(), 3 << 20));
        let taken =
            site.snapshot_into(vault.clone()).await.unwrap_or_else(|e| panic!("{first}: {}", chain(&e)));
        assert!(taken.is_complete && taken.new_bytes_stored > 3 << 20, "{taken:?}");
        assert!(gate.requests() > 20, "the run went through the gate");
    }
    site.verifies();
    site.comes_back();
    site.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_down_at_any_moment_ends_the_run_with_the_reason_and_the_next_run_repairs() {
    let (site, gate, behind) = site_and_gate().await;
    let vault = vault(&behind, &impatient()).await;
    let mut fails_from = 0;
    loop {
        site.write("large", noise(fails_from, 300_000));
        let act = match fails_from % 9 {
            8 => Act::Stall,
            kind => [Act::Busy, Act::Reset, Act::DropAnswer][usize::try_from(kind % 3).unwrap()],
        };
        let from = usize::try_from(fails_from).unwrap();
        gate.rule(move |asked| if asked.number < from { Act::Pass } else { act });
        let Err(error) = site.snapshot_into(vault.clone()).await else { break };
        let said = chain(&error);
        assert!(said.contains("the store did not complete"), "{act:?} from {from}: {said}");
        site.verifies();
        // Otherwise every run would first look at what all runs before it had sent.
        site.kura(&["snapshot", "test"]).ends(0);
        fails_from += 1;
        assert!(fails_from < 100, "the run succeeds when nothing fails any more");
    }
    assert!(fails_from > 7, "{fails_from}");
    site.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_the_server_acknowledges_and_loses_never_counts() {
    let server = server();
    let gate = Gate::before(&server.endpoint).await;
    let direct = address(&server.bucket, &server.endpoint);
    let site = Site::in_bucket(direct.to_string(), &server.writer);
    let behind = BucketUrl { endpoint: Some(gate.endpoint.clone()), ..direct };
    let vault = vault(&behind, &impatient()).await;
    for number in 0..20 {
        site.write(&format!("sub/{number}"), noise(number, 3000));
    }
    // The first to be lost is the cohort's key, the last is the snapshot itself.
    let mut lost = 0;
    loop {
        site.write("large", noise(lost, 2 << 20));
        let mut puts = 0;
        gate.rule(move |asked| {
            puts += u64::from(asked.is_put());
            if asked.is_put() && puts == lost + 1 { Act::Lose } else { Act::Pass }
        });
        let Err(error) = site.snapshot_into(vault.clone()).await else { break };
        let said = chain(&error);
        assert!(said.contains("test/"), "the object is named: {said}");
        if lost > 0 {
            site.is_well();
        }
        lost += 1;
        assert!(lost < 50, "the run succeeds when nothing is lost any more");
    }
    assert!(lost >= 4, "a key, a pack, an index and a snapshot were lost: {lost}");
    site.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_more_on_its_way_than_there_is_room_for_ends_when_the_server_fails() {
    let (site, gate, behind) = site_and_gate().await;
    let vault = vault(&behind, &impatient()).await;
    for number in 0..6 {
        site.write(&format!("large-{number}"), noise(number, 20 << 20));
    }
    gate.rule(|asked| if asked.is_put() { Act::Busy } else { Act::Pass });
    let error = site.snapshot_into(vault.clone()).await.expect_err("nothing can be stored");
    assert!(chain(&error).contains("503"), "{}", chain(&error));
    site.verifies();
    site.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_waits_out_a_burst_of_503_and_says_nothing() {
    let (site, gate, behind) = site_and_gate().await;
    let mut tried = BTreeSet::new();
    gate.rule(
        move |asked| {
            if asked.is_put() && tried.insert(asked.path.clone()) { Act::Busy } else { Act::Pass }
        },
    );
    site.write("large", noise(100, 3 << 20));
    let ran = site.kura(&["snapshot", "test", "--store", &behind.to_string()]).ends(0);
    assert_eq!(ran.err, "");
    site.verifies();
    site.comes_back();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_which_object_the_server_did_not_keep() {
    let (site, gate, behind) = site_and_gate().await;
    gate.rule(|asked| if asked.is_put() && asked.path.contains("/packs/") { Act::Lose } else { Act::Pass });
    site.write("large", noise(100, 3 << 20));
    site.kura(&["snapshot", "test", "--store", &behind.to_string()]).fails_clearly(&["/packs/"]);
    site.verifies();
    site.is_well();
}

/// Everything that the program does with a store, at this address; each must fail with these words.
fn all_fail(site: &Site, store: &str, change: &[(&str, &str)], words: &[&str]) {
    for arguments in [
        &["snapshot", "test"][..],
        &["verify", "--identity", "recovery.key"],
        &["restore", "latest", "--identity", "recovery.key", "--to", "out"],
        &["init", "--home", "new-home", "--new-recovery-key", "new.key"],
    ] {
        let mut command = site.command(env!("CARGO_BIN_EXE_kura"));
        for (name, value) in change {
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        command.args(arguments).args(["--store", store]);
        let ran = Ran::of(&command.output().expect("the program starts"));
        ran.fails_clearly(words);
        assert!(!site.path("out").exists(), "{arguments:?}");
        for made in ["new-home", "new.key", "new.key.root"] {
            assert!(!site.path(made).exists(), "{made} was left by {arguments:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_wrong_are_told_in_one_message() {
    let (site, _gate, _) = site_and_gate().await;
    let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    all_fail(&site, &site.store, &[(secret, "not-the-secret")], &["the secret key is wrong", secret]);
    all_fail(&site, &site.store, &[(id, "nobody")], &["does not know this access key", id]);
    all_fail(&site, &site.store, &[(id, ""), (secret, "")], &["no credentials were found", id]);
    site.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_wrong_is_told_in_one_message() {
    let (site, _gate, behind) = site_and_gate().await;
    let nobody = BucketUrl { endpoint: Some("http://127.0.0.1:1".to_owned()), ..behind.clone() };
    all_fail(&site, &nobody.to_string(), &[], &["the connection was refused", "correct the endpoint"]);
    let no_bucket = BucketUrl { bucket: "kura-no-such-bucket".to_owned(), ..behind };
    all_fail(&site, &no_bucket.to_string(), &[], &["make the bucket first", "correct its name"]);
    site.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_waits_out_faults_and_says_nothing() {
    let (site, gate, behind) = site_and_gate().await;
    site.write("large", noise(100, 3 << 20));
    site.kura(&["snapshot", "test"]).ends(0);
    let mut tried = BTreeSet::new();
    gate.rule(move |asked| match (tried.insert(asked.path.clone()), asked.number % 2) {
        (true, 0) if !asked.path.contains("object-lock") => Act::CutAnswer,
        (true, _) => Act::Busy,
        (false, _) => Act::Pass,
    });
    let store = behind.to_string();
    let reader = ["--identity", "recovery.key", "--home", "none", "--store", &store];
    let ran = site.kura(&[&["restore", "latest", "--to", "out"], &reader[..]].concat()).ends(0);
    assert_eq!(ran.err, "");
    assert_eq!(listing(&site.path("out")), listing(&site.path("source")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_the_server_breaks_off_leaves_nothing_wrong_and_goes_on_later() {
    let (site, gate, behind) = site_and_gate().await;
    for number in 0..3 {
        site.write(&format!("large-{number}"), noise(100 + number, 20 << 20));
    }
    site.kura(&["snapshot", "test"]).ends(0);
    let store = behind.to_string();
    let reader = ["--identity", "recovery.key", "--home", "none", "--store", &store];
    let restore = [&["restore", "latest", "--to", "out", "--in-place"], &reader[..]].concat();
    let mut reads = 0;
    gate.rule(move |asked| {
        reads += usize::from(asked.path.contains("/packs/"));
        if reads > 6 { Act::Refuse("AccessDenied") } else { Act::Pass }
    });
    let ran = site.kura(&restore);
    assert!([1, 3].contains(&ran.code) && ran.err.contains("AccessDenied"), "{ran:?}");
    for name in files(&site.path("out")) {
        let (is, was) =
            (std::fs::read(site.path("out").join(&name)), std::fs::read(site.path("source").join(&name)));
        assert!(was.is_ok_and(|was| is.is_ok_and(|is| is == was)), "{name} is wrong or left over");
    }
    gate.rule(|_| Act::Pass);
    site.kura(&restore).ends(0);
    assert_eq!(listing(&site.path("out")), listing(&site.path("source")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_the_server_refuses_is_told_in_one_message() {
    let (site, gate, behind) = site_and_gate().await;
    gate.rule(|_| Act::Refuse("RequestTimeTooSkewed"));
    all_fail(&site, &behind.to_string(), &[], &["RequestTimeTooSkewed", "clock", "NTP"]);
    // Refused in the middle of a run, too: the clock may be set while it is under way.
    gate.rule(|asked| if asked.is_put() { Act::Refuse("RequestTimeTooSkewed") } else { Act::Pass });
    site.write("large", noise(100, 3 << 20));
    site.kura(&["snapshot", "test", "--store", &behind.to_string()]).fails_clearly(&["clock", "NTP"]);
    site.verifies();
    site.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_speaks_no_s3_is_told_in_one_message() {
    let (site, gate, behind) = site_and_gate().await;
    gate.rule(|_| Act::WebPage);
    all_fail(&site, &behind.to_string(), &[], &["404", "endpoint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_whose_answer_is_cut_off_is_tried_again() {
    let (site, gate, behind) = site_and_gate().await;
    let mut cut = false;
    gate.rule(move |asked| {
        let is_first = asked.path.contains("object-lock") && !std::mem::replace(&mut cut, true);
        if is_first { Act::CutAnswer } else { Act::Pass }
    });
    site.kura(&["snapshot", "test", "--store", &behind.to_string()]).ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_lost_is_not_blamed_on_the_address() {
    let (site, gate, behind) = site_and_gate().await;
    gate.rule(|asked| if asked.is_put() && asked.path.contains("/packs/") { Act::Lose } else { Act::Pass });
    site.write("large", noise(100, 3 << 20));
    let ran = site
        .kura(&["snapshot", "test", "--store", &behind.to_string()])
        .fails_clearly(&["did not give back"]);
    assert!(!ran.err.contains("compare the address"), "{}", ran.err);
}
