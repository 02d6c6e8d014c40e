//! The disk is full while an extract is made or kept: nothing is handed over by halves, and it works when there is room.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use kura::workflows::check_audit;
use kura::workflows::extracts::{self, ExtractError, ExtractState, Told};

use super::ward::{Ward, Words};
use crate::support::namespace::{Own, is_inside};

/// A file system in memory of this size there.
fn small_disk(at: &Path, size: &str) {
    let option = format!("size={size}");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &option, "tmpfs"]).arg(at).status();
    assert!(mounted.expect("mount runs").success());
}

/// Takes all the room that is left.
fn fill(at: &Path) {
    for size in [1 << 16, 1 << 12, 1] {
        for number in 0.. {
            let file = at.join(format!("filler-{size}-{number}"));
            if fs::write(&file, vec![0; size]).is_err() {
                break;
            }
        }
    }
}

/// Gives it back.
fn empty(at: &Path) {
    for entry in fs::read_dir(at).expect("a folder").flatten() {
        if entry.file_name().to_string_lossy().starts_with("filler-") {
            fs::remove_file(entry.path()).expect("is removed");
        }
    }
}

/// An error with its causes.
fn whole(error: &ExtractError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.extend([": ", &error.to_string()]);
        cause = error.source();
    }
    text
}

/// Nothing was handed over, the permit is as it was; then there is room, and it is handed over once.
async fn works_with_room(ward: &Ward, number: &str, when: &str) {
    assert!(ward.sealed().is_empty(), "{when}");
    ward.assert_nothing_leaked(when);
    extracts::tend(&ward.catalog, &ward.home, ward.now()).await.expect("is tended");
    let rows = ward.catalog.extracts(Some(number)).await.expect("rows");
    assert!(rows.iter().all(|row| row.state == ExtractState::Abandoned), "{when}: {rows:?}");
    assert_eq!((ward.state(number).await, rows.len()), ("approved", 1), "{when}");
    ward.run(number).await.expect("is handed over");
    assert_eq!((ward.state(number).await, ward.sealed().len()), ("delivered", 1), "{when}");
    assert!(ward.opened(&ward.sealed()[0]).len() > 1000, "{when}");
    ward.assert_nothing_leaked(when);
    check_audit::verify(&ward.catalog, None).await.expect("the log holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_27_a_disk_that_is_full_when_the_sealed_file_is_kept_hands_nothing_over() {
    let name = "extracts::full::case_27_a_disk_that_is_full_when_the_sealed_file_is_kept_hands_nothing_over";
    if !is_inside(Own::Mounts, name) {
        return;
    }
    let ward = Ward::new().await;
    let number = ward.permit_of(&Words::default()).await;
    let shelf = ward.home.extracts();
    fs::create_dir_all(&shelf).expect("a folder");
    // The sealed file is larger than this, and a part of it fits.
    small_disk(&shelf, "8k");
    let error = ward.run(&number).await.expect_err("it does not fit");
    assert!(whole(&error).contains("No space left on device"), "{}", whole(&error));
    assert!(whole(&error).contains(&format!("{number}-1.age")), "it says which file: {}", whole(&error));
    assert_eq!(fs::read_dir(&shelf).expect("a folder").count(), 0, "no half of it is left, and no lock");
    let mounted = Command::new("mount").args(["-o", "remount,size=1m"]).arg(&shelf).status();
    assert!(mounted.expect("mount runs").success());
    works_with_room(&ward, &number, "the shelf was full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_27_a_disk_that_is_full_while_an_extract_is_made_leaves_nothing_half_done() {
    let name =
        "extracts::full::case_27_a_disk_that_is_full_while_an_extract_is_made_leaves_nothing_half_done";
    if !is_inside(Own::Mounts, name) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    small_disk(folder.path(), "32m");
    let ward = Ward::within(folder.path()).await;
    let number = ward.permit_of(&Words::default()).await;
    let home = ward.home.path().to_owned();
    let mut tell = |told| {
        if matches!(told, Told::Estimated(_)) {
            fill(&home);
        }
    };
    let run = ward.run_as(&number, &ward.operator, &mut tell, &mut || {}).await;
    let error = run.expect_err("there is no room");
    let words = whole(&error);
    assert!(words.contains("No space left on device") || words.contains("full"), "{words}");
    empty(&home);
    works_with_room(&ward, &number, "everything was full").await;
}
