//! zstd frames: one context per worker, and a cap on every output.
//!
//! Frames carry their content size and no checksum (chunks have keyed ids, age authenticates the bytes).
//! Stock `zstd -d` opens every frame: no dictionary, window at most 8 MiB because frames are shorter.

use super::wire::to_u64;

/// The level of data and manifest frames.
pub const LEVEL: i32 = 3;
/// No frame holds more plaintext than this, bytes. Data frames hold about 2 MiB; the blocks and parts of manifests
/// grow with what they name.
pub const FRAME_BYTES_MAX: usize = 512 << 20;

/// Why a frame did not decompress.
#[derive(Debug, thiserror::Error)]
pub enum CompressError {
    /// zstd could not compress.
    #[error("zstd could not compress: {0}")]
    Compress(#[source] std::io::Error),
    /// The bytes are not a frame of the stated length.
    #[error("not a zstd frame of {expected_bytes} bytes")]
    Decompress {
        /// The length the manifest states, bytes.
        expected_bytes: u64,
    },
}

/// A reusable compression context.
pub struct Compressor(zstd::bulk::Compressor<'static>);

impl Compressor {
    /// A context of level `LEVEL`.
    pub fn new() -> Result<Self, CompressError> {
        zstd::bulk::Compressor::new(LEVEL).map(Self).map_err(CompressError::Compress)
    }

    /// Compresses `plain` into one frame appended to the emptied `out`.
    pub fn frame(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        out.clear();
        out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        self.0.compress_to_buffer(plain, out).map_err(CompressError::Compress)?;
        Ok(())
    }
}

/// A reusable decompression context.
pub struct Decompressor(zstd::bulk::Decompressor<'static>);

impl Decompressor {
    /// A new context.
    pub fn new() -> Result<Self, CompressError> {
        zstd::bulk::Decompressor::new().map(Self).map_err(|_| CompressError::Decompress { expected_bytes: 0 })
    }

    /// Decompresses one frame that must hold exactly `plain_length` bytes.
    pub fn frame(&mut self, frame: &[u8], plain_length: usize) -> Result<Vec<u8>, CompressError> {
        let expected_bytes = to_u64(plain_length);
        if plain_length > FRAME_BYTES_MAX {
            return Err(CompressError::Decompress { expected_bytes });
        }
        let mut plain = Vec::with_capacity(plain_length);
        match self.0.decompress_to_buffer(frame, &mut plain) {
            Ok(n) if n == plain_length => Ok(plain),
            Ok(_) | Err(_) => Err(CompressError::Decompress { expected_bytes }),
        }
    }
}

/// Compresses a whole small object (snapshot, index) into one frame.
pub fn compress(plain: &[u8]) -> Result<Vec<u8>, CompressError> {
    zstd::bulk::compress(plain, LEVEL).map_err(CompressError::Compress)
}

/// Decompresses a whole small object of at most `max_bytes`.
pub fn decompress(frame: &[u8], max_bytes: usize) -> Result<Vec<u8>, CompressError> {
    let stated = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten().unwrap_or(u64::MAX);
    let expected_bytes = stated;
    let capacity = usize::try_from(stated).unwrap_or(usize::MAX);
    if capacity > max_bytes {
        return Err(CompressError::Decompress { expected_bytes });
    }
    zstd::bulk::decompress(frame, capacity).map_err(|_| CompressError::Decompress { expected_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_and_a_lying_length_is_refused() {
        let plain = vec![7_u8; 100_000];
        let mut frame = Vec::new();
        Compressor::new().unwrap().frame(&plain, &mut frame).unwrap();
        let mut decompressor = Decompressor::new().unwrap();
        assert_eq!(decompressor.frame(&frame, plain.len()).unwrap(), plain);
        assert!(decompressor.frame(&frame, plain.len() - 1).is_err());
        assert!(decompressor.frame(&frame, plain.len() + 1).is_err());
        assert!(decompressor.frame(&frame[..frame.len() - 1], plain.len()).is_err());
    }

    #[test]
    fn a_decompression_bomb_is_refused_by_its_stated_size() {
        let bomb = zstd::bulk::compress(&vec![0_u8; 50 << 20], 3).unwrap();
        assert!(bomb.len() < 10_000);
        assert!(decompress(&bomb, 1 << 20).is_err());
    }
}
