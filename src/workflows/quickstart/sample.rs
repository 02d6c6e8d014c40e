//! Made-up records: small Japanese messages, reports and letters of a few days, and one picture a day.
//!
//! Nobody in them exists: patients and clinics have numbers and the word 見本 instead of names.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::domain::time::{Day, Instant, Zone};

use super::TreeError;

/// Days before today that have records.
const DAYS: u32 = 7;

/// Bytes of a day's picture.
const PICTURE_BYTES: usize = 192 * 1024;

/// Writes the sample below `root`, which is made: `YYYY/MM/DD/<record>`, the last seven days before today in Tokyo.
///
/// Shape: the times of the files lie on their day between 09:00 and 17:00, so their sent day is their folder's.
pub fn write_sample(root: &Path, now: Instant) -> Result<(), TreeError> {
    let zone = Zone::tokyo();
    let mut day = zone.day_of(now);
    for _ in 0..DAYS {
        day = day.previous();
        write_day(root, day, &zone)?;
    }
    Ok(())
}

fn write_day(root: &Path, day: Day, zone: &Zone) -> Result<(), TreeError> {
    let date = day.date();
    let folder = root.join(format!("{:04}/{:02}/{:02}", date.year(), date.month(), date.day()));
    fs::create_dir_all(&folder).map_err(TreeError::new("make the folder", &folder))?;
    let stamp = format!("{:04}{:02}{:02}", date.year(), date.month(), date.day());
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    for number in 1_u32..=3 {
        records.push((format!("ADT-A08-{stamp}-{number:04}.hl7"), message(&stamp, number).into_bytes()));
        records.push((format!("検査報告-{stamp}-{number:04}.xml"), report(day, number).into_bytes()));
        records.push((format!("紹介状-{stamp}-{number:04}.txt"), letter(day, number).into_bytes()));
    }
    records.push((format!("画像-{stamp}-0001.bin"), picture(&stamp)));
    let opening = u64::try_from(zone.start_of(day).as_seconds()).unwrap_or(0) + 9 * 3600;
    for (at, (name, bytes)) in (0_u64..).zip(records) {
        let path = folder.join(name);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(opening + at * 47 * 60);
        let write = || {
            fs::write(&path, &bytes)?;
            fs::File::options().write(true).open(&path)?.set_modified(time)
        };
        write().map_err(TreeError::new("write", &path))?;
    }
    Ok(())
}

/// A message in the manner of HL7 v2.
fn message(stamp: &str, number: u32) -> String {
    let patient = 1000 + number;
    format!(
        "MSH|^~\\&|MIHON|CLINIC-{number:02}|KURA|DEMO|{stamp}0900{number:02}||ADT^A08|{stamp}{number:04}|P|2.5\r\
         EVN|A08|{stamp}0900{number:02}\r\
         PID|1||{patient:010}^^^MIHON||見本^患者{number:03}||19700101|U\r\
         PV1|1|O|外来^^^見本診療所{number:02}\r\
         ZNT|1|これは見本です。実在の人物や施設とは関係がありません。\r"
    )
}

fn report(day: Day, number: u32) -> String {
    let rows = ["白血球数", "赤血球数", "ヘモグロビン", "血小板数", "総蛋白", "クレアチニン"];
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<検査報告 日付=\"{day}\" 番号=\"{number}\">\n  \
         <患者 番号=\"{:010}\">見本 患者{number:03}</患者>\n",
        1000 + number
    );
    for (at, row) in (0_u32..).zip(rows) {
        let (whole, tenth) = (4 + (number * 7 + at * 3) % 11, (number + at * 5) % 10);
        text.push_str(&format!("  <項目 名=\"{row}\" 値=\"{whole}.{tenth}\" 注=\"見本の値\"/>\n"));
    }
    text.push_str("</検査報告>\n");
    text
}

fn letter(day: Day, number: u32) -> String {
    format!(
        "紹介状（見本）\n日付：{day}\n宛先：見本病院{number:02} 御中\n差出：見本診療所{number:02}\n患者：見本 患者{number:03}\n\n\
         いつもお世話になっております。上記の患者について、ご高診をお願いいたします。\n\
         経過：見本の文章です。実在の人物や施設とは関係がありません。\n以上\n"
    )
}

/// Bytes that cannot be compressed, as those of a picture; the same for the same day.
fn picture(stamp: &str) -> Vec<u8> {
    let mut bytes = vec![0; PICTURE_BYTES];
    let mut hasher = blake3::Hasher::new();
    hasher.update(stamp.as_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}
