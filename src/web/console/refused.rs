//! Why the console does not do what was asked for, as a page for people: what happened, and what to do next.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::words::{Words, w};
use crate::clock::random_bytes;
use crate::domain::account::AccountId;
use crate::domain::actor::Denied;
use crate::domain::window::BadTerms;
use crate::workflows::accounts::AccountError;
use crate::workflows::check_audit::AuditError;
use crate::workflows::look::CatalogError;
use crate::workflows::printing::PrintError;
use crate::workflows::sign_in::AccessError;
use crate::workflows::tokens::TokenError;

/// Why somebody is not let in.
mod access;

/// What is refused about deletion and holds.
mod deletion;

/// What is refused about windows, notices and whatever else is decided at a desk.
mod desk;

/// What is refused about permits.
mod permit;

pub(super) use access::access_words;
pub(super) use desk::alike as alike_words;

/// A refusal. The gatekeeper turns it into a page, because it knows the language and the visitor.
#[derive(Clone, Debug)]
pub(in crate::web) struct Refused {
    /// The status of the answer.
    pub(super) status: StatusCode,
    /// What happened.
    pub(super) what: Words,
    /// What to do next.
    pub(super) next: Words,
    /// Whether the answer is the page for signing in.
    pub(super) is_sign_in: bool,
}

impl Refused {
    fn new(status: StatusCode, what: Words, next: Words) -> Self {
        Self { status, what, next, is_sign_in: false }
    }

    /// Somebody must sign in first.
    pub(super) fn sign_in() -> Self {
        let what = w("サインインが必要です。", "You must sign in first.");
        let next = w("ユーザーＩＤとパスワードを入力してください。", "Enter your user ID and password.");
        Self { is_sign_in: true, ..Self::new(StatusCode::UNAUTHORIZED, what, next) }
    }

    /// There is no such page or thing.
    pub(super) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            w("お探しのページはありません。", "There is no such page."),
            w("上のメニューから選び直してください。", "Choose again from the menu above."),
        )
    }

    /// The page takes no such method.
    pub(super) fn wrong_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            w("この操作はできません。", "This cannot be done here."),
            w("前の画面に戻って、ボタンから操作してください。", "Go back and use the button there."),
        )
    }

    /// The form came from another site, or from a session that is over.
    pub(super) fn forged() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            w(
                "この送信は受け付けられません。何も変更されていません。",
                "This form was not accepted. Nothing was changed.",
            ),
            w(
                "画面を開き直してから、もう一度お試しください。別のサイトから開いた場合は、その操作をやめてください。",
                "Open the page again and send it once more. If another site brought you here, stop.",
            ),
        )
    }

    /// The form cannot be read.
    pub(super) fn unreadable_form() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            w("送信内容を読み取れません。", "The form cannot be read."),
            w(
                "画面を開き直してから、もう一度入力してください。",
                "Open the page again and fill it in once more.",
            ),
        )
    }

    /// A PDF cannot be made; the page itself can be printed.
    pub(super) fn pdf(error: &PrintError) -> Self {
        let what = match error {
            PrintError::Paper(_) => w("このページはPDFにできません。", "This page cannot be a PDF."),
            _ => w("PDFを作るための書体がありません。", "There is no font to make a PDF with."),
        };
        let next = w(
            "前の画面に戻り、ブラウザの印刷機能をお使いください。",
            format!("Go back and print the page with your browser. For the administrator: {error}"),
        );
        Self::new(StatusCode::SERVICE_UNAVAILABLE, what, next)
    }

    /// The form is larger than any of ours.
    pub(super) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            w(
                "送信内容が大きすぎます。何も変更されていません。",
                "What was sent is too large. Nothing was changed.",
            ),
            w(
                "前の画面に戻り、入力を短くするか、小さいファイルを選んでください（ファイルは8 MiBまで）。",
                "Go back to the page before and write less, or choose a smaller file (at most 8 MiB).",
            ),
        )
    }

    /// Too many tries from one address.
    pub(super) fn throttled(seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            w("短い間に試した回数が多すぎます。", "There were too many tries in a short time."),
            w(
                format!("{seconds}秒ほど待ってから、もう一度お試しください。"),
                format!("Wait {seconds} seconds, then try again."),
            ),
        )
    }

    /// The set-up page is closed.
    pub(super) fn no_set_up() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            w(
                "初期設定のリンクが正しくないか、期限が切れているか、すでに使用されています。",
                "The set-up link is wrong, too old, or was used.",
            ),
            w(
                "アカウントがまだない場合は、kura serve を起動し直すと、新しいリンクが端末に1回だけ表示されます。すでにある場合は、サインインしてください。",
                "If there is no account yet, start `kura serve` again: it prints a new link once, on its terminal. If there is one, sign in.",
            ),
        )
    }

    /// A rule said no.
    pub(super) fn rule(what: Words, next: Words) -> Self {
        Self::new(StatusCode::CONFLICT, what, next)
    }

    /// Something failed that the visitor cannot mend: a number leads to the log, where the cause is.
    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut number = [0_u8; 4];
        random_bytes(&mut number);
        let number = hex::encode(number);
        tracing::error!(request.id = number, error, "a page of the console failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            w("一時的に処理できません。", "This cannot be done right now."),
            w(
                format!(
                    "1分ほど待ってから、もう一度お試しください。続く場合は、番号 {number} をシステム管理者に伝えてください。"
                ),
                format!("Try again in a minute. If it goes on, tell the administrator the number {number}."),
            ),
        )
    }

    /// The installation cannot be read.
    pub(super) fn unreadable(error: String) -> Self {
        Self::internal(&*Box::<dyn std::error::Error>::from(error))
    }

    /// Both sentences, for a form's summary.
    pub(super) fn into_words(self) -> Words {
        self.what
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<CatalogError> for Refused {
    fn from(error: CatalogError) -> Self {
        Self::internal(&error)
    }
}

fn somebody_else(account: &AccountId) -> Words {
    w(
        format!("{account} が申請したものを {account} が決定することはできません。"),
        format!("{account} asked for this and so cannot decide about it."),
    )
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        let english = denied.to_string();
        let what = match &denied {
            Denied::Role { role, .. } => {
                w(format!("{}の役割では、この操作はできません。", role.japanese()), english)
            }
            Denied::Scope { .. } => w("この操作は許可されていません。", english),
            Denied::OwnRequest(account) => somebody_else(account),
            Denied::Decider { role, .. } => w(
                format!(
                    "{}のアカウントを扱えるのは、サービス運用者と運用管理責任者だけです。",
                    role.japanese()
                ),
                english,
            ),
        };
        let next = w("この操作ができる役割の人に依頼してください。", "Ask somebody whose role may do this.");
        Self::new(StatusCode::FORBIDDEN, what, next)
    }
}

