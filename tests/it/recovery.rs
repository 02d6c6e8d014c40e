//! Snapshots come back without Kura: by the reader that was written from the format page, and by the page's own
//! commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::kura::{Kura, listing};

/// Every kind of entry. `day` N gives files the N-th as their modification time.
const FIRST: &str = r#"
umask 022
day() { local n=$1; shift; touch -h -d "2026-11-$n 03:04:05.123456789 +0900" "$@"; }
everything() { find . ! -type d -exec touch -h -d "2026-11-$1 03:04:05.5 +0900" {} +; }
noise() { openssl enc -aes-128-ctr -K "$1" -iv 00000000000000000000000000000000 -in /dev/zero 2>/dev/null | head -c "$2"; }
mkdir -p small/deep/er empty/inside gone/below swap
for n in $(seq 1 400); do echo "record $n" > small/$n; done
noise 10000000000000000000000000000000 300000 > small/deep/er/medium
noise 20000000000000000000000000000000 75000000 > large
seq 1 2500000 > large-text
: > small/none
echo 'is a file' > swap/file; mkdir swap/folder; echo x > swap/folder/x
echo 'between' > small-; echo 'after' > small.txt
echo 'latin' > "$(printf 'caf\351 \001')"; echo 'newline' > "$(printf 'two\nlines')"; mkdir '医療'; echo ok > '医療/記録'
ln -s ../nowhere small/dangling; ln -s "$(printf 'to-\377')" link; ln -s small link-to-folder
echo shared > name-a; ln name-a small/name-b; ln name-a z-name
mkfifo pipe
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
truncate -s 90M sparse; printf head | dd of=sparse conv=notrunc status=none
printf middle | dd of=sparse bs=1M seek=50 conv=notrunc status=none
truncate -s 100M hole; truncate -s 40000 hole-small; printf end >> hole-small
setfattr -n user.note -v "$(printf 'two\nlines')" small/1; setfattr -n user.empty small/1
setfattr -n user.folder -v yes small/deep; setfacl -m u:1234:rw small/2; setfacl -d -m g:77:rx empty
echo keep > gone/below/file; echo keep > gone/file; echo run > set-id; echo mode > chmod; echo old > edited
echo other > other-day; everything 20; ln name-a name-later; day 21 other-day small/1?? name-a link sparse
chmod 4711 set-id; chmod 1777 empty; chmod 0500 small/deep
if [ "$(id -u)" = 0 ]; then
  mknod null c 1 3; mknod disk b 259 70000; day 21 null disk
  chown 1234:5678 small/4; chown -h 1234:5678 link; chown 4321 empty/inside; chown 1:1 set-id; chmod 6711 set-id; chmod 000 small/3
  setfattr -n trusted.note -v t small/5; setfattr -h -n trusted.note -v l link-to-folder
  setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 small/6
fi
if [ "$CLASS" = system ]; then touch -d '@-2.250000001' small/7; fi
touch -d '2026-11-10 01:02:03.000000004 +0900' small/deep empty .
"#;

/// What happens before the second snapshot.
const THEN: &str = r#"
umask 022
day() { local n=$1; shift; touch -h -d "2026-11-$n 03:04:05.987654321 +0900" "$@"; }
echo 'new words' > edited; echo new > small/new; mkdir -p fresh/empty; echo more >> small/8
printf change | dd of=large bs=1M seek=40 conv=notrunc status=none
printf tail | dd of=sparse bs=1M seek=80 conv=notrunc status=none
rm -r gone/below small/9 small/none; rm swap/file; mkdir swap/file; echo y > swap/file/y
rm -r swap/folder; echo 'now a file' > swap/folder
rm link; ln -s elsewhere link; rm name-a; ln other-day name-a
day 22 edited small/new small/8 sparse swap/file/y swap/folder link
touch -d '2026-11-20 03:04:06 +0900' large                # the same day as before
chmod 640 chmod; setfattr -n user.note -v changed small/1; setfattr -x user.empty small/1
mv small/10 small/10-moved; ln small/11 small/11-too; touch small/12 -d '2026-11-19 00:00:00.5 +0900'
ln small/13 13-too; touch -d '2026-11-22 12:00:00 +0900' small/13   # names of one inode in two cohorts
chmod 700 small/deep/er; touch -d '2026-11-09 01:02:03 +0900' empty/inside
"#;

/// Runs a shell script that must succeed.
#[track_caller]
fn shell(script: &str, folder: &Path, class: &str) {
    let mut command = Command::new("bash");
    command.args(["-eu", "-c", script]).current_dir(folder).env("CLASS", class);
    let output = command.output().expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The reader.
fn reader(kura: &Kura, to: &Path, more: &[&str]) -> Output {
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/recovery/kura_restore.py")).arg(kura.store());
    command.arg("--identity").arg(kura.recovery_key()).arg("--to").arg(to).args(more);
    command.env("PYTHONDONTWRITEBYTECODE", "1").output().expect("python3 runs")
}

/// Restores without Kura into a new folder.
#[track_caller]
fn restored(kura: &Kura, name: &str, more: &[&str]) -> PathBuf {
    let to = kura.dir.path().join(name);
    let output = reader(kura, &to, more);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("restored test ") && said.lines().count() == 1, "{said}");
    to
}

