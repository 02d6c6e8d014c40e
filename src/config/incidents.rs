//! `[incidents]` of `kura.toml`, and `contacts.toml`: who is told of incidents. That file holds data of persons and is for
//! its owner alone.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Home;
use crate::domain::incident_contact::{Contact, Group, is_contact_id};

/// `[incidents]` in `kura.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentSettings {
    /// To whom 障害報告書 are addressed, without 様. Default `一般社団法人名古屋市医師会長`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addressee: Option<String>,
    /// Who sends them. Default `中部テレコミュニケーション株式会社`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The `[[mail]]` through which contacts are written to, by its name. Default: the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
}

/// `[[contact]]` in `contacts.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactSettings {
    /// An id of its own: small letters, digits, `-`. It stands in the records, so it must name nobody.
    pub id: String,
    /// The box of 別紙4: `administrator`, `vendor`, `help-desk`, `service-operator`, `facility`.
    pub group: String,
    /// Who it is.
    pub name: String,
    /// The number to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The number to fax to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fax: Option<String>,
    /// The address that Kura writes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
}

/// `contacts.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactFile {
    #[serde(default)]
    contact: Vec<ContactSettings>,
}

/// Why the contacts cannot be used. Names no person, because it is logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactTrouble {
    /// Others may read it.
    #[error("contacts.toml holds data of persons and others may read it: `chmod 600 contacts.toml`")]
    Open,
    /// It cannot be read.
    #[error("contacts.toml cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// It does not parse.
    #[error("contacts.toml is not valid near byte {0}: see docs/operations.md for its form")]
    Invalid(usize),
    /// An id that may not stand in records, or stands twice.
    #[error("[[contact]] number {0}: give it an id of its own of small letters, digits and `-`, at most 32")]
    Id(usize),
    /// A group that 別紙4 does not have.
    #[error(
        "[[contact]] number {0}: its group is administrator, vendor, help-desk, service-operator or facility"
    )]
    Group(usize),
    /// Nothing to reach it by.
    #[error("[[contact]] number {0}: give it phone, fax or mail")]
    NoWay(usize),
}

impl Home {
    /// Who is told of incidents.
    pub fn contacts_file(&self) -> PathBuf {
        self.path().join("contacts.toml")
    }

    /// The contacts, in the order of the file; none if there is no file.
    pub fn contacts(&self) -> Result<Vec<Contact>, ContactTrouble> {
        let path = self.contacts_file();
        let mode = match fs::metadata(&path) {
            Ok(data) => data.permissions().mode(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ContactTrouble::Unreadable(error.kind())),
        };
        if mode & 0o077 != 0 {
            return Err(ContactTrouble::Open);
        }
        let text = fs::read_to_string(&path).map_err(|error| ContactTrouble::Unreadable(error.kind()))?;
        // The parser's own message quotes the line, and the line names a person.
        let file: ContactFile = toml::from_str(&text)
            .map_err(|error| ContactTrouble::Invalid(error.span().map_or(0, |span| span.start)))?;
        checked(file.contact)
    }
}

fn checked(settings: Vec<ContactSettings>) -> Result<Vec<Contact>, ContactTrouble> {
    let mut contacts: Vec<Contact> = Vec::new();
    for (at, one) in settings.into_iter().enumerate() {
        let number = at + 1;
        if !is_contact_id(&one.id) || contacts.iter().any(|known| known.id == one.id) {
            return Err(ContactTrouble::Id(number));
        }
        let group = Group::of_word(&one.group).ok_or(ContactTrouble::Group(number))?;
        if one.phone.is_none() && one.fax.is_none() && one.mail.is_none() {
            return Err(ContactTrouble::NoWay(number));
        }
        let (id, name, phone, fax, mail) = (one.id, one.name, one.phone, one.fax, one.mail);
        contacts.push(Contact { id, group, name, phone, fax, mail });
    }
    Ok(contacts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_read_from_a_private_file_and_troubles_name_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().to_owned());
        assert_eq!(home.contacts(), Ok(Vec::new()), "without a file nobody is told");
        let write = |text: &str, mode: u32| {
            fs::write(home.contacts_file(), text).unwrap();
            fs::set_permissions(home.contacts_file(), fs::Permissions::from_mode(mode)).unwrap();
            home.contacts()
        };
        let good = "[[contact]]\nid = \"office-1\"\ngroup = \"service-operator\"\nname = \"事務局\"\nphone = \"052-000\"\n";
        assert_eq!(write(good, 0o644), Err(ContactTrouble::Open));
        assert_eq!(write(good, 0o600).unwrap().len(), 1);
        assert_eq!(write(&good.repeat(2), 0o600), Err(ContactTrouble::Id(2)), "twice");
        assert_eq!(write(&good.replace("service-operator", "boss"), 0o600), Err(ContactTrouble::Group(1)));
        assert_eq!(write(&good.replace("phone = \"052-000\"", ""), 0o600), Err(ContactTrouble::NoWay(1)));
        let broken = write(&good.replace("\"事務局\"", "\"事務局"), 0o600).unwrap_err();
        assert!(!broken.to_string().contains("事務局"), "{broken}");
        assert_eq!(write(&good.replace("office-1", "a@b"), 0o600), Err(ContactTrouble::Id(1)));
    }
}
