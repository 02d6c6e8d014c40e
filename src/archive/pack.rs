//! Packs: zstd frames of one cohort inside one age file.
//!
//! Payload of the age file, in order: data and manifest frames; one skippable frame with the pack's own index, so
//! that everything can be rebuilt from packs alone; one skippable frame of zeros that pads the payload to a length
//! that tells little (Padmé). `age -d | zstd -d` gives the chunks, one after the other, nothing between them.

use std::io::Write;

use age::stream::StreamWriter;
use bytes::Bytes;

use super::compress::{CompressError, Compressor};
use super::digest::{ChunkId, Sha256, Sha256Hasher};
use super::seal::{self, Recipient, SealError};
use super::wire::{Malformed, Reader, Writer, to_u64};

/// Magic number of the skippable frame that holds the pack's index.
pub const INDEX_MAGIC: u32 = 0x184D_2A5B;
/// Magic number of the skippable frame that pads.
pub const PADDING_MAGIC: u32 = 0x184D_2A5A;
/// First bytes of the pack's index: name and version.
pub const INDEX_MARK: &[u8; 9] = b"KURAPACK\x01";
/// A pack is closed when its payload reaches this, bytes.
pub const PACK_BYTES: u64 = 12 << 20;

/// Why a pack could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Sealing failed.
    #[error("could not seal a pack")]
    Seal(#[from] SealError),
    /// Writing into the age stream failed.
    #[error("could not write a pack")]
    Write(#[source] std::io::Error),
    /// Compressing failed.
    #[error("could not compress a frame")]
    Compress(#[from] CompressError),
}

/// What a chunk is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChunkKind {
    /// Bytes of files.
    Data,
    /// A block of manifest entries, a manifest root, directory metadata or a run's report.
    Manifest,
}

/// A chunk inside a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackedChunk {
    /// What it is for.
    pub kind: ChunkKind,
    /// Its keyed id.
    pub id: ChunkId,
    /// Bytes of plaintext.
    pub length: u32,
}

/// A frame inside a pack, with the chunks in it in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackedFrame {
    /// Where the frame begins in the age payload, bytes.
    pub offset: u64,
    /// Bytes of the frame.
    pub length: u32,
    /// Bytes of plaintext: the sum of the chunks' lengths.
    pub plain_length: u32,
    /// The chunks, which follow each other from the frame's first byte to its last.
    pub chunks: Vec<PackedChunk>,
}

/// Encodes a pack's frames; offsets follow from lengths.
pub fn encode_frames(writer: &mut Writer, frames: &[PackedFrame]) {
    writer.length(frames.len());
    for frame in frames {
        writer.number(u64::from(frame.length));
        writer.length(frame.chunks.len());
        for chunk in &frame.chunks {
            writer.byte(match chunk.kind {
                ChunkKind::Data => 0,
                ChunkKind::Manifest => 1,
            });
            writer.number(u64::from(chunk.length));
            writer.raw(&chunk.id.0);
        }
    }
}

/// Decodes a pack's frames.
pub fn decode_frames(reader: &mut Reader<'_>) -> Result<Vec<PackedFrame>, Malformed> {
    let mut offset = 0_u64;
    let mut frames = Vec::new();
    for _ in 0..reader.count(2, "frames of a pack")? {
        let length = reader.number32("frame length")?;
        let mut plain_length = 0_u32;
        let mut chunks = Vec::new();
        for _ in 0..reader.count(34, "chunks of a frame")? {
            let kind = match reader.byte("chunk kind")? {
                0 => ChunkKind::Data,
                1 => ChunkKind::Manifest,
                _ => return Err(Malformed { what: "chunk kind" }),
            };
            let length = reader.number32("chunk length")?;
            let id = ChunkId(reader.array("chunk id")?);
            plain_length =
                plain_length.checked_add(length).ok_or(Malformed { what: "frame plain length" })?;
            chunks.push(PackedChunk { kind, id, length });
        }
        frames.push(PackedFrame { offset, length, plain_length, chunks });
        offset = offset.checked_add(u64::from(length)).ok_or(Malformed { what: "frame offset" })?;
    }
    Ok(frames)
}

/// Ciphertext as it is produced, hashed on the way.
struct Sink {
    bytes: Vec<u8>,
    digest: Sha256Hasher,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.digest.update(bytes);
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A pack that is being filled. `close` must be called, or its frames are lost.
pub struct PackWriter {
    /// Which pack of its cohort this is; manifests refer to packs by it until they are named.
    pub ordinal: u32,
    stream: StreamWriter<Sink>,
    header_length: u32,
    payload_bytes: u64,
    frames: Vec<PackedFrame>,
    compressed: Vec<u8>,
    /// File entries that have bytes in this pack (for damage reports).
    pub files: u64,
}

/// A pack whose bytes are complete.
#[derive(Clone, Debug)]
pub struct SealedPack {
    /// Which pack of its cohort this is.
    pub ordinal: u32,
    /// Its name.
    pub name: Sha256,
    /// The age file.
    pub bytes: Bytes,
    /// What is in it.
    pub facts: PackFacts,
}

/// What an index says of a pack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackFacts {
    /// Bytes of the age file.
    pub size_bytes: u64,
    /// Bytes of age header and nonce before the payload.
    pub header_length: u32,
    /// File entries that have bytes in it.
    pub files: u64,
    /// Its frames.
    pub frames: Vec<PackedFrame>,
}

