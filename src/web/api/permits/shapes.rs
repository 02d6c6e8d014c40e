//! The shapes of permits: what is applied for and what is answered.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::account::AccountId;
use crate::domain::permit::{AfterUse, Attachment, Form, LegalClass, Medium, PermitContent};
use crate::domain::permit_text::digest_of_hex;
use crate::domain::time::Day;
use crate::web::api::version;
use crate::web::problem::Problem;
use crate::workflows::permits::{self, PermitRow, PermitState};

/// 保存媒体.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::web::api) enum Media {
    #[serde(rename = "cd-r")]
    CdR,
    Dvd,
    UsbMemory,
    HardDisk,
    Other,
}

/// 使用後の措置: 自動保管, 返却, 消去, その他.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::web::api) enum Measures {
    Keep,
    Return,
    Erase,
    Other,
}

/// In what form it is handed over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::web::api) enum Forms {
    File,
    Paper,
}

/// What the law calls the result: 統計情報, 匿名加工情報, 仮名加工情報. The applicant says so.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::web::api) enum Classes {
    Statistics,
    AnonymouslyProcessed,
    PseudonymouslyProcessed,
}

/// Where a permit stands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::web::api) enum PermitStates {
    Applied,
    Approved,
    Executing,
    Delivered,
    Closed,
    Returned,
    Revoked,
    Expired,
}

impl PermitStates {
    const fn of(state: &PermitState) -> Self {
        match state {
            PermitState::Applied => Self::Applied,
            PermitState::Approved(_) => Self::Approved,
            PermitState::Executing { .. } => Self::Executing,
            PermitState::Delivered { .. } => Self::Delivered,
            PermitState::Closed { .. } => Self::Closed,
            PermitState::Returned { .. } => Self::Returned,
            PermitState::Revoked { .. } => Self::Revoked,
            PermitState::Expired { .. } => Self::Expired,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Approved => "approved",
            Self::Executing => "executing",
            Self::Delivered => "delivered",
            Self::Closed => "closed",
            Self::Returned => "returned",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

/// From one day to another, both included.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web::api) struct DaySpan {
    /// The first day.
    #[schema(format = Date)]
    from: String,
    /// The last day.
    #[schema(format = Date)]
    until: String,
}

/// 添付資料: a document by its name and digest; the document itself stays with the applicant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web::api) struct Attached {
    /// What it is called.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// SHA-256 of its content, hexadecimal.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    sha256: String,
}

/// What is applied for: the fields of 別紙2 in its order, and what Kura needs to carry them out.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web::api) struct PermitApplication {
    /// 件名.
    #[schema(min_length = 1, max_length = 200)]
    subject: String,
    /// 使用目的.
    #[schema(min_length = 1, max_length = 2000)]
    purpose: String,
    /// 処理内容.
    #[schema(min_length = 1, max_length = 2000)]
    processing: String,
    /// 保存媒体.
    medium: Media,
    /// What other medium.
    #[serde(default)]
    #[schema(max_length = 200, required = false)]
    medium_other: String,
    /// 使用後の措置.
    after_use: Measures,
    /// What other measure.
    #[serde(default)]
    #[schema(max_length = 200, required = false)]
    after_use_other: String,
    /// By when that is done.
    #[schema(format = Date)]
    after_use_due: String,
    /// 使用期間.
    period: DaySpan,
    /// 実施日: on which days the extract may be made.
    execution: DaySpan,
    /// 備考.
    #[serde(default)]
    #[schema(max_length = 2000, required = false)]
    remarks: String,
    /// 添付資料.
    #[serde(default)]
    #[schema(max_items = 50, required = false)]
    attachments: Vec<Attached>,
    /// File or paper.
    form: Forms,
    /// What the law calls the result.
    legal_class: Classes,
    /// How often the extract may be made.
    #[serde(default = "once")]
    #[schema(minimum = 1, maximum = 100, required = false)]
    executions_max: u32,
    /// What is extracted and how.
    #[schema(min_length = 1, max_length = 32768)]
    extraction: String,
}

const fn once() -> u32 {
    1
}

impl PermitApplication {
    /// What is applied for, in the name of an account and of today.
    pub(super) fn content(self, applicant: AccountId, today: Day) -> Result<PermitContent, Problem> {
        let days = |span: DaySpan| Ok::<_, Problem>((span.from.parse()?, span.until.parse()?));
        let mut attachments = Vec::new();
        for attached in self.attachments {
            let sha256 = digest_of_hex(&attached.sha256).ok_or_else(|| {
                Problem::refused(
                    "attachments: sha256 is 64 hexadecimal digits",
                    "添付資料（attachments）の sha256 は64桁の16進数で指定してください。",
                )
            })?;
            attachments.push(Attachment { name: attached.name, sha256 });
        }
        Ok(PermitContent {
            applied_on: today,
            applicant,
            subject: self.subject,
            purpose: self.purpose,
            processing: self.processing,
            medium: match self.medium {
                Media::CdR => Medium::CdR,
                Media::Dvd => Medium::Dvd,
                Media::UsbMemory => Medium::UsbMemory,
                Media::HardDisk => Medium::HardDisk,
                Media::Other => Medium::Other(self.medium_other),
            },
            after_use: match self.after_use {
                Measures::Keep => AfterUse::Kept,
                Measures::Return => AfterUse::Returned,
                Measures::Erase => AfterUse::Erased,
                Measures::Other => AfterUse::Other(self.after_use_other),
            },
            after_use_due: self.after_use_due.parse()?,
            period: days(self.period)?,
            execution: days(self.execution)?,
            remarks: self.remarks,
            attachments,
            form: match self.form {
                Forms::File => Form::File,
                Forms::Paper => Form::Paper,
            },
            legal_class: match self.legal_class {
                Classes::Statistics => LegalClass::Statistics,
                Classes::AnonymouslyProcessed => LegalClass::AnonymouslyProcessed,
                Classes::PseudonymouslyProcessed => LegalClass::PseudonymouslyProcessed,
            },
            executions_max: self.executions_max,
            extraction: self.extraction,
        })
    }
}

