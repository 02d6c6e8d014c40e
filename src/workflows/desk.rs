//! What the workflows of windows and notices share: the plans as they are now, lead times, who speaks in notices.

use std::collections::BTreeMap;

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, CatalogError, Holder};
use crate::clock;
use crate::config::{
    ContactTrouble, DeadlineSetting, MailSettings, NoticeSettings, ServiceSettings, Settings,
};
use crate::domain::actor::Denied;
use crate::domain::hand_stop::NotConfirmed;
use crate::domain::incident::NotAllowed;
use crate::domain::incident_contact::Contact;
use crate::domain::notice::{LeadDays, Sender};
use crate::domain::permit::{BadContent, PermitRefusal};
use crate::domain::plan::Plan;
use crate::domain::retention::Retention;
use crate::domain::service::{OnDeadline, Service};
use crate::domain::time::Zone;
use crate::domain::window::{BadTerms, IllegalMove, Terms, Window, WindowKind};
use crate::domain::work::WorkRefusal;
use crate::policy_files::BadInstructions;

use super::monitor::MonitorDesk;
use super::sign_in::AccessError;

/// Everything that decisions about windows look at, beside the catalog.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The catalog.
    pub catalog: Catalog,
    /// By plan: the text of what an approval covers. Plans that cannot be read are missing.
    pub contents: BTreeMap<String, String>,
    /// How often restores of each plan are tried out.
    pub drills: Vec<(String, Retention)>,
    /// The recovery keys that count: each is tried out too.
    pub recovery_keys: Vec<String>,
    /// How early notices come.
    pub lead: LeadDays,
    /// Who speaks in them.
    pub sender: Sender,
    /// The services that windows may stop.
    pub services: Vec<Service>,
    /// What runs do at the end of windows that stop nothing.
    pub on_deadline: OnDeadline,
    /// Which program this is, for leases.
    pub holder: Holder,
    /// Who reports incidents to whom, and who is told of them.
    pub incidents: IncidentDesk,
    /// What is monitored.
    pub monitoring: MonitorDesk,
}

/// Who reports incidents to whom (別紙3), and who is told of them (別紙4).
#[derive(Clone, Debug)]
pub struct IncidentDesk {
    /// To whom reports are addressed.
    pub addressee: String,
    /// Who sends them.
    pub sender: String,
    /// Who is told.
    pub contacts: Vec<Contact>,
    /// Why nobody is, if the file of contacts cannot be used.
    pub trouble: Option<ContactTrouble>,
    /// The server that mails to them go through.
    pub server: Option<MailSettings>,
}

impl Default for IncidentDesk {
    /// As 別紙3 is printed, with nobody to tell.
    fn default() -> Self {
        Self {
            addressee: "一般社団法人名古屋市医師会長".to_owned(),
            sender: "中部テレコミュニケーション株式会社".to_owned(),
            contacts: Vec::new(),
            trouble: None,
            server: None,
        }
    }
}

/// Where a desk comes from: plans, keys and settings are read again each time.
pub trait Desks: Send + Sync {
    /// The desk as it is now, or why the installation cannot be read.
    fn desk(&self) -> Result<Desk, String>;
}

/// The text of what an approval of a plan's window covers: its content, and to whom it is sealed.
pub fn content(plan: &Plan, recipients: &[String]) -> String {
    let mut text = plan.content_digest_text();
    let mut recipients: Vec<&String> = recipients.iter().collect();
    recipients.sort();
    for recipient in recipients {
        text.extend(["recipient ", recipient, "\n"]);
    }
    text
}

/// The zone in which the screens of the 医師会 tell days and times.
pub fn tokyo() -> Zone {
    Zone::tokyo()
}

