//! Somebody who proved who he is, and what he may do now.

use std::collections::BTreeSet;

use crate::domain::account::AccountId;
use crate::domain::role::{Act, Role, may};

/// Somebody who proved who he is. Made by a workflow that checked the proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// Whose account it is.
    pub account: AccountId,
    /// Its role.
    pub role: Role,
    /// What a token allows; `None` after a password, which allows all that the role may do.
    pub scopes: Option<BTreeSet<Act>>,
}

/// Somebody may not do what he asked for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    /// The role may not.
    #[error("{account} is {role}, which may not {}", .act.phrase())]
    Role {
        /// Who.
        account: AccountId,
        /// The role.
        role: Role,
        /// What was asked for.
        act: Act,
    },
    /// The token may not.
    #[error("this token of {account} has no scope {}: it may not {}", .act.word(), .act.phrase())]
    Scope {
        /// Whose token.
        account: AccountId,
        /// What was asked for.
        act: Act,
    },
    /// Nobody decides about what he asked for.
    #[error("{0} asked for this and so cannot decide about it: somebody else must")]
    OwnRequest(AccountId),
    /// Only those that decide make accounts that decide.
    #[error(
        "{by} may not make or disable an account of {role}: a service_operator or operations_manager must"
    )]
    Decider {
        /// Who tried.
        by: AccountId,
        /// The role of the account.
        role: Role,
    },
}

impl Actor {
    /// Whether an act is allowed, by the role and by the token.
    pub fn check(&self, act: Act) -> Result<(), Denied> {
        if !may(self.role, act) {
            return Err(Denied::Role { account: self.account.clone(), role: self.role, act });
        }
        if self.scopes.as_ref().is_some_and(|scopes| !scopes.contains(&act)) {
            return Err(Denied::Scope { account: self.account.clone(), act });
        }
        Ok(())
    }

    /// Whether an act is allowed that decides about what `requested_by` asked for.
    pub fn check_decision(&self, act: Act, requested_by: &AccountId) -> Result<(), Denied> {
        self.check(act)?;
        if *requested_by == self.account {
            return Err(Denied::OwnRequest(self.account.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(role: Role, scopes: Option<&[Act]>) -> Actor {
        Actor {
            account: "tanaka0001".parse().unwrap(),
            role,
            scopes: scopes.map(|scopes| scopes.iter().copied().collect()),
        }
    }

    #[test]
    fn a_token_takes_rights_away_and_never_adds_any() {
        let all = actor(Role::ServiceOperator, None);
        let reader = actor(Role::ServiceOperator, Some(&[Act::Read]));
        let greedy = actor(Role::Auditor, Some(&Act::ALL));
        assert_eq!(all.check(Act::DecideWindow), Ok(()));
        assert!(matches!(reader.check(Act::DecideWindow), Err(Denied::Scope { .. })));
        assert!(matches!(greedy.check(Act::DecideWindow), Err(Denied::Role { .. })));
    }

    #[test]
    fn nobody_decides_about_what_he_asked_for() {
        let decider = actor(Role::ServiceOperator, None);
        let other = "suzuki0001".parse().unwrap();
        assert_eq!(decider.check_decision(Act::DecideWindow, &other), Ok(()));
        let own = decider.check_decision(Act::DecideWindow, &decider.account);
        assert_eq!(own, Err(Denied::OwnRequest(decider.account.clone())));
    }
}
