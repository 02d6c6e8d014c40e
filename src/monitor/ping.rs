//! ICMP echo (Ping) with the least rights: a datagram socket of ICMP, which Linux gives to the groups of the setting
//! `net.ipv4.ping_group_range` without any capability. Where it does not, the program `ping` is asked instead, which has rights
//! of its own on some systems; where both fail nobody was asked, and that is the answer.

use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::process::Command;

use crate::clock::random_bytes;
use crate::domain::monitor::Answer;

/// The types of an echo and of its answer.
const ECHO_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const ECHO_V6: u8 = 128;
const REPLY_V6: u8 = 129;
/// Type, code, checksum, identifier, sequence.
const HEAD_BYTES: usize = 8;
/// What is sent and has to come back.
const TOKEN_BYTES: usize = 16;
/// A lost packet is sent again after this long.
const AGAIN: Duration = Duration::from_secs(2);
/// Where `ping` is looked for.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
/// How `ping` ends if nobody answered; anything else that is not 0 means that it could not ask.
const NOBODY: i32 = 1;

/// Asks a host for an echo.
pub(super) async fn ask(host: &str, timeout: Duration) -> Answer {
    let Ok(mut found) = tokio::net::lookup_host((host, 0)).await else { return Answer::Unreachable };
    let Some(address) = found.next() else { return Answer::Unreachable };
    match open(address.ip()) {
        Ok(socket) => echo(&socket, address).await.unwrap_or_else(|error| super::unreached(&error)),
        Err(_) => by_program(address.ip(), timeout).await,
    }
}

fn open(address: IpAddr) -> std::io::Result<UdpSocket> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// Sends an echo until its answer comes. Identifier and checksum are the kernel's: it gives the socket its own answers only.
async fn echo(socket: &UdpSocket, address: SocketAddr) -> std::io::Result<Answer> {
    let (kind, wanted) = if address.is_ipv4() { (ECHO_V4, REPLY_V4) } else { (ECHO_V6, REPLY_V6) };
    let mut token = [0_u8; TOKEN_BYTES];
    random_bytes(&mut token);
    let mut packet = vec![kind, 0, 0, 0, 0, 0, 0, 1];
    packet.extend(token);
    if address.is_ipv4() {
        let sum = checksum(&packet).to_be_bytes();
        packet.splice(2..4, sum);
    }
    socket.connect(address).await?;
    let mut answer = [0_u8; 1500];
    loop {
        socket.send(&packet).await?;
        let heard = tokio::time::timeout(AGAIN, async {
            loop {
                let size = socket.recv(&mut answer).await?;
                let got = answer.get(..size).unwrap_or_default();
                if got.first() == Some(&wanted) && got.get(HEAD_BYTES..) == Some(token.as_slice()) {
                    return std::io::Result::Ok(());
                }
            }
        });
        match heard.await {
            Ok(heard) => return heard.map(|()| Answer::Good),
            Err(_) => {}
        }
    }
}

/// The ones' complement of the ones' complement sum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        let high = u32::from(pair.first().copied().unwrap_or(0));
        let low = u32::from(pair.get(1).copied().unwrap_or(0));
        sum += (high << 8) | low;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum & 0xffff).unwrap_or(0)
}

async fn by_program(address: IpAddr, timeout: Duration) -> Answer {
    let seconds = timeout.as_secs().max(1).to_string();
    let ended = Command::new("ping")
        .args(["-n", "-q", "-c", "1", "-W", &seconds, &address.to_string()])
        .env_clear()
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await;
    match ended {
        Ok(status) if status.success() => Answer::Good,
        Ok(status) if status.code() == Some(NOBODY) => Answer::Unreachable,
        Ok(_) | Err(_) => Answer::NotAsked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[8, 0, 0, 0, 0, 0, 0, 1]), 0xf7fe);
        assert_eq!(checksum(&[0xff]), 0x00ff);
    }

    /// Where this machine may not ask, it says so; it never says of a host that lives that it does not.
    #[tokio::test]
    async fn this_machine_answers_itself_or_says_that_it_could_not_ask() {
        let answer =
            tokio::time::timeout(Duration::from_secs(10), ask("127.0.0.1", Duration::from_secs(5))).await;
        let answer = answer.expect("in time");
        let may = open("127.0.0.1".parse().unwrap()).is_ok();
        assert!(answer == Answer::Good || (!may && answer == Answer::NotAsked), "{answer:?}, {may}");
        assert_eq!(ask("no-such-host.invalid", Duration::from_secs(1)).await, Answer::Unreachable);
    }
}
