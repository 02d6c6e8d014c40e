//! Every page and act of the console: its address, what it needs, what answers. There is no other list.

use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post};

use super::{Address, Need};
use super::{
    accounts, audit, calendar, certificates, decide, deletion, deletion_orders, events, extracts, holds,
    home, incident_forms, incidents, login, monitoring, notices, occurrences, own, own_tokens, permit_decide,
    permit_form, permits, provider, request, restore_points, runbooks, runs, services, setup, statements,
    watch, windows, work_forms, works,
};
use crate::domain::role::Act;
use crate::web::Shared;

/// A page or an act with what it needs.
pub(super) struct Page {
    /// Where it is.
    pub(super) address: Address,
    /// What answers.
    pub(super) handler: MethodRouter<Shared>,
    /// Whether its form holds a file.
    pub(super) has_file: bool,
}

fn show<H: Handler<T, Shared>, T: 'static>(path: &'static str, need: Need, handler: H) -> Page {
    Page { address: Address { method: "GET", path, need }, handler: get(handler), has_file: false }
}

fn act<H: Handler<T, Shared>, T: 'static>(path: &'static str, need: Need, handler: H) -> Page {
    Page { address: Address { method: "POST", path, need }, handler: post(handler), has_file: false }
}

/// An act whose form holds a file.
fn upload<H: Handler<T, Shared>, T: 'static>(path: &'static str, need: Need, handler: H) -> Page {
    Page { has_file: true, ..act(path, need, handler) }
}

