//! Accounts, tokens and the audit log with the real program.

use kura::clock::{Clock as _, SystemClock};
use kura::credentials::second_factor;
use kura::domain::time::Instant;

use super::{PASSWORD, Place};

const ADMIN: &str = "admin00001";
const DOCTOR: &str = "ishikai001";

fn place() -> Place {
    let place = Place::new();
    place.init().ends(0);
    place
}

/// The bytes of a secret in base 32.
fn secret_of(text: &str) -> Vec<u8> {
    let value = |letter: u8| u32::from(if letter >= b'A' { letter - b'A' } else { letter - b'2' + 26 });
    let bits = text.bytes().flat_map(|letter| (0..5).rev().map(move |at| (value(letter) >> at) & 1));
    let bits: Vec<u32> = bits.collect();
    let byte = |eight: &[u32]| u8::try_from(eight.iter().fold(0, |sum, bit| sum * 2 + bit)).unwrap();
    bits.chunks_exact(8).map(byte).collect()
}

/// The code of a secret at a time, found by trying all of them: Kura itself only checks codes.
fn code_at(secret: &[u8], at: Instant) -> String {
    let step = u64::try_from(at.as_seconds()).unwrap() / 30;
    (0..1_000_000)
        .map(|code| format!("{code:06}"))
        .find(|code| second_factor::step_of(secret, code, at) == Some(step))
        .expect("a code")
}

#[test]
fn the_first_account_is_made_once_by_whoever_holds_the_machine() {
    let place = place();
    place.write("new", PASSWORD);
    let add = |id: &'static str, role: &'static str| {
        ["account", "add", id, "--role", role, "--password-file", "new"]
    };
    let ran = place.kura(&add(ADMIN, "auditor")).ends(4);
    assert!(ran.err.contains("must be able to make the others"), "{}", ran.err);
    place.kura(&add(ADMIN, "system_administrator")).ends(0);
    let ran = place.kura(&add(DOCTOR, "service_operator")).ends(4);
    assert!(ran.err.contains("there are accounts already"), "{}", ran.err);
    place.kura_as(ADMIN, &add(DOCTOR, "service_operator")).ends(0);
    let listed = place.kura(&["account", "list", "--json"]).ends(0).json();
    assert_eq!(listed[0]["account"], ADMIN);
    assert_eq!(listed[1]["must_change_password"], true);
    assert!(!listed.to_string().contains("argon2"), "no secrets in the listing");
    let ran = place.kura_as(ADMIN, &add("manager001", "operations_manager")).ends(4);
    assert!(ran.err.contains("service_operator or operations_manager must"), "{}", ran.err);
    let ran = place.kura_as(DOCTOR, &add("auditor001", "auditor")).ends(4);
    assert!(ran.err.contains("must be changed first"), "{}", ran.err);
}

#[test]
fn what_breaks_annex_one_is_named() {
    let place = place();
    for (id, password, code, words) in [
        ("short", PASSWORD, 2, vec!["10 to 64 letters and digits"]),
        ("田中000001234", PASSWORD, 2, vec!["別紙1"]),
        (ADMIN, "abcdefgh", 4, vec!["no digit (別紙1)", "no symbol", "13 characters", "記号を1つ以上"]),
        (ADMIN, "k7#mQ2v!", 4, vec!["13 characters", "13桁以上"]),
        (ADMIN, "k7#m", 4, vec!["less than 8 characters (別紙1)"]),
    ] {
        place.write("new", password);
        let ran = place.kura(&["account", "add", id, "--role", "service_operator", "--password-file", "new"]);
        let ran = ran.ends(code);
        for word in words {
            assert!(ran.err.contains(word), "{word}: {}", ran.err);
        }
        assert!(
            !ran.err.contains(password) || password.len() < 5,
            "the password is not repeated: {}",
            ran.err
        );
    }
    assert_eq!(place.kura(&["account", "list", "--json"]).ends(0).out, "[]\n");
}

#[test]
fn five_wrong_passwords_lock_an_account_and_all_of_it_is_in_the_log() {
    let place = place();
    place.add_account("", ADMIN, "system_administrator");
    let list = ["token", "list", "--json"];
    for _ in 0..5 {
        let ran = place.kura_with(ADMIN, "wrong", None, &list).ends(4);
        assert!(ran.err.contains("the account or its password is wrong"), "{}", ran.err);
    }
    let locked = place.kura_with(ADMIN, "wrong", None, &list).ends(4);
    let right = place.kura_as(ADMIN, &list).ends(4);
    let unknown = place.kura_with("nobody0001", "wrong", None, &list).ends(4);
    assert!(right.err.contains("or the account is locked: after 5 wrong ones"), "{}", right.err);
    assert_eq!(locked.err, unknown.err, "nobody learns which ids there are");
    assert_eq!(right.err, unknown.err, "nor, while it is locked, that he has guessed right");
    let log = place.kura(&["audit", "list", "--json"]).ends(0).json();
    let acts: Vec<&str> = log.as_array().unwrap().iter().filter_map(|line| line["act"].as_str()).collect();
    assert_eq!(acts.iter().filter(|act| **act == "account.sign-in-refused").count(), 6);
    assert_eq!(log[0]["subject"], "unknown", "what was typed as an id may be a password");
}

