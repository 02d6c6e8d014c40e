//! What is refused about windows, notices and whatever else is decided at a desk, in words.

use axum::http::StatusCode;

use super::{Refused, again, permit, terms_words};
use crate::web::console::words::{Words, w};
use crate::web::problem::not_allowed;
use crate::workflows::desk::DeskError;
use crate::workflows::hand_stops::NotConfirmed;

/// That an incident that may be the same is open.
pub(in crate::web::console) fn alike(incident: &str, about: &str) -> Words {
    w(
        format!(
            "「{about}」に関する障害 {incident} が対応中です。同じ障害であれば、新しく登録せず、その記録に追記してください。"
        ),
        format!(
            "Incident {incident} about {about} is open: if this is the same failure, write into that one."
        ),
    )
}

impl From<DeskError> for Refused {
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    fn from(error: DeskError) -> Self {
        let english = error.to_string();
        let refused = |ja: &str| {
            let next = w("画面を開き直して、内容を確かめてください。", "Open the page again and look at it.");
            Self::rule(w(ja, format!("Nothing was changed: {english}.")), next)
        };
        match error {
            DeskError::Access(error) => error.into(),
            DeskError::Catalog(error) => error.into(),
            DeskError::None { .. } => Self::not_found(),
            DeskError::Permit(refusal) => permit::refused(&refusal),
            DeskError::Application(problem) => permit::wrong(problem),
            DeskError::Instructions(problem) => {
                let what = w(problem.japanese(), format!("Refused: {problem}."));
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, what, again())
            }
            DeskError::Terms(error) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, terms_words(&error), again())
            }
            DeskError::Incident(error) => refused(&not_allowed(&error)),
            DeskError::Alike { incident, about } => Self::rule(
                alike(&incident, &about),
                w("画面を開き直して、内容を確かめてください。", "Open the page again and look at it."),
            ),
            DeskError::Work(error) => refused(&error.japanese()),
            DeskError::Checklist(_) => refused(
                "チェック項目のファイル（policies/checklists）を読み取れません。システム管理者に連絡してください。",
            ),
            DeskError::OfIncident(_) => refused("障害の復旧を入力すると終わるお知らせです。"),
            DeskError::Move(_) => {
                refused("この実施時間帯は、今の状態ではその操作を受け付けません。何も変更されていません。")
            }
            DeskError::Stale(_) => {
                refused("表示した後に内容が変わりました。何も変更されていません。もう一度ご確認ください。")
            }
            DeskError::Plan(_) => refused(
                "計画を読み取れないため、何が実行されるかを示せません。システム管理者に連絡してください。",
            ),
            DeskError::Reason(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                w(
                    "理由を1行で入力してください。見えない文字や文字の向きを変える記号は使用できません。",
                    "Give a reason, on one line, without characters that are not seen.",
                ),
                again(),
            ),
            DeskError::Service { name, .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                w(
                    format!(
                        "「{name}」の停止と再開の方法が設定されていません。システム管理者が kura.toml の [[service]] に追加してください。"
                    ),
                    format!("Refused: {english}."),
                ),
                again(),
            ),
            DeskError::Lock(_) => {
                refused("計画の排他制御ファイルを使用できません。しばらくしてから、もう一度お試しください。")
            }
            DeskError::Confirmation(NotConfirmed::NotAsked) => {
                refused("今は、この確認を必要としていません。画面を開き直して、状態をご確認ください。")
            }
            DeskError::Confirmation(NotConfirmed::TooLate) => refused(
                "確認の期限を過ぎたため、今回の作業は実施しません。止めたサービスをすぐに動かしてください。",
            ),
            DeskError::NotOver(_) => {
                refused("実施回がまだ終わっていません。報告は、終わったあとに確認してください。")
            }
            DeskError::Ahead(window) => Self::rule(
                w(
                    "作業が終わっていないお知らせは閉じられません。何も変更されていません。",
                    format!("Nothing was changed: {english}."),
                ),
                w(
                    format!(
                        "中止するときは、実施時間帯 {window} を取り下げてください。お知らせは自動的に訂正されます。"
                    ),
                    format!(
                        "To cancel the work, have window {window} withdrawn; its notices are then corrected."
                    ),
                ),
            ),
            DeskError::Begun(_) => refused("この実施回は、すでに始まったか、終わったか、許可済みです。"),
        }
    }
}
