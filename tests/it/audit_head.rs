//! Heads of the audit log in the store: once a day, and what was cut or rewritten afterwards is found and named.

use std::process::Command;

use kura::catalog::Catalog;
use kura::clock::Clock as _;
use kura::domain::audit::AuditEntry;
use kura::workflows::audit_head::{self, AuditHeadError, Compared};
use kura::workflows::check_audit::AuditError;
use kura::workflows::host::Host;

use crate::support::kura::Kura;
use crate::support::simulate::objects;

/// A line of the log that somebody decided something.
async fn decide(kura: &Kura, subject: &str) {
    let catalog = Catalog::open(&kura.home().catalog_file()).await.expect("the catalog opens");
    let [actor, act, detail] = ["admin00001", "window.request", ""].map(str::to_owned);
    let entry = AuditEntry { at: kura.clock.now(), actor, act, subject: subject.to_owned(), detail };
    catalog.begin().await.expect("a transaction").commit(&[entry]).await.expect("a line");
    catalog.close().await;
}

/// What the service does on each beat: stores the head if it is due.
async fn beat(kura: &Kura) -> Option<String> {
    let catalog = Catalog::open(&kura.home().catalog_file()).await.expect("the catalog opens");
    if !audit_head::is_due(&catalog, kura.clock.now()).await.expect("the log is read") {
        return None;
    }
    let host = Host::open(kura.home(), None).await.expect("the host opens");
    audit_head::write(&host, &catalog, &kura.clock).await.expect("stored")
}

async fn verify(kura: &Kura) -> Result<Compared, AuditHeadError> {
    let catalog = Catalog::open(&kura.home().catalog_file()).await.expect("the catalog opens");
    let host = Host::open(kura.home(), None).await.expect("the host opens");
    let compared = audit_head::verify(&host, &catalog, None).await;
    catalog.close().await;
    compared
}

/// What somebody with every right on the host could do to the log: SQL without the triggers.
fn tamper(kura: &Kura, sql: &str) {
    let script = format!(
        "import sqlite3, sys, hashlib, struct\n\
         db = sqlite3.connect(sys.argv[1])\n\
         db.execute('DROP TRIGGER audit_is_not_changed')\n\
         db.execute('DROP TRIGGER audit_is_not_shortened')\n\
         db.execute({sql:?})\n\
         before = bytes(32)\n\
         for row in db.execute('SELECT sequence, at, actor, act, subject, detail FROM audit ORDER BY sequence').fetchall():\n\
         \x20   data = b'kura audit 1\\n' + struct.pack('>Q', row[0]) + before + struct.pack('>q', row[1])\n\
         \x20   for text in row[2:]:\n\
         \x20       data += struct.pack('>Q', len(text.encode())) + text.encode()\n\
         \x20   digest = hashlib.sha256(data).digest()\n\
         \x20   db.execute('UPDATE audit SET previous = ?, digest = ? WHERE sequence = ?', (before, digest, row[0]))\n\
         \x20   before = digest\n\
         db.commit()\n"
    );
    let ran = Command::new("python3").arg("-c").arg(script).arg(kura.home().catalog_file()).output();
    let ran = ran.expect("python3 runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Three days with a decision each, and their heads.
async fn three_days() -> Kura {
    let kura = Kura::new("2031-03-03").await;
    assert_eq!(beat(&kura).await, None, "an empty log has no head");
    for (day, subject) in [("2031-03-03", "w-0001"), ("2031-03-04", "w-0002"), ("2031-03-05", "w-0003")] {
        kura.set_day(day);
        decide(&kura, subject).await;
        let key = beat(&kura).await.expect("a new head");
        assert!(key.starts_with("audit/000000000"), "{key}");
        assert_eq!(beat(&kura).await, None, "once a day");
        decide(&kura, "more").await;
        assert_eq!(beat(&kura).await, None, "once a day, whatever is decided");
    }
    kura
}

#[tokio::test]
async fn the_head_is_stored_once_a_day_and_agrees() {
    let kura = three_days().await;
    let stored = objects(&kura).into_iter().filter(|key| key.starts_with("audit/")).count();
    assert_eq!(stored, 3);
    let compared = verify(&kura).await.expect("the log holds");
    assert_eq!((compared.head.sequence, compared.stored, compared.newest), (9, 3, 7));
    kura.set_day("2031-03-06");
    assert!(beat(&kura).await.is_some(), "what was decided after the head of the day before");
    kura.set_day("2031-03-09");
    assert_eq!(beat(&kura).await, None, "nothing was decided since");
}

#[tokio::test]
async fn a_log_that_was_cut_is_found_though_its_chain_holds() {
    let kura = three_days().await;
    tamper(&kura, "DELETE FROM audit WHERE sequence > 5");
    match verify(&kura).await {
        Err(AuditHeadError::Audit(AuditError::Cut { expected: 7, place, found: 5 })) => {
            assert!(place.starts_with("audit/0000000007-"), "{place}");
        }
        other => panic!("{other:?}"),
    }
    kura.set_day("2031-03-06");
    decide(&kura, "after").await;
    let catalog = Catalog::open(&kura.home().catalog_file()).await.expect("the catalog opens");
    let host = Host::open(kura.home(), None).await.expect("the host opens");
    let written = audit_head::write(&host, &catalog, &kura.clock).await;
    assert!(matches!(written, Err(AuditHeadError::Audit(_))), "nothing is signed then: {written:?}");
}

#[tokio::test]
async fn a_log_that_was_rewritten_is_found_though_its_chain_holds() {
    let kura = three_days().await;
    tamper(&kura, "UPDATE audit SET subject = 'w-0009' WHERE subject = 'w-0002'");
    match verify(&kura).await {
        Err(AuditHeadError::Audit(AuditError::Replaced { sequence: 4, place })) => {
            assert!(place.starts_with("audit/0000000004-"), "{place}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_head_that_no_host_signed_is_not_believed() {
    let kura = three_days().await;
    let key = objects(&kura).into_iter().find(|key| key.starts_with("audit/0000000004-")).expect("stored");
    let bytes = std::fs::read(kura.store().join(&key)).expect("read");
    let text = String::from_utf8(bytes).expect("JSON").replace("\"sig\":\"", "\"sig\":\"AAAA");
    let name = kura::archive::digest::Sha256::of(text.as_bytes());
    std::fs::write(kura.store().join(format!("audit/0000000004-{name}")), text).expect("written");
    let refused = verify(&kura).await;
    assert!(matches!(refused, Err(AuditHeadError::Repository(_))), "{refused:?}");
}
