//! Which open incident a new one may be: two about the same plan or service are told apart by a person.

use std::collections::BTreeSet;

use crate::catalog::Tx;
use crate::domain::incident::IncidentField;
use crate::domain::incident_alike::{Said, common};
use crate::domain::incident_cause::CauseKind;
use crate::workflows::desk::{Desk, DeskError};

use super::people::New;

/// Refuses what may be an incident that is not closed yet, as the transaction sees it that opens the new one: of two persons
/// who open the same at once, the second reads what the first wrote.
pub(super) async fn check(desk: &Desk, tx: &mut Tx, new: &New) -> Result<(), DeskError> {
    let known = desk.contents.keys().map(String::as_str);
    let known: BTreeSet<&str> =
        known.chain(desk.services.iter().map(|service| service.name.as_str())).collect();
    let texts = new.place.iter().chain(&new.scope).map(String::as_str).collect();
    let new = Said { services: &new.services, subject: "", content: &new.content, texts };
    for row in tx.open_incidents().await? {
        let fields = tx.incident_fields(&row.incident).await?;
        let field = |field: IncidentField| fields.get(&field).map(String::as_str);
        let open = Said {
            services: &row.services,
            subject: if row.cause.kind == CauseKind::Person { "" } else { &row.cause.subject },
            content: field(IncidentField::Content).unwrap_or(&row.title),
            texts: [IncidentField::Place, IncidentField::Scope].into_iter().filter_map(field).collect(),
        };
        if let Some(about) = common(&new, &open, &known) {
            return Err(DeskError::Alike { incident: row.incident.clone(), about: about.to_owned() });
        }
    }
    Ok(())
}
