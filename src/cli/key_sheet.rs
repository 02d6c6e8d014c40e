//! `kura key ceremony` and `kura key sheet`: keys made in front of witnesses, and recovery sheets (復旧票) to print.
//!
//! A sheet is one HTML file in Japanese, without script and without anything from elsewhere.

use std::path::{Path, PathBuf};

use clap::Args;
use qrcode::{Color, QrCode};
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::config;
use crate::domain::calendar::wareki;
use crate::domain::time::Instant;
use crate::workflows::keys;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::passphrase;
use super::words::{print, print_json, tokyo};

/// Make the root key and a recovery key for each office, in front of witnesses, with sheets to print.
#[derive(Debug, Args)]
#[command(
    after_help = "Example, on a machine without network: kura key ceremony /media/usb/keys --holder 医師会 --holder 運用管理事業者\n\
                  Print the sheets, seal them in envelopes, keep files and sheets of each office apart, then destroy what is\n\
                  left on the machine. Afterwards: kura init --root-key … --recipient … (the public halves are printed)."
)]
pub(super) struct Ceremony {
    /// A new folder for the keys and sheets; only its owner may enter it.
    folder: PathBuf,
    /// An office that keeps a recovery key, not a person; give at least two.
    #[arg(long, value_name = "NAME", required = true)]
    holder: Vec<String>,
    /// Protect each recovery key with a passphrase (asked for, or from the file named in `KURA_PASSPHRASE_FILE`).
    #[arg(long)]
    passphrase: bool,
}

/// Print a recovery sheet (復旧票) for a key that exists.
#[derive(Debug, Args)]
pub(super) struct Sheet {
    /// The recovery key's file, as it is: one that a passphrase protects stays protected on paper.
    file: PathBuf,
    /// Where to write the sheet; the file must not exist.
    #[arg(long, value_name = "HTML")]
    out: PathBuf,
    /// The office that keeps it.
    #[arg(long, value_name = "NAME", default_value = "")]
    holder: String,
    /// Put the key itself on the sheet, as text and as a QR code: the paper then opens every backup.
    #[arg(long)]
    with_secret: bool,
}

#[derive(Serialize)]
struct Made<'a> {
    root_key: &'a Path,
    root_fingerprint: &'a str,
    keys: Vec<Key<'a>>,
    sheets: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Key<'a> {
    holder: &'a str,
    file: &'a Path,
    recipient: &'a str,
}

pub(super) fn ceremony(app: &App, global: &Global, ceremony: &Ceremony) -> Result<Exit, Failure> {
    if ceremony.folder.exists() {
        return Err(Failure::Failed(format!(
            "{} is there already: give a new folder",
            ceremony.folder.display()
        )));
    }
    let mut holders = Vec::new();
    for holder in &ceremony.holder {
        let asked = ceremony.passphrase.then(|| passphrase::new_for(Path::new(holder))).transpose()?;
        holders.push((holder.clone(), asked));
    }
    let made = keys::ceremony(&ceremony.folder, &holders, &app.clock)?;
    let now = app.clock.now();
    let mut sheets = Vec::new();
    for (number, (holder, file, recipient)) in (1..).zip(&made.keys) {
        let out = ceremony.folder.join(format!("sheet-{number}.html"));
        let page = recovery_sheet(holder, Some(&text_of(file)?), &made.root_fingerprint, recipient, now);
        config::write_new(&out, page.as_bytes(), 0o600)?;
        sheets.push(out);
    }
    let out = ceremony.folder.join("sheet-root.html");
    let page = root_sheet(&text_of(&made.root)?, &made.root_fingerprint, now);
    config::write_new(&out, page.as_bytes(), 0o600)?;
    sheets.push(out);
    if global.json {
        let keys = made.keys.iter().map(|(holder, file, recipient)| Key { holder, file, recipient });
        print_json(&Made {
            root_key: &made.root,
            root_fingerprint: &made.root_fingerprint,
            keys: keys.collect(),
            sheets,
        })?;
        return Ok(Exit::Done);
    }
    let mut text = format!(
        "Made a root key and {} recovery keys in {}\n  root fingerprint  {}\n",
        made.keys.len(),
        ceremony.folder.display(),
        made.root_fingerprint
    );
    for (holder, file, recipient) in &made.keys {
        text.push_str(&format!("  {holder}: {}\n    {recipient}\n", file.display()));
    }
    text.push_str("Sheets to print (they hold the keys themselves: print, seal, then delete them):\n");
    text.extend(sheets.iter().map(|sheet| format!("  {}\n", sheet.display())));
    if made.keys.len() == 1 {
        text.push_str(
            "! There is only one recovery key: if it is lost, every backup is. Give --holder twice.\n",
        );
    }
    let recipients = made.keys.iter().map(|(_, _, recipient)| format!(" --recipient {recipient}"));
    text.push_str(&format!(
        "Next, on the backup host: kura init --store URL --root-key FILE{}\n",
        recipients.collect::<String>()
    ));
    print(&text)?;
    Ok(Exit::Done)
}

