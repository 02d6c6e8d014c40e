//! The story of `tests/browser/story.mjs`: the real service, a real browser, a clock that the browser's script moves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kura::domain::actor::Actor;
use kura::domain::alarm::AlarmCode;
use kura::domain::occurrence::OccurrenceState;
use kura::domain::role::Role;
use kura::workflows::windows;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use super::{Site, permit_story};
use crate::push::{self, Received};
use crate::support::simulate::write;
use crate::windows::at;

/// How long the service's own tasks are waited for, in looks of 20 ms.
const LOOKS_MAX: u32 = 1500;

/// Where the pictures go.
fn pictures() -> PathBuf {
    let asked = std::env::var_os("KURA_SCREENSHOTS").map(PathBuf::from);
    asked.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("../screenshots"))
}

/// Where the pictures of the documents are, if they are to be taken again: `KURA_DOC_PICTURES=1`.
fn doc_pictures() -> Option<PathBuf> {
    let is_asked = std::env::var_os("KURA_DOC_PICTURES").is_some_and(|set| set == "1");
    is_asked.then(|| Path::new(crate::support::ROOT).join("docs/pictures"))
}

async fn modules() -> String {
    let script = Path::new(crate::support::ROOT).join("tests/browser/install.sh");
    let output = Command::new("bash").arg(script).output().await.expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a path").trim().to_owned()
}

/// Waits for something that the service does in tasks of its own.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain until {what}");
}

