//! `kura config check`: the settings as they take effect, and what is wrong with them.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::config::{DeadlineSetting, Settings};
use crate::domain::notice::{LeadDays, Sender};
use crate::workflows::deliver_notices;
use crate::workflows::host;
use crate::workflows::store::StoreUrl;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{counted, print, print_json, table, tell};

/// Say what is wrong with the configuration.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the settings as they take effect and check them, the host's keys and the plans. Exit 2 if one is wrong.
    ///
    /// Nothing is changed and the store is not asked; `kura store probe` does that.
    Check,
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    settings: Vec<Setting>,
    problems: Vec<String>,
    remarks: Vec<String>,
}

#[derive(Serialize)]
struct Setting {
    key: String,
    value: String,
    is_default: bool,
}

pub(super) fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let Command::Check = arguments.command;
    let settings = app.home.settings()?;
    let address: StoreUrl = settings.store.parse()?;
    let trust = host::trust_of(&app.home)?;
    let mut checked = Checked {
        ok: true,
        settings: effective(&settings, &address),
        problems: Vec::new(),
        remarks: Vec::new(),
    };
    checked.settings.insert(0, set("home", app.home.path().display().to_string()));
    for name in app.plan_names() {
        if let Err(e) = app.plan(&name) {
            checked.problems.push(e.to_string());
        }
    }
    if app.plan_names().is_empty() {
        checked
            .remarks
            .push("there is no plan yet: write policies/NAME.toml, then `kura plan check`".to_owned());
    }
    if let Err(e) = deliver_notices::targets(&settings, "") {
        checked.problems.push(e.to_string());
    }
    if let Some(oidc) = settings.oidc.as_ref().filter(|oidc| !oidc.client_secret_file.is_file()) {
        let file = oidc.client_secret_file.display();
        checked.problems.push(format!("[oidc]: there is no file {file} with its secret"));
    }
    if trust.recovery.recipients.len() < 2 {
        let remark = "there is only one recovery key: whoever loses it loses every backup; `kura key new` makes another";
        checked.remarks.push(remark.to_owned());
    }
    checked.ok = checked.problems.is_empty();
    tell_all(&checked, global)?;
    Ok(if checked.ok { Exit::Done } else { Exit::Usage })
}

fn tell_all(checked: &Checked, global: &Global) -> Result<(), Failure> {
    if global.json {
        return print_json(checked);
    }
    let row = |setting: &Setting| {
        let origin = if setting.is_default { "default" } else { "set" };
        vec![setting.key.clone(), setting.value.clone(), origin.to_owned()]
    };
    print(&table(&["KEY", "VALUE", "FROM"], &checked.settings.iter().map(row).collect::<Vec<_>>()))?;
    for remark in &checked.remarks {
        tell(&format!("kura: {remark}"));
    }
    for problem in &checked.problems {
        tell(&format!("kura: wrong: {problem}"));
    }
    let count = u64::try_from(checked.problems.len()).unwrap_or(u64::MAX);
    if count > 0 {
        tell(&format!("kura: {} in the configuration", counted(count, "mistake")));
    }
    Ok(())
}

fn set(key: &str, value: String) -> Setting {
    Setting { key: key.to_owned(), value, is_default: false }
}

fn or_default<T: ToString>(key: &str, value: Option<T>, default: impl ToString) -> Setting {
    let is_default = value.is_none();
    let value = value.map_or_else(|| default.to_string(), |value| value.to_string());
    Setting { key: key.to_owned(), value, is_default }
}

const fn deadline(setting: DeadlineSetting) -> &'static str {
    match setting {
        DeadlineSetting::Finish => "finish",
        DeadlineSetting::Stop => "stop",
    }
}

/// Every setting with the value that counts. Secrets stand in files of their own, which are only named.
fn effective(settings: &Settings, address: &StoreUrl) -> Vec<Setting> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let notices = settings.notices.clone().unwrap_or_default();
    let (lead, sender) = (LeadDays::default(), Sender::default());
    let mut all = vec![
        set("store", address.to_string()),
        or_default("operator", settings.operator.clone(), "nobody is named"),
        or_default("threads", settings.threads, format!("{cores} (one for each core)")),
        or_default("sort_memory_mib", settings.sort_memory_mib, host::SORT_MEMORY_MIB),
        or_default("notices.service", notices.service, sender.service),
        or_default("notices.contact", notices.contact, sender.contact),
        or_default("notices.lead_days", notices.lead_days, lead.routine),
        or_default("notices.lead_days_downtime", notices.lead_days_downtime, lead.downtime),
        or_default("notices.public_url", notices.public_url, "the address of kura serve"),
        or_default("on_deadline", settings.on_deadline.map(deadline), "finish"),
    ];
    all.push(or_default(
        "evidence_retention",
        settings.evidence_retention.clone(),
        settings.evidence_retention(),
    ));
    for mail in &settings.mail {
        let recipients = counted(u64::try_from(mail.to.len()).unwrap_or(u64::MAX), "recipient");
        all.push(set(&format!("mail.{}", mail.name), format!("{} for {recipients}", mail.host)));
    }
    for service in &settings.service {
        let how = if service.manual { "by hand".to_owned() } else { service.stop.join(" ") };
        all.push(set(&format!("service.{}", service.name), how));
    }
    if let Some(oidc) = &settings.oidc {
        all.push(set("oidc.issuer", oidc.issuer.clone()));
    }
    for push in &settings.push {
        all.push(set(&format!("push.{}", push.name), push.url.clone()));
    }
    all
}
