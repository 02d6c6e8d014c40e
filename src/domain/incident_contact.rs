//! Who is told of an incident (別紙4 連絡体制図): groups of contacts, when each is told, and in which ways.
//!
//! Names, numbers and addresses are data of persons: they stand in a file of the home, and nowhere else. Rows and logs know
//! a contact by its id alone.

use crate::domain::incident::IncidentState;

/// Which box of 別紙4 a contact stands in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Group {
    /// システム管理者.
    Administrator,
    /// 関係箇所（メーカー、ベンダー、システム構築箇所）.
    Vendor,
    /// システム運用者（ヘルプデスク）.
    HelpDesk,
    /// サービス運用者.
    ServiceOperator,
    /// 施設管理者.
    Facility,
}

impl Group {
    /// Every group, in the order in which 別紙4 tells them.
    pub const ALL: [Self; 5] =
        [Self::Administrator, Self::Vendor, Self::HelpDesk, Self::ServiceOperator, Self::Facility];

    /// The word in the file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Vendor => "vendor",
            Self::HelpDesk => "help-desk",
            Self::ServiceOperator => "service-operator",
            Self::Facility => "facility",
        }
    }

    /// The group of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.word() == word)
    }

    /// For people: Japanese, as 別紙4 writes it, and English.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Administrator => ("システム管理者", "System administrator"),
            Self::Vendor => ("関係箇所（メーカー、ベンダー、システム構築箇所）", "Vendors"),
            Self::HelpDesk => ("システム運用者（ヘルプデスク）", "Help desk"),
            Self::ServiceOperator => ("サービス運用者", "Service operator"),
            Self::Facility => ("施設管理者", "Facilities"),
        }
    }

    /// Whether the group is told while an incident stands so: the administrator at once, all others when somebody has seen
    /// that it is so, facilities only where their users are concerned.
    pub const fn is_told(self, state: IncidentState, concerns_users: bool) -> bool {
        let is_confirmed = !matches!(state, IncidentState::Detected);
        match self {
            Self::Administrator => true,
            Self::Vendor | Self::HelpDesk | Self::ServiceOperator => is_confirmed,
            Self::Facility => is_confirmed && concerns_users,
        }
    }
}

/// How somebody is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// e-mail; Kura sends it.
    Mail,
    /// 電話; a person reads a text out.
    Phone,
    /// FAX; a person sends a text.
    Fax,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Mail, Self::Phone, Self::Fax];

    /// The word in rows and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Phone => "phone",
            Self::Fax => "fax",
        }
    }

    /// The way of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.word() == word)
    }

    /// For people: Japanese and English.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Mail => ("e-mail", "e-mail"),
            Self::Phone => ("電話", "phone"),
            Self::Fax => ("FAX", "fax"),
        }
    }
}

/// Somebody who is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    /// An id of its own, which names nobody: `office-1`.
    pub id: String,
    /// The box of 別紙4.
    pub group: Group,
    /// Who it is.
    pub name: String,
    /// The number to call.
    pub phone: Option<String>,
    /// The number to fax to.
    pub fax: Option<String>,
    /// The address to write to.
    pub mail: Option<String>,
}

impl Contact {
    /// Where the contact is reached in a way.
    pub fn reached(&self, way: Way) -> Option<&str> {
        match way {
            Way::Mail => self.mail.as_deref(),
            Way::Phone => self.phone.as_deref(),
            Way::Fax => self.fax.as_deref(),
        }
    }
}

/// Whether an id may stand in rows and logs: it is short, plain, and no address.
pub fn is_contact_id(id: &str) -> bool {
    (1..=32).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && id.bytes().any(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_when_is_as_the_policy_draws_it() {
        let told = |state, concerns_users| {
            let groups = Group::ALL.into_iter().filter(|group| group.is_told(state, concerns_users));
            groups.map(Group::word).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(IncidentState::Detected, true), "administrator");
        let confirmed = "administrator vendor help-desk service-operator";
        assert_eq!(told(IncidentState::Confirmed, false), confirmed);
        assert_eq!(told(IncidentState::Recovered, true), format!("{confirmed} facility"));
    }

    #[test]
    fn an_id_is_no_name_number_or_address() {
        assert!(["office-1", "admin", "v2"].into_iter().all(is_contact_id));
        assert!(!["", "052-123", "a@b", "田中", "Tanaka", &"a".repeat(33)].into_iter().any(is_contact_id));
    }
}
