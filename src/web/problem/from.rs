//! What each failure of a workflow is to those who asked.

use crate::domain::account::{BadAccountId, ID_CHARACTERS_MAX, ID_CHARACTERS_MIN};
use crate::domain::hold::REASON_CHARACTERS_MAX;
use crate::domain::incident::NotAllowed;
use crate::domain::permit::PermitRefusal;
use crate::domain::plan::BadPlanName;
use crate::domain::time::NotADay;
use crate::workflows::accounts::AccountError;
use crate::workflows::desk::DeskError;
use crate::workflows::expire::ExpireError;
use crate::workflows::holds::HoldError;
use crate::workflows::lists::AuditError;
use crate::workflows::look::CatalogError;
use crate::workflows::sign_in::AccessError;
use crate::workflows::tokens::{DAYS_MAX, TokenError};

use super::{Kind, Problem};

fn not_found(english: String) -> Problem {
    Problem::new(Kind::NotFound, english, "番号またはIDをご確認ください。")
}

fn wrong_state(english: String) -> Problem {
    Problem::new(Kind::Conflict, english, "最新の状態をご確認ください。")
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        let words = error.to_string();
        match error {
            DeskError::None { .. } => not_found(words),
            DeskError::Terms(terms) => Self::refused(words, terms.japanese()),
            DeskError::Application(problem) => Self::refused(words, problem.japanese()),
            DeskError::Instructions(problem) => Self::refused(words, problem.japanese()),
            DeskError::Permit(PermitRefusal::IsApplicant(_)) => {
                Self::new(Kind::OwnRequest, words, "自分が申請した許可です。別の方に依頼してください。")
            }
            DeskError::Permit(refusal) => Self::new(Kind::Conflict, words, refusal.japanese()),
            DeskError::NotOver(_) => Self::new(
                Kind::Conflict,
                words,
                "実施回がまだ終わっていません。報告は、終わったあとに確認してください。",
            ),
            DeskError::Ahead(window) => Self::new(
                Kind::Conflict,
                words,
                format!(
                    "作業が終わっていないお知らせは閉じられません。中止するときは、実施時間帯 {window} を取り下げてください。"
                ),
            ),
            DeskError::Incident(error) => Self::new(Kind::Conflict, words, not_allowed(&error)),
            DeskError::Alike { incident, about } => Self::new(
                Kind::Conflict,
                words,
                format!(
                    "「{about}」に関する障害 {incident} が対応中です。同じ障害であれば、その記録に追記してください。別の障害であれば、is_another を true にして登録してください。"
                ),
            ),
            DeskError::Work(error) => Self::new(Kind::Conflict, words, error.japanese()),
            DeskError::Checklist(_) => {
                Self::new(Kind::Conflict, words, "チェック項目のファイルを読み取れません。")
            }
            DeskError::OfIncident(incident) => Self::new(
                Kind::Conflict,
                words,
                format!(
                    "障害 {incident} が復旧すると終わるお知らせです。復旧の入力は、障害の画面で行います。"
                ),
            ),
            DeskError::Move(_) => Self::new(
                Kind::Conflict,
                words,
                "この実施時間帯は、今の状態ではその操作を受け付けません。最新の状態をご確認ください。",
            ),
            DeskError::Stale(_) | DeskError::Begun(_) | DeskError::Confirmation(_) => wrong_state(words),
            DeskError::Plan(plan) => Self::new(
                Kind::Conflict,
                format!(
                    "The plan {plan} cannot be read now; the administrator can see why with `kura plan check`."
                ),
                format!("計画 {plan} を読み取れません。管理者が `kura plan check` で確認してください。"),
            ),
            DeskError::Reason(characters) => Self::new(
                Kind::Unprocessable,
                words,
                format!(
                    "1行（{characters}文字以内）で入力してください。改行、制御文字、見えない文字、文字の向きを変える記号は使用できません。"
                ),
            ),
            DeskError::Service { name, .. } => Self::new(
                Kind::Unprocessable,
                words,
                format!("「{name}」の停止と再開の方法を kura.toml の [[service]] に設定してください。"),
            ),
            DeskError::Access(error) => error.into(),
            DeskError::Lock(_) | DeskError::Catalog(_) => Self::logged(&error),
        }
    }
}

