//! DynamoDB's number: a decimal of up to 38 significant digits, magnitude 1E-130 to 9.99…E+125.
//!
//! AWS: "Naming rules and data types", section Numbers. The texts of the errors are the service's own.

use std::cmp::Ordering;
use std::fmt;

/// Most significant digits that a number may have.
pub const MAX_DIGITS: u32 = 38;
/// Largest power of ten of a number's leading digit.
const MAX_MAGNITUDE: i64 = 125;
/// Smallest power of ten of a number's leading digit.
const MIN_MAGNITUDE: i64 = -130;

/// A decimal number, always in lowest terms: `± coefficient × 10^exponent` with no trailing zero in the coefficient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Number {
    coefficient: u128,
    exponent: i16,
    negative: bool,
}

/// Why a text or a result is no number of DynamoDB's. `Display` gives the service's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is empty.
    #[error("The parameter cannot be converted to a numeric value")]
    Empty,
    /// The text is not a decimal number.
    #[error("The parameter cannot be converted to a numeric value: {0}")]
    NotANumber(String),
    /// The magnitude is above 9.99…E+125.
    #[error("Number overflow. Attempting to store a number with magnitude larger than supported range")]
    Overflow,
    /// The magnitude is below 1E-130.
    #[error("Number underflow. Attempting to store a number with magnitude smaller than supported range")]
    Underflow,
    /// More than 38 significant digits.
    #[error("Attempting to store more than 38 significant digits in a Number")]
    TooManyDigits,
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self { coefficient: 0, exponent: 0, negative: false };

    /// Parses what a client sent: an optional sign, digits with an optional point, an optional exponent.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        let not_a_number = || NumberError::NotANumber(text.to_owned());
        let (negative, rest) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let mut scan = Scan::default();
        let mut bytes = rest.iter();
        let mut exponent = 0i64;
        while let Some(byte) = bytes.next() {
            match byte {
                b'0'..=b'9' => scan.digit(byte - b'0'),
                b'.' if !scan.after_point => scan.after_point = true,
                b'e' | b'E' => {
                    exponent = parse_exponent(bytes.as_slice()).ok_or_else(not_a_number)?;
                    break;
                }
                _ => return Err(not_a_number()),
            }
        }
        if !scan.any_digit {
            return Err(not_a_number());
        }
        if scan.significant == 0 {
            return Ok(Self::ZERO);
        }
        // The exponent of the last significant digit, and the magnitude of the first one.
        let exponent = exponent.saturating_sub(scan.fraction).saturating_add(scan.zeros);
        let magnitude = exponent.saturating_add(i64::from(scan.significant)).saturating_sub(1);
        check_magnitude(magnitude)?;
        if scan.significant > MAX_DIGITS {
            return Err(NumberError::TooManyDigits);
        }
        let exponent = i16::try_from(exponent).map_err(|_| NumberError::Overflow)?;
        Ok(Self { coefficient: scan.coefficient, exponent, negative })
    }

    /// A whole number.
    pub fn from_u64(value: u64) -> Self {
        Self::normalized(u128::from(value), 0, false)
    }

    fn normalized(mut coefficient: u128, mut exponent: i16, negative: bool) -> Self {
        if coefficient == 0 {
            return Self::ZERO;
        }
        while coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent = exponent.saturating_add(1);
        }
        Self { coefficient, exponent, negative }
    }

    /// The sum. Exact: a sum that needs more than 38 digits is an error, never rounded.
    pub fn plus(self, other: Self) -> Result<Self, NumberError> {
        if self.coefficient == 0 {
            return Ok(other);
        }
        if other.coefficient == 0 {
            return Ok(self);
        }
        let exponent = self.exponent.min(other.exponent);
        let (a, b) = (self.scaled_to(exponent)?, other.scaled_to(exponent)?);
        let (coefficient, negative) = if self.negative == other.negative {
            (a.checked_add(b).ok_or(NumberError::TooManyDigits)?, self.negative)
        } else if a >= b {
            (a - b, self.negative)
        } else {
            (b - a, other.negative)
        };
        let sum = Self::normalized(coefficient, exponent, negative);
        if sum.coefficient == 0 {
            return Ok(sum);
        }
        check_magnitude(i64::from(sum.magnitude()))?;
        if sum.digits() > MAX_DIGITS {
            return Err(NumberError::TooManyDigits);
        }
        Ok(sum)
    }

    /// The difference, exact like [`Number::plus`].
    pub fn minus(self, other: Self) -> Result<Self, NumberError> {
        self.plus(other.negated())
    }

    fn negated(self) -> Self {
        Self { negative: !self.negative && self.coefficient != 0, ..self }
    }

    /// The coefficient at a smaller exponent; what does not fit in 128 bits has more than 38 digits.
    fn scaled_to(self, exponent: i16) -> Result<u128, NumberError> {
        let shift = u32::try_from(i32::from(self.exponent) - i32::from(exponent)).unwrap_or(0);
        let factor = 10u128.checked_pow(shift).ok_or(NumberError::TooManyDigits)?;
        self.coefficient.checked_mul(factor).ok_or(NumberError::TooManyDigits)
    }

    /// How many significant digits it has; zero has one.
    fn digits(self) -> u32 {
        self.coefficient.checked_ilog10().map_or(1, |log| log + 1)
    }

    /// The power of ten of the leading digit.
    fn magnitude(self) -> i32 {
        i32::from(self.exponent) + i32::try_from(self.digits()).unwrap_or(0) - 1
    }

    /// The bytes that DynamoDB counts for it in an item: one, plus one per started pair of digits on either side of the
    /// point, plus one for a minus sign (measured; the documented formula counts less).
    pub fn size(self) -> usize {
        if self.coefficient == 0 {
            return 1;
        }
        let digits = self.digits();
        let before_point = u32::try_from(self.magnitude() + 1).unwrap_or(0);
        let (integer, fraction) = if self.exponent >= 0 {
            (digits, 0)
        } else {
            let integer = before_point.min(digits);
            (integer, digits - integer)
        };
        let bytes = 1 + integer.div_ceil(2) + fraction.div_ceil(2) + u32::from(self.negative);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Appends bytes that sort as the numbers do, and of which none is another's prefix.
    pub fn write_ordered(self, out: &mut Vec<u8>) {
        if self.coefficient == 0 {
            out.push(0x80);
            return;
        }
        let flip = if self.negative { 0xff } else { 0x00 };
        out.push(0x81 ^ flip);
        // -130..=125 becomes 0..=255.
        out.push(u8::try_from(self.magnitude() + 130).unwrap_or(u8::MAX) ^ flip);
        let mut digits = self.coefficient;
        if !self.digits().is_multiple_of(2) {
            digits *= 10;
        }
        let mut pairs = [0u8; 20];
        let mut used = 0;
        for slot in &mut pairs {
            if digits == 0 {
                break;
            }
            *slot = u8::try_from(digits % 100).unwrap_or(0) + 1;
            digits /= 100;
            used += 1;
        }
        for pair in pairs.iter().take(used).rev() {
            out.push(pair ^ flip);
        }
        out.push(flip);
    }

    /// Appends the compact stored form: a byte of sign and exponent's low bits, its high byte, a variable-length coefficient.
    pub(crate) fn write_stored(self, out: &mut Vec<u8>) {
        let [high, low] = self.exponent.to_be_bytes();
        out.extend_from_slice(&[u8::from(self.negative), high, low]);
        let mut rest = self.coefficient;
        while rest >= 0x80 {
            out.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
            rest >>= 7;
        }
        out.push(u8::try_from(rest).unwrap_or(0));
    }

    /// Reads what [`Number::write_stored`] wrote; `None` when the bytes are damaged.
    pub(crate) fn read_stored(bytes: &mut &[u8]) -> Option<Self> {
        let [sign, high, low, rest @ ..] = *bytes else { return None };
        let mut coefficient = 0u128;
        let mut shift = 0u32;
        let mut rest = rest.iter();
        loop {
            let byte = *rest.next()?;
            coefficient |= u128::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        *bytes = rest.as_slice();
        Some(Self { coefficient, exponent: i16::from_be_bytes([*high, *low]), negative: *sign == 1 })
    }

    /// Whole seconds, when it is a whole number that fits (time to live).
    pub fn to_i64(self) -> Option<i64> {
        if self.exponent < 0 {
            return None;
        }
        let factor = 10u128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        let value = i64::try_from(self.coefficient.checked_mul(factor)?).ok()?;
        Some(if self.negative { -value } else { value })
    }
}

fn check_magnitude(magnitude: i64) -> Result<(), NumberError> {
    if magnitude > MAX_MAGNITUDE {
        return Err(NumberError::Overflow);
    }
    if magnitude < MIN_MAGNITUDE {
        return Err(NumberError::Underflow);
    }
    Ok(())
}

fn parse_exponent(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        // Far beyond every limit already: the value no longer matters, only that it stays huge.
        value = value.saturating_mul(10).saturating_add(i64::from(byte - b'0')).min(1 << 40);
    }
    Some(if negative { -value } else { value })
}

