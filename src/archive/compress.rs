//! zstd frames: one context per worker, and a cap on every output.
//!
//! Frames carry their content size and no checksum (chunks have keyed ids, age authenticates the bytes).
//! Stock `zstd -d` opens every frame: no dictionary, window at most 8 MiB because frames are shorter.

use super::wire::to_u64;

/// The level of small objects and small frames.
const LEVEL: i32 = 3;
/// Levels that data is tried with, fastest first.
const LEVELS: [i32; 3] = [1, 2, 3];
/// A slower level must make a frame smaller than the faster ones by this part of a thousand.
const GAINS: [usize; 3] = [0, 5, 15];
/// Plaintext that the levels are tried with, bytes: long enough for repetitions to be found, short beside a frame. zstd means
/// something else by a level for 256 KiB and less, so that those would say nothing about a frame.
const SAMPLE_BYTES: usize = 288 << 10;
/// After so many frames the levels are tried again: what data is like changes slowly.
const FRAMES_PER_TRIAL: u32 = 8;
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

/// A reusable compression context that asks the data which level pays.
///
/// On database dumps and images level 1 or 2 is as small as level 3 and two to four times as fast; on program texts
/// and binaries level 3 is a tenth smaller. A sample of every eighth frame is compressed with each level, and the
/// fastest wins unless a slower one makes it smaller by a stated part.
pub struct Compressor {
    context: zstd::bulk::Compressor<'static>,
    level: i32,
    frames_until_trial: u32,
    frame: Vec<u8>,
}

impl Compressor {
    /// A context that has seen no data.
    pub fn new() -> Result<Self, CompressError> {
        let context = zstd::bulk::Compressor::new(LEVEL).map_err(CompressError::Compress)?;
        Ok(Self { context, level: LEVEL, frames_until_trial: 0, frame: Vec::new() })
    }

    /// Other data begins: the levels are tried with its first frame.
    pub const fn other_data(&mut self) {
        self.frames_until_trial = 0;
    }

    /// Compresses `plain` into one frame, which stands in a buffer of the context's own.
    pub fn frame(&mut self, plain: &[u8]) -> Result<&[u8], CompressError> {
        if plain.len() < SAMPLE_BYTES {
            return self.with_level(LEVEL, plain);
        }
        if self.frames_until_trial == 0 {
            self.frames_until_trial = FRAMES_PER_TRIAL;
            self.level = self.best_level(plain)?;
        }
        self.frames_until_trial -= 1;
        self.with_level(self.level, plain)
    }

    fn best_level(&mut self, plain: &[u8]) -> Result<i32, CompressError> {
        let start = (plain.len() - SAMPLE_BYTES) / 2;
        let sample = &plain[start..start + SAMPLE_BYTES];
        let (mut best, mut smallest) = (LEVELS[0], usize::MAX);
        for (level, gain) in LEVELS.into_iter().zip(GAINS) {
            let length = self.with_level(level, sample)?.len();
            if length < smallest - smallest / 1000 * gain {
                (best, smallest) = (level, length);
            }
            if smallest > SAMPLE_BYTES / 100 * 97 {
                // Compressed already: no level finds what is not there.
                break;
            }
        }
        Ok(best)
    }

    fn with_level(&mut self, level: i32, plain: &[u8]) -> Result<&[u8], CompressError> {
        self.frame.clear();
        self.frame.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        self.context.set_compression_level(level).map_err(CompressError::Compress)?;
        self.context.compress_to_buffer(plain, &mut self.frame).map_err(CompressError::Compress)?;
        Ok(&self.frame)
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
        let mut plain = Vec::new();
        self.frame_into(frame, plain_length, &mut plain)?;
        Ok(plain)
    }

    /// The same into the emptied `plain`.
    pub fn frame_into(
        &mut self,
        frame: &[u8],
        plain_length: usize,
        plain: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let expected_bytes = to_u64(plain_length);
        if plain_length > FRAME_BYTES_MAX {
            return Err(CompressError::Decompress { expected_bytes });
        }
        plain.clear();
        plain.reserve(plain_length);
        match self.0.decompress_to_buffer(frame, plain) {
            Ok(n) if n == plain_length => Ok(()),
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
        let frame = Compressor::new().unwrap().frame(&plain).unwrap().to_vec();
        let mut decompressor = Decompressor::new().unwrap();
        assert_eq!(decompressor.frame(&frame, plain.len()).unwrap(), plain);
        assert!(decompressor.frame(&frame, plain.len() - 1).is_err());
        assert!(decompressor.frame(&frame, plain.len() + 1).is_err());
        assert!(decompressor.frame(&frame[..frame.len() - 1], plain.len()).is_err());
    }

    #[test]
    fn every_kind_of_data_comes_back_whatever_level_it_asked_for() {
        let mut compressor = Compressor::new().unwrap();
        let mut noise = vec![0; 1 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let rows: Vec<u8> =
            (0..40_000).flat_map(|n| format!("{n}\t2026-11-22\tabc\n").into_bytes()).collect();
        let few: Vec<u8> = noise.iter().map(|byte| byte & 3).collect();
        let mut levels = Vec::new();
        for plain in [&noise, &rows, &few] {
            compressor.other_data();
            let frame = compressor.frame(plain).unwrap().to_vec();
            levels.push(compressor.level);
            assert_eq!(&Decompressor::new().unwrap().frame(&frame, plain.len()).unwrap(), plain);
        }
        assert_eq!(levels[0], 1, "noise asks for the fastest");
    }

    #[test]
    fn a_decompression_bomb_is_refused_by_its_stated_size() {
        let bomb = zstd::bulk::compress(&vec![0_u8; 50 << 20], 3).unwrap();
        assert!(bomb.len() < 10_000);
        assert!(decompress(&bomb, 1 << 20).is_err());
    }
}
