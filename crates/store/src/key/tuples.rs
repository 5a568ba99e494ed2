//! Tuples of up to six elements as keys, and their leading elements.

use bytes::Bytes;

use super::{DecodeKey, Key, KeyError, Leading};

macro_rules! tuple {
    ($($element:ident $type:ident),*) => {
        impl<$($type: Key),*> Key for ($($type,)*) {
            type Owned = ($($type::Owned,)*);
            fn encode(&self, out: &mut Vec<u8>) {
                let ($($element,)*) = self;
                $($element.encode(out);)*
                let _ = out;
            }
        }
        impl<$($type: DecodeKey),*> DecodeKey for ($($type,)*) {
            fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
                let _ = &input;
                Ok(($($type::decode(input)?,)*))
            }
        }
    };
}
tuple!();
tuple!(a A);
tuple!(a A, b B);
tuple!(a A, b B, c C);
tuple!(a A, b B, c C, d D);
tuple!(a A, b B, c C, d D, e E);
tuple!(a A, b B, c C, d D, e E, f F);

macro_rules! leading {
    ($($element:ident),*; $($rest:ident),*) => {
        impl<$($element: Key,)* $($rest),*> Leading<($($element::Owned,)* $($rest,)*)> for ($($element,)*) {
            fn encode_leading(&self, out: &mut Vec<u8>) {
                self.encode(out);
            }
        }
    };
}
leading!(; A);
leading!(; A, B);
leading!(; A, B, C);
leading!(; A, B, C, D);
leading!(; A, B, C, D, E);
leading!(; A, B, C, D, E, F);
leading!(A; B);
leading!(A; B, C);
leading!(A; B, C, D);
leading!(A; B, C, D, E);
leading!(A; B, C, D, E, F);
leading!(A, B; C);
leading!(A, B; C, D);
leading!(A, B; C, D, E);
leading!(A, B; C, D, E, F);
leading!(A, B, C; D);
leading!(A, B, C; D, E);
leading!(A, B, C; D, E, F);
leading!(A, B, C, D; E);
leading!(A, B, C, D; E, F);
leading!(A, B, C, D, E; F);

// Tables whose keys are no tuples have no leading elements but none at all.
impl Leading<String> for () {
    fn encode_leading(&self, _: &mut Vec<u8>) {}
}
impl Leading<Bytes> for () {
    fn encode_leading(&self, _: &mut Vec<u8>) {}
}
