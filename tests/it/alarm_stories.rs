//! Each alarm that opens an incident, caused for real in an installation whose service is started again after every step,
//! and followed to the closing of its incident (K-90, K-91). The course is the same for all: `Ward::story`.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ObjectLockRetention, ObjectLockRetentionMode};
use kura::app::App;
use kura::clock::{Clock as _, ManualClock, SystemClock};
use kura::config::PushSettings;
use kura::domain::alarm::AlarmCode;
use kura::domain::evidence_report;
use kura::domain::window::WindowKind;
use kura::vault::s3::S3Vault;
use kura::vault::{MemoryVault, Vault};
use kura::workflows::deliver_notices::{self, Target};
use kura::workflows::expire;
use kura::workflows::host::Host;
use kura::workflows::incidents::{Concern, IncidentField};
use kura::workflows::{canary, notices, reports};

use crate::canary::Lying;
use crate::push;
use crate::support::namespace::{Own, is_inside};
use crate::support::s3::{PrivateServer, address, server, settings, stock_client};
use crate::support::simulate::{objects, restore_of, run, write};
use crate::support::site::noise;
use crate::support::ward::{PLAN, Story, Users, Ward, window};

/// The first night on which a snapshot may be taken, and those after it.
const NIGHTS: [&str; 5] = ["2024-11-09", "2024-11-10", "2024-11-11", "2024-11-12", "2024-11-13"];

/// A ward with a record, after its first night.
async fn after_a_night() -> Ward {
    let ward = Ward::new().await;
    write(&ward.kura.source().join("letter"), "a referral", "2024-11-01");
    ward.night(NIGHTS[0]).await;
    assert!(ward.is_taken_on(NIGHTS[0]).await, "the first night went well");
    ward
}