impl From<AccessError> for Refused {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Denied(denied) => denied.into(),
            AccessError::Catalog(error) => error.into(),
            AccessError::Config(_) | AccessError::Factor(..) => Self::internal(&error),
            other => Self::new(StatusCode::FORBIDDEN, access_words(&other), again()),
        }
    }
}

fn again() -> Words {
    w("入力内容を確かめて、もう一度お試しください。", "Check what you entered and try again.")
}

impl From<AccountError> for Refused {
    fn from(error: AccountError) -> Self {
        let english = error.to_string();
        let what = match error {
            AccountError::Access(error) => return error.into(),
            AccountError::Catalog(error) => return error.into(),
            AccountError::Hash(_) | AccountError::Seal(_) | AccountError::Config(_) => {
                return Self::internal(&error);
            }
            AccountError::Password(faults) => {
                let ja: Vec<&str> = faults.iter().map(|fault| fault.japanese()).collect();
                let en: Vec<String> = faults.iter().map(|fault| format!("The password {fault}.")).collect();
                w(ja.concat(), en.join(" "))
            }
            AccountError::Taken(account) => {
                w(format!("ユーザーＩＤ {account} はすでに使用されています。"), english)
            }
            AccountError::NotFirst => w("すでにアカウントがあります。", "There is an account already."),
            AccountError::FirstRole(_) => w(
                "最初のアカウントの役割は、サービス運用者、運用管理責任者、システム管理者のいずれかです。",
                "The first account is a service operator, an operations manager or a system administrator.",
            ),
            AccountError::None(account) => w(format!("アカウント {account} はありません。"), english),
            AccountError::Disabled(account) => w(format!("{account} はすでに無効です。"), english),
            AccountError::Last(account) => w(
                format!("{account} は、アカウントを管理できる最後の1人です。先に別の人を追加してください。"),
                english,
            ),
            AccountError::LastServiceOperator(account) => w(
                format!(
                    "{account} は、有効な最後のサービス運用者です。承認できる人がいなくなるため、先に次のサービス運用者を追加してください。"
                ),
                english,
            ),
            AccountError::HasFactor(_) => {
                w("二要素認証はすでに設定されています。", "There is a second factor already.")
            }
            AccountError::NoFactor(_) => {
                w("設定中の二要素認証がありません。", "There is no second factor that waits for this.")
            }
            AccountError::Linked(account) => {
                w(format!("{account} 又はこの利用者は、すでに結び付けられています。"), english)
            }
            AccountError::NotLinked(account) => {
                w(format!("{account} は認証サービスに結び付けられていません。"), english)
            }
            AccountError::Subject => w("認証サービスの利用者を、1～255文字で入力してください。", english),
            AccountError::ShortAlone(_) => w(
                "二要素認証を外す前に、13桁以上のパスワードに変更してください。",
                "Set a password of 13 characters or more before you remove the second factor.",
            ),
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, what, again())
    }
}

/// What is wrong with terms, in words.
pub(super) fn terms_words(error: &BadTerms) -> Words {
    w(error.japanese(), format!("Refused: {error}."))
}

impl From<TokenError> for Refused {
    fn from(error: TokenError) -> Self {
        let english = error.to_string();
        let what = match error {
            TokenError::Denied(denied) => return denied.into(),
            TokenError::Catalog(error) => return error.into(),
            TokenError::Days(_) => w("有効日数は1日以上366日以内で入力してください。", english),
            TokenError::None(_) => w("そのトークンはありません。", english),
            TokenError::ByToken | TokenError::Scope { .. } | TokenError::Other(_) => {
                w("このトークンは作成できません。", english)
            }
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, what, again())
    }
}

impl From<AuditError> for Refused {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Catalog(error) => error.into(),
            AuditError::Denied(denied) => denied.into(),
            broken => {
                tracing::error!(error = %broken, "the audit log does not hold");
                Self::rule(
                    w("監査記録が連続していません。改変された疑いがあります。", format!("{broken}.")),
                    w(
                        "何も操作せず、すぐに運用管理責任者とシステム管理者に連絡してください。",
                        "Touch nothing, and tell the operations manager and the administrator at once.",
                    ),
                )
            }
        }
    }
}
