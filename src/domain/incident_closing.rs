//! When an incident may be closed: what must be there, and what is missing of its report and of the telling (別紙3, 別紙4).

use std::fmt;

use crate::domain::incident::{IncidentEvent, IncidentField, IncidentState, NotAllowed};

/// What is missing when somebody wants to close an incident. Displayed as a sentence without its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lacking {
    /// The fields of the report in which nothing stands.
    pub fields: Vec<IncidentField>,
    /// The ids of contacts who are to be told and were not.
    pub contacts: Vec<String>,
}

impl Lacking {
    /// Whether nothing is missing.
    pub const fn is_nothing(&self) -> bool {
        self.fields.is_empty() && self.contacts.is_empty()
    }

    /// What is missing, in Japanese sentences.
    pub fn japanese(&self) -> String {
        let names: Vec<&str> = self.fields.iter().map(|field| field.names().0).collect();
        let mut text = String::new();
        if !names.is_empty() {
            text.push_str(&format!("未記入の欄：{}。", names.join("、")));
        }
        if !self.contacts.is_empty() {
            text.push_str(&format!("未連絡：{}。", self.contacts.join("、")));
        }
        text
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.fields.iter().map(|field| field.word()).collect();
        if !words.is_empty() {
            write!(f, "the report lacks {}", words.join(", "))?;
        }
        if !self.contacts.is_empty() {
            let begin = if words.is_empty() { "" } else { "; " };
            write!(f, "{begin}not told of it: {}", self.contacts.join(", "))?;
        }
        Ok(())
    }
}

/// What is known when somebody wants to close an incident.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToClose<'a> {
    /// Where it stands.
    pub state: IncidentState,
    /// How many of its alarms last.
    pub lasting: usize,
    /// How many actions against a recurrence were decided.
    pub actions: usize,
    /// Whether somebody said why none is needed.
    pub needs_none: bool,
    /// Whether data of persons may be concerned.
    pub concerns_persons: bool,
    /// Whether who entrusted the data was told.
    pub is_told: bool,
    /// What is missing.
    pub lacking: &'a Lacking,
    /// Whether somebody said why it is closed although something is missing.
    pub is_excused: bool,
}

/// Whether an incident may be closed: its report is out, what keeps it from coming again is decided, and whoever
/// entrusted data of persons knows; and nothing of the report and of the telling is missing without a reason.
pub fn may_close(facts: ToClose<'_>) -> Result<IncidentState, NotAllowed> {
    let after = facts.state.after(IncidentEvent::Close)?;
    if facts.lasting > 0 {
        return Err(NotAllowed::AlarmsLast(facts.lasting));
    }
    if facts.actions == 0 && !facts.needs_none {
        return Err(NotAllowed::NoActions);
    }
    if facts.concerns_persons && !facts.is_told {
        return Err(NotAllowed::NotTold);
    }
    if !facts.lacking.is_nothing() && !facts.is_excused {
        return Err(NotAllowed::Incomplete(facts.lacking.clone()));
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Lacking = Lacking { fields: Vec::new(), contacts: Vec::new() };

    const READY: ToClose<'static> = ToClose {
        state: IncidentState::Reported,
        lasting: 0,
        actions: 1,
        needs_none: false,
        concerns_persons: false,
        is_told: false,
        lacking: &NOTHING,
        is_excused: false,
    };

    #[test]
    fn an_incident_is_closed_only_once_nothing_is_left_to_do() {
        assert_eq!(may_close(READY), Ok(IncidentState::Closed));
        assert_eq!(may_close(ToClose { lasting: 2, ..READY }), Err(NotAllowed::AlarmsLast(2)));
        assert_eq!(may_close(ToClose { actions: 0, ..READY }), Err(NotAllowed::NoActions));
        assert_eq!(may_close(ToClose { actions: 0, needs_none: true, ..READY }), Ok(IncidentState::Closed));
        assert_eq!(may_close(ToClose { concerns_persons: true, ..READY }), Err(NotAllowed::NotTold));
        let told = ToClose { concerns_persons: true, is_told: true, ..READY };
        assert_eq!(may_close(told), Ok(IncidentState::Closed));
        let early = may_close(ToClose { state: IncidentState::Recovered, ..READY });
        assert!(matches!(early, Err(NotAllowed::State { .. })), "the report comes first: {early:?}");
        let lacking = Lacking { fields: vec![IncidentField::Cause], contacts: vec!["night-1".to_owned()] };
        let missing = ToClose { lacking: &lacking, ..READY };
        assert_eq!(may_close(missing), Err(NotAllowed::Incomplete(lacking.clone())));
        assert_eq!(may_close(ToClose { is_excused: true, ..missing }), Ok(IncidentState::Closed));
    }

    #[test]
    fn what_is_missing_is_named() {
        let fields = vec![IncidentField::Cause, IncidentField::Measures];
        let both = Lacking { fields: fields.clone(), contacts: vec!["night-1".to_owned()] };
        assert_eq!(both.to_string(), "the report lacks cause, measures; not told of it: night-1");
        assert_eq!(both.japanese(), "未記入の欄：原因、処置。未連絡：night-1。");
        let some = Lacking { fields, contacts: Vec::new() };
        assert_eq!(
            (some.to_string().as_str(), some.japanese().as_str()),
            ("the report lacks cause, measures", "未記入の欄：原因、処置。")
        );
        assert!(NOTHING.is_nothing() && !some.is_nothing());
    }
}
