//! Snapshots and restores of real trees, through the library.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::kura::{Kura, listing};

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