fn text_of(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(Failure::file("read", file))
}

pub(super) fn sheet(global: &Global, sheet: &Sheet) -> Result<Exit, Failure> {
    let identity = super::opening::read(&sheet.file)?;
    let root = identity.root.ok_or_else(|| {
        Failure::Failed(
            "the file has no `# kura-root:` line: it was not made for a Kura repository".to_owned(),
        )
    })?;
    let secret = sheet.with_secret.then(|| text_of(&sheet.file)).transpose()?;
    let recipients = identity.recipients.join(" ");
    let now = crate::clock::SystemClock.now();
    let page = recovery_sheet(&sheet.holder, secret.as_deref(), &root, &recipients, now);
    config::write_new(&sheet.out, page.as_bytes(), 0o600)?;
    if global.json {
        print_json(
            &serde_json::json!({ "sheet": sheet.out, "root_fingerprint": root, "recipient": recipients }),
        )?;
    } else {
        print(&format!("wrote {}: print it, then keep it apart from the key\n", sheet.out.display()))?;
    }
    Ok(Exit::Done)
}

const STYLE: &str = "body{font-family:serif;max-width:46em;margin:2em auto;line-height:1.7}h1{text-align:center}\
table{border-collapse:collapse;width:100%;margin:.5em 0 1em}th,td{border:1px solid #000;padding:.3em .6em;\
text-align:left;vertical-align:top;overflow-wrap:anywhere}th{width:28%;font-weight:normal;background:#eee}\
pre{border:1px solid #000;padding:.6em;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.9em}\
svg{width:6.5cm;height:6.5cm}.warn{border:3px solid #000;padding:.4em .8em}@media print{body{margin:0}}";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn row(title: &str, text: &str) -> String {
    format!("<tr><th scope=\"row\">{title}</th><td>{}</td></tr>\n", escaped(text))
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style>\
         </head><body>\n<h1>{title}</h1>\n{body}</body></html>\n"
    )
}

/// A text as a QR code; nothing where it is too long for one.
fn qr(text: &str, label: &str) -> String {
    let Ok(code) = QrCode::new(text.as_bytes()) else { return String::new() };
    let width = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            path.push_str(&format!("M{} {}h1v1h-1z", index % width + 4, index / width + 4));
        }
    }
    let side = width + 8;
    format!(
        "<svg viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{}\"><rect width=\"{side}\" height=\"{side}\" \
         fill=\"#fff\"/><path d=\"{path}\"/></svg>\n",
        escaped(label)
    )
}

fn made_on(now: Instant) -> String {
    wareki(tokyo().day_of(now))
}

const SIGNATURES: &str = "<h2>立会い</h2>\n<table><tr><th>作成した日</th><td>　</td></tr><tr><th>作成者（署名）</th><td>　</td></tr>\
<tr><th>立会人（署名）</th><td>　</td></tr><tr><th>封かんした日・封筒の番号</th><td>　</td></tr></table>\n";

