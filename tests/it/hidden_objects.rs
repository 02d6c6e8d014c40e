//! Somebody with a stolen credential hides everything in a bucket behind delete markers: who sees it, and the runbook that
//! brings it back, each command as it stands.

use kura::app::App;
use kura::clock::{Clock as _, SystemClock};
use kura::config::Home;
use kura::domain::alarm::AlarmCode;
use kura::workflows::alarms;

use crate::support::runbook::Runbook;
use crate::support::s3::{Server, address, client_of, server, stock_client};
use crate::support::site::Site;

/// Deletes every object below the store without naming a version, with the credential that writes if it may, else with that
/// of the bucket's owner. How many objects, and whether the writer may hide.
async fn hide(server: &Server, site: &Site) -> (usize, bool) {
    let address = site.store.trim_start_matches("s3://").split('?').next().unwrap().to_owned();
    let (bucket, prefix) = address.split_once('/').unwrap();
    let (owner, writer) = (stock_client(server), client_of(server, &server.writer));
    let listed = owner.list_objects_v2().bucket(bucket).prefix(prefix).send().await.unwrap();
    let keys: Vec<&str> = listed.contents().iter().filter_map(|one| one.key()).collect();
    let mut may_write = true;
    for key in &keys {
        if writer.delete_object().bucket(bucket).key(*key).send().await.is_err() {
            may_write = false;
            owner.delete_object().bucket(bucket).key(*key).send().await.unwrap();
        }
    }
    (keys.len(), may_write)
}

async fn damaged(site: &Site) -> usize {
    let desk = App { home: Home::at(site.path("home")), clock: SystemClock }.desk().await.unwrap();
    alarms::refresh(&desk, SystemClock.now()).await.unwrap();
    let open = desk.catalog.open_alarms().await.unwrap();
    desk.catalog.close().await;
    open.iter().filter(|row| row.alarm.code == AlarmCode::StoredDataDamaged).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_behind_delete_markers_is_missed_and_brought_back_by_the_runbook() {
    let server = server();
    let site = Site::in_bucket(address(&server.lock_bucket, &server.endpoint).to_string(), &server.writer);
    let second = site.path("second").display().to_string();
    let (key, secret) = server.admin.split_once(':').unwrap();
    std::fs::write(site.path("reaper-secret"), secret).unwrap();
    let settings = site.path("home/kura.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let file = site.path("reaper-secret").display().to_string();
    let more = format!(
        "\n[reaper]\naccess_key_id = {key:?}\nsecret_access_key_file = {file:?}\n[replica]\nstore = {second:?}\n"
    );
    std::fs::write(&settings, text + &more).unwrap();
    site.write("letter", "a referral");
    site.kura(&["snapshot", "test"]).ends(0);
    site.kura(&["store", "copy"]).ends(0);
    site.kura(&["coverage"]).ends(0);
    assert_eq!(damaged(&site).await, 0);
    let nothing = site.kura(&["store", "hidden"]).ends(0);
    assert_eq!(nothing.out, "nothing is hidden\n");

    let (count, may_write) = hide(server, &site).await;
    assert!(count > 8, "{count} objects; the writer may hide: {may_write}");
    // It is seen by whoever looks, and is an alarm after the next proof.
    assert_ne!(site.kura(&["verify", "test"]).code, 0);
    assert_ne!(site.kura(&["coverage"]).code, 0);
    assert_ne!(site.kura(&["scrub"]).code, 0);
    assert_eq!(damaged(&site).await, 1);

    let folder = site.path("desk");
    std::fs::create_dir_all(&folder).unwrap();
    let mut runbook = Runbook::read("stored-data-damaged", &folder);
    runbook.places = vec![(" records".to_owned(), " test".to_owned())];
    let (key, secret) = server.writer.split_once(':').unwrap();
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", key.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("KURA_HOME", site.path("home").display().to_string()),
    ] {
        runbook.environment.push((name, value));
    }
    let said = runbook.run("保管先で隠されたもの", &[]);
    assert!(said.contains(&format!("{count} objects hidden behind delete markers")), "{said}");
    assert!(said.contains(&format!("{count} objects brought back")), "{said}");
    assert_eq!(runbook.ran.len(), 5, "{:?}", runbook.ran);
    assert_eq!(damaged(&site).await, 0, "the proof of the runbook ends the alarm");
    site.verifies();
    site.comes_back();

    // Without a credential that may delete, the second store brings them back.
    hide(server, &site).await;
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("[reaper]", "[legal_hold]")).unwrap();
    site.kura(&["store", "hidden"]).fails_clearly(&["[reaper]"]);
    site.kura(&["scrub", "--heal"]).ends(0);
    site.comes_back();
}
