//! A data set inside a snapshot: opened with a recovery key for that run, in memory only.

use kura::clock::Clock as _;
use kura::workflows::extracts::{self, Cancel, ExtractError, Recovery};

use super::ward::{CANARIES, Words, instructions, rows};
use crate::support::kura::Kura;

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_out_of_a_snapshot_with_a_recovery_key_and_nowhere_else() {
    let kura = Kura::new("2026-12-03").await;
    let text = rows();
    let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(&text);
    std::fs::create_dir(kura.source().join("exports")).expect("a folder");
    std::fs::write(kura.source().join("exports/ward.csv"), &bytes).expect("a source");
    kura.snapshot(&kura.system()).await.expect("a snapshot");
    std::fs::remove_dir_all(kura.source()).expect("the source is gone");
    let home = kura.home();
    let settings = std::fs::read_to_string(home.settings_file()).expect("settings");
    let more = "\n[[dataset]]\nname = \"patients\"\nkind = \"snapshot\"\nplan = \"test\"\npath = \"exports/ward.csv\"\nencoding = \"shift_jis\"\n";
    std::fs::write(home.settings_file(), settings + more).expect("settings");
    let now = kura.clock.now();

    let closed = extracts::columns(&home, "patients", None, now).await.expect_err("no key");
    assert!(matches!(closed, ExtractError::NeedsKey(_)), "{closed}");
    let recovery = Recovery { opened: kura.opened().await, wanted: None };
    let (names, schema) = extracts::columns(&home, "patients", Some(&recovery), now).await.expect("columns");
    assert_eq!(names.len(), 10);
    let text = instructions(&schema.to_string(), "passphrase", &Words::default());
    let cancel = Cancel::default();
    let mut silent = |_| {};
    let made = extracts::plan_file(&home, &text, Some(&recovery), (&cancel, &mut silent), now);
    let made = made.await.expect("is planned");
    assert_eq!((made.report.rows_in, made.report.snapshot.is_some()), (301, true));
    assert!(made.report.measured.is_some_and(|measured| measured.smallest >= 5));

    let mut folders = vec![kura.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file");
            for canary in CANARIES.into_iter().filter(|canary| *canary != "116") {
                let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode(canary);
                let is_there = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
                assert!(
                    !is_there(canary.as_bytes()) && !is_there(&sjis),
                    "{canary} is in {}",
                    path.display()
                );
            }
        }
    }
}