/// Why something about an incident is not done.
pub(in crate::web) fn not_allowed(error: &NotAllowed) -> String {
    match error {
        NotAllowed::State { state, .. } => format!(
            "この障害は「{}」のため、その操作は行えません。検知、確認、復旧、報告、完了の順に進めます。",
            state.japanese()
        ),
        NotAllowed::AlarmsLast(count) => {
            format!("この障害の警報が{count}件続いています。警報の原因を解消してから入力してください。")
        }
        NotAllowed::NoActions => {
            "再発防止策がありません。期限とともに追加するか、不要である理由を入力してください。".to_owned()
        }
        NotAllowed::NotTold => {
            "個人データへの影響のおそれがあるため、委託元への通知の記録が必要です。通知の控えを入力するか、影響がないことを入力してください。".to_owned()
        }
        NotAllowed::Incomplete(lacking) => format!(
            "{}記入と連絡の記録を済ませるか、このまま完了する理由を入力してください。",
            lacking.japanese()
        ),
        NotAllowed::Closed => {
            "この障害は完了しており、記録は変更できません。別に記録することがある場合は、新しい障害を登録してください。".to_owned()
        }
        NotAllowed::Mended => "この障害は復旧済みのため、復旧予定は入力できません。".to_owned(),
        NotAllowed::Time(bad) => bad.japanese(),
        NotAllowed::DueOver(day) => {
            format!("期限（{day}）が過ぎています。今日以後の日付を入力してください。")
        }
        NotAllowed::ToldAlready => {
            "この連絡先には、この方法で連絡したことがすでに記録されています。".to_owned()
        }
        NotAllowed::DoneAlready(number) => {
            format!("再発防止策 {number} の完了は、すでに記録されています。")
        }
        NotAllowed::NothingToTell => {
            "利用者に知らせる内容がありません。利用できないサービスか、知らせる内容を入力してください。".to_owned()
        }
        NotAllowed::NoWay => "この連絡先には、その方法の番号またはアドレスがありません（contacts.toml）。".to_owned(),
    }
}

/// What a day looks like.
pub(in crate::web) const DAY_WORDS: &str = "日付は 2026-11-23 のように、実在する日で指定してください。";

impl From<NotADay> for Problem {
    fn from(error: NotADay) -> Self {
        Self::refused(error.to_string(), DAY_WORDS)
    }
}

impl From<BadPlanName> for Problem {
    fn from(error: BadPlanName) -> Self {
        Self::refused(
            error.to_string(),
            "計画の名前（plan）が正しくありません。`/api/v1/plans` の名前を指定してください。",
        )
    }
}

impl From<BadAccountId> for Problem {
    fn from(error: BadAccountId) -> Self {
        let japanese = format!(
            "アカウントは英数字{ID_CHARACTERS_MIN}～{ID_CHARACTERS_MAX}文字で指定してください（別紙1）。"
        );
        Self::refused(error.to_string(), japanese)
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        Self::logged(&error)
    }
}

