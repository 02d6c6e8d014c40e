//! The service with the real program.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use super::Place;

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn the_service_answers_and_stops_when_it_is_asked_to() {
    let place = Place::with_plan();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--json"];
    let mut command = place.command(Path::new(env!("CARGO_BIN_EXE_kura")), &arguments);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
    let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let address = said["listening"].as_str().expect("an address").trim_start_matches("http://").to_owned();
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/readyz").ends_with("ok\n"));
    assert!(get(&address, "/notices").contains("現在、お知らせはありません。"));
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("asked to stop");
    let ended = child.wait().expect("an end");
    let mut err = String::new();
    child.stderr.take().expect("stderr").read_to_string(&mut err).expect("text");
    assert_eq!(ended.code(), Some(0), "{err}");
    assert!(err.contains("there is no account yet"), "{err}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let place = Place::with_plan();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let ran = place.kura(&["serve", "--listen", &address]).ends(1);
    assert!(ran.err.contains(&address) && ran.err.contains("--listen"), "{}", ran.err);
}
