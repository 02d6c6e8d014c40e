//! Opening packs, whole or in part.
//!
//! A restore reads ranges: the age header, and the age chunks that cover a few frames. `Window` shows such pieces to
//! the age crate as if they were the whole file.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;

use super::compress::{CompressError, Decompressor};
use super::digest::Hashing;
use super::pack::{self, AGE_CHUNK, AGE_CHUNK_SEALED, PackedFrame};
use super::seal::{self, Keys, SealError};
use super::wire::{Malformed, Reader, to_u64};

/// Why a pack did not give back what it should hold.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// It does not open.
    #[error("the pack does not open")]
    Seal(#[from] SealError),
    /// A range of it does not decrypt.
    #[error("a part of the pack was altered or is missing")]
    Altered(#[source] io::Error),
    /// A frame does not decompress.
    #[error("a frame of the pack does not decompress")]
    Frame(#[from] CompressError),
    /// Its own index does not decode or does not fit its frames.
    #[error("the pack's own index is wrong")]
    Index(#[from] Malformed),
    /// A chunk is not the one its id names.
    #[error("a chunk of the pack is not what its id names")]
    WrongChunk,
}

/// The ciphertext bytes that cover `payload` (a range of the age payload) in a pack of `size_bytes`.
pub fn sealed_range(header_length: u32, size_bytes: u64, payload: Range<u64>) -> Range<u64> {
    let header = u64::from(header_length);
    let start = header + payload.start / AGE_CHUNK * AGE_CHUNK_SEALED;
    let end = header + payload.end.div_ceil(AGE_CHUNK).saturating_mul(AGE_CHUNK_SEALED);
    start.min(size_bytes)..end.min(size_bytes)
}

/// Pieces of a sealed pack: its header and one range of its bytes.
struct Window<'a> {
    header: &'a [u8],
    body: &'a [u8],
    body_start: u64,
    size_bytes: u64,
    position: u64,
}

impl BufRead for Window<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let piece = |bytes: &'_ [u8], start: u64| -> Option<usize> {
            let at = usize::try_from(self.position.checked_sub(start)?).ok()?;
            (at < bytes.len()).then_some(at)
        };
        if let Some(at) = piece(self.header, 0) {
            return Ok(&self.header[at..]);
        }
        if let Some(at) = piece(self.body, self.body_start) {
            return Ok(&self.body[at..]);
        }
        if self.position >= self.size_bytes {
            return Ok(&[]);
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "outside the bytes that were fetched"))
    }

    fn consume(&mut self, amount: usize) {
        self.position += to_u64(amount);
    }
}

impl Read for Window<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(out.len());
        out[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.size_bytes.checked_add_signed(by),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

/// A part of a pack as it was fetched.
pub struct Fetched<'a> {
    /// The pack's first `header_length` bytes.
    pub header: &'a [u8],
    /// The bytes of `sealed_range`.
    pub body: &'a [u8],
    /// Where `body` begins in the pack.
    pub body_start: u64,
    /// Bytes of the whole pack.
    pub size_bytes: u64,
}

/// So many buffers of plaintext are kept to be used again.
const SPARE_MAX: usize = 4;

/// Decrypts ranges of packs and decompresses frames in them; its buffers are used again.
pub struct Unpacker {
    decompressor: Decompressor,
    payload: Vec<u8>,
    spare: Vec<Vec<u8>>,
}

impl Unpacker {
    /// One with empty buffers.
    pub fn new() -> Result<Self, CompressError> {
        Ok(Self { decompressor: Decompressor::new()?, payload: Vec::new(), spare: Vec::new() })
    }

    /// Decrypts `payload` (a range of the age payload) from the pieces fetched for it; `frame` then reads in it.
    pub fn open(
        &mut self,
        fetched: &Fetched<'_>,
        keys: &Keys,
        payload: Range<u64>,
    ) -> Result<(), UnsealError> {
        open_range(fetched, keys, payload, &mut self.payload)
    }

    /// Decompresses the frame that begins at `offset` of the opened range.
    pub fn frame(&mut self, offset: u64, length: u32, plain_length: u32) -> Result<Vec<u8>, UnsealError> {
        let wrong = |_| Malformed { what: "frame position" };
        let start = usize::try_from(offset).map_err(wrong)?;
        let end = start.saturating_add(usize::try_from(length).map_err(wrong)?);
        let bytes = self.payload.get(start..end).ok_or(Malformed { what: "frame position" })?;
        let mut plain = self.spare.pop().unwrap_or_default();
        self.decompressor.frame_into(bytes, usize::try_from(plain_length).map_err(wrong)?, &mut plain)?;
        Ok(plain)
    }

    /// Takes the buffer of a frame that is done with.
    pub fn give_back(&mut self, plain: Vec<u8>) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(plain);
        }
    }
}

