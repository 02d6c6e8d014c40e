//! The ransomware story on a real tree, a real PostgreSQL and a real bucket with Object Lock: the source is encrypted, the next
//! snapshot tells of it and harms nothing, the host's stolen credential deletes nothing, and every command of the runbook runs
//! until the report is printed and the incident is closed.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use aws_sdk_s3::Client;
use kura::app::App;
use kura::clock::{Clock as _, SystemClock};
use kura::config::Home;
use kura::domain::incident_words::moment;
use kura::workflows::desk::tokyo;
use kura::workflows::incidents::{self, Concern, IncidentState, tend};
use kura::workflows::{alarms, check_audit};

use crate::support::clinic;
use crate::support::kura::listing;
use crate::support::pdf;
use crate::support::postgres::Database;
use crate::support::runbook::Runbook;
use crate::support::s3::{Server, address, client_of, server, stock_client};
use crate::support::site::{Ran, Site};

const PASSWORD: &str = "correct-Horse7battery";

/// An installation in the locked bucket with three plans: a tree, a database and its system tables.
fn site_of(server: &Server, database: &Database) -> Site {
    let store = address(&server.lock_bucket, &server.endpoint).to_string();
    let site = Site::in_bucket(store, &server.writer);
    std::fs::remove_file(site.path("home/policies/test.toml")).unwrap();
    let plan = |name: &str, text: String| {
        std::fs::write(site.path(&format!("home/policies/{name}.toml")), text).unwrap();
    };
    let tree = site.path("source").display().to_string();
    plan(
        "files",
        format!(
            "name = \"files\"\nclass = \"application\"\n[[source]]\nkind = \"directory\"\npath = {tree:?}\nsent_day = \"mtime\"\n"
        ),
    );
    for (name, text) in clinic::plans(database) {
        plan(name, text);
    }
    for number in 0..60 {
        let text = format!("カルテ {number}：経過良好。次回は一か月後。\n").repeat(600);
        site.write(&format!("{}/{number}.txt", number % 5), text);
    }
    site
}

fn as_person(site: &Site, account: &str, password: &str, arguments: &[&str]) -> Ran {
    site.write("../password", password);
    let mut command = site.command(env!("CARGO_BIN_EXE_kura"));
    command.env("KURA_PASSWORD_FILE", site.path("password"));
    if !account.is_empty() {
        command.env("KURA_ACCOUNT", account);
    }
    Ran::of(&command.args(arguments).output().unwrap())
}

/// The accounts `manager001` and `operator01`.
fn people(site: &Site) {
    site.write("../first", "first!Pass-word-77");
    site.write("../new", PASSWORD);
    site.kura(&["account", "add", "manager001", "--role", "operations_manager", "--password-file", "new"])
        .ends(0);
    let add = ["account", "add", "operator01", "--role", "system_operator", "--password-file", "first"];
    as_person(site, "manager001", PASSWORD, &add).ends(0);
    let change = ["account", "password", "operator01", "--new-password-file", "new"];
    as_person(site, "", "first!Pass-word-77", &change).ends(0);
}

fn take(site: &Site, plan: &str) -> String {
    let taken = site.kura(&["snapshot", plan, "--json"]).ends(0).json();
    taken["snapshot"].as_str().unwrap().to_owned()
}

/// What the attacker does: every file of the tree by openssl, every note of the database by random bytes.
fn encrypt(site: &Site, database: &Database) {
    let script = "find . -type f -exec sh -c 'openssl enc -aes-256-ctr -pbkdf2 -k secret -in \"$1\" -out \"$1.locked\" && rm \"$1\"' _ {} \\;";
    let done =
        Command::new("bash").args(["-eu", "-c", script]).current_dir(site.path("source")).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    database.run(
        "UPDATE visit SET note = (SELECT string_agg(md5(random()::text || id || n), '') FROM generate_series(1, 20) n)",
    );
}

/// Tries to destroy what is stored, with the host's own credential; puts things over it and hides it.
async fn attack(client: &Client, bucket: &str, prefix: &str) -> (usize, usize) {
    let listed = client.list_object_versions().bucket(bucket).prefix(prefix).send().await.unwrap();
    let (mut refused, mut tried) = (0, 0);
    for version in listed.versions() {
        let (Some(key), Some(id)) = (version.key(), version.version_id()) else { continue };
        tried += 1;
        let gone = client.delete_object().bucket(bucket).key(key).version_id(id).send().await;
        refused += usize::from(gone.is_err());
        let gone = client
            .delete_object()
            .bucket(bucket)
            .key(key)
            .version_id(id)
            .bypass_governance_retention(true)
            .send()
            .await;
        assert!(gone.is_err(), "a lock cannot be passed by: {key}");
        // Hides it behind a marker, where that is allowed.
        drop(client.delete_object().bucket(bucket).key(key).send().await);
    }
    (tried, refused)
}

