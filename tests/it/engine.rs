//! Snapshots and restores of real trees, through the library.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::kura::{Kura, listing};
use crate::support::simulate::run;

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_comes_back_as_it_was() {
    let kura = Kura::new("2026-11-22").await;
    let source = kura.source();
    std::fs::create_dir_all(source.join("a/b/empty")).unwrap();
    std::fs::write(source.join("a/small"), b"hello").unwrap();
    std::fs::write(source.join("a/b/none"), b"").unwrap();
    std::fs::write(source.join("a-b"), b"sorts between").unwrap();
    let large: Vec<u8> = (0..40_000_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
    std::fs::write(source.join("large"), &large).unwrap();
    std::fs::hard_link(source.join("a/small"), source.join("other-name")).unwrap();
    symlink("../nowhere", source.join("a/link")).unwrap();
    std::fs::set_permissions(source.join("a-b"), PermissionsExt::from_mode(0o4711)).unwrap();
    for class in ["application", "system"] {
        let plan = if class == "system" { kura.system() } else { kura.records() };
        let summary = kura.snapshot(&plan).await.unwrap();
        assert!(summary.is_complete && summary.files == 6, "{summary:?}");
        let (to, restored) = kura.restore_to(class, &[]).await;
        assert_eq!(restored.failed, Vec::new());
        assert_eq!(listing(&to), listing(&source), "{class}");
        std::fs::remove_dir_all(kura.store().join("test")).unwrap();
        std::fs::remove_dir_all(kura.home().path().join("state/test")).unwrap();
        std::fs::remove_file(kura.home().catalog_file()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_entries_with_much_metadata_is_stored() {
    let kura = Kura::new("2031-03-03").await;
    run("mount", &["-t", "tmpfs", "none", "source"], kura.source().parent().unwrap());
    let make = "for n in $(seq 320); do : > f$n; setfattr -n user.k -v $(head -c 30000 /dev/zero | tr '\\0' a) f$n; done";
    run("bash", &["-c", make], &kura.source());
    let summary = kura.snapshot(&kura.system()).await;
    run("umount", &["source"], kura.source().parent().unwrap());
    assert!(summary.is_ok(), "{summary:?}");
}

#[test]
fn the_block_of_a_file_of_half_a_tebibyte_fits_a_frame() {
    use kura::archive::block::{Block, OwnerNames, Place};
    let mean = 256 << 10;
    let chunks: Vec<Place> = (0..(1_u32 << 21))
        .map(|n| Place {
            pack: n / 64,
            frame_offset: u64::from(n % 64 / 8) << 21,
            frame_length: 2 << 20,
            frame_plain: 2 << 20,
            offset: n % 8 * mean,
            length: mean,
        })
        .collect();
    let bytes = Block { chunks, owners: OwnerNames::default(), entries: Vec::new() }.encode();
    assert!(bytes.len() <= kura::archive::compress::FRAME_BYTES_MAX, "{} bytes", bytes.len());
}