/// Does what a line of the script asks for, and answers.
#[expect(clippy::too_many_lines, reason = "it is a table")]
async fn answer(site: &Site, received: &Received, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["now"] => site.now().as_seconds().to_string(),
        ["link"] => site.service.set_up_link().await.expect("a catalog").expect("no account yet"),
        ["move", minutes] => {
            site.clock.set(site.now().plus_minutes(minutes.parse().expect("minutes")));
            "moved".to_owned()
        }
        ["at", day, time] => {
            site.clock.set(at(day, time));
            "moved".to_owned()
        }
        // The service beats by itself too, so that the attempt may have come before it was asked for.
        ["push", times] => {
            let times: usize = times.parse().expect("a count");
            site.service.heart.beat().await;
            until("the portal was tried", async || received.lock().expect("no panic").len() >= times).await;
            "pushed".to_owned()
        }
        ["pushes"] => {
            let list = received.lock().expect("no panic").clone();
            let first: Vec<_> = list.iter().filter(|(_, body)| body.contains("N-2026-0001")).collect();
            let id =
                |head: &str| head.lines().find_map(|l| l.strip_prefix("webhook-id: ").map(str::to_owned));
            assert!(list.iter().all(|(head, _)| head.contains("webhook-signature: v1,")), "{list:?}");
            let ids: BTreeSet<Option<String>> = first.iter().map(|(head, _)| id(head)).collect();
            format!("{} {}", first.len(), ids.len())
        }
        ["wait"] => {
            site.service.heart.beat().await;
            until("a stop by hand is asked for", async || {
                !site.desk().catalog.open_hand_stops().await.expect("a catalog").is_empty()
            })
            .await;
            "waiting".to_owned()
        }
        // What the daily check records.
        ["prove", whole, exceptions @ ..] => {
            super::pages::record(site, whole.parse().expect("days"), exceptions, None).await;
            "proved".to_owned()
        }
        ["glass", occurrence] => {
            let account = "manager001".parse().expect("an id");
            let manager = Actor { account, role: Role::OperationsManager, scopes: None };
            let reason = "サーバーの故障のため、点検の前に取得します。";
            windows::break_glass(&site.desk(), occurrence, reason, &manager, site.now())
                .await
                .expect("let through");
            "let through".to_owned()
        }
        ["alarm"] => {
            site.service.heart.beat().await;
            until("the break-glass is told of", async || {
                let open = site.desk().catalog.open_alarms().await.expect("a catalog");
                open.iter().any(|row| row.alarm.code == AlarmCode::BreakGlass)
            })
            .await;
            "raised".to_owned()
        }
        // What is monitored from now on: a page that answers, a port at which nobody listens.
        ["watch"] => {
            let folder = site.service.shared.home.policies().join("monitoring");
            std::fs::create_dir_all(&folder).expect("a folder");
            let targets = format!(
                "[[target]]\nname = \"portal-page\"\nkind = \"http\"\naddress = \"http://{}/notices\"\n\
                 services = [\"ポータル\"]\nevery_minutes = 5\n\
                 [[target]]\nname = \"mail-port\"\nkind = \"tcp\"\naddress = \"127.0.0.1:1\"\nservices = [\"メール\"]\n",
                site.address
            );
            std::fs::write(folder.join("own.toml"), targets).expect("a file");
            "watched".to_owned()
        }
        // Five minutes later everything was asked again, and alarms and incidents are up to date.
        ["round"] => {
            let before = site.now();
            site.clock.set(before.plus_minutes(5));
            until("everything was asked", async || {
                site.service.heart.beat().await;
                let pulses = site.desk().catalog.monitor_pulses().await.expect("a catalog");
                pulses.len() == 2 && pulses.values().all(|pulse| pulse.asked_at > before)
            })
            .await;
            for _ in 0..3 {
                site.service.heart.beat().await;
                site.service.heart.settle().await;
            }
            "asked".to_owned()
        }
        ["permit", "apply"] => permit_story::apply(site).await,
        ["permit", "plan", number] => {
            permit_story::plan(site, number).await;
            "planned".to_owned()
        }
        ["permit", "run", number] => {
            permit_story::run(site, number).await;
            "handed over".to_owned()
        }
        ["run"] => {
            site.service.heart.beat().await;
            let id = "w-0001-2027-01-03";
            until("the occurrence is done", async || {
                let found = site.desk().catalog.occurrence(id).await.expect("a catalog");
                found.is_some_and(|found| found.state == OccurrenceState::Done)
            })
            .await;
            "done".to_owned()
        }
        other => panic!("the script asks for {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_account_to_the_closing_notice_in_a_real_browser() {
    let (url, received) = push::portal(&[500, 503, 204]).await;
    let secrets = tempfile::tempdir().expect("a folder");
    let secret = secrets.path().join("portal");
    std::fs::write(&secret, push::SECRET).expect("a secret");
    let services = ["ポータル", "掲示板"]
        .map(|name| format!("[[service]]\nname = {name:?}\nstop = [\"true\"]\nstart = [\"true\"]\n"));
    let settings = format!(
        "\n{}[[service]]\nname = \"受付窓口の端末\"\nmanual = true\n[[push]]\nname = \"portal\"\nurl = {url:?}\nsecret_file = {:?}\n",
        services.concat(),
        secret.display().to_string()
    );
    let site = Site::with(None, &settings).await;
    write(&site.kura.source().join("紹介状.txt"), "本文", "2026-11-20");
    let base = format!("http://{}", site.address);
    let script = Path::new(crate::support::ROOT).join("tests/browser/story.mjs");
    let mut child = Command::new("node")
        .args([script.as_os_str(), modules().await.as_ref(), base.as_ref(), pictures().as_os_str()])
        .args(doc_pictures())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node");
    let mut input = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut end = None;
    while let Some(line) = lines.next_line().await.expect("a line") {
        if line.starts_with("end ") {
            end = Some(line);
            break;
        }
        let reply = answer(&site, &received, &line).await;
        input.write_all(format!("{reply}\n").as_bytes()).await.expect("it listens");
    }
    let output = child.wait_with_output().await.expect("its end");
    let said = String::from_utf8_lossy(&output.stderr);
    let end = end.unwrap_or_else(|| panic!("the script stopped: {said}"));
    let pictured: u32 = end.split(' ').nth(2).and_then(|count| count.parse().ok()).expect("a count");
    assert!(end.starts_with("end 0 ") && pictured > 100, "{end}\n{said}");
    site.service.stop().await.expect("a clean end");
}