/// The bucket's owner takes the markers away, as the runbook says.
async fn unhide(client: &Client, bucket: &str, prefix: &str) -> usize {
    let listed = client.list_object_versions().bucket(bucket).prefix(prefix).send().await.unwrap();
    let markers = listed.delete_markers();
    for marker in markers {
        let (Some(key), Some(id)) = (marker.key(), marker.version_id()) else { continue };
        client.delete_object().bucket(bucket).key(key).version_id(id).send().await.unwrap();
    }
    markers.len()
}

/// The service looks at what the runs left: alarms, incidents. Gives the incident of each plan.
async fn beat(site: &Site) -> Vec<(String, String)> {
    let app = App { home: Home::at(site.path("home")), clock: SystemClock };
    let desk = app.desk().await.unwrap();
    for _ in 0..2 {
        let now = SystemClock.now();
        alarms::refresh(&desk, now).await.unwrap();
        tend::refresh(&desk, now).await.unwrap();
    }
    let rows = incidents::list(&desk, true, 100).await.unwrap();
    desk.catalog.close().await;
    rows.into_iter().map(|row| (row.cause.subject, row.incident)).collect()
}

/// The runbook, for one plan and its incident.
struct Story<'a> {
    site: &'a Site,
    plan: &'a str,
    incident: String,
    /// The snapshots before the attack, older first.
    before: [String; 2],
    /// An empty database to load into, if the plan has one.
    empty: Option<&'a Database>,
}

impl Story<'_> {
    fn runbook(&self) -> Runbook {
        let folder = self.site.path(&format!("desk-{}", self.plan));
        std::fs::create_dir_all(&folder).unwrap();
        let mut runbook = Runbook::read("ransomware", &folder);
        let [older, good] = &self.before;
        let text = |path: &str| self.site.path(path).display().to_string();
        let now = tokyo();
        let at = SystemClock.now();
        let told = format!("{} {}", now.day_of(at), now.time_of(at));
        let url = self.empty.map_or_else(String::new, |empty| {
            format!(
                "postgres://postgres@{}:{}/{}",
                empty.socket().replace('/', "%2F"),
                empty.port(),
                empty.name
            )
        });
        let places = [
            ("s3://BUCKET/PREFIX?endpoint=https://HOST", self.site.store.clone()),
            ("/media/usb/recovery.key", text("recovery.key")),
            ("I-2026-0001", self.incident.clone()),
            ("7d1c2e9a", good.clone()),
            ("5b0a9c44", older.clone()),
            ("latest:records", format!("latest:{}", self.plan)),
            (" records ", format!(" {} ", self.plan)),
            ("postgres://restore@HOST/EMPTY", url),
            ("/srv/isolated", folder.join("isolated").display().to_string()),
            ("2026-11-24 09:00", told),
        ];
        runbook.places = places.map(|(from, to)| (from.to_owned(), to)).into();
        let (key, secret) = server().writer.split_once(':').unwrap();
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", key.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("KURA_PASSWORD_FILE", text("new")),
            ("KURA_HOME", text("home")),
        ] {
            runbook.environment.push((name, value));
        }
        runbook
    }

    /// A clean machine has no home.
    fn elsewhere(&self, runbook: &mut Runbook, home: &str) {
        let home = self.site.path(home).display().to_string();
        runbook.environment.retain(|(name, _)| *name != "KURA_HOME");
        runbook.environment.push(("KURA_HOME", home));
    }

    /// Runs every command of the runbook; gives the folder with what was restored and printed.
    async fn run(&self, good_tree: Option<&str>) -> Runbook {
        let mut runbook = self.runbook();
        let skipped: &[&str] = if self.empty.is_some() { &[] } else { &["--rows-from", "latest:codes"] };
        runbook.run("2.", &[]);
        self.elsewhere(&mut runbook, "no-home");
        let seen = runbook.run("3.", &[]);
        assert!(seen.contains(&self.before[1]), "the list names the snapshots: {seen}");
        let differences = runbook.run("4.", &[]);
        let marks =
            differences.lines().filter(|line| line.starts_with("M ") || line.starts_with("- ")).count();
        assert!(marks >= 20, "what was encrypted shows: {differences}");
        runbook.run("5.", &[skipped, &["incident note"]].concat());
        if let Some(good) = good_tree {
            let restored = runbook.folder.join("isolated/good");
            assert_eq!(&listing(&restored), good, "what is restored is what was there before the attack");
        }
        self.elsewhere(&mut runbook, "home");
        for line in runbook.section("5.").iter().filter(|line| line.contains("incident note")) {
            runbook.command(line);
        }
        let proven = runbook.run("6.", &[]);
        let good: String = self.before[1].chars().take(12).collect();
        assert!(proven.starts_with(&format!("Snapshot {good} of {}, taken ", self.plan)), "{proven}");
        runbook.run("7.", &[]);
        // The service sees that somebody has looked.
        beat(self.site).await;
        runbook.run("8.", &[]);
        runbook
    }
}

