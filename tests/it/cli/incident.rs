//! `kura incident` and `kura runbook`, as people use them.

use std::os::unix::fs::PermissionsExt as _;

use super::Place;
use crate::support::pdf;

/// The fields of 別紙3 stand in its order. The salutation before them has some of these words too.
#[track_caller]
fn has_the_form(page: &str) {
    let form = page.split_once("発見日時").expect("a form").1;
    let fields = [
        "発見箇所",
        "発生日時",
        "障害内容",
        "影響範囲",
        "復旧日時",
        "経過",
        "原因",
        "処置",
        "備考",
        "添付資料",
    ];
    let found = fields.map(|field| form.find(field));
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{found:?}: {page}");
}

#[test]
fn an_incident_goes_from_opening_to_its_printed_report() {
    let place = Place::with_snapshot();
    place.add_account("", "manager001", "operations_manager");
    place.add_account("manager001", "operator01", "system_operator");
    let none = place.kura(&["incident", "list"]).ends(0);
    assert!(none.out.contains("There is no incident"), "{}", none.out);
    let desk = place.kura(&["incident", "helpdesk"]).ends(0);
    assert!(desk.out.contains("現在、お知らせする障害はありません。"), "{}", desk.out);
    let home = place.path("home");
    let contacts = home.join("contacts.toml");
    let text = "[[contact]]\nid = \"night-1\"\ngroup = \"administrator\"\nname = \"夜間担当\"\nphone = \"052-000-0000\"\n";
    std::fs::write(&contacts, text).unwrap();
    std::fs::set_permissions(&contacts, std::fs::Permissions::from_mode(0o600)).unwrap();
    place.kura(&["incident", "open", "接続できません。"]).ends(2);
    let open = ["incident", "open", "接続できません。", "--occurred", "2020-01-01 09:00"];
    let opened = place.kura_as("operator01", &open).ends(0);
    let id = opened.out.split_whitespace().next().expect("a number").to_owned();
    let shown = place.kura(&["incident", "show", &id]).ends(0);
    for part in [
        "detected (検知)",
        "接続できません。",
        "TO BE TOLD",
        "052-000-0000",
        "To read out",
        "影響範囲：確認中です。",
    ] {
        assert!(shown.out.contains(part), "{part} in {}", shown.out);
    }
    place.kura_as("operator01", &["incident", "confirm", &id]).ends(0);
    place.kura_as("operator01", &["incident", "confirm", &id]).ends(4);
    place.kura_as("operator01", &["incident", "contact", &id, "night-1", "--way", "phone"]).ends(0);
    place.kura_as("operator01", &["incident", "set", &id, "cause", "回線の故障"]).ends(0);
    place.kura_as("operator01", &["incident", "set", &id, "place", "ヘルプデスクへの電話"]).ends(0);
    place.kura_as("operator01", &["incident", "set", &id, "nothing", "x"]).ends(2);
    place
        .kura_as("operator01", &["incident", "recover", &id, "--measures", "回線を切り替えました。"])
        .ends(0);
    is_printed_and_closed(&place, &id);
    let json = place.kura(&["incident", "show", &id, "--json"]).ends(0).json();
    assert_eq!(
        (&json["state"], &json["checklist"][0]["told"][0]["way"]),
        (&"closed".into(), &"phone".into())
    );
    let all = format!("{json}{}", place.kura(&["audit", "list"]).ends(0).out);
    assert!(!all.contains("夜間担当") && !all.contains("052-"), "{all}");
    std::fs::set_permissions(&contacts, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open_file = place.kura(&["incident", "show", &id]).ends(0);
    assert!(open_file.out.contains("others may read it"), "{}", open_file.out);
}

/// The versions of its report, until the last one is issued by closing it.
fn is_printed_and_closed(place: &Place, id: &str) {
    let draft = place.kura(&["incident", "report", id, "--draft"]).ends(0);
    assert!(draft.out.contains("【案】") && draft.out.contains("回線の故障"), "{}", draft.out);
    let report = place.kura_as("operator01", &["incident", "report", id, "--html"]).ends(0);
    assert!(report.out.contains("<h1>障害報告書</h1>") && !report.out.contains("【案】"), "{}", report.out);
    let print = |arguments: &[&str]| {
        let whole = [&["incident", "report", id, "--pdf"], arguments].concat();
        pdf::solid(&pdf::pages(&place.kura(&whole).ends(0).bytes).concat())
    };
    let issued = print(&["--draft"]);
    has_the_form(&issued);
    assert!(issued.contains("第1版") && !issued.contains("案】"), "nothing came since: {issued}");
    place.kura_as("operator01", &["incident", "close", id]).ends(4);
    place
        .kura_as("operator01", &["incident", "action", id, "回線を二重にする", "--due", "2027-03-31"])
        .ends(0);
    let draft = print(&["--draft"]);
    assert!(draft.contains("【案】") && draft.contains("第2版（案）"), "{draft}");
    let missing = place.kura_as("operator01", &["incident", "close", id]).ends(4).err;
    assert!(missing.contains("the report lacks scope:") && missing.contains("--incomplete"), "{missing}");
    let reason = "影響範囲は調査中";
    let closed = place.kura_as("operator01", &["incident", "close", id, "--incomplete", reason]).ends(0).out;
    assert!(closed.contains("Version 2 of the report, the last one"), "{closed}");
    let last = print(&[]);
    assert!(last.contains("第2版") && last.contains(reason) && !last.contains("案】"), "{last}");
    assert_eq!((print(&["--draft"]), print(&[])), (last.clone(), last), "printed again, and no new version");
    place.kura_as("operator01", &["incident", "report", id]).ends(4);
}

/// Opens an incident as `operator01`; gives its number.
fn open(place: &Place, arguments: &[&str]) -> String {
    let opened = place.kura_as("operator01", &[&["incident", "open"], arguments].concat()).ends(0);
    opened.out.split_whitespace().next().expect("a number").to_owned()
}

fn with_operator() -> Place {
    let place = Place::with_snapshot();
    place.add_account("", "manager001", "operations_manager");
    place.add_account("manager001", "operator01", "system_operator");
    place
}

#[test]
fn what_a_font_lacks_does_not_keep_an_incident_from_being_printed() {
    let place = with_operator();
    let id = open(&place, &["つながりません😀"]);
    place.kura_as("operator01", &["incident", "note", &id, "外字の\u{e000}さんから電話"]).ends(0);
    let unseen = place.kura_as("operator01", &["incident", "note", &id, "鐘\u{7}"]).ends(2);
    assert!(unseen.err.contains("control characters"), "{}", unseen.err);
    let page = place.kura(&["incident", "report", &id, "--draft", "--pdf"]).ends(0).bytes;
    let said = pdf::solid(&pdf::pages(&page).concat());
    for words in ["つながりません〓[U+1F600]", "外字の〓[U+E000]さんから電話", "文字番号で表しました"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let html = place.kura(&["incident", "report", &id, "--draft", "--html"]).ends(0).out;
    assert!(html.contains("つながりません😀") && !html.contains('〓'), "{html}");
}

#[test]
fn what_is_refused_about_an_incident_is_said_as_it_is() {
    let place = with_operator();
    let id = open(&place, &["つながりません。", "--service", "ポータル"]);
    let shown = place.kura(&["incident", "show", &id]).ends(0).out;
    let stands = shown.lines().filter(|line| line.ends_with("つながりません。")).count();
    assert_eq!(stands, 2, "once as its title, once in its course: {shown}");
    let second =
        place.kura_as("operator01", &["incident", "open", "画面が出ません。", "--service", "ポータル"]);
    let said = second.ends(4).err;
    assert!(said.contains(&id) && said.contains("--another") && said.contains("ポータル"), "{said}");
    let another = ["画面が出ません。", "--service", "ポータル", "--another"];
    assert_ne!(open(&place, &another), id);
    let refused = |arguments: &[&str], words: &str| {
        let verb = arguments.first().copied().unwrap_or_default();
        let whole = [&["incident", verb, &id], arguments.get(1..).unwrap_or_default()].concat();
        let said = place.kura_as("operator01", &whole).ends(4).err;
        assert!(said.contains(words), "{words}: {said}");
    };
    let told = ["told", "--at", "2020-01-01 09:00", "--receipt", "文書 12号"];
    refused(&told, "the time of telling lies before the incident was found");
    refused(&["action", "二重にする", "--due", "2020-01-01"], "2020-01-01, is over");
    refused(&["expect", "2020-01-01 09:00"], "recovery is expected does not lie ahead");
    let none = place.kura_as("operator01", &["incident", "action", &id, "--done", "7"]).ends(1).err;
    assert!(none.contains("there is no action with number 7"), "{none}");
    for step in [
        &["confirm", &id][..],
        &["recover", &id],
        &["report", &id],
        &["close", &id, "--no-action", "誤報", "--incomplete", "誤報"],
    ] {
        place.kura_as("operator01", &[&["incident"], step].concat()).ends(0);
    }
    refused(&["note", "追記"], "is closed and its record is not changed any more");
}

#[test]
fn a_statement_says_what_can_be_given_back_and_what_nobody_knows() {
    let place = Place::with_snapshot();
    let sealed = place.kura(&["incident", "statement", "records", "--path", "deep"]).ends(2);
    assert!(sealed.err.contains("--identity") && sealed.out.is_empty(), "{}", sealed.err);
    let said = place.kura(&["incident", "statement", "records"]).ends(0);
    assert!(
        said.out.contains("recoverable") && said.out.contains("Statement 1 is signed and stored"),
        "{}",
        said.out
    );
    let with_key =
        ["incident", "statement", "records", "--path", "deep", "--identity", "recovery.key", "--json"];
    let json = place.kura(&with_key).ends(0).json();
    assert_eq!((&json["ok"], &json["number"]), (&true.into(), &2.into()));
    assert_eq!(json["paths"][0]["files"], json["paths"][0]["recoverable"]);
    let page = place.kura(&["incident", "statement", "records", "--html"]).ends(0);
    assert!(page.out.contains("<h1>復元可能性の証明</h1>"), "{}", page.out);
    place.kura(&["incident", "statement", "nothing"]).ends(1);
    let of = |more: &[&str]| place.kura(&[&["incident", "statement", "records"], more].concat());
    let latest = of(&["--snapshot", "latest:records"]).ends(0).out;
    assert!(latest.starts_with("Snapshot ") && latest.contains(" of records, taken "), "{latest}");
    let none = of(&["--before", "2001-01-01 00:00"]).ends(1).err;
    assert!(none.contains("no snapshot of records was taken before"), "{none}");
    for wrong in [
        &["--before", "yesterday"][..],
        &["--snapshot", "?"],
        &["--snapshot", "latest", "--before", "2001-01-01 00:00"],
    ] {
        of(wrong).ends(2);
    }
    // What was never stored is not said to come back.
    for more in
        [&["--path", "nonexist/x", "--identity", "recovery.key"][..], &["--sent", "2001-01-01..2001-01-03"]]
    {
        let line = [&["incident", "statement", "records"], more].concat();
        let said = place.kura(&line).ends(1);
        assert!(
            said.out.contains("写しが見つかりませんでした")
                || said.out.contains("写しは、見つかりませんでした"),
            "{}",
            said.out
        );
        assert!(said.out.contains("is signed and stored"), "{}", said.out);
        let page = place.kura(&[&line[..], &["--html"]].concat()).ends(1).out;
        assert!(page.contains("見つかりませんでした。"), "{page}");
    }
}

#[test]
fn a_runbook_is_read_without_any_home() {
    let place = Place::new();
    let page = place.kura(&["runbook", "backup-missed"]).ends(0);
    assert!(page.out.starts_with("# backup-missed"), "{}", page.out);
    assert!(place.kura(&["runbook"]).ends(0).out.contains("kura runbook NAME:"));
    place.kura(&["runbook", "nothing"]).ends(2);
}
