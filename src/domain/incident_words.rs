//! What is said of an incident: to users on the portal, to whoever calls the help desk (第15条⑦), to those who are told by
//! phone, FAX and mail (別紙4). From facts alone; where a fact is missing, that is said.

use crate::domain::calendar::{english, wareki};
use crate::domain::incident::IncidentState;
use crate::domain::notice_words::{Sender, Words};
use crate::domain::time::{Instant, Zone};

/// What is known of an incident, as far as words need it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Who speaks.
    pub sender: &'a Sender,
    /// Its number.
    pub incident: &'a str,
    /// Where it stands.
    pub state: IncidentState,
    /// The services that users cannot use.
    pub services: &'a [String],
    /// What failed.
    pub content: &'a str,
    /// What is concerned; empty if nobody has said.
    pub scope: &'a str,
    /// 発見日時.
    pub found_at: Instant,
    /// 復旧予定.
    pub expected_at: Option<Instant>,
    /// 復旧日時.
    pub recovered_at: Option<Instant>,
    /// Where its times are told.
    pub zone: &'a Zone,
    /// The time of telling.
    pub now: Instant,
}

/// A moment in 和暦, to the minute: `令和8年11月22日（日）12:05`.
pub fn moment(at: Instant, zone: &Zone) -> String {
    let (hour, minute) = zone.time_of(at).parts();
    format!("{}{hour}:{minute:02}", wareki(zone.day_of(at)))
}

/// A moment in English.
pub fn moment_en(at: Instant, zone: &Zone) -> String {
    format!("{} {}", english(zone.day_of(at)), zone.time_of(at))
}

impl Told<'_> {
    /// 状況 in both languages.
    fn status(&self) -> (&'static str, &'static str) {
        match self.state {
            IncidentState::Detected => {
                ("障害を検知し、状況を確認しています。", "Something failed; we are looking into it.")
            }
            IncidentState::Confirmed => {
                ("障害を確認し、原因を調べています。", "The failure is confirmed; we look for its cause.")
            }
            IncidentState::Recovering => ("復旧作業を行っています。", "We are mending it."),
            IncidentState::Recovered | IncidentState::Reported | IncidentState::Closed => {
                ("復旧しました。", "It is mended.")
            }
        }
    }

    /// 復旧 as it is known: when it was, when it is expected, or that nobody knows yet.
    fn recovery(&self) -> (String, String) {
        match (self.recovered_at, self.expected_at) {
            (Some(at), _) if !self.state.lasts() => (
                format!("復旧日時：{}", moment(at, self.zone)),
                format!("Mended: {}", moment_en(at, self.zone)),
            ),
            (_, Some(at)) if at > self.now => (
                format!("復旧予定：{}", moment(at, self.zone)),
                format!("Expected to be mended: {}", moment_en(at, self.zone)),
            ),
            (_, Some(_)) => (
                "復旧予定：予定の時刻を過ぎました。新しい予定は、分かりしだいお知らせします。".to_owned(),
                "Expected to be mended: later than we thought; you will be told when we know.".to_owned(),
            ),
            (_, None) => (
                "復旧予定：未定です。分かりしだいお知らせします。".to_owned(),
                "Expected to be mended: not known yet; you will be told when we know.".to_owned(),
            ),
        }
    }

    fn affected(&self) -> String {
        if self.services.is_empty() { self.sender.service.clone() } else { self.services.join("、") }
    }

    fn impact(&self) -> (String, String) {
        match (self.services.is_empty(), self.state.lasts()) {
            // Nobody has looked yet: nothing is promised.
            (true, _) if self.state == IncidentState::Detected => (
                "サービスへの影響を確認しています。".to_owned(),
                "Whether a service is concerned is being looked into.".to_owned(),
            ),
            (true, _) => ("サービスは停止していません。".to_owned(), "No service is stopped.".to_owned()),
            (false, true) => (
                format!("現在「{}」をご利用いただけません。", self.services.join("、")),
                format!("{} cannot be used at present.", self.services.join(", ")),
            ),
            (false, false) => (
                format!("「{}」を通常どおりご利用いただけます。", self.services.join("、")),
                format!("{} can be used as usual.", self.services.join(", ")),
            ),
        }
    }

    /// The notice to users (障害). What failed inside is not theirs to know; `remark` is what somebody wants them to.
    pub fn notice(&self, remark: Option<&str>) -> Words {
        let affected = self.affected();
        let (status, status_en) = self.status();
        let (recovery, recovery_en) = self.recovery();
        let (impact, impact_en) = self.impact();
        let (title, title_en) = if self.state.lasts() {
            (format!("【障害】{affected}の障害のお知らせ"), format!("Disruption: {affected}"))
        } else {
            (format!("【復旧】{affected}の障害は復旧しました"), format!("Mended: {affected}"))
        };
        let (remark, remark_en) = remark.filter(|text| !text.is_empty()).map_or_else(
            || (String::new(), String::new()),
            |text| (format!("備考：{text}\n"), format!("Note (in Japanese): {text}\n")),
        );
        let (posted, posted_en) = (wareki(self.zone.day_of(self.now)), english(self.zone.day_of(self.now)));
        let (found, found_en) = (moment(self.found_at, self.zone), moment_en(self.found_at, self.zone));
        let contact = &self.sender.contact;
        Words {
            title,
            body: format!(
                "掲載日：{posted}\n発見日時：{found}\n対象：{affected}\n影響：{impact}\n状況：{status}\n{recovery}\n\
                 {remark}お問い合わせ先：{contact}\n"
            ),
            title_en,
            body_en: format!(
                "Published: {posted_en}\nFound: {found_en}\nWhat: {affected}\nImpact: {impact_en}\n\
                 State: {status_en}\n{recovery_en}\n{remark_en}Contact: {contact}\n"
            ),
        }
    }

    /// What the help desk answers to whoever asks: Japanese and English.
    pub fn help_desk(&self) -> (String, String) {
        let (status, status_en) = self.status();
        let (recovery, recovery_en) = self.recovery();
        let (impact, impact_en) = self.impact();
        let (found, found_en) = (moment(self.found_at, self.zone), moment_en(self.found_at, self.zone));
        (
            format!("{found}に発見した障害について、{status}{impact}{recovery}"),
            format!("Of the failure found on {found_en}: {status_en} {impact_en} {recovery_en}"),
        )
    }

    /// What is read out by phone, and sent by FAX and mail, to those of 別紙4: Japanese.
    pub fn call(&self) -> String {
        let (status, _) = self.status();
        let (recovery, _) = self.recovery();
        let (impact, _) = self.impact();
        let scope = if self.scope.is_empty() { "確認中です。" } else { self.scope };
        format!(
            "{}の障害連絡です（障害番号 {}）。\n発見日時：{}\n障害内容：{}\n影響範囲：{scope}\n利用者への影響：{impact}\n\
             状況：{status}\n{recovery}\n",
            self.sender.service,
            self.incident,
            moment(self.found_at, self.zone),
            self.content
        )
    }
}

