//! Incidents (障害, 別紙3): where one stands, what may happen to it, and what must be there before it is closed.
//!
//! When it may be closed is `incident_closing`'s, which alarms open one `incident_cause`'s, the clock of personal data `incident_clock`'s, texts `incident_words`',
//! which times may be written `incident_time`'s.

use crate::domain::incident_closing::Lacking;
use crate::domain::incident_time::BadTime;
use crate::domain::time::Day;

/// The longest text that somebody writes about an incident, characters.
pub const TEXT_CHARACTERS_MAX: usize = 1000;

/// Where an incident stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IncidentState {
    /// 検知: Kura or a person noticed something.
    Detected,
    /// 確認: a person has seen that it is so (第17条①).
    Confirmed,
    /// 復旧中: somebody works on it.
    Recovering,
    /// 復旧: it is mended.
    Recovered,
    /// 報告: the 障害報告書 was issued.
    Reported,
    /// 完了: what keeps it from coming again is decided, and nothing is left to do.
    Closed,
}

impl IncidentState {
    /// Every state, in their order.
    pub const ALL: [Self; 6] =
        [Self::Detected, Self::Confirmed, Self::Recovering, Self::Recovered, Self::Reported, Self::Closed];

    /// The word in rows and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Confirmed => "confirmed",
            Self::Recovering => "recovering",
            Self::Recovered => "recovered",
            Self::Reported => "reported",
            Self::Closed => "closed",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// What people read.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Detected => "検知",
            Self::Confirmed => "確認済み",
            Self::Recovering => "復旧作業中",
            Self::Recovered => "復旧済み",
            Self::Reported => "報告済み",
            Self::Closed => "完了",
        }
    }

    /// Whether it is not mended yet.
    pub const fn lasts(self) -> bool {
        matches!(self, Self::Detected | Self::Confirmed | Self::Recovering)
    }

    /// What becomes of it by an event.
    pub const fn after(self, event: IncidentEvent) -> Result<Self, NotAllowed> {
        match (self, event) {
            (Self::Detected, IncidentEvent::Confirm) => Ok(Self::Confirmed),
            (Self::Confirmed, IncidentEvent::Begin)
            | (Self::Recovered | Self::Reported, IncidentEvent::Relapse) => Ok(Self::Recovering),
            (Self::Confirmed | Self::Recovering, IncidentEvent::Recover) => Ok(Self::Recovered),
            // A report is issued again when something of it has changed.
            (Self::Recovered | Self::Reported, IncidentEvent::Report) => Ok(Self::Reported),
            (Self::Reported, IncidentEvent::Close) => Ok(Self::Closed),
            (
                Self::Detected
                | Self::Confirmed
                | Self::Recovering
                | Self::Recovered
                | Self::Reported
                | Self::Closed,
                IncidentEvent::Confirm
                | IncidentEvent::Begin
                | IncidentEvent::Recover
                | IncidentEvent::Relapse
                | IncidentEvent::Report
                | IncidentEvent::Close,
            ) => Err(NotAllowed::State { state: self, event }),
        }
    }
}

/// What happens to an incident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IncidentEvent {
    /// Somebody has seen that it is so.
    Confirm,
    /// Somebody begins to mend it.
    Begin,
    /// It is mended.
    Recover,
    /// Its cause came back before it was closed: only Kura says so.
    Relapse,
    /// The report is issued.
    Report,
    /// Nothing is left to do.
    Close,
}

impl IncidentEvent {
    /// Every event.
    pub const ALL: [Self; 6] =
        [Self::Confirm, Self::Begin, Self::Recover, Self::Relapse, Self::Report, Self::Close];

    /// The word in the audit log, after `incident.`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Begin => "begin",
            Self::Recover => "recover",
            Self::Relapse => "relapse",
            Self::Report => "report",
            Self::Close => "close",
        }
    }
}

/// Why something about an incident is not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAllowed {
    /// Its state does not allow it.
    #[error(
        "an incident that is {} cannot {}; its steps are confirm, recover --begin, recover, report, close",
        .state.word(), .event.word()
    )]
    State {
        /// Where it stands.
        state: IncidentState,
        /// What was asked for.
        event: IncidentEvent,
    },
    /// Its alarms last.
    #[error("{0} alarm(s) of this incident last: mend what they tell of first (`kura alarm list`)")]
    AlarmsLast(usize),
    /// Nobody said what keeps it from coming again.
    #[error(
        "nothing is decided against a recurrence (再発防止): add an action with a due date (`kura incident action`), or \
         say why none is needed"
    )]
    NoActions,
    /// Data of persons may be concerned, and who entrusted them was not told.
    #[error(
        "data of persons may be concerned and who entrusted them was not told: tell them and note the receipt \
         (`kura incident told`), or say that no data of persons are concerned"
    )]
    NotTold,
    /// Its report is not complete, or somebody was not told, and nobody says why it may be closed so.
    #[error(
        "{0}: write the fields (`kura incident set`) and tick who was told (`kura incident contact`), or close it as it is and \
         say why (--incomplete REASON)"
    )]
    Incomplete(Lacking),
    /// It is closed.
    #[error(
        "this incident is closed and its record is not changed any more: open a new one if something else is to be noted \
         (`kura incident open`)"
    )]
    Closed,
    /// It is mended: nothing is expected any more.
    #[error("this incident is mended already: what is expected has come")]
    Mended,
    /// A time that cannot be.
    #[error(transparent)]
    Time(#[from] BadTime),
    /// Something is to be done by a day that is over.
    #[error("the day by which it is to be done, {0}, is over: name today or a day that lies ahead")]
    DueOver(Day),
    /// The contact was told in this way before.
    #[error(
        "this contact was told in this way already, and it is noted: `kura incident show` says when and by whom"
    )]
    ToldAlready,
    /// The action was done before.
    #[error("action {0} is done already, and it is noted")]
    DoneAlready(u64),
    /// There is nothing to tell users of.
    #[error("nothing to tell users of: say which services are concerned, or what they should know")]
    NothingToTell,
    /// The contact has no such number or address.
    #[error("this contact cannot be reached in this way: contacts.toml names none")]
    NoWay,
}

