//! Varints and byte strings: the encoding of manifests and indexes.
//!
//! Unsigned numbers are LEB128 (7 bits a byte, low bits first, high bit = more follows); signed numbers are zigzag
//! first. Byte strings are a length and the bytes. Readers never trust a length: it must fit what is left.

/// Why bytes could not be decoded. `what` names the field.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("stored bytes do not decode: {what}")]
pub struct Malformed {
    /// What was being read.
    pub what: &'static str,
}

/// A length as `u64`.
pub fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A stored number as a length in memory.
pub fn to_usize(n: u64, what: &'static str) -> Result<usize, Malformed> {
    usize::try_from(n).map_err(|_| Malformed { what })
}

/// Builds an encoded record.
#[derive(Default, Debug)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an unsigned number.
    pub fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(low7(n) | 0x80);
            n >>= 7;
        }
        self.0.push(low7(n));
    }

    /// Appends a signed number.
    pub fn signed(&mut self, n: i64) {
        self.number((n.cast_unsigned() << 1) ^ (n >> 63).cast_unsigned());
    }

    /// Appends a length as a number.
    pub fn length(&mut self, n: usize) {
        self.number(to_u64(n));
    }

    /// Appends bytes of a length that the reader knows.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends one byte.
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Appends a length and the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.raw(bytes);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

fn low7(n: u64) -> u8 {
    (n & 0x7f).to_le_bytes()[0]
}

/// Reads an encoded record.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reads an unsigned number.
    pub fn number(&mut self, what: &'static str) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed { what });
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed { what })
    }

    /// Reads an unsigned number that fits 32 bits.
    pub fn number32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        u32::try_from(self.number(what)?).map_err(|_| Malformed { what })
    }

    /// Reads a signed number.
    pub fn signed(&mut self, what: &'static str) -> Result<i64, Malformed> {
        let n = self.number(what)?;
        Ok((n >> 1).cast_signed() ^ -((n & 1).cast_signed()))
    }

    /// Reads a count of things that take at least `each` bytes, so that no count can exceed what is left.
    pub fn count(&mut self, each: usize, what: &'static str) -> Result<usize, Malformed> {
        let n = to_usize(self.number(what)?, what)?;
        if n.checked_mul(each.max(1)).is_none_or(|need| need > self.0.len()) && n > 0 {
            return Err(Malformed { what });
        }
        Ok(n)
    }

    /// Reads one byte.
    pub fn byte(&mut self, what: &'static str) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed { what })?;
        self.0 = rest;
        Ok(*first)
    }

    /// Reads `n` bytes.
    pub fn raw(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        if n > self.0.len() {
            return Err(Malformed { what });
        }
        let (head, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(head)
    }

    /// Reads an array of a fixed length.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        let mut out = [0_u8; N];
        out.copy_from_slice(self.raw(N, what)?);
        Ok(out)
    }

    /// Reads a length and that many bytes.
    pub fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let n = self.count(1, what)?;
        self.raw(n, what)
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the reading: bytes left over are an error.
    pub fn end(&self, what: &'static str) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed { what }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(n in any::<u64>(), s in any::<i64>(), bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut writer = Writer::new();
            writer.number(n);
            writer.signed(s);
            writer.bytes(&bytes);
            let encoded = writer.into_bytes();
            let mut reader = Reader::new(&encoded);
            prop_assert_eq!(reader.number("n").unwrap(), n);
            prop_assert_eq!(reader.signed("s").unwrap(), s);
            prop_assert_eq!(reader.bytes("bytes").unwrap(), &bytes[..]);
            prop_assert!(reader.end("end").is_ok());
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader::new(&bytes);
            while !reader.is_empty() {
                if reader.bytes("x").is_err() { break; }
            }
        }
    }
}