impl Desk {
    /// A desk with the settings' lead times and words.
    pub fn new(
        catalog: Catalog,
        contents: BTreeMap<String, String>,
        settings: Option<&NoticeSettings>,
    ) -> Self {
        let (lead, sender) = (LeadDays::default(), Sender::default());
        let settings = settings.cloned().unwrap_or_default();
        Self {
            catalog,
            contents,
            drills: Vec::new(),
            recovery_keys: Vec::new(),
            lead: LeadDays {
                routine: settings.lead_days.unwrap_or(lead.routine),
                downtime: settings.lead_days_downtime.unwrap_or(lead.downtime),
            },
            sender: Sender {
                service: settings.service.unwrap_or(sender.service),
                contact: settings.contact.unwrap_or(sender.contact),
            },
            services: Vec::new(),
            on_deadline: OnDeadline::default(),
            holder: Holder { program: clock::program_id().to_owned(), place: "-".to_owned() },
            incidents: IncidentDesk::default(),
            monitoring: MonitorDesk::default(),
        }
    }

    /// The same with what is monitored.
    #[must_use]
    pub fn with_monitoring(self, monitoring: MonitorDesk) -> Self {
        Self { monitoring, ..self }
    }

    /// The same with the services of the settings, and what they say about deadlines.
    #[must_use]
    pub fn with_services(mut self, settings: &Settings) -> Self {
        self.services = settings.service.iter().filter_map(ServiceSettings::service).collect();
        self.on_deadline = match settings.on_deadline {
            None | Some(DeadlineSetting::Finish) => OnDeadline::Finish,
            Some(DeadlineSetting::Stop) => OnDeadline::Stop,
        };
        self
    }

    /// The same with who reports incidents to whom, and who is told of them.
    #[must_use]
    pub fn with_incidents(
        mut self,
        settings: &Settings,
        contacts: Result<Vec<Contact>, ContactTrouble>,
    ) -> Self {
        let mut servers = settings.mail.iter();
        let (settings, default) = (settings.incidents.clone().unwrap_or_default(), IncidentDesk::default());
        let server = servers.find(|mail| settings.mail.as_ref().is_none_or(|wanted| mail.name == *wanted));
        let (contacts, trouble) = match contacts {
            Ok(contacts) => (contacts, None),
            Err(trouble) => (Vec::new(), Some(trouble)),
        };
        self.incidents = IncidentDesk {
            addressee: settings.addressee.unwrap_or(default.addressee),
            sender: settings.sender.unwrap_or(default.sender),
            contacts,
            trouble,
            server: server.cloned(),
        };
        self
    }

    /// The same with what has to be tried out.
    #[must_use]
    pub fn with_drills(self, drills: Vec<(String, Retention)>, recovery_keys: Vec<String>) -> Self {
        Self { drills, recovery_keys, ..self }
    }

    /// How a service is stopped and started.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Checks that Kura knows how to stop every service that it stops in a window.
    pub fn check_services(&self, terms: &Terms) -> Result<(), DeskError> {
        let parts = terms.parts();
        // In an inspection services are down without Kura: their names are for people alone.
        let mut stopped = parts.stops.iter().filter(|_| parts.kind.may_stop());
        let unknown = stopped.find(|name| self.service(name).is_none());
        unknown.map_or(Ok(()), |name| {
            let known = self.services.iter().map(|service| service.name.clone()).collect();
            Err(DeskError::Service { name: name.clone(), known })
        })
    }

    /// How early users must be told of a window. An inspection that takes nothing down keeps nobody from working.
    pub fn lead_of(&self, terms: &Terms) -> u32 {
        let is_silent = terms.parts().kind == WindowKind::PowerInspection && !terms.stops_services();
        if is_silent { 0 } else { self.lead.of(terms) }
    }

    /// SHA-256 of what would run in a window now; `None` if its plan cannot be read.
    pub fn digest_now(&self, terms: &Terms) -> Option<[u8; 32]> {
        let content = match &terms.parts().plan {
            Some(plan) => self.contents.get(plan.as_str())?.as_str(),
            None => "",
        };
        Some(Sha256::of(format!("{content}{}", terms.content_digest_text()).as_bytes()).0)
    }
}