/// An approval.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web::api) struct PermitApprovalShown {
    /// By whom.
    by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// SHA-256 of what was approved, hexadecimal.
    digest: String,
}

/// A permit.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web::api) struct PermitShown {
    /// Its number (許可番号).
    #[schema(example = "R08-014")]
    permit: String,
    state: PermitStates,
    /// Which revision of the application counts, from 1.
    revision: u32,
    /// SHA-256 of what it says, hexadecimal: what an approval is bound to.
    digest: String,
    /// 申請者: an account.
    applicant: String,
    /// When it was applied for first.
    #[schema(format = DateTime)]
    applied_at: String,
    /// 申請日.
    #[schema(format = Date)]
    applied_on: String,
    /// 件名.
    subject: String,
    /// 使用目的.
    purpose: String,
    /// 処理内容.
    processing: String,
    /// 保存媒体.
    medium: Media,
    medium_other: Option<String>,
    /// 使用後の措置.
    after_use: Measures,
    after_use_other: Option<String>,
    /// By when that is done.
    #[schema(format = Date)]
    after_use_due: String,
    /// 使用期間.
    period: DaySpan,
    /// 実施日.
    execution: DaySpan,
    /// 備考.
    remarks: String,
    /// 添付資料.
    attachments: Vec<Attached>,
    form: Forms,
    legal_class: Classes,
    /// How many extracts count: those that were handed over, and the one that is being made.
    executions: u32,
    executions_max: u32,
    /// How many more were begun and ended without anything handed over: they do not count.
    given_up: u32,
    /// What is extracted and how.
    extraction: String,
    /// The approval in force, or the last one.
    approval: Option<PermitApprovalShown>,
    /// When something was handed over last.
    #[schema(format = DateTime)]
    delivered_at: Option<String>,
    /// Why it was returned or revoked, or what was found when the after-use measure was confirmed.
    reason: Option<String>,
    /// What `If-Match` needs for a decision: the same as the header `ETag`.
    version: String,
}

/// Which permits.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::web::api) struct PermitQuery {
    /// At most so many rows, 1 to 200; 50 unless it is given.
    #[param(minimum = 1, maximum = 200, required = false)]
    pub(super) limit: Option<u32>,
    /// What the page before gave as `next`.
    #[param(required = false)]
    pub(super) cursor: Option<String>,
    /// Only those that stand so.
    #[param(required = false)]
    pub(super) state: Option<PermitStates>,
}

/// A permit as it is shown.
pub(super) fn shown(row: &PermitRow) -> PermitShown {
    let content = &row.permit.content;
    let span = |(from, until): (Day, Day)| DaySpan { from: from.to_string(), until: until.to_string() };
    let attached = content.attachments.iter();
    let attached = attached.map(|one| Attached { name: one.name.clone(), sha256: hex::encode(one.sha256) });
    PermitShown {
        permit: row.permit.number.clone(),
        state: PermitStates::of(&row.permit.state),
        revision: row.revision,
        digest: row.digest.to_string(),
        applicant: content.applicant.to_string(),
        applied_at: row.applied_at.to_string(),
        applied_on: content.applied_on.to_string(),
        subject: content.subject.clone(),
        purpose: content.purpose.clone(),
        processing: content.processing.clone(),
        medium: match &content.medium {
            Medium::CdR => Media::CdR,
            Medium::Dvd => Media::Dvd,
            Medium::UsbMemory => Media::UsbMemory,
            Medium::HardDisk => Media::HardDisk,
            Medium::Other(_) => Media::Other,
        },
        medium_other: content.medium.other().map(str::to_owned),
        after_use: match &content.after_use {
            AfterUse::Kept => Measures::Keep,
            AfterUse::Returned => Measures::Return,
            AfterUse::Erased => Measures::Erase,
            AfterUse::Other(_) => Measures::Other,
        },
        after_use_other: content.after_use.other().map(str::to_owned),
        after_use_due: content.after_use_due.to_string(),
        period: span(content.period),
        execution: span(content.execution),
        remarks: content.remarks.clone(),
        attachments: attached.collect(),
        form: match content.form {
            Form::File => Forms::File,
            Form::Paper => Forms::Paper,
        },
        legal_class: match content.legal_class {
            LegalClass::Statistics => Classes::Statistics,
            LegalClass::AnonymouslyProcessed => Classes::AnonymouslyProcessed,
            LegalClass::PseudonymouslyProcessed => Classes::PseudonymouslyProcessed,
        },
        executions: row.permit.used(),
        executions_max: content.executions_max,
        given_up: row.permit.given_up,
        extraction: content.extraction.clone(),
        approval: row.approval.as_ref().map(|approval| PermitApprovalShown {
            by: approval.by.to_string(),
            at: approval.at.to_string(),
            digest: hex::encode(approval.digest),
        }),
        delivered_at: row.delivered_at.map(|at| at.to_string()),
        reason: Some(row.reason.clone()).filter(|reason| !reason.is_empty()),
        version: version::tag(&permits::version(row)),
    }
}