impl PackWriter {
    /// Opens an empty pack sealed to `recipients`, in the emptied `buffer`.
    pub fn new(ordinal: u32, recipients: &[&Recipient], mut buffer: Vec<u8>) -> Result<Self, PackError> {
        buffer.clear();
        let sink = Sink { bytes: buffer, digest: Sha256Hasher::default() };
        let stream = seal::begin(sink, recipients)?;
        Ok(Self {
            ordinal,
            stream,
            header_length: 0,
            payload_bytes: 0,
            frames: Vec::new(),
            compressed: Vec::new(),
            files: 0,
        })
    }

    /// Compresses `plain` into one frame and appends it. The chunks' lengths must add up to `plain.len()`.
    ///
    /// Returns where the frame lies: offset in the payload and length, bytes.
    pub fn add_frame(
        &mut self,
        compressor: &mut Compressor,
        plain: &[u8],
        chunks: Vec<PackedChunk>,
    ) -> Result<(u64, u32), PackError> {
        let plain_length = chunks.iter().map(|chunk| chunk.length).sum::<u32>();
        assert_eq!(to_u64(plain.len()), u64::from(plain_length), "chunks fill their frame");
        compressor.frame(plain, &mut self.compressed)?;
        self.stream.write_all(&self.compressed).map_err(PackError::Write)?;
        let offset = self.payload_bytes;
        let length = u32::try_from(self.compressed.len()).unwrap_or(u32::MAX);
        self.payload_bytes += u64::from(length);
        self.frames.push(PackedFrame { offset, length, plain_length, chunks });
        Ok((offset, length))
    }

    /// Whether the pack should be closed: full, or nearly full at a length that needs hardly any padding.
    pub fn is_full(&self) -> bool {
        let bytes = self.payload_bytes;
        bytes >= PACK_BYTES || (bytes >= PACK_BYTES / 4 * 3 && padme(bytes + 4096) - bytes < bytes / 128)
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Appends the index and the padding and ends the age file.
    pub fn close(mut self) -> Result<SealedPack, PackError> {
        let mut index = Writer::new();
        index.raw(INDEX_MARK);
        encode_frames(&mut index, &self.frames);
        let index = index.into_bytes();
        self.skippable(INDEX_MAGIC, &index)?;
        let unpadded = self.payload_bytes + 8;
        let zeros = vec![0_u8; usize::try_from(padme(unpadded) - unpadded).unwrap_or(0)];
        self.skippable(PADDING_MAGIC, &zeros)?;
        let sink = self.stream.finish().map_err(PackError::Write)?;
        let name = sink.digest.finish();
        let size_bytes = to_u64(sink.bytes.len());
        self.header_length =
            u32::try_from(size_bytes - sealed_length(self.payload_bytes)).unwrap_or(u32::MAX);
        Ok(SealedPack {
            ordinal: self.ordinal,
            name,
            bytes: Bytes::from(sink.bytes),
            facts: PackFacts {
                size_bytes,
                header_length: self.header_length,
                files: self.files,
                frames: self.frames,
            },
        })
    }

    fn skippable(&mut self, magic: u32, content: &[u8]) -> Result<(), PackError> {
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        self.stream.write_all(&magic.to_le_bytes()).map_err(PackError::Write)?;
        self.stream.write_all(&length.to_le_bytes()).map_err(PackError::Write)?;
        self.stream.write_all(content).map_err(PackError::Write)?;
        self.payload_bytes += 8 + u64::from(length);
        Ok(())
    }
}

/// Plaintext bytes in one age chunk, and ciphertext bytes of one.
pub const AGE_CHUNK: u64 = 64 << 10;
/// An age chunk with its tag, bytes.
pub const AGE_CHUNK_SEALED: u64 = AGE_CHUNK + 16;

/// Ciphertext bytes of an age payload (after header and nonce) of `payload_bytes` plaintext.
pub fn sealed_length(payload_bytes: u64) -> u64 {
    payload_bytes + 16 * payload_bytes.div_ceil(AGE_CHUNK).max(1)
}

/// Padmé: the smallest length ≥ `length` whose low bits are zero, so that a length tells O(log log length) bits.
///
/// Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", §4.
pub fn padme(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let bits = exponent.ilog2() + 1;
    let mask = (1_u64 << exponent.saturating_sub(bits)) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn padding_never_shrinks_and_costs_at_most_an_eighth(length in 1_u64..1 << 40) {
            let padded = padme(length);
            prop_assert!(padded >= length && padded - length <= length / 8 + 1);
            prop_assert_eq!(padme(padded), padded);
        }
    }
}
