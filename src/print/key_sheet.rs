//! Recovery sheets (復旧票): a key on paper, with what to do with it.

use crate::domain::calendar::wareki;
use crate::domain::time::Instant;
use crate::paper::Paper;
use crate::workflows::desk::tokyo;

/// What stands on a sheet.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    /// The office that keeps it; empty: written by hand.
    pub holder: &'a str,
    /// The key itself, as the file has it; `None` where the sheet does not show it.
    pub secret: Option<&'a str>,
    /// The fingerprint of the root key.
    pub root: &'a str,
    /// The public half of the recovery key.
    pub recipient: &'a str,
}

fn made_on(now: Instant) -> (&'static str, String) {
    ("作成日", wareki(tokyo().day_of(now)))
}

fn signatures(paper: &mut Paper) {
    let names = ["作成した日", "作成者（署名）", "立会人（署名）", "封かんした日・封筒の番号"];
    paper.fields("立会い", names.map(|name| (name, "　".to_owned())));
}

fn the_key(paper: &mut Paper, secret: Option<&str>) {
    let Some(secret) = secret.map(str::trim_end) else {
        paper.text("この用紙に鍵は含まれていません。鍵のファイルとは別に保管してください。");
        return;
    };
    paper.warning(
        "この用紙の鍵で、すべてのバックアップを開けます。",
        "封筒に入れて封かんし、施錠できる場所に保管してください。写真に撮らないでください。",
    );
    paper.heading("復旧鍵");
    paper.qr(secret, "復旧鍵のＱＲコード");
    paper.verbatim(secret);
    if secret.starts_with("-----BEGIN AGE") {
        paper.text(
            "この鍵はパスフレーズで保護されています。パスフレーズはこの用紙に書かず、別に保管してください。",
        );
    }
}

const STEPS: [&str; 4] = [
    "新しい機器に Kura を用意します。Kura がない場合は、docs/format.md の手順により age と zstd でも復元できます。",
    "鍵のファイルを用意します。用紙しかない場合は、ＱＲコードを読み取るか枠内の文字を入力し、行の区切りもそのままに recovery.key として保存します。「AGE-SECRET-KEY-1」で始まる鍵は、--identity - として実行時に入力することもできます。",
    "次を実行します。\nkura restore latest --store 保存先 --identity recovery.key --to 復元先\nルート鍵の指紋を尋ねられたときは、上の指紋を --root に指定します。指紋が一致しない保存先は使用しないでください。",
    "終わったら、機器に残した鍵のファイルを消去し、この用紙を再び封かんします。",
];

/// The sheet of a recovery key.
pub fn recovery(sheet: &Sheet<'_>, now: Instant) -> Paper {
    let holder = if sheet.holder.is_empty() { "　" } else { sheet.holder };
    let mut paper = Paper::new("復旧票", now);
    paper.title("復旧票");
    let facts = [
        ("保管する組織", holder.to_owned()),
        made_on(now),
        ("ルート鍵の指紋", sheet.root.to_owned()),
        ("復旧鍵の公開部分", sheet.recipient.to_owned()),
        ("バックアップの保存先", "　".to_owned()),
    ];
    paper.fields("この鍵について", facts);
    the_key(&mut paper, sheet.secret);
    paper.heading("復旧の手順");
    paper.steps(&STEPS);
    let rows = [("日付", "理由・氏名"), ("　", "　"), ("　", "　")];
    paper.fields("開封の記録", rows.map(|(name, text)| (name, text.to_owned())));
    signatures(&mut paper);
    paper
}

/// The sheet of the root key. `secret` is the key as its file has it.
pub fn root(secret: &str, root: &str, now: Instant) -> Paper {
    let secret = secret.trim_end();
    let mut paper = Paper::new("ルート鍵票", now);
    paper.title("ルート鍵票");
    paper.fields("この鍵について", [made_on(now), ("ルート鍵の指紋", root.to_owned())]);
    paper.warning(
        "ルート鍵は、どの復旧鍵とどのバックアップ機器を有効とするかを決める鍵です。",
        "バックアップを開くことはできません。復旧鍵とは別の封筒に入れて封かんしてください。この鍵を失うと、復旧鍵の追加や交換ができなくなります。",
    );
    paper.heading("ルート鍵");
    paper.qr(secret, "ルート鍵のＱＲコード");
    paper.verbatim(secret);
    paper.text(
        "使うとき：枠内の文字を root.key として保存し、kura key rotate --root-key root.key … に指定します。",
    );
    signatures(&mut paper);
    paper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_shows_the_key_only_where_it_is_asked_for() {
        let now = Instant::from_micros(1_800_000_000_000_000);
        let key = "# kura-root: sha256:ab\nAGE-SECRET-KEY-1XYZ\n";
        let sheet =
            Sheet { holder: "医師会 <1>", secret: Some(key), root: "sha256:ab", recipient: "age1abc" };
        let with = recovery(&sheet, now).html();
        assert!(with.contains("AGE-SECRET-KEY-1XYZ") && with.contains("<svg"), "{with}");
        assert!(with.contains("医師会 &lt;1&gt;"), "{with}");
        let without = recovery(&Sheet { holder: "", secret: None, ..sheet }, now).html();
        assert!(!without.contains("1XYZ") && !without.contains("<svg"), "{without}");
        assert!(without.contains("sha256:ab"), "{without}");
        let root = root("-----BEGIN PRIVATE KEY-----", "sha256:ab", now).html();
        assert!(root.contains("ルート鍵票") && root.contains("BEGIN PRIVATE KEY"), "{root}");
    }
}
