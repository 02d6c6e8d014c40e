//! The engine's stages one by one, so that a slower release has an address: `cargo bench --bench engine`.
//!
//! The data is made up from a fixed seed: text rows that repeat a little, and noise. Figures are of one core; the ratio
//! of two runs on one machine says more than either.

#![expect(clippy::unwrap_used, reason = "a bench stops where something fails")]

use divan::Bencher;
use divan::counter::BytesCount;

use kura::archive::block::{Block, OwnerNames};
use kura::archive::chunk::Cutter;
use kura::archive::compress::{Compressor, Decompressor};
use kura::archive::digest::{Hashing, Sha256};
use kura::archive::entry::{Entry, FileTime, Kind, Meta};
use kura::archive::pack::{ChunkKind, PackWriter, PackedChunk};
use kura::archive::seal::{Identity, Keys};
use kura::archive::unseal::Checker;

const BYTES: usize = 2 << 20;

fn main() {
    divan::main();
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut bytes);
    bytes
}

fn rows(length: usize) -> Vec<u8> {
    let mut text = String::with_capacity(length + 100);
    let dice = noise(length / 32);
    for (n, dice) in dice.chunks_exact(4).enumerate() {
        let [a, b, c, d] = dice else { break };
        text.push_str(&format!(
            "{n}\t2026-11-{:02}\t{a:02x}{b:02x}\tO/{:+}.{c}\t{d}\tNULL\n",
            a % 28 + 1,
            b % 9
        ));
        if text.len() >= length {
            break;
        }
    }
    let mut bytes = text.into_bytes();
    bytes.resize(length, b' ');
    bytes
}

fn plain(kind: &str) -> Vec<u8> {
    if kind == "noise" { noise(BYTES) } else { rows(BYTES) }
}

const KINDS: [&str; 2] = ["rows", "noise"];

#[divan::bench(args = KINDS)]
fn cut(bencher: Bencher<'_, '_>, kind: &str) {
    let (cutter, bytes) = (Cutter::new(&[7; 32]), plain(kind));
    bencher.counter(BytesCount::new(BYTES)).bench(|| {
        let (mut rest, mut chunks) = (bytes.as_slice(), 0);
        while !rest.is_empty() {
            rest = &rest[cutter.cut(rest)..];
            chunks += 1;
        }
        chunks
    });
}

#[divan::bench]
fn chunk_id(bencher: Bencher<'_, '_>) {
    let (hashing, bytes) = (Hashing::new(&[7; 32]), noise(BYTES));
    bencher.counter(BytesCount::new(BYTES)).bench(|| hashing.chunk(&bytes));
}

#[divan::bench]
fn sha256(bencher: Bencher<'_, '_>) {
    let bytes = noise(BYTES);
    bencher.counter(BytesCount::new(BYTES)).bench(|| Sha256::of(&bytes));
}

#[divan::bench(args = KINDS)]
fn compress(bencher: Bencher<'_, '_>, kind: &str) {
    let (mut compressor, bytes) = (Compressor::new().unwrap(), plain(kind));
    bencher.counter(BytesCount::new(BYTES)).bench_local(|| compressor.frame(&bytes).unwrap().len());
}

#[divan::bench(args = KINDS)]
fn decompress(bencher: Bencher<'_, '_>, kind: &str) {
    let (bytes, mut out) = (plain(kind), Vec::new());
    let frame = Compressor::new().unwrap().frame(&bytes).unwrap().to_vec();
    let mut decompressor = Decompressor::new().unwrap();
    bencher
        .counter(BytesCount::new(BYTES))
        .bench_local(|| decompressor.frame_into(&frame, BYTES, &mut out).unwrap());
}

/// Compresses, seals and hashes one frame of noise as a whole pack.
fn sealed() -> (kura::archive::pack::SealedPack, Keys, Hashing) {
    let (hashing, bytes, identity) = (Hashing::new(&[7; 32]), noise(BYTES), Identity::generate());
    let mut pack = PackWriter::new(0, &[&identity.recipient()], Vec::new()).unwrap();
    let length = u32::try_from(BYTES).unwrap();
    let chunk = PackedChunk { kind: ChunkKind::Data, id: hashing.chunk(&bytes), length };
    pack.add_frame(&mut Compressor::new().unwrap(), &bytes, vec![chunk]).unwrap();
    (pack.close().unwrap(), identity.into(), hashing)
}

#[divan::bench]
fn pack_and_seal(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(BYTES)).bench(sealed);
}

#[divan::bench]
fn open_and_check(bencher: Bencher<'_, '_>) {
    let ((pack, keys, hashing), mut checker) = (sealed(), Checker::new().unwrap());
    bencher
        .counter(BytesCount::new(BYTES))
        .bench_local(|| checker.check(&pack.bytes, &keys, &pack.facts.frames, &hashing).unwrap());
}

fn block() -> Block {
    let meta = Meta {
        kind: Kind::File,
        mode: 0o640,
        uid: 1000,
        gid: 1000,
        mtime: FileTime { seconds: 1_790_000_000, nanos: 5 },
        device: 0,
        link_group: None,
        xattrs: Vec::new(),
    };
    let entry = |n: u32| {
        let path = format!("records/2026/11/{:02}/1310001234/{n:07}_20261122_000001.hl7", n % 28 + 1);
        Entry::bare(path.into_bytes(), meta.clone())
    };
    let mut entries: Vec<Entry> = (0..1000).map(entry).collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Block { chunks: Vec::new(), owners: OwnerNames::default(), entries }
}

#[divan::bench]
fn manifest_block_of_1000_entries_written(bencher: Bencher<'_, '_>) {
    let block = block();
    bencher.bench(|| block.encode());
}

#[divan::bench]
fn manifest_block_of_1000_entries_read(bencher: Bencher<'_, '_>) {
    let bytes = block().encode();
    bencher.bench(|| Block::decode(&bytes).unwrap());
}
