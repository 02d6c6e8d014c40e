//! Memory does not grow with the tree or with a file (K-18): small proxies of a million files and of a file of 20 GiB.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use crate::support::kura::listing;
use crate::support::site::{Ran, Site, noise};

/// Runs the program; gives its greatest memory in MiB.
///
/// Python asks the kernel for it: the standard library cannot, and the last word must come after the end.
fn peak_mib(site: &Site, arguments: &[&str]) -> u64 {
    let script = "import resource, subprocess, sys\n\
                  code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode\n\
                  print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)\n\
                  sys.exit(code)";
    let mut command = site.command("python3");
    command.args(["-c", script, env!("CARGO_BIN_EXE_kura")]).args(arguments);
    let ran = Ran::of(&command.output().expect("Python starts")).ends(0);
    ran.out.trim().parse().expect("a number")
}

/// Snapshot, unchanged snapshot, verify and restore, each below the bound.
fn stays_below(site: &Site, bound_mib: u64) {
    // The bound must not depend on the machine, and sorting must go over the disk.
    let mut settings = File::options().append(true).open(site.path("home/kura.toml")).unwrap();
    settings.write_all(b"threads = 4\nsort_memory_mib = 1\n").unwrap();
    let reader = ["--store", &site.store, "--identity", "recovery.key", "--home", "none"];
    for arguments in [
        &["snapshot", "test"][..],
        &["snapshot", "test"],
        &[&["verify"][..], &reader[..]].concat(),
        &[&["restore", "latest", "--to", "out"][..], &reader[..]].concat(),
    ] {
        let peak = peak_mib(site, arguments);
        assert!(peak <= bound_mib, "{arguments:?} took {peak} MiB");
    }
}

#[test]
fn twenty_thousand_small_files_take_little_memory() {
    let site = Site::in_folder();
    for folder in 0..20 {
        let folder = site.path("source").join(folder.to_string());
        std::fs::create_dir(&folder).unwrap();
        for number in 0..1000 {
            std::fs::write(folder.join(number.to_string()), format!("record {number} of {folder:?}"))
                .unwrap();
        }
    }
    stays_below(&site, 96);
    assert_eq!(listing(&site.path("out")), listing(&site.path("source")));
}

#[test]
fn a_file_of_a_gibibyte_and_a_half_takes_little_memory() {
    let site = Site::in_folder();
    let file = File::create(site.path("source/large")).unwrap();
    // A part that does not compress, a part that does and never repeats, and holes.
    for number in 0..16 {
        file.write_all_at(&noise(number, 16 << 20), number * (64 << 20)).unwrap();
    }
    let mut block = vec![b' '; 1 << 20];
    for number in 1024..1536_u64 {
        for (line, start) in (0_u64..).zip((0..block.len()).step_by(256)) {
            block[start..start + 16].copy_from_slice(format!("{:016}", number * 4096 + line).as_bytes());
        }
        file.write_all_at(&block, number << 20).unwrap();
    }
    drop(file);
    stays_below(&site, 256);
    let same = site.command("cmp").args(["source/large", "out/large"]).status().unwrap();
    assert!(same.success());
}
