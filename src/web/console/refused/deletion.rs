//! What workflows of deletion and holds refuse, as pages.

use axum::http::StatusCode;

use super::{Refused, again};
use crate::web::console::words::w;
use crate::workflows::expire::ExpireError;
use crate::workflows::holds::HoldError;

fn rule(ja: String, english: &str) -> Refused {
    let next = w("画面を開き直して、内容を確かめてください。", "Open the page again and look at it.");
    Refused::rule(w(ja, format!("Nothing was changed: {english}.")), next)
}

impl From<ExpireError> for Refused {
    fn from(error: ExpireError) -> Self {
        let english = error.to_string();
        let refused = |ja: &str| rule(ja.to_owned(), &english);
        match error {
            ExpireError::Denied(denied) => denied.into(),
            ExpireError::Hold(error) => error.into(),
            ExpireError::NoOrder(_) => refused("この承認はないか、すでに確認または消去が済んでいます。"),
            ExpireError::Changed(_) => refused(
                "表示した後に、消去できるものが変わりました。何も承認されていません。もう一度ご確認ください。",
            ),
            ExpireError::NothingDue => refused("いま消去できるものはありません。"),
            ExpireError::Stale(_) => refused("すでにほかの方が承認または確認しました。"),
            ExpireError::OtherDay { .. } => refused(
                "入力された日付とこのマシンの時計が合いません。どちらかが誤っています。合うまで何も消去しません。",
            ),
            ExpireError::Plan(_) => {
                refused("計画を読み取れません。システム管理者が `kura plan check` で確認してください。")
            }
            ExpireError::Busy(_) => {
                refused("別の消去が始まっています。終わってから、もう一度お試しください。")
            }
            ExpireError::StillThere { .. }
            | ExpireError::Evidence { .. }
            | ExpireError::Repository(_)
            | ExpireError::Vault(_)
            | ExpireError::Catalog(_) => Self::internal(&error),
        }
    }
}

impl From<HoldError> for Refused {
    fn from(error: HoldError) -> Self {
        let english = error.to_string();
        match error {
            HoldError::Denied(denied) => denied.into(),
            HoldError::None { .. } => {
                rule("解除できる保全ではありません。すでに解除されたかもしれません。".to_owned(), &english)
            }
            HoldError::Begun(_) => rule(
                "対象の一部で、すでに消去が始まっています。システム管理者に連絡してください。".to_owned(),
                &english,
            ),
            HoldError::Missing { plan, number } => rule(
                format!(
                    "計画 {plan} の保全 {number} の記録が保管先にないか、書き換えられています。理由が分かるまで、何も消去しません。システム管理者に連絡してください。"
                ),
                &english,
            ),
            HoldError::Days | HoldError::Reason => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                w("日付または理由に誤りがあります。", format!("Refused: {english}.")),
                again(),
            ),
            HoldError::Repository(_)
            | HoldError::Upload(_)
            | HoldError::Seal(_)
            | HoldError::Compress(_)
            | HoldError::Catalog(_) => Self::internal(&error),
        }
    }
}