/// Decrypts `payload` (a range of the age payload) from the pieces fetched for it, into the emptied `plain`.
fn open_range(
    fetched: &Fetched<'_>,
    keys: &Keys,
    payload: Range<u64>,
    plain: &mut Vec<u8>,
) -> Result<(), UnsealError> {
    seal::check_header(fetched.header)?;
    let window = Window {
        header: fetched.header,
        body: fetched.body,
        body_start: fetched.body_start,
        size_bytes: fetched.size_bytes,
        position: 0,
    };
    let mut stream = seal::start_open(window, keys)?;
    if payload.start > 0 {
        // One byte into the age chunk first: a seek to a chunk's very start would read the end of the file.
        let chunk_start = payload.start / AGE_CHUNK * AGE_CHUNK;
        if chunk_start > 0 {
            stream.seek(SeekFrom::Start(chunk_start + 1)).map_err(UnsealError::Altered)?;
        }
        stream.seek(SeekFrom::Start(payload.start)).map_err(UnsealError::Altered)?;
    }
    let length = usize::try_from(payload.end.saturating_sub(payload.start)).unwrap_or(usize::MAX);
    // What is left from the last range need not be cleared: it is overwritten.
    plain.resize(length, 0);
    stream.read_exact(plain).map_err(UnsealError::Altered)
}

/// A whole pack, opened: its payload and the frames its own index names.
pub struct OpenPack {
    payload: Vec<u8>,
    /// The frames, from the pack's own index.
    pub frames: Vec<PackedFrame>,
}

/// Decrypts a whole pack and reads its own index.
pub fn open_pack(sealed: &[u8], keys: &Keys) -> Result<OpenPack, UnsealError> {
    let payload = seal::open(sealed, keys, to_u64(sealed.len()))?;
    let frames = own_index(&payload)?;
    Ok(OpenPack { payload, frames })
}

impl OpenPack {
    /// Decompresses one frame.
    pub fn frame(
        &self,
        decompressor: &mut Decompressor,
        frame: &PackedFrame,
    ) -> Result<Vec<u8>, UnsealError> {
        let malformed = Malformed { what: "frame position" };
        let start = usize::try_from(frame.offset).map_err(|_| malformed)?;
        let length = usize::try_from(frame.length).map_err(|_| Malformed { what: "frame length" })?;
        let end = start.checked_add(length).ok_or(Malformed { what: "frame length" })?;
        let bytes = self.payload.get(start..end).ok_or(Malformed { what: "frame position" })?;
        let plain_length =
            usize::try_from(frame.plain_length).map_err(|_| Malformed { what: "frame length" })?;
        Ok(decompressor.frame(bytes, plain_length)?)
    }

    /// Decompresses every frame and checks every chunk against its id.
    pub fn check(&self, decompressor: &mut Decompressor, hashing: &Hashing) -> Result<(), UnsealError> {
        for frame in &self.frames {
            let plain = self.frame(decompressor, frame)?;
            check_chunks(&plain, frame, hashing)?;
        }
        Ok(())
    }
}

/// Opens packs front to back and checks every chunk, holding one frame at a time; its buffers are used again.
pub struct Checker {
    decompressor: Decompressor,
    frame: Vec<u8>,
    plain: Vec<u8>,
}

impl Checker {
    /// One with empty buffers.
    pub fn new() -> Result<Self, UnsealError> {
        Ok(Self { decompressor: Decompressor::new()?, frame: Vec::new(), plain: Vec::new() })
    }

    /// Checks a whole pack that should hold `frames`.
    pub fn check(
        &mut self,
        sealed: &[u8],
        keys: &Keys,
        frames: &[PackedFrame],
        hashing: &Hashing,
    ) -> Result<(), UnsealError> {
        seal::check_header(sealed)?;
        let mut stream = seal::start_open(sealed, keys)?;
        let wrong = |_| UnsealError::Index(Malformed { what: "frame length" });
        for frame in frames {
            self.frame.resize(usize::try_from(frame.length).map_err(wrong)?, 0);
            stream.read_exact(&mut self.frame).map_err(UnsealError::Altered)?;
            let plain_length = usize::try_from(frame.plain_length).map_err(wrong)?;
            self.decompressor.frame_into(&self.frame, plain_length, &mut self.plain)?;
            check_chunks(&self.plain, frame, hashing)?;
        }
        // The index, the padding, and that nothing was cut off.
        let buffer = &mut self.frame;
        buffer.resize(1 << 16, 0);
        while stream.read(buffer).map_err(UnsealError::Altered)? > 0 {}
        Ok(())
    }
}

