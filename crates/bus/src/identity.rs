//! Access keys and what they stand for.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use pilvi_model::Timestamp;
use subtle::ConstantTimeEq as _;

use crate::{Clock, Principal};

/// An access key that exists.
#[derive(Clone)]
pub struct Credential {
    /// The secret access key that requests are signed with.
    pub secret: String,
    /// Temporary credentials only: the token that must come with every request.
    pub session_token: Option<String>,
    /// Temporary credentials only: when they end.
    pub expires: Option<Timestamp>,
    /// Who they stand for.
    pub principal: Principal,
}

impl Credential {
    /// Whether the token that came with a request is the one that belongs to the key; takes the same time wherever two
    /// tokens differ.
    pub fn has_token(&self, token: Option<&str>) -> bool {
        match (&self.session_token, token) {
            (None, None) => true,
            (Some(own), Some(token)) => bool::from(own.as_bytes().ct_eq(token.as_bytes())),
            _ => false,
        }
    }
}

/// Counts wrong signatures, so that nobody can try out secrets at leisure.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<(IpAddr, String), (i64, u32)>>);

/// Wrong signatures that an address may send for a key in a minute of real time, before it is not listened to any more.
const MOST_FAILURES: u32 = 100;
/// Pairs of address and key that are counted at once; beyond that, those of earlier minutes are forgotten.
const MOST_COUNTED: usize = 10_000;

impl Failures {
    /// Notes a wrong signature.
    pub fn note(&self, peer: IpAddr, access_key: &str) {
        let minute = Clock::real_time().as_second() / 60;
        let mut counts = self.0.lock();
        if counts.len() >= MOST_COUNTED {
            counts.retain(|_, (counted_in, _)| *counted_in == minute);
        }
        let count = counts.entry((peer, access_key.to_owned())).or_insert((minute, 0));
        *count = if count.0 == minute { (minute, count.1.saturating_add(1)) } else { (minute, 1) };
    }

    /// Whether this address has sent too many of them for this key.
    pub fn too_many(&self, peer: IpAddr, access_key: &str) -> bool {
        let counts = self.0.lock();
        if counts.is_empty() {
            return false;
        }
        let minute = Clock::real_time().as_second() / 60;
        let count = counts.get(&(peer, access_key.to_owned()));
        count.is_some_and(|(counted_in, count)| *counted_in == minute && *count >= MOST_FAILURES)
    }
}

/// What an access key is.
#[derive(Clone)]
pub enum KeyLookup {
    /// It exists: the signature is verified with its secret.
    Known(Credential),
    /// It is not of AWS's own form (`test`, `123456789012`) and stands for its account's root without verification.
    Trusted(Principal),
    /// It does not exist, or is inactive: the request is refused.
    Unknown,
}

/// Credentials handed out to a function or a client.
#[derive(Clone, Debug)]
pub struct TemporaryCredentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The token that must come with every request.
    pub session_token: String,
    /// When they end.
    pub expires: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_is_not_listened_to() {
        let (failures, peer) = (Failures::default(), IpAddr::from([127, 0, 0, 1]));
        // A minute may end while this runs, so twice as many as are enough.
        for _ in 0..2 * MOST_FAILURES {
            failures.note(peer, "AKIA1");
        }
        assert!(failures.too_many(peer, "AKIA1"));
        assert!(!failures.too_many(peer, "AKIA2") && !failures.too_many(IpAddr::from([127, 0, 0, 2]), "AKIA1"));
    }
}