#[test]
fn the_last_service_operator_stays_until_there_is_another() {
    let place = place();
    place.add_account("", DOCTOR, "service_operator");
    place.add_account(DOCTOR, ADMIN, "system_administrator");
    let disable = ["account", "disable", DOCTOR, "--reason", "left"];
    let ran = place.kura_as(DOCTOR, &disable).ends(4);
    assert!(
        ran.err.contains("last active service_operator") && ran.err.contains("add the next"),
        "{}",
        ran.err
    );
    place.write("new", PASSWORD);
    let add = ["account", "add", "approver01", "--role", "service_operator", "--password-file", "new"];
    place.kura_as(ADMIN, &add).ends(4);
    place.add_account(DOCTOR, "ishikai002", "service_operator");
    place.kura_as("ishikai002", &disable).ends(0);
    place.kura_as(ADMIN, &add).ends(4);
}

#[test]
fn a_second_factor_lets_in_once_for_each_code() {
    let place = place();
    place.add_account("", ADMIN, "system_administrator");
    let made = place.kura_as("", &["account", "totp", "new", ADMIN, "--json"]).ends(0).json();
    let secret = secret_of(made["secret"].as_str().unwrap());
    let list = ["token", "list"];
    place.kura_as(ADMIN, &list).ends(0);
    let now = SystemClock.now();
    let code = code_at(&secret, now);
    let confirm = ["account", "totp", "confirm", ADMIN, "--json"];
    place.kura_with("", PASSWORD, Some("000 000"), &confirm).ends(4);
    let codes = place.kura_with("", PASSWORD, Some(&code), &confirm).ends(0).json();
    let recovery = codes["recovery_codes"][3].as_str().unwrap().to_owned();
    let ran = place.kura_as(ADMIN, &list).ends(4);
    assert!(ran.err.contains("a code is needed"), "{}", ran.err);
    let ran = place.kura_with(ADMIN, PASSWORD, Some(&code), &list).ends(4);
    assert!(ran.err.contains("used already"), "the confirming code counts once: {}", ran.err);
    place.kura_with(ADMIN, PASSWORD, Some(&recovery.to_lowercase()), &list).ends(0);
    place.kura_with(ADMIN, PASSWORD, Some(&recovery), &list).ends(4);
    let later = code_at(&secret, now.plus_minutes(0).plus_minutes(1));
    // Half a minute early is accepted; a full minute is not, so this one is for later or right by now.
    let ran = place.kura_with(ADMIN, PASSWORD, Some(&later), &list);
    assert!([0, 4].contains(&ran.code), "{}", ran.err);
    let files = std::fs::read(place.path("home/catalog.sqlite")).unwrap();
    assert!(!files.windows(secret.len()).any(|part| part == secret), "the secret is sealed");
}

#[test]
fn a_password_is_never_used_again() {
    let place = place();
    place.add_account("", ADMIN, "system_administrator");
    let change = ["account", "password", ADMIN, "--new-password-file", "new"];
    let ran = place.kura_as("", &change).ends(4);
    assert!(ran.err.contains("was used by this account before"), "{}", ran.err);
    place.write("new", "other-Horse8battery!");
    place.kura_as("", &change).ends(0);
    place.write("new", PASSWORD);
    let ran = place.kura_with("", "other-Horse8battery!", None, &change).ends(4);
    assert!(ran.err.contains("以前に使用した"), "{}", ran.err);
}

