//! Permits with the real program: the file of docs/operations.md, who may, what is printed.

use super::{Place, runbooks};

const ADMIN: &str = "admin00001";
const DOCTOR: &str = "ishikai001";
const OPERATOR: &str = "operator01";

/// The last letter is mistaken.
const AGE_KEY_WITH_A_SLIP: &str = "seal = \"age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwq\"";

/// The application that docs/operations.md shows, for days that are far away.
fn application() -> String {
    let page = std::fs::read_to_string(std::path::Path::new(crate::support::ROOT).join("docs/operations.md"))
        .expect("the page");
    let start = page.find("    schema = \"kura-permit/1\"").expect("the example");
    let example =
        page.get(start..).and_then(|rest| rest.split("    kura permit apply").next()).expect("its end");
    let lines = example.lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    text.replace("2027-", "2100-").replace("2026-", "2099-")
}

fn place() -> Place {
    let place = Place::with_plan();
    place.add_account("", DOCTOR, "service_operator");
    place.add_account(DOCTOR, ADMIN, "system_administrator");
    place.add_account(DOCTOR, OPERATOR, "system_operator");
    let settings = std::fs::read_to_string(place.path("home/kura.toml")).expect("settings");
    let dataset =
        "\n[[dataset]]\nname = \"admissions\"\nkind = \"csv\"\npath = \"/nowhere/admissions.csv\"\n";
    place.write("home/kura.toml", &(settings + dataset));
    place
}