fn recovery_sheet(holder: &str, secret: Option<&str>, root: &str, recipient: &str, now: Instant) -> String {
    let mut body = String::from("<table>\n");
    body.push_str(&row("保管する組織", if holder.is_empty() { "　" } else { holder }));
    body.push_str(&row("作成日", &made_on(now)));
    body.push_str(&row("ルート鍵の指紋", root));
    body.push_str(&row("復旧鍵の公開部分", recipient));
    body.push_str(&row("バックアップの保存先", "　"));
    body.push_str("</table>\n");
    match secret {
        Some(secret) => {
            let secret = secret.trim_end();
            body.push_str(
                "<p class=\"warn\"><strong>この用紙の鍵で、すべてのバックアップを開けます。</strong>\
                 封筒に入れて封かんし、施錠できる場所に保管してください。写真に撮らないでください。</p>\n<h2>復旧鍵</h2>\n",
            );
            body.push_str(&qr(secret, "復旧鍵のＱＲコード"));
            body.push_str(&format!("<pre>{}</pre>\n", escaped(secret)));
            if secret.starts_with("-----BEGIN AGE") {
                body.push_str("<p>この鍵はパスフレーズで保護されています。パスフレーズはこの用紙に書かず、別に保管してください。</p>\n");
            }
        }
        None => {
            body.push_str("<p>この用紙に鍵は含まれていません。鍵のファイルとは別に保管してください。</p>\n");
        }
    }
    body.push_str(
        "<h2>復旧の手順</h2>\n<ol>\
         <li>新しい機器に Kura を用意します。Kura がない場合は、docs/format.md の手順により age と zstd でも復元できます。</li>\
         <li>鍵のファイルを用意します。用紙しかない場合は、ＱＲコードを読み取るか枠内の文字を入力し、行の区切りもそのままに \
         recovery.key として保存します。「AGE-SECRET-KEY-1」で始まる鍵は、<code>--identity -</code> として実行時に入力することもできます。</li>\
         <li>次を実行します。<br><code>kura restore latest --store 保存先 --identity recovery.key --to 復元先</code><br>\
         ルート鍵の指紋を尋ねられたときは、上の指紋を <code>--root</code> に指定します。指紋が一致しない保存先は使用しないでください。</li>\
         <li>終わったら、機器に残した鍵のファイルを消去し、この用紙を再び封かんします。</li></ol>\n\
         <h2>開封の記録</h2>\n<table><tr><th>日付</th><td>理由・氏名</td></tr><tr><th>　</th><td>　</td></tr>\
         <tr><th>　</th><td>　</td></tr></table>\n",
    );
    body.push_str(SIGNATURES);
    page("復旧票", &body)
}

fn root_sheet(secret: &str, root: &str, now: Instant) -> String {
    let secret = secret.trim_end();
    let mut body = String::from("<table>\n");
    body.push_str(&row("作成日", &made_on(now)));
    body.push_str(&row("ルート鍵の指紋", root));
    body.push_str("</table>\n");
    body.push_str(
        "<p class=\"warn\"><strong>ルート鍵は、どの復旧鍵とどのバックアップ機器を有効とするかを決める鍵です。</strong>\
         バックアップを開くことはできません。復旧鍵とは別の封筒に入れて封かんしてください。\
         この鍵を失うと、復旧鍵の追加や交換ができなくなります。</p>\n<h2>ルート鍵</h2>\n",
    );
    body.push_str(&qr(secret, "ルート鍵のＱＲコード"));
    body.push_str(&format!("<pre>{}</pre>\n", escaped(secret)));
    body.push_str("<p>使うとき：枠内の文字を root.key として保存し、<code>kura key rotate --root-key root.key …</code> に指定します。</p>\n");
    body.push_str(SIGNATURES);
    page("ルート鍵票", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_shows_the_key_only_where_it_is_asked_for() {
        let now = Instant::from_micros(1_800_000_000_000_000);
        let key = "# kura-root: sha256:ab\nAGE-SECRET-KEY-1XYZ\n";
        let with = recovery_sheet("医師会 <1>", Some(key), "sha256:ab", "age1abc", now);
        assert!(
            with.contains("AGE-SECRET-KEY-1XYZ")
                && with.contains("<svg")
                && with.contains("医師会 &lt;1&gt;")
        );
        let without = recovery_sheet("", None, "sha256:ab", "age1abc", now);
        assert!(!without.contains("1XYZ") && !without.contains("<svg") && without.contains("sha256:ab"));
        let root = root_sheet("-----BEGIN PRIVATE KEY-----", "sha256:ab", now);
        assert!(root.contains("ルート鍵票") && root.contains("BEGIN PRIVATE KEY"));
    }
}
