//! Odd and hostile trees: whatever stands in a source comes back, or is named.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kura::archive::progress::Progress;
use kura::catalog::Catalog;
use kura::domain::plan::Plan;
use kura::policy_files;
use kura::workflows::host::Host;
use kura::workflows::take_snapshot::{self, take_snapshot};
use rustix::fs::{CWD, Mode, OFlags};

use crate::support::kura::{Kura, listing};
use crate::support::simulate::{files, run, settle, write};

/// Both classes of plan, each on a store of its own, give the source back as it is.
async fn comes_back(kura: &Kura) {
    for plan in [kura.records(), kura.system()] {
        let summary = kura.snapshot(&plan).await.unwrap();
        assert!(summary.is_complete, "{summary:?}");
        let (to, restored) = kura.restore_to(plan.class().word(), &[]).await;
        assert_eq!(restored.failed, Vec::new());
        assert_eq!(listing(&to), listing(&kura.source()), "{}", plan.class().word());
        begin_again(kura);
    }
}

/// Forgets what was stored.
fn begin_again(kura: &Kura) {
    std::fs::remove_dir_all(kura.store().join("test")).unwrap();
    std::fs::remove_dir_all(kura.home().path().join("state/test")).unwrap();
    std::fs::remove_file(kura.home().catalog_file()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_bytes() {
    let kura = Kura::new("2031-03-03").await;
    for name in
        [&b"\xff\xfe"[..], b"new\nline", b" ", b"-rf", b"*", b"a\\b", b"caf\xc3\xa9", b"cafe\xcc\x81", b"..."]
    {
        let directory = kura.source().join(OsStr::from_bytes(name));
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join(OsStr::from_bytes(name)), name).unwrap();
        symlink(OsStr::from_bytes(name), directory.join("link")).unwrap();
    }
    std::fs::write(kura.source().join("n".repeat(255)), "long").unwrap();
    settle(&kura.source(), "2031-03-03");
    comes_back(&kura).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_longer_than_the_system_takes_comes_back() {
    let kura = Kura::new("2031-03-03").await;
    let build = "for n in $(seq 300); do mkdir dddddddddddddddddddddddd && cd dddddddddddddddddddddddd; done; \
                 echo deep > file; ln -s nowhere link; mkfifo pipe; ln file other; mkdir empty";
    run("bash", &["-c", build], &kura.source());
    let touch = "find . -depth -execdir touch -h -d 2031-03-03T12:00:00+09:00 {} +";
    run("bash", &["-c", touch], &kura.source());
    for plan in [kura.records(), kura.system()] {
        let summary = kura.snapshot(&plan).await.unwrap();
        assert!(summary.is_complete, "{summary:?}");
        let (to, restored) = kura.restore_to(plan.class().word(), &[]).await;
        assert_eq!(restored.failed, Vec::new());
        let compare = "find . -depth -printf '%y %m %n %s %T@ %l %d %f\\n'";
        let seen = |at: &Path| {
            let output = std::process::Command::new("bash").args(["-c", compare]).current_dir(at).output();
            String::from_utf8(output.unwrap().stdout).unwrap().replace(" .\n", "\n")
        };
        assert!(seen(&to).lines().count() > 300);
        let without_directory_sizes = |text: String| -> Vec<String> {
            text.lines().map(|line| line.trim_end_matches(['.']).to_owned()).collect()
        };
        assert_eq!(without_directory_sizes(seen(&to)), without_directory_sizes(seen(&kura.source())));
        begin_again(&kura);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_stay_holes() {
    let kura = Kura::new("2031-03-03").await;
    let sparse = std::fs::File::create(kura.source().join("sparse")).unwrap();
    sparse.set_len(5 << 30).unwrap();
    for at in [0, (1 << 30) + 4096, (5 << 30) - 100] {
        sparse.write_all_at(&[9; 100], at).unwrap();
    }
    std::fs::File::create(kura.source().join("hole")).unwrap().set_len(3 << 30).unwrap();
    std::fs::File::create(kura.source().join("small-hole")).unwrap().set_len(300_000).unwrap();
    settle(&kura.source(), "2031-03-03");
    let begun = Instant::now();
    kura.snapshot(&kura.records()).await.unwrap();
    let (to, restored) = kura.restore_to("to", &[]).await;
    assert_eq!(restored.failed, Vec::new());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for name in ["sparse", "hole"] {
        let (was, is) =
            (std::fs::metadata(kura.source().join(name)).unwrap(), std::fs::metadata(to.join(name)).unwrap());
        assert_eq!(was.len(), is.len());
        assert!(is.blocks() <= was.blocks() + 16, "{name}: {} blocks, was {}", is.blocks(), was.blocks());
    }
    let back = std::fs::File::open(to.join("sparse")).unwrap();
    for at in [0, (1 << 30) + 4096, (5 << 30) - 100] {
        let mut bytes = [0; 100];
        back.read_exact_at(&mut bytes, at).unwrap();
        assert_eq!(bytes, [9; 100]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pipes_sockets_and_devices_are_kept_and_never_opened() {
    let kura = Kura::new("2031-03-03").await;
    run("mkfifo", &["pipe"], &kura.source());
    let _socket = std::os::unix::net::UnixListener::bind(kura.source().join("socket")).unwrap();
    for (name, kind, minor) in [("null", "c", "3"), ("tty", "c", "0"), ("loop", "b", "0")] {
        run("mknod", &["-m", "640", name, kind, if kind == "b" { "7" } else { "1" }, minor], &kura.source());
    }
    symlink("pipe", kura.source().join("to-pipe")).unwrap();
    settle(&kura.source(), "2031-03-03");
    comes_back(&kura).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_lists_and_owners_come_back() {
    let kura = Kura::new("2031-03-03").await;
    std::fs::create_dir(kura.source().join("d")).unwrap();
    std::fs::write(kura.source().join("f"), "f").unwrap();
    std::fs::write(kura.source().join("d/g"), vec![1; 2 << 20]).unwrap();
    symlink("f", kura.source().join("l")).unwrap();
    for (program, arguments) in [
        ("setfattr", &["-n", "user.k", "-v", "v", "f"][..]),
        ("setfattr", &["-n", "user.empty", "d/g"]),
        ("setfattr", &["-h", "-n", "trusted.k", "-v", "on a link", "l"]),
        ("setfacl", &["-m", "u:1234:rw", "f"]),
        ("setfacl", &["-d", "-m", "g:4321:rx", "d"]),
        ("chown", &["1000:2000", "f"]),
        ("chown", &["-h", "77:88", "l"]),
        ("chmod", &["6755", "d/g"]),
    ] {
        run(program, arguments, &kura.source());
    }
    settle(&kura.source(), "2031-03-03");
    comes_back(&kura).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_of_several_comes_back_with_its_content() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("a/first"), vec![1; 100], "2031-03-03");
    std::fs::hard_link(kura.source().join("a/first"), kura.source().join("b")).unwrap();
    write(&kura.source().join("large"), vec![2; 20 << 20], "2031-03-03");
    std::fs::create_dir(kura.source().join("z")).unwrap();
    std::fs::hard_link(kura.source().join("large"), kura.source().join("z/same")).unwrap();
    settle(&kura.source(), "2031-03-03");
    for plan in [kura.records(), kura.system()] {
        kura.snapshot(&plan).await.unwrap();
        for (number, (pattern, path)) in
            [("b", "b"), ("z", "z/same"), ("z/*", "z/same")].into_iter().enumerate()
        {
            let name = format!("{}-{number}", plan.class().word());
            let (to, restored) = kura.restore_to(&name, &[pattern]).await;
            assert_eq!(restored.failed, Vec::new());
            assert_eq!(files(&to).into_iter().collect::<Vec<_>>(), [path]);
            assert!(
                std::fs::read(to.join(path)).unwrap() == std::fs::read(kura.source().join(path)).unwrap()
            );
        }
        let (to, _) = kura.restore_to(plan.class().word(), &[]).await;
        assert_eq!(listing(&to), listing(&kura.source()));
        begin_again(&kura);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_system_is_left_out_only_where_the_plan_says_so() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("here"), "here", "2031-03-03");
    std::fs::create_dir(kura.source().join("mount")).unwrap();
    run("mount", &["-t", "tmpfs", "none", "mount"], &kura.source());
    let written = std::fs::write(kura.source().join("mount/there"), "there");
    let mut seen = Vec::new();
    for more in ["one_file_system = true", "one_file_system = false"] {
        let plan = kura.plan("system", "", more);
        let summary = kura.snapshot(&plan).await.map(|summary| (summary.is_complete, summary.files));
        let (to, _) = kura.restore_to(&more.replace(' ', ""), &[]).await;
        seen.push((summary.ok(), to.join("mount").is_dir(), files(&to).len()));
    }
    run("umount", &["mount"], &kura.source());
    written.unwrap();
    assert_eq!(seen, [(Some((true, 1)), true, 1), (Some((true, 2)), true, 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plan_excludes_is_not_there_and_links_are_not_followed() {
    let kura = Kura::new("2031-03-03").await;
    let outside = kura.dir.path().join("outside");
    write(&outside.join("secret"), "secret", "2031-03-03");
    for name in ["keep", "a.tmp", "sub/b.tmp", "sub/cache/x", "cache/y", "sub/keep"] {
        write(&kura.source().join(name), name, "2031-03-03");
    }
    symlink(&outside, kura.source().join("link")).unwrap();
    let plan = kura.plan("system", "", "exclude = [\"*.tmp\", \"**/cache\"]");
    kura.snapshot(&plan).await.unwrap();
    let (to, _) = kura.restore_to("to", &[]).await;
    let found: Vec<String> = files(&to).into_iter().collect();
    assert_eq!(found, ["keep", "link", "sub/b.tmp", "sub/keep"]);
    assert_eq!(std::fs::read_link(to.join("link")).unwrap(), outside);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sources_come_back_under_their_names() {
    let kura = Kura::new("2031-03-03").await;
    let other = kura.dir.path().join("other");
    write(&kura.source().join("f"), "one", "2031-03-03");
    write(&other.join("f"), "two", "2031-03-03");
    std::fs::hard_link(other.join("f"), kura.source().join("linked")).unwrap();
    let plan = two_sources(&kura, &other);
    let summary = kura.snapshot(&plan).await.unwrap();
    assert_eq!(summary.files, 3);
    let (to, restored) = kura.restore_to("to", &[]).await;
    assert_eq!(restored.failed, Vec::new());
    assert_eq!(listing(&to.join("source")), listing(&kura.source()));
    assert_eq!(listing(&to.join("other")), listing(&other));
    let (to, _) = kura.restore_to("some", &["other/f"]).await;
    assert_eq!(files(&to).into_iter().collect::<Vec<_>>(), ["other/f"]);
}

fn two_sources(kura: &Kura, other: &Path) -> Plan {
    let source =
        |path: &Path| format!("[[source]]\nkind = \"directory\"\npath = {:?}\n", path.display().to_string());
    let text = format!("name = \"test\"\nclass = \"system\"\n{}{}", source(&kura.source()), source(other));
    policy_files::parse_plan("test.toml", &text).unwrap()
}

/// Changes files over and over until told to stop.
fn meddle(source: &Path, stop: &AtomicBool) {
    let outside = source.parent().unwrap().join("outside");
    let mut round = 0_u8;
    while !stop.load(Ordering::Relaxed) {
        round = round.wrapping_add(1);
        let append = std::fs::OpenOptions::new().append(true).open(source.join("log"));
        drop(append.and_then(|mut file| std::io::Write::write_all(&mut file, &[b'x'; 1000])));
        drop(std::fs::write(source.join("rewritten"), vec![round; 3 << 20]));
        drop(std::fs::write(source.join("next"), vec![round; 50_000]));
        drop(std::fs::rename(source.join("next"), source.join("replaced")));
        drop(std::fs::remove_file(source.join("sometimes")));
        drop(std::fs::write(source.join("sometimes"), [round]));
        drop(std::fs::remove_dir_all(source.join("swapped")));
        drop(symlink(&outside, source.join("swapped")));
        drop(std::fs::remove_file(source.join("swapped")));
        drop(std::fs::create_dir(source.join("swapped")));
        drop(std::fs::write(source.join("swapped/inside"), "inside"));
        drop(std::fs::remove_file(source.join("pipe-or-file")));
        let _made =
            rustix::fs::mknodat(CWD, source.join("pipe-or-file"), rustix::fs::FileType::Fifo, Mode::RUSR, 0);
        drop(std::fs::remove_file(source.join("pipe-or-file")));
        drop(std::fs::write(source.join("pipe-or-file"), "file"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_changes_all_the_while_never_stops_a_run_or_gives_a_mixed_file() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.dir.path().join("outside/secret"), "secret", "2031-03-03");
    write(&kura.source().join("swapped/inside"), "inside", "2031-03-03");
    write(&kura.source().join("log"), "", "2031-03-03");
    for n in 0..200 {
        write(&kura.source().join(format!("still/{n}")), vec![n; 2000], "2031-03-03");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (source, told) = (kura.source(), stop.clone());
    let meddler = std::thread::spawn(move || meddle(&source, &told));
    let mut outcomes = Vec::new();
    for round in 0..6 {
        let summary = kura.snapshot(&kura.system()).await;
        let (to, restored) = kura.restore_to(&format!("{round}"), &[]).await;
        outcomes.push((summary, to, restored));
    }
    stop.store(true, Ordering::Relaxed);
    meddler.join().unwrap();
    for (summary, to, restored) in outcomes {
        let summary = summary.unwrap();
        assert_eq!(restored.failed, Vec::new(), "{summary:?}");
        for n in 0..200 {
            assert_eq!(std::fs::read(to.join(format!("still/{n}"))).unwrap(), vec![n; 2000]);
        }
        let changed = summary.remarks.get("changed-while-read").copied().unwrap_or(0);
        for name in ["rewritten", "replaced"] {
            let Ok(bytes) = std::fs::read(to.join(name)) else { continue };
            let is_one_state = bytes.iter().all(|byte| *byte == bytes[0]);
            assert!(is_one_state || changed > 0, "{name} is mixed: {summary:?}");
        }
        assert!(!files(&to).iter().any(|path| path.contains("secret")), "a link was followed");
        let file = std::fs::symlink_metadata(to.join("swapped"));
        assert!(file.is_err() || to.join("swapped").read_link().is_ok() || to.join("swapped").is_dir());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_read_is_named_and_the_rest_is_kept() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("good"), "good", "2031-03-03");
    // A process that is gone: its folder can be listed no more.
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    std::fs::create_dir(kura.source().join("gone")).unwrap();
    let at = format!("/proc/{}", child.id());
    run("mount", &["--bind", &at, "gone"], &kura.source());
    child.kill().unwrap();
    child.wait().unwrap();
    let summary = kura.snapshot(&kura.system()).await;
    run("umount", &["gone"], &kura.source());
    let summary = summary.unwrap();
    assert!(!summary.is_complete && summary.skipped >= 1, "{summary:?}");
    let report = std::fs::read_to_string(summary.report.unwrap()).unwrap();
    assert!(report.contains("gone"), "{report}");
    let (to, restored) = kura.restore_to("to", &[]).await;
    assert!(to.join("good").is_file() && restored.skipped_then >= 1);
    let _open = rustix::fs::open(&to, OFlags::DIRECTORY, Mode::empty()).unwrap();
}

/// Takes a snapshot while `meddle` is called as soon as storing has begun.
async fn while_storing(kura: &Kura, meddle: impl FnOnce() + Send + 'static) -> take_snapshot::Summary {
    let host = Host::open(kura.home(), None).await.unwrap();
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let request = take_snapshot::Request {
        plan: kura.system(),
        event: "adhoc".to_owned(),
        reason: None,
        reread: false,
    };
    let progress = Arc::new(Progress::default());
    let watched = progress.clone();
    let meddler = std::thread::spawn(move || {
        while watched.shown().stored < 2 << 20 {
            std::thread::yield_now();
        }
        meddle();
    });
    let summary = take_snapshot(&host, &catalog, &request, &kura.clock, &progress).await.unwrap();
    meddler.join().unwrap();
    summary
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_that_shrinks_before_it_is_read_is_restored_or_named() {
    for length in [0, 10 << 20] {
        let kura = Kura::new("2031-03-03").await;
        let noise = vec![5; 20 << 20];
        for name in ["a", "b", "c", "d"] {
            let mut noise = noise.clone();
            blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut noise);
            write(&kura.source().join(name), &noise, "2031-03-03");
        }
        std::fs::write(kura.source().join("z"), noise.repeat(4)).unwrap();
        let z = kura.source().join("z");
        let shrink = move || std::fs::File::options().write(true).open(z).unwrap().set_len(length).unwrap();
        let summary = while_storing(&kura, shrink).await;
        let (to, restored) = kura.restore_to("to", &[]).await;
        assert_eq!(restored.failed, Vec::new(), "{length}: {summary:?}");
        assert_eq!(std::fs::metadata(to.join("z")).unwrap().len(), length);
    }
}