/// What people write about an incident: the fields of 別紙3, and those of the nine items that only they know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IncidentField {
    /// 発見箇所.
    Place,
    /// 障害内容.
    Content,
    /// 影響範囲.
    Scope,
    /// 原因.
    Cause,
    /// 処置.
    Measures,
    /// 備考.
    Remarks,
    /// 添付資料.
    Attachments,
    /// 項目: which data of persons.
    Data,
    /// 本人の数.
    Persons,
    /// 二次被害.
    Harm,
    /// 本人への対応.
    Response,
    /// 公表.
    Publication,
    /// その他.
    Other,
    /// What users are told beside the facts.
    Users,
}

impl IncidentField {
    /// Every field.
    pub const ALL: [Self; 14] = [
        Self::Place,
        Self::Content,
        Self::Scope,
        Self::Cause,
        Self::Measures,
        Self::Remarks,
        Self::Attachments,
        Self::Data,
        Self::Persons,
        Self::Harm,
        Self::Response,
        Self::Publication,
        Self::Other,
        Self::Users,
    ];

    /// The word in rows, forms and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Content => "content",
            Self::Scope => "scope",
            Self::Cause => "cause",
            Self::Measures => "measures",
            Self::Remarks => "remarks",
            Self::Attachments => "attachments",
            Self::Data => "data",
            Self::Persons => "persons",
            Self::Harm => "harm",
            Self::Response => "response",
            Self::Publication => "publication",
            Self::Other => "other",
            Self::Users => "users",
        }
    }

    /// The field of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.word() == word)
    }

    /// Its name on the form, and in English.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Place => ("発見箇所", "Where it was found"),
            Self::Content => ("障害内容", "What failed"),
            Self::Scope => ("影響範囲", "What is concerned"),
            Self::Cause => ("原因", "Cause"),
            Self::Measures => ("処置", "Measures"),
            Self::Remarks => ("備考", "Remarks"),
            Self::Attachments => ("添付資料", "Attachments"),
            Self::Data => ("項目（個人データ）", "Which data of persons"),
            Self::Persons => ("本人の数", "How many persons"),
            Self::Harm => ("二次被害", "Further harm"),
            Self::Response => ("本人への対応", "What was done for the persons"),
            Self::Publication => ("公表", "Publication"),
            Self::Other => ("その他", "Other"),
            Self::Users => ("利用者への説明", "What users are told"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every state against every event: a change here is a decision.
    #[test]
    fn what_may_happen_when_is_exactly_this() {
        let table: Vec<String> = IncidentState::ALL
            .into_iter()
            .map(|state| {
                let moves = IncidentEvent::ALL.into_iter().filter_map(|event| {
                    state.after(event).ok().map(|after| format!("{}={}", event.word(), after.word()))
                });
                format!("{}: {}", state.word(), moves.collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(
            table,
            [
                "detected: confirm=confirmed",
                "confirmed: begin=recovering recover=recovered",
                "recovering: recover=recovered",
                "recovered: relapse=recovering report=reported",
                "reported: relapse=recovering report=reported close=closed",
                "closed: ",
            ]
        );
    }

    #[test]
    fn words_are_read_back() {
        assert!(
            IncidentState::ALL.into_iter().all(|state| IncidentState::of_word(state.word()) == Some(state))
        );
        assert!(
            IncidentField::ALL.into_iter().all(|field| IncidentField::of_word(field.word()) == Some(field))
        );
    }

    proptest! {
        /// Whatever is tried in whatever order: nothing is closed without a report after its last recovery.
        #[test]
        fn nothing_is_closed_that_was_not_reported(events in proptest::collection::vec(0_usize..6, 0..40)) {
            let (mut state, mut has_report) = (IncidentState::Detected, false);
            for event in events.into_iter().filter_map(|at| IncidentEvent::ALL.get(at).copied()) {
                let Ok(after) = state.after(event) else { continue };
                has_report = match event {
                    IncidentEvent::Report => true,
                    IncidentEvent::Relapse => false,
                    IncidentEvent::Confirm
                    | IncidentEvent::Begin
                    | IncidentEvent::Recover
                    | IncidentEvent::Close => has_report,
                };
                prop_assert!(after != IncidentState::Closed || has_report);
                prop_assert!(state != IncidentState::Closed, "what is closed stays closed");
                state = after;
            }
        }
    }
}