/// Every page of the console. There is no other list.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(super) fn all() -> Vec<Page> {
    use Need::{Nobody, SignedIn};
    let read = Need::Right(Act::Read);
    let request = Need::Right(Act::RequestWindow);
    let decide = Need::Right(Act::DecideWindow);
    let read_permits = Need::Right(Act::ReadPermits);
    let execute_permits = Need::Right(Act::ExecutePermit);
    let take = Need::Right(Act::TakeSnapshot);
    let confirm = Need::Right(Act::ConfirmService);
    let glass = Need::Right(Act::BreakGlass);
    let edit = Need::Right(Act::EditNotice);
    let manage = Need::Right(Act::ManageAccounts);
    let log = Need::Right(Act::ReadAudit);
    let (approve_deletion, confirm_deletion) =
        (Need::Right(Act::ApproveDeletion), Need::Right(Act::ConfirmDeletion));
    let [see, ask, allow, close] =
        [Act::ReadPermits, Act::ApplyPermit, Act::DecidePermit, Act::ClosePermit].map(Need::Right);
    let incident = Need::Right(Act::ManageIncidents);
    let record = Need::Right(Act::KeepRecords);
    let (stand, hold) = (Need::Right(Act::StandingDeletion), Need::Right(Act::ManageHolds));
    vec![
        show("/console/setup", Nobody, setup::page),
        act("/console/setup", Nobody, setup::make),
        show("/console/login", Nobody, login::page),
        act("/console/login", Nobody, login::password),
        show("/console/login/code", Nobody, login::code_page),
        act("/console/login/code", Nobody, login::code),
        show("/console/provider", Nobody, provider::depart),
        show("/console/provider/return", Nobody, provider::arrive),
        act("/console/sign-out", SignedIn, login::sign_out),
        show("/console", read, home::page),
        show("/console/calendar", read, calendar::page),
        show("/console/windows", read, windows::list),
        act("/console/windows", request, request::make),
        show("/console/windows/new", request, request::page),
        act("/console/windows/new", request, request::confirm),
        show("/console/windows/{id}", read, windows::one),
        show("/console/windows/{id}/approve", decide, decide::confirm_approval),
        act("/console/windows/{id}/approve", decide, decide::approve),
        show("/console/windows/{id}/approval", read, decide::approval),
        show("/console/windows/{id}/return", decide, decide::ask_return),
        act("/console/windows/{id}/return", decide, decide::return_request),
        show("/console/windows/{id}/withdraw", request, decide::ask_withdrawal),
        act("/console/windows/{id}/withdraw", request, decide::withdraw),
        show("/console/occurrences/{id}", read, occurrences::one),
        show("/console/occurrences/{id}/break-glass", glass, occurrences::ask),
        act("/console/occurrences/{id}/break-glass", glass, occurrences::break_glass),
        act("/console/occurrences/{id}/report", decide, occurrences::see_report),
        show("/console/extracts", read_permits, extracts::list),
        show("/console/extracts/{id}", read_permits, extracts::plan),
        show("/console/extracts/{id}/{number}", read_permits, extracts::one),
        show("/console/extracts/{id}/cancel", execute_permits, extracts::ask_cancel),
        act("/console/extracts/{id}/cancel", execute_permits, extracts::cancel),
        show("/console/runs", read, runs::list),
        show("/console/runs/{id}", read, runs::one),
        show("/console/restore-points", read, restore_points::list),
        show("/console/snapshots", read, events::list),
        act("/console/snapshots", take, events::make),
        show("/console/snapshots/new", take, events::page),
        act("/console/snapshots/new", take, events::confirm),
        show("/console/snapshots/{id}", read, events::one),
        show("/console/services", read, services::list),
        act("/console/services/confirm", confirm, services::confirm),
        show("/console/coverage", read, watch::coverage),
        show("/console/alarms", read, watch::alarms),
        show("/console/runbooks", read, runbooks::list),
        show("/console/runbooks/{id}", read, runbooks::one),
        show("/console/monitoring", read, monitoring::list),
        act("/console/monitoring/review", record, monitoring::review),
        show("/console/monitoring/{id}", read, monitoring::one),
        show("/console/works", read, works::list),
        show("/console/works/new", record, work_forms::ask),
        act("/console/works/new", record, work_forms::open),
        show("/console/works/{id}", read, works::one),
        upload("/console/works/{id}/results", record, work_forms::attach),
        show("/console/works/{id}/page", read, works::page),
        act("/console/works/{id}/act", record, works::send),
        show("/console/role-holders", manage, accounts::role_holders),
        show("/console/incidents", read, incidents::list),
        show("/console/incidents/new", incident, incident_forms::ask),
        act("/console/incidents/new", incident, incident_forms::open),
        show("/console/incidents/{id}", read, incidents::one),
        act("/console/incidents/{id}/act", incident, incident_forms::send),
        show("/console/incidents/{id}/report", read, incidents::report),
        show("/console/incidents/{id}/statement", incident, statements::ask),
        act("/console/incidents/{id}/statement", incident, statements::send),
        show("/console/deletion", read, deletion::page),
        show("/console/deletion/due", read, deletion_orders::due),
        act("/console/deletion/approve", approve_deletion, deletion_orders::approve),
        act("/console/deletion/today", confirm_deletion, deletion_orders::say_today),
        show("/console/deletion/orders/{digest}", read, deletion_orders::order),
        act("/console/deletion/orders/{digest}", confirm_deletion, deletion_orders::confirm),
        show("/console/deletion/standing/{plan}", stand, deletion::standing),
        act("/console/deletion/standing/{plan}", stand, deletion::stand),
        show("/console/certificates", read, certificates::list),
        show("/console/certificates/{number}", read, certificates::one),
        show("/console/certificates/{number}/file", read, certificates::file),
        show("/console/holds", read, holds::list),
        show("/console/holds/new", hold, holds::ask),
        act("/console/holds/new", hold, holds::place),
        show("/console/holds/{plan}/{number}/release", hold, holds::ask_release),
        act("/console/holds/{plan}/{number}/release", hold, holds::release),
        show("/console/permits", see, permits::list),
        act("/console/permits", ask, permit_form::make),
        show("/console/permits/new", ask, permit_form::page),
        act("/console/permits/new", ask, permit_form::confirm),
        show("/console/permits/{id}", see, permits::one),
        show("/console/permits/{id}/page", see, permits::page),
        show("/console/permits/{id}/applied", see, permit_form::applied),
        show("/console/permits/{id}/approve", allow, permit_decide::ask_approval),
        act("/console/permits/{id}/approve", allow, permit_decide::approve),
        show("/console/permits/{id}/approval", see, permit_decide::approval),
        show("/console/permits/{id}/return", allow, permit_decide::ask_return),
        act("/console/permits/{id}/return", allow, permit_decide::return_application),
        show("/console/permits/{id}/withdraw", ask, permit_decide::ask_withdrawal),
        act("/console/permits/{id}/withdraw", ask, permit_decide::withdraw),
        show("/console/permits/{id}/revoke", allow, permit_decide::ask_revocation),
        act("/console/permits/{id}/revoke", allow, permit_decide::revoke),
        show("/console/permits/{id}/close", close, permit_decide::ask_close),
        act("/console/permits/{id}/close", close, permit_decide::close),
        show("/console/notices", read, notices::list),
        show("/console/notices/{id}", read, notices::one),
        act("/console/notices/{id}/correct", edit, notices::correct),
        act("/console/notices/{id}/close", edit, notices::close),
        show("/console/accounts", manage, accounts::list),
        show("/console/accounts/new", manage, accounts::page),
        act("/console/accounts/new", manage, accounts::add),
        show("/console/accounts/{id}/disable", manage, accounts::ask_disable),
        act("/console/accounts/{id}/disable", manage, accounts::disable),
        show("/console/accounts/{id}/password", manage, accounts::ask_reset),
        act("/console/accounts/{id}/password", manage, accounts::reset),
        show("/console/own", SignedIn, own::page),
        show("/console/own/password", SignedIn, own::password_page),
        act("/console/own/password", SignedIn, own::change_password),
        show("/console/own/factor", SignedIn, own::factor_page),
        act("/console/own/factor", SignedIn, own::new_factor),
        act("/console/own/factor/confirm", SignedIn, own::confirm_factor),
        act("/console/own/factor/remove", SignedIn, own::remove_factor),
        show("/console/own/tokens", SignedIn, own_tokens::list),
        act("/console/own/tokens", SignedIn, own_tokens::make),
        act("/console/own/tokens/revoke", SignedIn, own_tokens::revoke),
        show("/console/audit", log, audit::list),
        act("/console/audit/verify", log, audit::verify),
    ]
}