#[test]
fn a_permit_is_applied_for_with_a_file_shown_approved_and_revoked() {
    let place = place();
    let file = place.path("申請.toml");
    std::fs::write(&file, application()).expect("written");
    std::fs::write(place.path("plan.pdf"), "a plan").expect("written");
    let file = file.to_str().expect("a path");
    let apply = ["permit", "apply", file, "--json"];
    let asked = place.kura_as(ADMIN, &apply).ends(0).json();
    let number = asked["permit"].as_str().expect("a number").to_owned();
    assert!(number.starts_with('R') && number.ends_with("-001"), "{number}");
    assert_eq!(asked["applicant"], ADMIN);
    assert!(asked["extraction"].as_str().is_some_and(|text| text.contains("dataset = \"admissions\"")));
    assert_eq!(asked["attachments"][0]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(place.kura_as(ADMIN, &apply).ends(0).json()["permit"], asked["permit"], "sent twice");

    let digest = asked["digest"].as_str().expect("a digest").to_owned();
    let short = digest.get(..12).expect("ASCII");
    let other = short.replace(|c: char| c.is_ascii_digit(), "a") + "b";
    place.kura_as(ADMIN, &["permit", "approve", &number, "--digest", short]).ends(4);
    place.kura_as(OPERATOR, &["permit", "approve", &number, "--digest", short]).ends(4);
    let wrong = place.kura_as(DOCTOR, &["permit", "approve", &number, "--digest", &other]).ends(4);
    assert!(wrong.err.contains("does not have this digest"), "{}", wrong.err);
    let few = place.kura_as(DOCTOR, &["permit", "approve", &number, "--digest", "3f0c"]).ends(4);
    assert!(few.err.contains("at least 12 digits"), "{}", few.err);
    let shown = place.kura(&["permit", "show", &number]).ends(0).out;
    assert!(shown.contains("抽出の試算は行われていません"), "{shown}");
    place.kura_as(DOCTOR, &["permit", "approve", &number]).ends(2);
    let approved = place.kura_as(DOCTOR, &["permit", "approve", &number, "--digest", short]).ends(0);
    assert!(approved.out.contains("抽出の試算は行われていません"), "{}", approved.out);
    let ran = place.kura_as(DOCTOR, &["permit", "approve", &number, "--digest", short]).ends(4);
    assert!(ran.err.contains("is approved: it cannot be approved"), "{}", ran.err);

    let listed = place.kura(&["permit", "list", "--state", "approved", "--json"]).ends(0).json();
    assert_eq!(listed[0]["approval"]["digest"], digest.as_str());
    let shown = place.kura(&["permit", "show", &number]).ends(0).out;
    assert!(shown.contains("■USBメモリ") && shown.contains("承認済み") && shown.contains(&digest), "{shown}");
    let page = place.kura(&["permit", "show", &number, "--html"]).ends(0).out;
    assert!(page.contains("本データ使用許可申請書") && page.contains("研究計画書.pdf"), "{page}");

    let close = place.kura_as(OPERATOR, &["permit", "close", &number, "--reason", "済"]).ends(4);
    assert!(close.err.contains("it cannot be closed"), "{}", close.err);
    let replaced = std::fs::read_to_string(file).expect("read").replace("学会発表", "論文");
    std::fs::write(file, replaced).expect("written");
    place.kura_as(OPERATOR, &["permit", "apply", file, "--replaces", &number]).ends(4);
    let changed =
        place.kura_as(ADMIN, &["permit", "apply", file, "--replaces", &number, "--json"]).ends(0).json();
    assert_eq!((&changed["state"], &changed["revision"]), (&"applied".into(), &2.into()));
    place.kura_as(DOCTOR, &["permit", "return", &number, "--reason", "期間が長い"]).ends(0);
    place.kura_as(DOCTOR, &["permit", "revoke", &number, "--reason", "誤り"]).ends(4);
    let cancel = place.kura_as(OPERATOR, &["extract", "cancel", &number]).ends(4);
    assert!(cancel.err.contains("no extract is being made"), "{}", cancel.err);
    place.kura_as(ADMIN, &["permit", "apply", file, "--replaces", &number]).ends(0);
    place.kura_as(DOCTOR, &["permit", "withdraw", &number, "--reason", "誤り"]).ends(4);
    place.kura_as(ADMIN, &["permit", "withdraw", &number, "--reason", "目的の変更"]).ends(0);
    let shown = place.kura(&["permit", "show", &number]).ends(0).out;
    assert!(shown.contains("取下げ"), "{shown}");
    place.kura(&["audit", "verify"]).ends(0);
}

#[test]
fn what_is_wrong_in_an_application_is_named_with_its_field() {
    let place = place();
    let file = place.path("申請.toml");
    let apply = |from: &str, to: &str| {
        let text = application();
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        std::fs::write(
            &file,
            bad.replace("file = \"plan.pdf\"", &format!("sha256 = \"{}\"", "07".repeat(32))),
        )
        .expect("written");
        place.kura_as(ADMIN, &["permit", "apply", file.to_str().expect("a path")])
    };
    for (from, to, said) in [
        ("subject =", "subjekt =", "subjekt"),
        ("\"usb-memory\"", "\"floppy\"", "permit.medium"),
        ("until = 2099-12-28", "until = 2099-11-28", "period"),
        ("until = 2099-12-04", "until = 2100-12-04", "execution"),
        ("2100-01-31", "2099-12-01", "after_use_due"),
        ("executions_max = 1", "executions_max = 0", "executions_max"),
        ("subject = \"糖尿病の受診動向\"", "subject = \"\"", "subject"),
        ("k = 10", "k = 10\nquery = \"SELECT 1\"", "query"),
        ("do = \"drop\"", "do = \"keep\"", "columns.my_number"),
        ("k = 10", "k = -1", "`k = -1`: a whole number from 0 on is needed"),
        ("k = 10", "k = \"ten\"", "`k = \"ten\"`"),
        ("k = 10", "k = 1", "privacy.k = 1: k must be at least 2"),
        ("dataset = \"admissions\"", "dataset = \"patients\"", "it knows: admissions"),
        ("seal = \"passphrase\"", AGE_KEY_WITH_A_SLIP, "output.seal: this is no age key"),
    ] {
        let ran = apply(from, to).ends(2);
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    assert_eq!(place.kura(&["permit", "list", "--json"]).ends(0).out.trim(), "[]");
    let gone = place.kura(&["permit", "show", "R08-001"]).ends(1);
    assert!(gone.err.contains("there is no permit R08-001"), "{}", gone.err);
    place.kura(&["permit", "list", "--state", "lost"]).ends(2);
}

#[test]
fn everything_that_is_wrong_in_an_application_is_told_at_once_one_on_a_line() {
    let place = place();
    let file = place.path("申請.toml");
    let apply = |changes: &[(&str, &str)]| {
        let mut text =
            application().replace("file = \"plan.pdf\"", &format!("sha256 = \"{}\"", "07".repeat(32)));
        for (from, to) in changes {
            let next = text.replacen(from, to, 1);
            assert_ne!(next, text, "{from}");
            text = next;
        }
        std::fs::write(&file, text).expect("written");
        place.kura_as(ADMIN, &["permit", "apply", file.to_str().expect("a path")]).ends(2)
    };
    let fields = apply(&[
        ("subject = \"糖尿病の受診動向\"", "subject = \"\""),
        ("\"usb-memory\"", "\"floppy\""),
        ("until = 2099-12-04", "until = 2100-12-04"),
        ("executions_max = 1", "executions_max = 0"),
        ("k = 10", "k = 1"),
    ]);
    for said in
        ["permit.subject", "permit.medium", "permit.execution:", "permit.executions_max", "privacy.k = 1"]
    {
        let lines = fields.err.lines().filter(|line| line.contains(said) && line.contains("申請.toml:"));
        assert_eq!(lines.count(), 1, "{said}: {}", fields.err);
    }
    let rules = apply(&[("k = 10", "k = 1"), ("dataset = \"admissions\"", "dataset = \"patients\"")]);
    let starts = |words: &str| rules.err.lines().filter(|line| line.starts_with(words)).count();
    assert_eq!((starts("privacy.k = 1: "), starts("dataset = \"patients\": ")), (1, 1), "{}", rules.err);
    assert_eq!(place.kura(&["permit", "list", "--json"]).ends(0).out.trim(), "[]");
}

#[test]
fn an_extract_is_made_and_what_is_said_fits_how_it_is_sealed() {
    let place = place();
    let rows: Vec<String> = (0..60).map(|id| format!("{id},{}", 20 + id % 3)).collect();
    place.write("rows.csv", &format!("id,age\n{}\n", rows.join("\n")));
    let settings = std::fs::read_to_string(place.path("home/kura.toml")).expect("settings");
    let source = place.path("rows.csv").display().to_string();
    place.write("home/kura.toml", &settings.replace("/nowhere/admissions.csv", &source));
    let columns = place.kura_as(OPERATOR, &["extract", "columns", "admissions", "--json"]).ends(0).json();
    let schema = columns["schema"].as_str().expect("a fingerprint").to_owned();
    let key = kura::archive::seal::Identity::generate().recipient().to_string();
    for seal in ["passphrase", key.as_str()] {
        let text = application();
        let (head, _) = text.split_once("[extract]").expect("the instructions");
        let days = head.replace("2099-12-0", "2026-01-0").replace("2026-01-04", "2099-12-04");
        let days = days.replace("file = \"plan.pdf\"", &format!("sha256 = \"{}\"", "07".repeat(32)));
        let extract = format!(
            "[extract]\ndataset = \"admissions\"\nschema = \"{schema}\"\n[extract.columns]\n\
             id = {{ class = \"link\", do = \"drop\" }}\nage = {{ class = \"qi\", do = \"age\", widths = [5] }}\n\
             [extract.privacy]\nk = 5\n[extract.output]\nformat = \"csv\"\nseal = {seal:?}\n"
        );
        place.write("one.toml", &(days + &extract));
        let file = place.text("one.toml");
        let asked = place.kura_as(ADMIN, &["permit", "apply", &file, "--json"]).ends(0).json();
        let number = asked["permit"].as_str().expect("a number").to_owned();
        place.kura_as(OPERATOR, &["extract", "plan", &number]).ends(0);
        let shown = place.kura(&["permit", "show", &number]).ends(0).out;
        assert!(shown.contains("抽出の試算：済み"), "{shown}");
        let digest = asked["digest"].as_str().expect("a digest");
        let approved = place.kura_as(DOCTOR, &["permit", "approve", &number, "--digest", digest]).ends(0);
        assert!(!approved.out.contains("試算"), "{}", approved.out);
        let made = place.kura_as(OPERATOR, &["extract", "run", &number]).ends(0);
        let is_of_key = seal == key;
        assert_eq!(made.out.contains("there is no passphrase"), is_of_key, "{}", made.out);
        assert_eq!(made.out.contains("passphrase that was shown above"), !is_of_key, "{}", made.out);
        if is_of_key {
            let asked = place.kura_as(OPERATOR, &["extract", "verify", &number]).ends(2);
            assert!(asked.err.contains("give that key with --identity FILE"), "{}", asked.err);
        } else {
            let asked = ["extract", "verify", &number, "--identity", "recovery.key"];
            let said = place.kura_as(OPERATOR, &asked).ends(2);
            assert!(said.err.contains("leave --identity out"), "{}", said.err);
        }
        let said = runbooks::run(runbooks::runbook(&place, "after-use-overdue", &[("R08-014", &number)]));
        assert!(said.contains(&number), "{said}");
    }
}
