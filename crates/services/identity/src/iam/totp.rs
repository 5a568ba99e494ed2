//! Time-based one-time passwords (RFC 6238), as authenticator apps make them, and the picture that tells an app the secret.

use std::io::Write as _;

use crc_fast::CrcAlgorithm::Crc32IsoHdlc;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use qrcodegen::{QrCode, QrCodeEcc};
use sha1::Sha1;

/// How long a code is shown, in seconds.
const STEP: i64 = 30;
/// How many steps the device's clock may be off, either way.
const DRIFT: i64 = 10;
/// The pixels of a module of the QR code, and the modules of its quiet zone.
const SCALE: i32 = 4;
const QUIET: i32 = 4;

/// The code of one step.
fn code(seed: &[u8], step: i64) -> Option<u32> {
    let mut mac = Hmac::<Sha1>::new_from_slice(seed).ok()?;
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let start = usize::from(digest.last()? & 0x0F);
    let four: [u8; 4] = digest.get(start..start + 4)?.try_into().ok()?;
    Some((u32::from_be_bytes(four) & 0x7FFF_FFFF) % 1_000_000)
}

/// Whether a device with this secret showed `first` and then `second`, around `now` (seconds since 1970).
pub(crate) fn shows(seed: &[u8], first: &str, second: &str, now: i64) -> bool {
    let read = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() == 6);
    let (Some(first), Some(second)) = (read(first), read(second)) else { return false };
    let step = now / STEP;
    (step - DRIFT..=step + DRIFT).any(|step| code(seed, step) == Some(first) && code(seed, step + 1) == Some(second))
}

/// Whether a device with this secret shows `code` now, or did or will one step away.
pub(crate) fn shows_one(seed: &[u8], shown: &str, now: i64) -> bool {
    let Some(shown) = shown.parse::<u32>().ok().filter(|_| shown.len() == 6) else { return false };
    let step = now / STEP;
    (step - 1..=step + 1).any(|step| code(seed, step) == Some(shown))
}

/// A text as a QR code in PNG.
pub(crate) fn qr_png(text: &str) -> Vec<u8> {
    let Ok(qr) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return Vec::new() };
    let side = (qr.size() + 2 * QUIET) * SCALE;
    let mut pixels = Vec::new();
    for y in 0..side {
        pixels.push(0); // this row is not filtered
        for x in 0..side {
            let dark = qr.get_module(x / SCALE - QUIET, y / SCALE - QUIET);
            pixels.push(if dark { 0 } else { 0xFF });
        }
    }
    grey_png(side.unsigned_abs(), &pixels)
}

/// A square picture of eight-bit greys; each row of `pixels` begins with its filter.
fn grey_png(side: u32, pixels: &[u8]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], content: &[u8]| {
        let body = [name, content].concat();
        png.extend_from_slice(&u32::try_from(content.len()).unwrap_or(0).to_be_bytes());
        png.extend_from_slice(&body);
        let sum = u32::try_from(crc_fast::checksum(Crc32IsoHdlc, &body)).unwrap_or(0);
        png.extend_from_slice(&sum.to_be_bytes());
    };
    let head = [side.to_be_bytes().as_slice(), &side.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Infallible: a vector takes everything.
    let _ = encoder.write_all(pixels);
    let packed = encoder.finish().unwrap_or_default();
    chunk(b"IHDR", &head);
    chunk(b"IDAT", &packed);
    chunk(b"IEND", &[]);
    png
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix B of RFC 6238 has eight digits; these are their last six.
    #[test]
    fn the_rfcs_examples() {
        let seed = b"12345678901234567890";
        for (time, expected) in [(59, 287_082), (1_111_111_109, 81_804), (20_000_000_000, 353_130)] {
            assert_eq!(code(seed, time / STEP), Some(expected));
        }
    }

    #[test]
    fn two_codes_in_their_order() {
        let seed = b"12345678901234567890";
        let at = |step: i64| format!("{:06}", code(seed, step).unwrap());
        let (one, two) = (at(1000), at(1001));
        assert!(shows(seed, &one, &two, 1001 * STEP));
        assert!(!shows(seed, &two, &one, 1001 * STEP));
        assert!(!shows(seed, &one, &one, 1001 * STEP));
        assert!(!shows(seed, &one, &two, 1100 * STEP));
        assert!(!shows(seed, "", "x", 0));
    }

    #[test]
    fn a_picture() {
        let png = qr_png("otpauth://totp/ann@000000000000?secret=ABC&issuer=Amazon");
        assert!(png.starts_with(b"\x89PNG") && png.ends_with(&[0xAE, 0x42, 0x60, 0x82]));
    }
}
