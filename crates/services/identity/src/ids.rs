//! Unique ids, access keys, secrets and tokens.
//!
//! An access key tells its account, as on AWS: behind the four letters stand ten bytes in base32, the first six of which
//! hold the account's number shifted by seven bits, with the top bit set (keys made since 2019).

use base64::Engine as _;
use rand::RngCore;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Base32 without padding (RFC 4648).
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = ((buffer >> bits) & 31) as usize;
            out.push(char::from(BASE32.get(index).copied().unwrap_or(b'A')));
        }
    }
    out
}

/// A unique id: its prefix (`AROA`, `AIDA`, `AGPA`, `ANPA`, `AIPA`) and 17 letters and digits.
pub(crate) fn unique(prefix: &str) -> String {
    let mut id = format!("{prefix}{}", base32(&random::<11>()));
    id.truncate(prefix.len() + 17);
    id
}

/// A unique id that always is the same for the same name, for what AWS made.
pub(crate) fn derived(prefix: &str, name: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(name.as_bytes());
    let mut id = format!("{prefix}{}", base32(&digest));
    id.truncate(prefix.len() + 17);
    id
}

/// An access key id of 20 characters: `AKIA` for users, `ASIA` for sessions.
pub(crate) fn access_key(prefix: &str, account: &str) -> String {
    let mut bytes = random::<10>();
    let number: u64 = account.parse().unwrap_or(0);
    let low = u64::from(bytes.get(5).copied().unwrap_or(0) & 0x7F);
    let packed = (1 << 47) | ((number & 0xFF_FFFF_FFFF) << 7) | low;
    for (byte, packed) in bytes.iter_mut().zip(packed.to_be_bytes().into_iter().skip(2)) {
        *byte = packed;
    }
    format!("{prefix}{}", base32(&bytes))
}

/// The account that an access key belongs to; `None` when it is not of AWS's form.
pub(crate) fn account_of_key(key: &str) -> Option<String> {
    let body = key.get(4..)?;
    let mut packed: u64 = 0;
    for letter in body.bytes().take(10) {
        let value = BASE32.iter().position(|known| *known == letter)?;
        packed = (packed << 5) | value as u64;
    }
    (body.len() >= 16).then(|| {
        // Ten letters are fifty bits; the packed number is the first forty-eight of them.
        let account = (packed >> 2 >> 7) & 0xFF_FFFF_FFFF;
        format!("{account:012}")
    })
}

/// A secret access key: 40 characters.
pub(crate) fn secret() -> String {
    base64::engine::general_purpose::STANDARD.encode(random::<30>())
}

/// The password of a service-specific credential: 43 characters and an equals sign.
pub(crate) fn password() -> String {
    base64::engine::general_purpose::STANDARD.encode(random::<32>())
}

/// A session token; its start is what tokens of AWS start with.
pub(crate) fn session_token() -> String {
    format!("FwoGZXIvYXdzE{}", base64::engine::general_purpose::STANDARD.encode(random::<198>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(unique("AROA").len(), 21);
        assert_eq!(secret().len(), 40);
        assert_eq!(derived("ANPA", "x"), derived("ANPA", "x"));
        for account in ["000000000000", "123456789012", "999999999999"] {
            let key = access_key("AKIA", account);
            assert_eq!((key.len(), account_of_key(&key).as_deref()), (20, Some(account)));
        }
        assert_eq!(account_of_key("AKIA"), None);
        assert_eq!(account_of_key("test-é-key"), None);
    }
}
