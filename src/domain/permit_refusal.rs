//! Why something does not happen to a permit, in both languages.

use crate::domain::account::AccountId;
use crate::domain::calendar::wareki;
use crate::domain::permit_text::STATES;
use crate::domain::time::Day;

/// Why something does not happen to a permit.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PermitRefusal {
    /// The state does not allow it.
    #[error("permit {number} is {state}: it cannot be {verb}")]
    State {
        /// The permit.
        number: String,
        /// Its state.
        state: &'static str,
        /// What was tried.
        verb: &'static str,
    },
    /// Nobody decides about, executes or closes what he applied for.
    #[error("{0} applied for it, and somebody else must do this")]
    IsApplicant(AccountId),
    /// Only who applied for it changes it.
    #[error("{0} applied for it, and nobody else may change it")]
    IsNotApplicant(AccountId),
    /// Only who began an extract hands it over.
    #[error("{0} began this extract, and nobody else may hand it over")]
    IsNotExecutor(AccountId),
    /// Who approved it does not carry it out.
    #[error("{0} approved it, and somebody else must carry it out")]
    IsApprover(AccountId),
    /// What is there is not what was approved.
    #[error("what the permit says is not what was approved: the approval is void")]
    Changed,
    /// Today lies before the period.
    #[error("使用期間 begins on {0}")]
    NotYet(Day),
    /// Today lies after the period.
    #[error("使用期間 ended on {0}")]
    Over(Day),
    /// Today is no day of execution.
    #[error("実施日 is {0} to {1}")]
    NotToday(Day, Day),
    /// It was used as often as it allows.
    #[error("it allows {0} execution(s), and these are used up")]
    UsedUp(u32),
    /// The clock went back behind the newest line of the audit log.
    #[error("the clock is behind the audit log: nothing is done by a permit until it is right")]
    ClockBehind,
    /// Too few digits were given to tell what was looked at.
    #[error(
        "permit {number}: give at least {digits} digits of the digest that `kura permit show {number}` shows last"
    )]
    ShortDigest {
        /// The permit.
        number: String,
        /// How many are needed.
        digits: usize,
    },
    /// What it says is not what was looked at: it was changed, or the digits are mistaken.
    #[error(
        "permit {0} does not have this digest: it was changed since, or the digits are mistaken; read it again \
         (`kura permit show {0}`) and give the digest that stands at its end"
    )]
    OtherDigest(String),
    /// The after-use measure of an earlier permit is overdue.
    #[error("使用後の措置 of permit {0} is overdue")]
    Overdue(String),
}

impl PermitRefusal {
    /// The sentence for people.
    pub fn japanese(&self) -> String {
        match self {
            Self::State { number, state, .. } => {
                let state = STATES.iter().find(|(word, _)| word == state).map_or(*state, |(_, words)| words);
                format!("許可 {number} は「{state}」のため、この操作はできません。")
            }
            Self::IsApplicant(_) => {
                "自分が申請した許可を、自分で承認、実施、確認することはできません。別の方に依頼してください。"
                    .to_owned()
            }
            Self::IsNotApplicant(by) => format!("申請の内容を変更できるのは、申請者（{by}）だけです。"),
            Self::IsNotExecutor(by) => format!("この抽出を引き渡せるのは、始めた方（{by}）だけです。"),
            Self::IsApprover(_) => {
                "承認した方は実施できません。別のシステム運用者に依頼してください。".to_owned()
            }
            Self::Changed => {
                "申請の内容が承認された内容と異なるため、承認は無効です。もう一度承認を受けてください。"
                    .to_owned()
            }
            Self::NotYet(day) => format!("使用期間は{}からです。", wareki(*day)),
            Self::Over(day) => format!("使用期間は{}で終わりました。", wareki(*day)),
            Self::NotToday(first, last) if first == last => {
                format!("実施日は{}です。", wareki(*first))
            }
            Self::NotToday(first, last) => {
                format!("実施日は{}から{}までです。", wareki(*first), wareki(*last))
            }
            Self::UsedUp(times) => format!("許可された回数（{times}回）をすべて実施しました。"),
            Self::ClockBehind => {
                "このマシンの時計が監査記録より遅れています。正しくなるまで何も実施しません。".to_owned()
            }
            Self::ShortDigest { number, digits } => {
                format!("許可 {number} の内容の指紋（digest）を、先頭から{digits}桁以上指定してください。")
            }
            Self::OtherDigest(number) => format!(
                "許可 {number} の内容の指紋（digest）が異なります。内容が変更されたか、入力の誤りです。もう一度内容を確かめてください。"
            ),
            Self::Overdue(number) => {
                format!(
                    "許可 {number} の使用後の措置が期日を過ぎています。確認が済むまで、新しく申請できません。"
                )
            }
        }
    }
}
