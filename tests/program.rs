//! The program that is built for the tests answers.

#[test]
fn it_says_its_version() {
    let told = std::process::Command::new(env!("CARGO_BIN_EXE_kura")).arg("--version").output();
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned());
    assert!(told.is_ok_and(|told| told == concat!("kura ", env!("CARGO_PKG_VERSION"), "\n")));
}
