//! A strict reader of the one MessagePack encoding that records have.
//!
//! MessagePack has several encodings of one value; this reader takes only the shortest, which is the
//! one that is written. So a record that reads is byte for byte what writing it again would give.

use super::record::Error;

/// Reads from the front of what is left.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Refuses whatever follows the last field.
    pub(super) fn end(self) -> Result<(), Error> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(Error::Trailing { bytes }),
        }
    }

    /// The header of a map of exactly `fields` fields, fewer than 65,536.
    pub(super) fn map(&mut self, fields: u16, field: &'static str) -> Result<(), Error> {
        let (found, least) = match self.byte(field)? {
            short @ 0x80..=0x8f => (u16::from(short & 0x0f), 0),
            0xde => (u16::from_be_bytes(self.array(field)?), 0x10),
            _ => return Err(Error::Malformed { field }),
        };
        if found == fields && found >= least { Ok(()) } else { Err(Error::Malformed { field }) }
    }

    /// The name of the field that must come next.
    pub(super) fn key(&mut self, field: &'static str) -> Result<(), Error> {
        if self.text(field)? == field { Ok(()) } else { Err(Error::Missing { field }) }
    }

    pub(super) fn unsigned(&mut self, field: &'static str) -> Result<u64, Error> {
        let (value, least) = match self.byte(field)? {
            small @ 0x00..=0x7f => (u64::from(small), 0),
            0xcc => (u64::from(u8::from_be_bytes(self.array(field)?)), 0x80),
            0xcd => (u64::from(u16::from_be_bytes(self.array(field)?)), 0x100),
            0xce => (u64::from(u32::from_be_bytes(self.array(field)?)), 0x1_0000),
            0xcf => (u64::from_be_bytes(self.array(field)?), 0x1_0000_0000),
            _ => return Err(Error::Malformed { field }),
        };
        if value >= least { Ok(value) } else { Err(Error::Malformed { field }) }
    }

    pub(super) fn signed(&mut self, field: &'static str) -> Result<i64, Error> {
        let malformed = Error::Malformed { field };
        let (value, most) = match self.peek(field)? {
            tiny @ 0xe0..=0xff => {
                self.byte(field)?;
                (i64::from(i8::from_be_bytes([tiny])), -1)
            }
            marker @ 0xd0..=0xd3 => {
                self.byte(field)?;
                self.negative(marker, field)?
            }
            _ => return i64::try_from(self.unsigned(field)?).map_err(|_| malformed),
        };
        if value <= most { Ok(value) } else { Err(malformed) }
    }

    /// A negative number, and the greatest that needs so wide an encoding.
    fn negative(&mut self, marker: u8, field: &'static str) -> Result<(i64, i64), Error> {
        Ok(match marker {
            0xd0 => (i64::from(i8::from_be_bytes(self.array(field)?)), -33),
            0xd1 => (i64::from(i16::from_be_bytes(self.array(field)?)), i64::from(i8::MIN) - 1),
            0xd2 => (i64::from(i32::from_be_bytes(self.array(field)?)), i64::from(i16::MIN) - 1),
            _ => (i64::from_be_bytes(self.array(field)?), i64::from(i32::MIN) - 1),
        })
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<&'a str, Error> {
        let (length, least) = match self.byte(field)? {
            short @ 0xa0..=0xbf => (u32::from(short & 0x1f), 0),
            0xd9 => (u32::from(u8::from_be_bytes(self.array(field)?)), 0x20),
            0xda => (u32::from(u16::from_be_bytes(self.array(field)?)), 0x100),
            0xdb => (u32::from_be_bytes(self.array(field)?), 0x1_0000),
            _ => return Err(Error::Malformed { field }),
        };
        let bytes = self.counted(length, least, field)?;
        std::str::from_utf8(bytes).map_err(|_| Error::Malformed { field })
    }

    pub(super) fn binary(&mut self, field: &'static str) -> Result<&'a [u8], Error> {
        let (length, least) = match self.byte(field)? {
            0xc4 => (u32::from(u8::from_be_bytes(self.array(field)?)), 0),
            0xc5 => (u32::from(u16::from_be_bytes(self.array(field)?)), 0x100),
            0xc6 => (u32::from_be_bytes(self.array(field)?), 0x1_0000),
            _ => return Err(Error::Malformed { field }),
        };
        self.counted(length, least, field)
    }

    /// What `read` reads, or `None` for nil.
    pub(super) fn optional<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        if self.peek(field)? == 0xc0 {
            self.byte(field)?;
            return Ok(None);
        }
        read(self).map(Some)
    }

    fn counted(&mut self, length: u32, least: u32, field: &'static str) -> Result<&'a [u8], Error> {
        if length < least {
            return Err(Error::Malformed { field });
        }
        self.take(usize::try_from(length).map_err(|_| Error::Ends { field })?, field)
    }

    fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Error::Ends { field })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Error::Ends { field })?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self, field: &'static str) -> Result<u8, Error> {
        self.array(field).map(|[byte]| byte)
    }

    fn peek(&self, field: &'static str) -> Result<u8, Error> {
        self.rest.first().copied().ok_or(Error::Ends { field })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIELD: &str = "it";

    proptest! {
        #[test]
        fn numbers_read_as_they_are_written(value: i64, shift in 0_u32..64) {
            let value = value >> shift;
            let bytes = rmp_serde::to_vec(&value).unwrap();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.signed(FIELD), Ok(value));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn any_bytes_that_read_as_a_number_are_its_only_encoding(
            bytes in proptest::collection::vec(any::<u8>(), 1..10),
            marker in 0xc4_u8..=0xd3,
            zeros in 0_usize..9,
        ) {
            let mut bytes = bytes;
            bytes[0] = if bytes[0] & 1 == 0 { marker } else { bytes[0] };
            bytes.iter_mut().skip(1).take(zeros).for_each(|byte| *byte = 0);
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.signed(FIELD) {
                let read = bytes.len() - reader.rest.len();
                prop_assert_eq!(bytes[..read].to_vec(), rmp_serde::to_vec(&value).unwrap());
            }
        }
    }

    #[test]
    fn text_and_bytes_of_every_length_class_read_back() {
        for length in [0, 1, 31, 32, 255, 256, 65_535, 65_536] {
            let text = "x".repeat(length);
            let bytes = rmp_serde::to_vec(&text).unwrap();
            assert_eq!(Reader::new(&bytes).text(FIELD), Ok(text.as_str()));
            assert!(Reader::new(&bytes[..bytes.len() - 1]).text(FIELD).is_err());
        }
    }

    #[test]
    fn longer_encodings_than_needed_are_refused() {
        let malformed = Error::Malformed { field: FIELD };
        assert_eq!(Reader::new(&[0xcc, 0x7f]).unsigned(FIELD), Err(malformed.clone()));
        assert_eq!(Reader::new(&[0xd0, 0xff]).signed(FIELD), Err(malformed.clone()));
        assert_eq!(Reader::new(&[0xd9, 1, b'x']).text(FIELD), Err(malformed.clone()));
        assert_eq!(Reader::new(&[0xc5, 0, 1, 9]).binary(FIELD), Err(malformed));
    }

    #[test]
    fn a_claimed_length_beyond_the_end_is_refused() {
        let huge = [0xc6, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(Reader::new(&huge).binary(FIELD), Err(Error::Ends { field: FIELD }));
    }
}
