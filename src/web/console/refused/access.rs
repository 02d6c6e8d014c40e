//! Why somebody is not let in, in both languages.

use crate::web::console::words::{Lang, Words, w};
use crate::workflows::sign_in::AccessError;

/// Why somebody is not let in, in words; `Lang` is chosen later.
pub(in crate::web::console) fn access_words(error: &AccessError) -> Words {
    match error {
        AccessError::Locked { until, failures, .. } => w(
            format!(
                "誤ったパスワード又は確認コードが{failures}回続いたため、{}までロックされています。",
                Lang::Ja.moment(*until)
            ),
            format!(
                "Locked until {} after {failures} wrong passwords or codes in a row.",
                Lang::En.moment(*until)
            ),
        ),
        AccessError::Disabled(_) => w("このアカウントは無効です。", "This account is disabled."),
        AccessError::CodeNeeded(_) => w("確認コードを入力してください。", "Enter the one-time code."),
        AccessError::WrongCode => w(
            "確認コードが正しくないか、古いか、すでに使用されています。次のコードが表示されるまで待って、入力してください。",
            "The code is wrong, too old, or was used. Wait for the next one and enter that.",
        ),
        AccessError::Wrong => w(
            "ユーザーＩＤ又はパスワードが正しくありません。誤りが5回続いたアカウントは15分以上（最長24時間）ロックされ、その間は正しいパスワードでもサインインできません。",
            "The user ID or the password is wrong. After five wrong ones in a row an account is locked for 15 minutes or more (a day at most); meanwhile the right password does not count either.",
        ),
        AccessError::Denied(_)
        | AccessError::MustChange(_)
        | AccessError::Token(_)
        | AccessError::Factor(..)
        | AccessError::Config(_)
        | AccessError::Catalog(_) => {
            w("ユーザーＩＤ又はパスワードが正しくありません。", "The user ID or the password is wrong.")
        }
    }
}