#[track_caller]
fn refused(kura: &Kura, name: &str, more: &[&str]) -> String {
    let output = reader(kura, &kura.dir.path().join(name), more);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Compares line by line, so that a failure can be read.
#[track_caller]
fn same(found: &str, expected: &str) {
    let (found, expected): (Vec<&str>, Vec<&str>) = (found.lines().collect(), expected.lines().collect());
    let extra: Vec<_> = found.iter().filter(|line| !expected.contains(line)).take(20).collect();
    let missing: Vec<_> = expected.iter().filter(|line| !found.contains(line)).take(20).collect();
    assert!(found == expected, "restored otherwise: {extra:#?}\nin the source: {missing:#?}");
}

async fn comes_back_without_kura(class: &str) {
    let kura = Kura::new("2026-11-24").await;
    let plan = if class == "system" { kura.system() } else { kura.records() };
    shell(FIRST, &kura.source(), class);
    let first = kura.snapshot(&plan).await.expect("a first snapshot");
    let before = listing(&kura.source());
    same(&listing(&restored(&kura, "only", &[])), &before);

    kura.set_day("2026-11-25");
    shell(THEN, &kura.source(), class);
    let second = kura.snapshot(&plan).await.expect("a second snapshot");
    assert!(first.is_complete && second.is_complete, "{first:?} {second:?}");
    same(&listing(&restored(&kura, "latest", &[])), &listing(&kura.source()));
    same(&listing(&restored(&kura, "first", &["--snapshot", "0000000001"])), &before);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_back_without_kura() {
    comes_back_without_kura("application").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_comes_back_without_kura() {
    comes_back_without_kura("system").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reader_without_kura_refuses_what_is_damaged_or_of_another_root() {
    let kura = Kura::new("2026-11-24").await;
    shell("seq 1 200000 > numbers; touch -d 2026-11-20 numbers", &kura.source(), "");
    kura.snapshot(&kura.records()).await.expect("a snapshot");
    let other = format!("sha256:{:064}", 7);
    assert!(refused(&kura, "other", &["--root", &other]).contains(&other));
    assert!(refused(&kura, "none", &["--plan", "none"]).contains("no plan none"));

    let packs = kura.store().join("test/sent-2026-11-20/packs");
    let pack = fs::read_dir(packs).expect("packs").next().expect("a pack").expect("a pack").path();
    let good = fs::read(&pack).expect("a pack");
    let mut bad = good.clone();
    *bad.get_mut(good.len() / 2).expect("a byte") ^= 1;
    fs::write(&pack, bad).expect("a damaged pack");
    let said = refused(&kura, "damaged", &[]);
    assert!(said.contains("SHA-256") && said.contains(&*pack.file_name().expect("a name").to_string_lossy()));
    assert_eq!(fs::read_dir(kura.dir.path().join("damaged")).expect("the folder").count(), 0);

    fs::write(&pack, good).expect("the pack as it was");
    same(&listing(&restored(&kura, "mended", &[])), &listing(&kura.source()));
}

/// The section "Restore by hand" of the format page: its first block names the places, the second does the work.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_format_page_run_as_they_stand() {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format.md")).expect("the page");
    let section = page.split("\n## Restore by hand\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let mut blocks = section.expect("the section").split("```sh\n").skip(1);
    let mut block = || blocks.next().and_then(|rest| rest.split("```").next()).expect("a block");
    let (places, work) = (block(), block());

    let kura = Kura::new("2026-11-24").await;
    let script = "echo words to be found > file; seq 1 300000 > numbers; touch -d 2026-11-22 file numbers";
    shell(script, &kura.source(), "");
    kura.snapshot(&kura.records()).await.expect("a snapshot");
    let places = places
        .replace("/mnt/store", &kura.store().display().to_string())
        .replace("/media/usb/recovery.key", &kura.recovery_key().display().to_string())
        .replace("P=records", "P=test");
    assert!(
        places.contains(kura.dir.path().to_str().expect("a name")) && places.contains("C=sent-2026-11-22")
    );

    let here = kura.dir.path().join("by-hand");
    fs::create_dir(&here).expect("a folder");
    let mut command = Command::new("bash");
    command.args(["-eu", "-o", "pipefail", "-c", &format!("{places}{work}")]).env("TMPDIR", &here);
    let output = command.output().expect("bash runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !out.contains("DIFFERENT"), "{out}\n{err}");
    assert!(out.lines().filter(|line| *line == "same").count() >= 6, "{out}\n{err}");
    assert_eq!(out.matches("Signature Verified Successfully").count(), 4, "{out}\n{err}");
    let found =
        Command::new("grep").args(["-rlaF", "words to be found"]).arg(&here).output().expect("grep runs");
    assert!(String::from_utf8_lossy(&found.stdout).contains(".plain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_longer_than_the_system_takes_in_one_call_comes_back_without_kura() {
    let kura = Kura::new("2026-11-24").await;
    let name = "a-name-of-thirty-two-characters-";
    let descend = format!("for n in $(seq 200); do mkdir -p {name}; cd {name}; done");
    shell(&format!("{descend}; echo deep > bottom; ln bottom too"), &kura.source(), "system");
    kura.snapshot(&kura.system()).await.unwrap();
    let to = restored(&kura, "deep", &[]);
    shell(&format!("{descend}; test \"$(cat too)\" = deep; test bottom -ef too"), &to, "system");
    // The temporary folder cannot be removed by paths that long.
    for root in [kura.source(), to] {
        shell(&format!("rm -rf {name}"), &root, "system");
    }
}