/// What the help desk answers while nothing is open.
pub const NOTHING_OPEN: (&str, &str) =
    ("現在、お知らせする障害はありません。", "There is no failure to tell of at present.");

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Instant {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        zone.at("2026-11-22".parse().unwrap(), time.parse().unwrap())
    }

    fn told(change: impl FnOnce(&mut Told<'_>), use_it: impl FnOnce(&Told<'_>)) {
        let (sender, zone) = (Sender::default(), Zone::named("Asia/Tokyo").unwrap());
        let services = ["ポータル".to_owned()];
        let mut told = Told {
            sender: &sender,
            incident: "I-2026-0001",
            state: IncidentState::Confirmed,
            services: &services,
            content: "「ポータル」が停止したままです。",
            scope: "",
            found_at: at("9:05"),
            expected_at: None,
            recovered_at: None,
            zone: &zone,
            now: at("10:00"),
        };
        change(&mut told);
        use_it(&told);
    }

    #[test]
    fn users_read_what_they_cannot_use_and_until_when() {
        told(
            |told| told.expected_at = Some(at("12:00")),
            |told| {
                let words = told.notice(Some("印刷物の用意があります。"));
                assert_eq!(words.title, "【障害】ポータルの障害のお知らせ");
                for line in [
                    "発見日時：令和8年11月22日（日）9:05\n",
                    "影響：現在「ポータル」をご利用いただけません。\n",
                    "復旧予定：令和8年11月22日（日）12:00\n",
                    "備考：印刷物の用意があります。\n",
                ] {
                    assert!(words.body.contains(line), "{line} in {}", words.body);
                }
                assert!(!words.body.contains("停止したままです"), "what failed inside is not told");
            },
        );
    }

    #[test]
    fn what_nobody_knows_is_said_so_and_what_is_late_is_not_promised_again() {
        told(
            |_| {},
            |told| {
                let (japanese, english) = told.help_desk();
                assert!(japanese.contains("復旧予定：未定です。"), "{japanese}");
                assert!(english.contains("not known yet"), "{english}");
                assert!(told.call().contains("影響範囲：確認中です。\n"), "{}", told.call());
            },
        );
        told(
            |told| told.expected_at = Some(at("9:30")),
            |told| assert!(told.help_desk().0.contains("予定の時刻を過ぎました。"), "{}", told.help_desk().0),
        );
    }

    #[test]
    fn what_is_mended_is_told_as_mended() {
        told(
            |told| {
                told.state = IncidentState::Recovered;
                told.recovered_at = Some(at("9:50"));
            },
            |told| {
                let words = told.notice(None);
                assert_eq!(words.title, "【復旧】ポータルの障害は復旧しました");
                assert!(words.body.contains("復旧日時：令和8年11月22日（日）9:50\n"), "{}", words.body);
                assert!(
                    words.body.contains("「ポータル」を通常どおりご利用いただけます。"),
                    "{}",
                    words.body
                );
            },
        );
    }
}