/// The digits read so far: leading zeros dropped, trailing zeros held back until a digit follows them.
#[derive(Default)]
struct Scan {
    coefficient: u128,
    significant: u32,
    zeros: i64,
    fraction: i64,
    any_digit: bool,
    after_point: bool,
}

impl Scan {
    fn digit(&mut self, digit: u8) {
        self.any_digit = true;
        if self.after_point {
            self.fraction += 1;
        }
        if digit == 0 {
            if self.significant > 0 {
                self.zeros += 1;
            }
            return;
        }
        let added = u32::try_from(self.zeros).unwrap_or(u32::MAX).saturating_add(1);
        self.significant = self.significant.saturating_add(added);
        // Beyond 38 digits the coefficient may overflow; the count of digits already says that it is refused.
        let factor = 10u128.checked_pow(added).unwrap_or(0);
        self.coefficient = self.coefficient.wrapping_mul(factor).wrapping_add(u128::from(digit));
        self.zeros = 0;
    }
}

impl fmt::Display for Number {
    /// Plain decimal notation without exponent, as the service returns numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let digits = self.coefficient.to_string();
        if self.exponent >= 0 {
            f.write_str(&digits)?;
            for _ in 0..self.exponent {
                f.write_str("0")?;
            }
            return Ok(());
        }
        let fraction = usize::from(self.exponent.unsigned_abs());
        if let Some((integer, rest)) = digits.len().checked_sub(fraction).and_then(|at| digits.split_at_checked(at))
            && !integer.is_empty()
        {
            return write!(f, "{integer}.{rest}");
        }
        write!(f, "0.{digits:0>fraction$}")
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |n: &Self| if n.coefficient == 0 { 0 } else { 1 - 2 * i32::from(n.negative) };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign != Ordering::Equal || self.coefficient == 0 {
            return by_sign;
        }
        let by_size = self.magnitude().cmp(&other.magnitude()).then_with(|| {
            let digits = self.digits().max(other.digits());
            // Both leading digits are at the same place, so padding to the same length makes the coefficients comparable.
            let padded = |n: &Self| n.coefficient * 10u128.pow(digits - n.digits());
            padded(self).cmp(&padded(other))
        });
        if self.negative { by_size.reverse() } else { by_size }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_returned_form_is_plain_and_trimmed() {
        for (sent, returned) in [
            ("0042.1200", "42.12"),
            ("1.5E2", "150"),
            ("-0", "0"),
            ("+7", "7"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-1e-3", "-0.001"),
            ("0e999999999999999999999", "0"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ] {
            assert_eq!(number(sent).to_string(), returned);
        }
        assert_eq!(number("1E125").to_string(), format!("1{}", "0".repeat(125)));
        assert_eq!(number("1E-130").to_string(), format!("0.{}1", "0".repeat(129)));
    }

    #[test]
    fn limits_have_the_services_texts() {
        assert_eq!(Number::parse(""), Err(NumberError::Empty));
        for bad in ["b", "1e", "--1", "1.2.3", "NaN", " 1", "1 ", ".", "-", "e5", "0x10", "١"] {
            assert_eq!(Number::parse(bad), Err(NumberError::NotANumber(bad.into())), "{bad}");
        }
        assert_eq!(Number::parse("1E+126"), Err(NumberError::Overflow));
        assert_eq!(Number::parse("-1e99999999999999999999"), Err(NumberError::Overflow));
        assert_eq!(Number::parse("1E-131"), Err(NumberError::Underflow));
        assert_eq!(Number::parse("123456789012345678901234567890123456789"), Err(NumberError::TooManyDigits));
        assert!(Number::parse("1234567890123456789012345678901234567800000").is_ok());
        assert!(Number::parse("9.9999999999999999999999999999999999999E+125").is_ok());
    }

    #[test]
    fn sizes_are_those_measured() {
        for (text, size) in [
            ("0", 1),
            ("1", 2),
            ("12", 2),
            ("123", 3),
            ("1234", 3),
            ("12345678901234567890123456789012345678", 20),
            ("0042", 2),
            ("100", 2),
            ("1010", 3),
            ("0.0000001", 2),
            ("1E125", 2),
            ("1E-100", 2),
            ("1.5", 3),
            ("15", 2),
            ("1.200", 3),
            ("1.234", 4),
            ("3.14159", 5),
            ("123456", 4),
            ("100.5", 4),
            ("0.15", 2),
            ("-42", 3),
            ("-0", 1),
        ] {
            assert_eq!(number(text).size(), size, "{text}");
        }
    }

    #[test]
    fn arithmetic_is_exact_or_refused() {
        let sum = |a: &str, b: &str| number(a).plus(number(b)).map(|n| n.to_string());
        assert_eq!(sum("0.1", "0.2").unwrap(), "0.3");
        assert_eq!(sum("1", "-1").unwrap(), "0");
        assert_eq!(sum("1E40", "-9999999999999999999999999999999999999900").unwrap(), "100");
        assert_eq!(sum("9.9e125", "9.9e125"), Err(NumberError::Overflow));
        assert_eq!(sum("1e50", "1"), Err(NumberError::TooManyDigits));
        assert_eq!(sum("99999999999999999999999999999999999999", "2"), Err(NumberError::TooManyDigits));
        assert_eq!(number("5").minus(number("8")).unwrap().to_string(), "-3");
    }

    fn any_number() -> impl Strategy<Value = Number> {
        (any::<bool>(), 0u128..10u128.pow(38), -60i16..60, 0u32..38).prop_map(|(negative, digits, exponent, cut)| {
            Number::normalized(digits / 10u128.pow(cut), exponent, negative)
        })
    }

    proptest! {
        #[test]
        fn never_panics(text in "[-+0-9.eE]{0,60}") {
            let _ = Number::parse(&text);
        }

        #[test]
        fn printing_and_parsing_agree(n in any_number()) {
            prop_assert_eq!(Number::parse(&n.to_string()), Ok(n));
        }

        #[test]
        fn stored_form_round_trips(n in any_number()) {
            let mut bytes = Vec::new();
            n.write_stored(&mut bytes);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(Number::read_stored(&mut rest), Some(n));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn key_bytes_sort_as_numbers_do(a in any_number(), b in any_number()) {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            a.write_ordered(&mut x);
            b.write_ordered(&mut y);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }

        #[test]
        fn agrees_with_an_independent_decimal(a in any_number(), b in any_number()) {
            let big = |n: Number| n.to_string().parse::<bigdecimal::BigDecimal>().unwrap();
            prop_assert_eq!(a.cmp(&b), big(a).cmp(&big(b)));
            if let Ok(sum) = a.plus(b) {
                prop_assert_eq!(big(sum), big(a) + big(b));
            }
            if let Ok(difference) = a.minus(b) {
                prop_assert_eq!(big(difference), big(a) - big(b));
            }
        }
    }
}
