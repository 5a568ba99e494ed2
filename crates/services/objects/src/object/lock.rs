//! Object Lock: retention and legal hold (S3 user guide, "Locking objects with Object Lock").

use serde::{Deserialize, Serialize};

use crate::errors::{Code, Result, S3Error};

/// How strongly a version is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// May be bypassed by who has s3:BypassGovernanceRetention and says so.
    Governance,
    /// By nobody.
    Compliance,
}

impl Mode {
    /// The wire's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }

    /// Reads the wire's word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "GOVERNANCE" => Some(Self::Governance),
            "COMPLIANCE" => Some(Self::Compliance),
            _ => None,
        }
    }
}

/// Until when a version is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// How strongly.
    pub mode: Mode,
    /// Until when, in milliseconds since the epoch.
    pub until: i64,
}

/// Whether a version may be deleted for good now.
pub fn check_delete(retention: Option<Retention>, hold: bool, now: i64, bypass: bool) -> Result<()> {
    let protected = || S3Error::new(Code::AccessDenied, "Access Denied because object protected by object lock.");
    if hold {
        return Err(protected());
    }
    match retention {
        Some(r) if r.until > now && !(r.mode == Mode::Governance && bypass) => Err(protected()),
        _ => Ok(()),
    }
}

/// Whether a retention may be replaced by another (or by none) now: it may always be extended, and shortened only when governed and bypassed.
pub fn check_change(old: Option<Retention>, new: Option<Retention>, now: i64, bypass: bool) -> Result<()> {
    let Some(old) = old.filter(|old| old.until > now) else { return Ok(()) };
    let extends =
        new.is_some_and(|new| new.until >= old.until && (new.mode == old.mode || new.mode == Mode::Compliance));
    if extends || (old.mode == Mode::Governance && bypass) {
        return Ok(());
    }
    Err(S3Error::new(Code::AccessDenied, "Access Denied because object protected by object lock."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let held = |mode| Some(Retention { mode, until: 100 });
        assert!(check_delete(None, true, 0, true).is_err());
        assert!(check_delete(held(Mode::Governance), false, 50, false).is_err());
        assert!(check_delete(held(Mode::Governance), false, 50, true).is_ok());
        assert!(check_delete(held(Mode::Compliance), false, 50, true).is_err());
        assert!(check_delete(held(Mode::Compliance), false, 100, false).is_ok());
        assert!(check_change(held(Mode::Compliance), held(Mode::Governance), 50, true).is_err());
        assert!(check_change(held(Mode::Governance), held(Mode::Compliance), 50, false).is_ok());
        assert!(check_change(held(Mode::Governance), None, 50, false).is_err());
    }
}