/// Why nothing was changed about windows, occurrences or notices.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    None {
        /// What was looked for.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The terms are refused.
    #[error(transparent)]
    Terms(#[from] BadTerms),
    /// The state does not allow it.
    #[error(transparent)]
    Move(#[from] IllegalMove),
    /// What is asked for comes after the end of an occurrence.
    #[error("occurrence {0} is not over yet: its report comes afterwards")]
    NotOver(String),
    /// A notice of what lies ahead or goes on cannot be closed.
    #[error(
        "what this notice tells of is not over: withdraw window {0} (`kura window withdraw`), and users are told that it is \
         cancelled"
    )]
    Ahead(String),
    /// Somebody else decided a moment ago.
    #[error("somebody else changed {0} a moment ago: look at it again")]
    Stale(String),
    /// The plan cannot be read, so that nobody can say what would be approved.
    #[error("the plan {0} cannot be read: `kura plan check` says why")]
    Plan(String),
    /// Nobody said how a service is stopped and started.
    #[error(
        "kura.toml does not say how the service {name} is stopped{}: add [[service]] with name, stop and start, \
         or with manual = true if a person does it", others(.known)
    )]
    Service {
        /// The service.
        name: String,
        /// Those that are known.
        known: Vec<String>,
    },
    /// A reason, or a text for readers, must be one line, short, and all of it to be seen.
    #[error(
        "the text is not one line of 1 to {0} characters: write it without line breaks, control characters, characters \
         that are not seen and marks that turn the direction of writing"
    )]
    Reason(usize),
    /// The occurrence has begun or is over.
    #[error("occurrence {0} has begun, is over or was let through already")]
    Begun(String),
    /// A confirmation that does not count.
    #[error(transparent)]
    Confirmation(#[from] NotConfirmed),
    /// A permit stands differently, or a rule forbids it.
    #[error(transparent)]
    Permit(#[from] PermitRefusal),
    /// An application for a permit is wrong.
    #[error(transparent)]
    Application(#[from] BadContent),
    /// What an application says about the extract cannot be carried out.
    #[error(transparent)]
    Instructions(#[from] BadInstructions),
    /// The lock of a plan in the home.
    #[error("the lock of a plan cannot be used: {0}")]
    Lock(String),
    /// What is asked for about an incident is not allowed as it stands.
    #[error(transparent)]
    Incident(#[from] NotAllowed),
    /// An incident that may be the same is open.
    #[error(
        "incident {incident} is open and is about the same ({about}): write into it (`kura incident note {incident}`); if this \
         is another failure, say so (`--another`, `is_another` in the API) and it is opened beside it"
    )]
    Alike {
        /// The one that is open.
        incident: String,
        /// What both are about.
        about: String,
    },
    /// The notice of an incident ends with the incident.
    #[error(
        "this notice tells of incident {0}, which lasts: it ends when that is recovered (`kura incident recover`)"
    )]
    OfIncident(String),
    /// A record of work stands differently, or lacks something.
    #[error(transparent)]
    Work(#[from] WorkRefusal),
    /// A checklist cannot be read.
    #[error("a checklist in policies/checklists cannot be used: {0}")]
    Checklist(String),
    /// A right is missing.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The catalog.
    #[error(transparent)]
    Catalog(CatalogError),
}

fn others(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(" (it knows: {})", known.join("、")) }
}

impl From<Denied> for DeskError {
    fn from(denied: Denied) -> Self {
        Self::Access(denied.into())
    }
}

impl From<CatalogError> for DeskError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Stale { id, .. } => Self::Stale(id),
            other => Self::Catalog(other),
        }
    }
}

/// SHA-256 of what an approval of a plan's window covers, hexadecimal; `None` if the plan cannot be read.
pub(super) fn content_digest(desk: &Desk, plan: &str) -> Option<String> {
    desk.contents.get(plan).map(|content| Sha256::of(content.as_bytes()).to_string())
}

/// The window of an id.
pub(super) fn find<'a>(windows: &'a [Window], id: &str) -> Result<&'a Window, DeskError> {
    let found = windows.iter().find(|window| window.id == id);
    found.ok_or_else(|| DeskError::None { what: "window", id: id.to_owned() })
}