fn check_chunks(plain: &[u8], frame: &PackedFrame, hashing: &Hashing) -> Result<(), UnsealError> {
    let mut rest = plain;
    for chunk in &frame.chunks {
        let length = usize::try_from(chunk.length).map_err(|_| UnsealError::WrongChunk)?;
        let (bytes, after) = rest.split_at_checked(length).ok_or(UnsealError::WrongChunk)?;
        if hashing.chunk(bytes) != chunk.id {
            return Err(UnsealError::WrongChunk);
        }
        rest = after;
    }
    Ok(())
}

/// Finds the pack's own index: skips frames by their structure until the skippable frame that holds it.
fn own_index(payload: &[u8]) -> Result<Vec<PackedFrame>, UnsealError> {
    let wrong = || UnsealError::Index(Malformed { what: "pack without an index" });
    let mut rest = payload;
    while let Some(magic) = rest.first_chunk::<4>() {
        let magic = u32::from_le_bytes(*magic);
        if magic & 0xffff_fff0 == 0x184D_2A50 {
            let length =
                rest.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or_else(wrong)?;
            let length = usize::try_from(length).map_err(|_| wrong())?;
            let content = rest.get(8..).and_then(|b| b.get(..length)).ok_or_else(wrong)?;
            if magic == pack::INDEX_MAGIC {
                let body = content.strip_prefix(pack::INDEX_MARK.as_slice()).ok_or_else(wrong)?;
                let mut reader = Reader::new(body);
                let frames = pack::decode_frames(&mut reader)?;
                reader.end("pack index")?;
                return Ok(frames);
            }
            rest = &rest[8 + length..];
        } else {
            let length = zstd::zstd_safe::find_frame_compressed_size(rest).map_err(|_| wrong())?;
            rest = rest.get(length..).ok_or_else(wrong)?;
        }
    }
    Err(wrong())
}

#[cfg(test)]
mod tests {
    use super::super::compress::Compressor;
    use super::super::pack::{ChunkKind, PackWriter, PackedChunk};
    use super::super::seal::Identity;
    use super::*;

    fn sample(frames: usize, hashing: &Hashing, identity: &Identity) -> (pack::SealedPack, Vec<Vec<u8>>) {
        let mut writer = PackWriter::new(0, &[&identity.recipient()], Vec::new()).unwrap();
        let mut compressor = Compressor::new().unwrap();
        let mut plains = Vec::new();
        for n in 0..frames {
            let mut plain = vec![0_u8; 150_000 + n * 7];
            blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut plain);
            let length = u32::try_from(plain.len()).unwrap();
            let chunk = PackedChunk { kind: ChunkKind::Data, id: hashing.chunk(&plain), length };
            writer.add_frame(&mut compressor, &plain, vec![chunk]).unwrap();
            plains.push(plain);
        }
        (writer.close().unwrap(), plains)
    }

    #[test]
    fn every_frame_of_a_pack_opens_from_its_range_alone() {
        let hashing = Hashing::new(&[5; 32]);
        let identity = Identity::generate();
        let (sealed, plains) = sample(9, &hashing, &identity);
        let keys = Keys::from(identity);
        let facts = &sealed.facts;
        let header = &sealed.bytes[..usize::try_from(facts.header_length).unwrap()];
        let mut decompressor = Decompressor::new().unwrap();
        for (frame, plain) in facts.frames.iter().zip(&plains) {
            let payload = frame.offset..frame.offset + u64::from(frame.length);
            let range = sealed_range(facts.header_length, facts.size_bytes, payload.clone());
            let body =
                &sealed.bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
            let fetched = Fetched { header, body, body_start: range.start, size_bytes: facts.size_bytes };
            let mut bytes = Vec::new();
            open_range(&fetched, &keys, payload, &mut bytes).unwrap();
            assert_eq!(&decompressor.frame(&bytes, plain.len()).unwrap(), plain);
        }
    }

    #[test]
    fn a_whole_pack_opens_and_any_altered_byte_is_noticed() {
        let hashing = Hashing::new(&[5; 32]);
        let identity = Identity::generate();
        let (sealed, _) = sample(2, &hashing, &identity);
        let keys = Keys::from(identity);
        let mut decompressor = Decompressor::new().unwrap();
        open_pack(&sealed.bytes, &keys).unwrap().check(&mut decompressor, &hashing).unwrap();
        for at in (0..sealed.bytes.len()).step_by(4001) {
            let mut bad = sealed.bytes.to_vec();
            bad[at] ^= 0x10;
            assert!(open_pack(&bad, &keys).is_err(), "byte {at}");
        }
        assert!(open_pack(&sealed.bytes[..sealed.bytes.len() - 1], &keys).is_err());
    }

    #[test]
    fn payload_lengths_are_padded() {
        let identity = Identity::generate();
        let (sealed, _) = sample(3, &Hashing::new(&[5; 32]), &identity);
        let payload = seal::open(&sealed.bytes, &identity.into(), 1 << 30).unwrap();
        assert_eq!(pack::padme(to_u64(payload.len())), to_u64(payload.len()));
    }
}