#[test]
fn a_token_may_what_its_scopes_say_until_it_is_revoked() {
    let place = place();
    place.add_account("", ADMIN, "system_administrator");
    let new = ["token", "new", "--scope", "read", "--label", "portal"];
    let token = place.kura_as(ADMIN, &new).ends(0).out;
    let list = place.kura_with_token(&token, &["token", "list", "--json"]).ends(0).json();
    assert_eq!((&list[0]["scopes"], &list[0]["state"]), (&serde_json::json!(["read"]), &"in force".into()));
    place.write("new", PASSWORD);
    let add = ["account", "add", "auditor001", "--role", "auditor", "--password-file", "new"];
    let ran = place.kura_with_token(&token, &add).ends(4);
    assert!(ran.err.contains("has no scope account.manage"), "{}", ran.err);
    place.kura_with_token(&token, &new).ends(4);
    place.kura_with_token("kura_0123456789abcdef_00", &["token", "list"]).ends(4);
    let ran = place.kura_as(ADMIN, &["token", "new", "--scope", "window.decide"]).ends(4);
    assert!(ran.err.contains("has no right window.decide"), "{}", ran.err);
    place.kura_as(ADMIN, &["token", "new", "--days", "367"]).ends(4);
    let id = list[0]["token"].as_str().unwrap();
    place.kura_as(ADMIN, &["token", "revoke", id]).ends(0);
    let ran = place.kura_with_token(&token, &["token", "list"]).ends(4);
    assert!(ran.err.contains("revoked"), "{}", ran.err);
    let files = std::fs::read(place.path("home/catalog.sqlite")).unwrap();
    let secret = token.trim().rsplit('_').next().unwrap().as_bytes().to_vec();
    assert!(!files.windows(secret.len()).any(|part| part == secret), "only its digest is kept");
}

#[test]
fn a_disabled_account_is_out_at_once_with_its_tokens() {
    let place = place();
    place.add_account("", DOCTOR, "service_operator");
    place.add_account(DOCTOR, ADMIN, "system_administrator");
    let token = place.kura_as(ADMIN, &["token", "new"]).ends(0).out;
    let disable = ["account", "disable", ADMIN, "--reason", "left"];
    place.kura_as(DOCTOR, &disable).ends(0);
    let ran = place.kura_as(ADMIN, &["token", "list"]).ends(4);
    assert!(ran.err.contains("is disabled"), "{}", ran.err);
    place.kura_with_token(&token, &["token", "list"]).ends(4);
    place.kura_as(DOCTOR, &disable).ends(4);
    let ran = place.kura_as(DOCTOR, &["account", "disable", DOCTOR, "--reason", "x"]).ends(4);
    assert!(ran.err.contains("the last active service_operator"), "{}", ran.err);
    place.write("new", PASSWORD);
    let again = ["account", "add", ADMIN, "--role", "auditor", "--password-file", "new"];
    let ran = place.kura_as(DOCTOR, &again).ends(4);
    assert!(ran.err.contains("never given to somebody else"), "{}", ran.err);
}

#[test]
fn being_root_is_nobody() {
    let place = place();
    place.add_account("", ADMIN, "system_administrator");
    let ran = place.kura(&["token", "list"]).ends(2);
    assert!(ran.err.contains("being root is nobody"), "{}", ran.err);
}

#[test]
fn the_log_shows_every_change_to_itself() {
    let place = place();
    place.add_account("", ADMIN, "system_administrator");
    place.kura_as(ADMIN, &["token", "new"]).ends(0);
    let head = place.kura(&["audit", "verify", "--json"]).ends(0).json();
    assert_eq!(head["lines"], 3);
    let head = head["head"].as_str().unwrap();
    place.kura(&["audit", "verify", "--expect-head", head]).ends(0);
    std::fs::copy(place.path("home/catalog.sqlite"), place.path("good")).unwrap();
    let unlocked = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_shortened;";
    for (change, words) in [
        ("UPDATE audit SET detail = 'auditor' WHERE sequence = 1;", "line 1 was changed"),
        ("DELETE FROM audit WHERE sequence = 2;", "line 2 is missing"),
        ("DELETE FROM audit WHERE sequence = 3;", "lines were cut off"),
        ("UPDATE audit SET previous = zeroblob(32) WHERE sequence = 2;", "line 2 does not follow"),
    ] {
        for file in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
            drop(std::fs::remove_file(place.path("home").join(file)));
        }
        std::fs::copy(place.path("good"), place.path("home/catalog.sqlite")).unwrap();
        execute(&place.path("home/catalog.sqlite"), change).unwrap_err();
        execute(&place.path("home/catalog.sqlite"), unlocked).unwrap();
        execute(&place.path("home/catalog.sqlite"), change).unwrap();
        let ran = place.kura(&["audit", "verify", "--expect-head", head]).ends(1);
        assert!(ran.err.contains(words), "{change}: {}", ran.err);
    }
}

fn execute(path: &std::path::Path, sql: &'static str) -> Result<(), sqlx::Error> {
    use sqlx::{ConnectOptions as _, Connection as _};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = options.connect().await?;
        let done = sqlx::raw_sql(sql).execute(&mut connection).await;
        connection.close().await?;
        done.map(drop)
    })
}