/// The printed report names everything that a reader asks for.
fn is_complete(page: &Path, plan: &str) {
    let page = pdf::solid(&pdf::pages(&std::fs::read(page).unwrap()).concat());
    let now = SystemClock.now();
    let day = moment(now, &tokyo());
    let day = day.split('）').next().unwrap();
    let mut rest = page.as_str();
    for part in [
        "障害報告書",
        "発見日時令和",
        "発見箇所Kuraの監視（警報source-changed-suddenly）",
        "障害内容計画",
        "が急に変化しました",
        "影響範囲計画",
        "復旧日時令和",
        "経過",
        "Kuraが障害を検知しました。",
        "隔離した環境に復元し、検査で異常がないことを確認",
        "委託元へ通知しました",
        "原因保守用の接続からの侵入",
        "処置前の世代から復元し、経路を遮断",
    ] {
        let found = rest.find(part).unwrap_or_else(|| panic!("{part} is missing or out of order in {page}"));
        rest = rest.get(found..).unwrap_or_default();
    }
    assert!(page.contains(&format!("計画{plan}の対象")) && page.contains(day), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ransomware_is_told_of_deletes_nothing_and_is_recovered_from_by_the_runbook() {
    let (server, database, empty) = (server(), clinic::clinic(400), Database::empty());
    let site = site_of(server, &database);
    people(&site);
    let mut before: Vec<(&str, Vec<String>)> = vec![("files", Vec::new()), ("records", Vec::new())];
    for day in 0..3 {
        site.write("0/0.txt", format!("day {day}").repeat(500));
        database.run(&format!("INSERT INTO visit VALUES (1000 + {day}, '患者A', '初診', now())"));
        for (plan, ids) in &mut before {
            ids.push(take(&site, plan));
        }
    }
    take(&site, "codes");
    assert!(beat(&site).await.is_empty(), "nothing has happened yet");
    let (tree, dump) = (listing(&site.path("source")), database.dump());

    encrypt(&site, &database);
    for (plan, _) in &before {
        let taken = site.kura(&["snapshot", plan]).ends(0);
        assert!(taken.err.contains("changed suddenly"), "{}", taken.err);
    }
    let opened = beat(&site).await;
    assert_eq!(opened.len(), 2, "one cause for each plan: {opened:?}");
    assert_eq!(beat(&site).await, opened, "once");

    // The host's credential is stolen.
    let (owner, thief) = (stock_client(server), client_of(server, &server.writer));
    let address = site.store.trim_start_matches("s3://").split('?').next().unwrap().to_owned();
    let (bucket, prefix) = address.split_once('/').unwrap();
    let (tried, refused) = attack(&thief, bucket, prefix).await;
    assert!(tried > 50, "{tried}");
    assert_eq!(refused, tried, "every version stays");
    let hidden = unhide(&owner, bucket, prefix).await;
    writeln!(
        std::io::stdout(),
        "{tried} versions stayed, {hidden} markers were put over them and taken away by the bucket's owner"
    )
    .unwrap();

    for (plan, ids) in &before {
        let incident = opened.iter().find(|(subject, _)| subject == plan).unwrap().1.clone();
        let is_database = *plan == "records";
        let story = Story {
            site: &site,
            plan,
            incident: incident.clone(),
            before: [ids[1].clone(), ids[2].clone()],
            empty: is_database.then_some(&empty),
        };
        let runbook = story.run((!is_database).then_some(&tree)).await;
        if is_database {
            assert_eq!(empty.dump(), dump, "the database is as it was before the attack");
        }
        let missing: Vec<String> = runbook
            .commands()
            .into_iter()
            .filter(|line| !runbook.ran.contains(line) && (is_database || !line.contains("codes")))
            .collect();
        assert!(missing.is_empty(), "every command of the runbook was run: {missing:#?}");
        is_complete(&runbook.folder.join("障害報告書.pdf"), plan);
        let proof = std::fs::read(runbook.folder.join("復元可能性の証明.pdf")).unwrap();
        let proof = pdf::solid(&pdf::pages(&proof).concat());
        assert!(proof.contains("復元可能性の証明") && proof.contains("第"), "{proof}");
    }
    let app = App { home: Home::at(site.path("home")), clock: SystemClock };
    let desk = app.desk().await.unwrap();
    for (_, incident) in opened {
        let found = incidents::look(&desk, &incident).await.unwrap();
        assert_eq!((found.row.state, found.row.concern), (IncidentState::Closed, Concern::OnPurpose));
    }
    check_audit::verify(&desk.catalog, None).await.unwrap();
    desk.catalog.close().await;
}