/// A pack of the plan in the store.
fn pack(ward: &Ward) -> PathBuf {
    let key = objects(&ward.kura).into_iter().find(|key| key.starts_with(PLAN) && key.contains("/packs/"));
    ward.kura.store().join(key.expect("a pack"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_on_which_the_machine_was_off_is_one_incident() {
    let ward = after_a_night().await;
    let off = async |ward: &Ward| ward.at(NIGHTS[1], "7:00");
    let on = async |ward: &Ward| ward.night(NIGHTS[2]).await;
    ward.story(Story::of(AlarmCode::BackupMissed, "backup"), off, on).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_for_days_is_one_incident() {
    let ward = after_a_night().await;
    let gone = async |ward: &Ward| {
        std::fs::rename(ward.kura.store(), ward.path("unplugged")).unwrap();
        ward.night(NIGHTS[1]).await;
        ward.night(NIGHTS[2]).await;
    };
    let back = async |ward: &Ward| {
        std::fs::rename(ward.path("unplugged"), ward.kura.store()).unwrap();
        ward.night(NIGHTS[3]).await;
        assert!(ward.is_taken_on(NIGHTS[3]).await);
    };
    ward.story(Story::of(AlarmCode::SnapshotOld, "backup"), gone, back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_one_incident() {
    let name = "alarm_stories::a_full_disk_is_one_incident";
    if !is_inside(Own::Mounts, name) {
        return;
    }
    let ward = Ward::new().await;
    let (store, dir) = (ward.kura.store(), ward.kura.dir.path().to_owned());
    // The store becomes a file system of 2 MiB.
    std::fs::rename(&store, ward.path("first")).unwrap();
    std::fs::create_dir(&store).unwrap();
    run("mount", &["-t", "tmpfs", "-o", "size=2m", "tmpfs", "store"], &dir);
    run("cp", &["-a", "first/.", "store"], &dir);
    write(&ward.kura.source().join("letter"), "a referral", "2024-11-01");
    ward.night(NIGHTS[0]).await;
    assert!(ward.is_taken_on(NIGHTS[0]).await, "the first night went well");
    let full = async |ward: &Ward| {
        write(&ward.kura.source().join("images"), noise(1, 8 << 20), "2024-11-09");
        ward.night(NIGHTS[1]).await;
    };
    let larger = async |ward: &Ward| {
        run("mount", &["-o", "remount,size=64m", "store"], &dir);
        ward.night(NIGHTS[2]).await;
        assert!(ward.is_taken_on(NIGHTS[2]).await);
    };
    ward.story(Story::of(AlarmCode::RunRefused, "backup"), full, larger).await;
    let to = restore_of(&ward.kura, "latest:records", "out").await;
    assert_eq!(std::fs::read(to.join("images")).unwrap(), noise(1, 8 << 20), "and nothing is lost by it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_breaks_off_is_one_incident() {
    // A program that may break off: a file says how it ends.
    let folder = tempfile::tempdir().unwrap();
    let end = folder.path().join("end");
    std::fs::write(&end, "0").unwrap();
    let script = format!("seq 1 5000; exit $(cat {})", end.display());
    let plan = format!(
        "class = \"system\"\n[[source]]\nkind = \"command\"\nname = \"ldap\"\nfile = \"all.ldif\"\n\
         command = [\"/bin/sh\", \"-c\", {script:?}]\n"
    );
    let ward = Ward::of(Some(&plan), &[window(WindowKind::Daily, "daily 02:00", &[])], "").await;
    ward.night(NIGHTS[0]).await;
    assert!(ward.is_taken_on(NIGHTS[0]).await, "the first night went well");
    let breaks = async |ward: &Ward| {
        std::fs::write(&end, "7").unwrap();
        ward.night(NIGHTS[1]).await;
    };
    let mended = async |ward: &Ward| {
        std::fs::write(&end, "0").unwrap();
        ward.night(NIGHTS[2]).await;
    };
    ward.story(Story::of(AlarmCode::SnapshotPartial, "backup"), breaks, mended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_whose_file_is_gone_is_one_incident() {
    let ward = after_a_night().await;
    let gone = async |ward: &Ward| {
        std::fs::rename(ward.plan_file(), ward.path("plan")).unwrap();
        ward.at(NIGHTS[0], "9:00");
    };
    let back = async |ward: &Ward| {
        std::fs::rename(ward.path("plan"), ward.plan_file()).unwrap();
        ward.at(NIGHTS[0], "10:00");
    };
    ward.story(Story::of(AlarmCode::PlanUnreadable, "backup"), gone, back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_is_one_incident() {
    let ward = after_a_night().await;
    let set = async |ward: &Ward| {
        // It is a month ahead while a snapshot is taken, and is set right again.
        ward.at("2024-12-24", "12:00");
        ward.take().await.unwrap();
        ward.at(NIGHTS[1], "9:00");
    };
    let right = async |ward: &Ward| {
        assert!(ward.take().await.is_err(), "nothing is stored by a clock that is wrong");
        // That day has come.
        ward.at("2024-12-25", "12:00");
        ward.take().await.unwrap();
    };
    Box::pin(ward.story(Story::of(AlarmCode::ClockWrong, "clock"), set, right)).await;
}

/// This store is played. A real server whose bucket keeps no locks says so, and then nothing is claimed of it; one that says it
/// locks and does not is what this is about, and no server that can be had is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lets_locked_things_go_is_one_incident() {
    let ward = after_a_night().await;
    let store = MemoryVault::with_clock(Arc::new(ManualClock::new(ward.now())));
    let fly = async |ward: &Ward, deletes: bool| {
        let desk = ward.desk().await;
        let lying = Lying { store: &store, deletes, forgets: false };
        canary::fly((&store, &lying), &desk.catalog, ward.now()).await.unwrap();
        desk.catalog.close().await;
    };
    let lets_go = async |ward: &Ward| fly(ward, true).await;
    let keeps = async |ward: &Ward| {
        ward.night(NIGHTS[1]).await;
        fly(ward, false).await;
    };
    ward.story(Story::of(AlarmCode::LockNotEnforced, "store"), lets_go, keeps).await;
}

/// A real bucket, and its server's process is stopped during a night.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_server_was_stopped_for_a_night_is_one_incident() {
    let name = "alarm_stories::a_store_whose_server_was_stopped_for_a_night_is_one_incident";
    if !is_inside(Own::Credentials(&server().writer), name) {
        return;
    }
    let private = PrivateServer::start();
    let ward = Ward::new().await;
    let vault = private.server.vault(&private.server.endpoint).await;
    for key in objects(&ward.kura) {
        let bytes = std::fs::read(ward.kura.store().join(&key)).unwrap();
        vault.put(&key, bytes.into(), None).await.unwrap();
    }
    ward.move_store(&Vault::address(&vault));
    write(&ward.kura.source().join("letter"), "a referral", "2024-11-01");
    ward.night(NIGHTS[0]).await;
    assert!(ward.is_taken_on(NIGHTS[0]).await, "the first night went well");
    let stopped = async |ward: &Ward| {
        private.stop();
        ward.night(NIGHTS[1]).await;
        private.start_again();
    };
    let next_night = async |ward: &Ward| {
        ward.night(NIGHTS[2]).await;
        assert!(ward.is_taken_on(NIGHTS[2]).await, "it goes on by itself");
    };
    Box::pin(ward.story(Story::of(AlarmCode::BackupMissed, "backup"), stopped, next_night)).await;
}

/// A real bucket with Object Lock, which knows today only; the proofs are made by hand, seconds apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_somebody_made_longer_is_one_incident() {
    let server = server();
    let name = "alarm_stories::a_lock_that_somebody_made_longer_is_one_incident";
    if !is_inside(Own::Credentials(&server.writer), name) {
        return;
    }
    let plan = "class = \"application\"\nlock = \"governance\"\n[[source]]\nkind = \"directory\"\npath = \"{source}\"\n\
                sent_day = \"mtime\"\n";
    let ward = Ward::of(Some(plan), &[], "").await;
    let address = address(&server.lock_bucket, &server.endpoint);
    let vault = S3Vault::open(&address, &settings(&server.writer)).await.unwrap();
    for key in objects(&ward.kura) {
        let bytes = std::fs::read(ward.kura.store().join(&key)).unwrap();
        vault.put(&key, bytes.into(), None).await.unwrap();
    }
    ward.move_store(&Vault::address(&vault));
    ward.clock.set(SystemClock.now());
    std::fs::write(ward.kura.source().join("record"), "a record of today").unwrap();
    ward.take().await.unwrap();
    let found = vault.list("records/").await.unwrap();
    let pack = found.into_iter().find(|one| one.key.contains("/packs/")).unwrap().key;
    let kept = vault.kept_lock(&pack).await.unwrap().unwrap().until.as_seconds();
    let lock = async |until: i64| {
        let retention = ObjectLockRetention::builder()
            .mode(ObjectLockRetentionMode::Governance)
            .retain_until_date(DateTime::from_secs(until))
            .build();
        let put = stock_client(server).put_object_retention().bucket(&server.lock_bucket);
        let put = put.key(format!("{}/{pack}", address.prefix)).bypass_governance_retention(true);
        put.retention(retention).send().await.unwrap();
    };
    let longer = async |ward: &Ward| {
        lock(kept + 5 * 366 * 86_400).await;
        ward.prove().await;
    };
    let as_it_was = async |ward: &Ward| {
        lock(kept).await;
        ward.prove().await;
    };
    ward.story(Story::of(AlarmCode::LockWrong, "stored-data"), longer, as_it_was).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_one_incident_that_starts_the_clock_of_personal_data() {
    let ward = after_a_night().await;
    let pack = pack(&ward);
    let (bytes, kept) =
        (std::fs::read(&pack).unwrap(), std::fs::metadata(&pack).unwrap().modified().unwrap());
    let put = |bytes: &[u8]| {
        std::fs::remove_file(&pack).unwrap();
        std::fs::write(&pack, bytes).unwrap();
        std::fs::File::options().read(true).open(&pack).unwrap().set_modified(kept).unwrap();
    };
    let flips = async |ward: &Ward| {
        let mut other = bytes.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        put(&other);
        ward.night(NIGHTS[1]).await;
    };
    let copied_back = async |ward: &Ward| {
        put(&bytes);
        ward.night(NIGHTS[2]).await;
    };
    let story =
        Story { concern: Concern::Possible, ..Story::of(AlarmCode::StoredDataDamaged, "stored-data") };
    ward.story(story, flips, copied_back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_source_is_one_incident_that_ends_when_somebody_has_confirmed_it() {
    let ward = Ward::new().await;
    let path = |number: u64| ward.kura.source().join(format!("{number}.txt"));
    let texts = |day: &str| {
        for number in 0..60 {
            let text = format!("record {number} of somebody, with words that come again\n").repeat(800);
            write(&path(number), text, day);
        }
    };
    texts("2024-11-01");
    for night in &NIGHTS[..3] {
        write(&path(60), format!("of {night}"), night);
        ward.night(night).await;
        assert!(ward.is_taken_on(night).await);
    }
    let encrypted = async |ward: &Ward| {
        for number in 0..60 {
            write(&path(number), noise(number, 45_000), NIGHTS[3]);
        }
        ward.night(NIGHTS[3]).await;
    };
    let brought_back = async |_: &Ward| texts("2024-11-01");
    let story = Story { concern: Concern::Possible, ..Story::of(AlarmCode::SourceChangedSuddenly, "source") };
    ward.story(story, encrypted, brought_back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_start_is_one_incident_of_which_users_are_told() {
    let first = window(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]);
    let folder = tempfile::tempdir().unwrap();
    let (stop, start) = (folder.path().join("stop"), folder.path().join("start"));
    let script = |path: &PathBuf, text: &str| {
        std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    script(&stop, "exit 0");
    script(&start, "exit 0");
    let settings = format!(
        "[[service]]\nname = \"ポータル\"\nstop = [{:?}]\nstart = [{:?}]\n",
        stop.display().to_string(),
        start.display().to_string()
    );
    let ward = Ward::with(&[first], &settings).await;
    write(&ward.kura.source().join("letter"), "a referral", "2024-11-01");
    let fails = async |ward: &Ward| {
        script(&start, "echo 'no licence' >&2; exit 1");
        ward.at("2024-12-01", "1:05");
        ward.live().await;
        ward.at("2024-12-01", "5:30");
    };
    let starts = async |ward: &Ward| {
        script(&start, "exit 0");
        ward.at("2024-12-01", "6:00");
    };
    let story = Story { users: Users::ToldByKura, ..Story::of(AlarmCode::ServiceStopped, "service") };
    ward.story(story, fails, starts).await;
    assert!(ward.is_taken_on("2024-12-01").await, "the snapshot counts all the same");
}

/// A folder proves no date: the rule that stops deletion does what it is for, and what is overdue by it is the failure.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_deleted_is_one_incident_with_the_rule_that_stops_it() {
    let ward = Ward::with(&[], "").await;
    write(&ward.kura.source().join("letter"), "a referral", "2024-11-01");
    ward.take().await.unwrap();
    let desk = ward.desk().await;
    let app = App { home: ward.kura.home(), clock: SystemClock };
    let bench = app.bench(&desk).await.unwrap();
    expire::stand(bench.on(&desk.catalog, &*ward.clock), PLAN, &ward.doctor).await.unwrap();
    desk.catalog.close().await;
    ward.at("2025-11-03", "9:00");
    let overdue = async |ward: &Ward| ward.at("2025-11-12", "9:00");
    let said = async |ward: &Ward| {
        ward.at("2025-11-13", "9:00");
        let (desk, today) = (ward.desk().await, "2025-11-13".parse().unwrap());
        expire::confirm_today(&desk.catalog, today, &ward.manager, ward.now()).await.unwrap();
        desk.catalog.close().await;
    };
    let closed = ward.story(Story::of(AlarmCode::DeletionOverdue, "deletion"), overdue, said).await;
    assert!(closed.alarms.iter().any(|alarm| alarm.code == AlarmCode::DeletionStopped), "{closed:#?}");
    let packs = objects(&ward.kura);
    assert!(packs.iter().all(|key| !key.starts_with("records/sent-2024-11-01/")), "{packs:#?}");
}

/// What a portal answers: it takes nothing until it is given up, and then everything.
const TAKES_NOTHING_FOR_LONG: [u16; 25] = {
    let mut statuses = [410; 25];
    statuses[24] = 204;
    statuses
};

/// A portal that takes no notices is no failure as long as users can read the page; once they cannot, it belongs to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_shows_no_notice_is_one_incident_with_the_portal_that_takes_none() {
    let (url, _received) = push::portal(&TAKES_NOTHING_FOR_LONG).await;
    let folder = tempfile::tempdir().unwrap();
    let secret_file = folder.path().join("secret");
    std::fs::write(&secret_file, push::SECRET).unwrap();
    let settings = format!(
        "[[push]]\nname = \"portal\"\nurl = {url:?}\nsecret_file = {:?}\n",
        secret_file.display().to_string()
    );
    let ward = Ward::with(&[window(WindowKind::Daily, "daily 02:00", &[])], &settings).await;
    let target = Target::open(&PushSettings { name: "portal".to_owned(), url, secret_file }).unwrap();
    let desk = ward.desk().await;
    let mut refused = 0;
    for hour in 0..24 * 6 {
        let clock = ManualClock::new(ward.now().plus_minutes(hour * 60));
        refused += deliver_notices::deliver(&desk, &target, &clock).await.unwrap().failed;
    }
    assert_eq!(refused, 24);
    let told = notices::list(&desk, false, 10).await.unwrap().remove(0).notice;
    desk.catalog.close().await;
    ward.at(NIGHTS[0], "0:30");
    let web = |page: Option<&str>| *ward.page.lock().unwrap() = page.map(str::to_owned);
    let down = async |ward: &Ward| {
        // Nobody listens where users read.
        web(Some("http://127.0.0.1:1"));
        ward.at(NIGHTS[0], "1:00");
    };
    let up = async |ward: &Ward| {
        web(None);
        ward.at(NIGHTS[0], "1:10");
        let desk = ward.desk().await;
        notices::correct(&desk, &told, "掲載の訂正です。", &ward.operator, ward.now()).await.unwrap();
        desk.catalog.close().await;
    };
    let closed = ward.story(Story::of(AlarmCode::NoticeNotReadable, "portal"), down, up).await;
    assert!(closed.alarms.iter().any(|alarm| alarm.code == AlarmCode::NoticeUndelivered), "{closed:#?}");
}

/// A ward that monitors something, as the file of its policies says.
async fn watching(target: &str) -> Ward {
    let ward = after_a_night().await;
    let folder = ward.kura.home().policies().join("monitoring");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("own.toml"), format!("[[target]]\n{target}")).unwrap();
    ward.at(NIGHTS[0], "9:00");
    ward
}

/// Two rounds of asking, and a minute.
async fn two_rounds(ward: &Ward, hour: u32) {
    for minute in [0, 5, 10] {
        ward.at(NIGHTS[0], &format!("{hour}:{minute:02}"));
        ward.live().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_target_is_one_incident_and_users_are_told_by_a_person() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ward = watching(&format!(
        "name = \"portal-port\"\nkind = \"tcp\"\naddress = \"{address}\"\nservices = [\"ポータル\"]\n"
    ))
    .await;
    let killed = async |ward: &Ward| {
        drop(listener);
        two_rounds(ward, 10).await;
    };
    let mut alive = None;
    let revived = async |ward: &Ward| {
        alive = Some(TcpListener::bind(address).unwrap());
        two_rounds(ward, 11).await;
    };
    let story = Story { users: Users::ToldByPerson, ..Story::of(AlarmCode::TargetDown, "monitoring") };
    ward.story(story, killed, revived).await;
    assert!(alive.is_some());
    // The SLA says so: one answer before, three failures, three answers after.
    let (desk, host) = (ward.desk().await, Host::open(ward.kura.home(), None).await.unwrap());
    let facts = reports::facts(&host, &desk, &[], ward.now()).await.unwrap();
    desk.catalog.close().await;
    let sla = evidence_report::sla(&facts);
    let rows: Vec<String> =
        sla.tables[1..].iter().flat_map(|table| &table.rows).map(|row| row.join("|")).collect();
    assert_eq!(
        rows,
        ["2024年11月|ポータル|57.14%|portal-port|7|3|0|0", "2024年11月|portal-port|TCP 接続|57.14%|7|3|0|0",]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn monitoring_whose_rules_cannot_be_read_is_one_incident() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target =
        format!("name = \"portal-port\"\nkind = \"tcp\"\naddress = \"{}\"\n", listener.local_addr().unwrap());
    let ward = watching(&target).await;
    let write = |kind: &str| {
        let file = ward.kura.home().policies().join("monitoring/own.toml");
        std::fs::write(file, format!("[[target]]\n{}", target.replace("tcp", kind))).unwrap();
    };
    let misspelt = async |ward: &Ward| {
        write("tpc");
        two_rounds(ward, 10).await;
        assert_eq!(ward.answers("portal-port").await.len(), 1, "nobody asked any more");
    };
    let mended = async |ward: &Ward| {
        write("tcp");
        two_rounds(ward, 11).await;
    };
    let closed = ward.story(Story::of(AlarmCode::MonitoringStopped, "monitoring"), misspelt, mended).await;
    assert_eq!(closed.field(IncidentField::Scope), Some("稼働監視の全体"), "{closed:#?}");
    assert!(ward.answers("portal-port").await.iter().all(|word| *word == "good"), "it lived all the time");
}

/// Ping for real: in a network of the test's own, in which the kernel lets this group ask.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_answers_no_ping_is_one_incident() {
    if !is_inside(Own::Network, "alarm_stories::a_host_that_answers_no_ping_is_one_incident") {
        return;
    }
    let ip = |words: &[&str]| run("ip", words, std::path::Path::new("/"));
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
    ip(&["link", "set", "lo", "up"]);
    ip(&["address", "add", "192.0.2.7/32", "dev", "lo"]);
    let ward = watching("name = \"portal-host\"\nkind = \"ping\"\naddress = \"192.0.2.7\"\n").await;
    let unplugged = async |ward: &Ward| {
        assert_eq!(ward.answers("portal-host").await, ["good"], "it answered while it was there");
        ip(&["address", "del", "192.0.2.7/32", "dev", "lo"]);
        ip(&["route", "add", "unreachable", "192.0.2.7/32"]);
        two_rounds(ward, 10).await;
    };
    let plugged = async |ward: &Ward| {
        ip(&["route", "del", "unreachable", "192.0.2.7/32"]);
        ip(&["address", "add", "192.0.2.7/32", "dev", "lo"]);
        two_rounds(ward, 11).await;
    };
    ward.story(Story::of(AlarmCode::TargetDown, "monitoring"), unplugged, plugged).await;
    let answers = ward.answers("portal-host").await;
    let good = answers.iter().filter(|word| **word == "good").count();
    assert_eq!((good, answers.len()), (4, 7), "{answers:?}");
}