impl From<ExpireError> for Problem {
    fn from(error: ExpireError) -> Self {
        let words = error.to_string();
        let conflict = |japanese: &str| Self::new(Kind::Conflict, words.clone(), japanese);
        match error {
            ExpireError::Denied(denied) => Self::denied(&denied),
            ExpireError::Hold(error) => error.into(),
            ExpireError::NoOrder(_) | ExpireError::Plan(_) => not_found(words),
            ExpireError::Changed(_) => {
                conflict("表示した後に、消去できるものが変わりました。もう一度取得してください。")
            }
            ExpireError::NothingDue => conflict("いま消去できるものはありません。"),
            ExpireError::Stale(_) => conflict("すでに承認または確認されています。"),
            ExpireError::OtherDay { .. } => {
                conflict("指定された日付とこのマシンの時計が合いません。合うまで何も消去しません。")
            }
            ExpireError::Busy(_) => conflict("別の消去が始まっています。終わってからお試しください。"),
            ExpireError::StillThere { .. }
            | ExpireError::Evidence { .. }
            | ExpireError::Repository(_)
            | ExpireError::Vault(_)
            | ExpireError::Catalog(_) => Self::logged(&error),
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        let words = error.to_string();
        match error {
            HoldError::Denied(denied) => Self::denied(&denied),
            HoldError::None { .. } => not_found(words),
            HoldError::Begun(_) => Self::new(
                Kind::Conflict,
                words,
                "対象の一部で、すでに消去が始まっています。`kura expire run` で終わらせてください。",
            ),
            HoldError::Missing { .. } => Self::new(
                Kind::Conflict,
                words,
                "保全の記録が保管先にないか、書き換えられています。理由が分かるまで、何も消去しません。",
            ),
            HoldError::Days => {
                Self::refused(words, "最初の日は最後の日以前、保全の最終日は今日以後にしてください。")
            }
            HoldError::Reason => Self::refused(
                words,
                format!(
                    "理由（reason）は1行、{REASON_CHARACTERS_MAX}文字以内で指定してください。個人の名前は書かないでください。"
                ),
            ),
            HoldError::Repository(_)
            | HoldError::Upload(_)
            | HoldError::Seal(_)
            | HoldError::Compress(_)
            | HoldError::Catalog(_) => Self::logged(&error),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let words = error.to_string();
        let refused = |japanese: &str| Self::new(Kind::ProofRefused, words.clone(), japanese);
        match &error {
            AccessError::Token(_) => Self::token_refused(words),
            AccessError::Denied(denied) => Self::denied(denied),
            AccessError::Wrong => {
                refused("アカウントまたはパスワードが違うか、誤りが続いたためにロックされています。")
            }
            AccessError::Locked { .. } => refused(
                "誤りが続いたため、アカウントを一時的にロックしています。時間をおいてお試しください。",
            ),
            AccessError::Disabled(_) => Self::token_refused("its account is disabled".to_owned()),
            AccessError::CodeNeeded(_) => refused("認証コード（code）が必要です。"),
            AccessError::WrongCode => refused("認証コードが違うか、使用済みです。"),
            AccessError::MustChange(_) => refused("先にパスワードを変更してください。"),
            AccessError::Factor(..) | AccessError::Config(_) | AccessError::Catalog(_) => {
                Self::logged(&error)
            }
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let words = error.to_string();
        match error {
            AccountError::Password(faults) => {
                let japanese: Vec<&str> = faults.iter().map(|fault| fault.japanese()).collect();
                let english: Vec<String> = faults.iter().map(|fault| format!("it {fault}")).collect();
                let english = format!("The password is refused: {}.", english.join("; "));
                Self::new(Kind::Unprocessable, english, japanese.concat())
            }
            AccountError::Taken(_) => {
                Self::new(Kind::Taken, words, "同じIDは二度と使用できません。別のIDにしてください。")
            }
            AccountError::None(_) => not_found(words),
            AccountError::NotFirst
            | AccountError::FirstRole(_)
            | AccountError::Disabled(_)
            | AccountError::Last(_)
            | AccountError::HasFactor(_)
            | AccountError::NoFactor(_)
            | AccountError::Linked(_)
            | AccountError::NotLinked(_)
            | AccountError::ShortAlone(_) => wrong_state(words),
            AccountError::LastServiceOperator(_) => Self::new(
                Kind::Conflict,
                words,
                "有効な最後のサービス運用者です。先に次のサービス運用者を追加してください。",
            ),
            AccountError::Subject => Self::refused(
                words,
                "認証サービスの利用者（subject）を、制御文字のない1～255文字で指定してください。",
            ),
            AccountError::Access(error) => error.into(),
            AccountError::Hash(_)
            | AccountError::Seal(_)
            | AccountError::Config(_)
            | AccountError::Catalog(_) => Self::logged(&error),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let words = error.to_string();
        match error {
            TokenError::Days(_) => {
                Self::refused(words, format!("有効日数（days）は1～{DAYS_MAX}日で指定してください。"))
            }
            TokenError::Scope { role, scope, .. } => Self::refused(
                words,
                format!(
                    "{}には、権限「{}」がありません。役割にある権限だけを指定してください。",
                    role.japanese(),
                    scope.word()
                ),
            ),
            TokenError::Other(_) | TokenError::ByToken => {
                Self::new(Kind::RightMissing, words, "このアカウントのトークンは作成できません。")
            }
            TokenError::None(_) => not_found(words),
            TokenError::Denied(denied) => Self::denied(&denied),
            TokenError::Catalog(_) => Self::logged(&error),
        }
    }
}

impl From<AuditError> for Problem {
    /// A log that does not hold is no problem of the request: the handler answers with it.
    fn from(error: AuditError) -> Self {
        match &error {
            AuditError::Denied(denied) => Self::denied(denied),
            AuditError::Chain(_)
            | AuditError::Cut { .. }
            | AuditError::Replaced { .. }
            | AuditError::Catalog(_) => Self::logged(&error),
        }
    }
}
