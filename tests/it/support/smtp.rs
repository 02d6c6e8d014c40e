//! A mail server on loopback that says what it is told to say, and keeps what it was sent.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// A letter as it came: who writes, to whom, the whole text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
}

impl Received {
    /// A header, unfolded.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\r\n\r\n").next()?.replace("\r\n ", " ");
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned)
    }
}

/// A server.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    pub(crate) received: Arc<Mutex<Vec<Received>>>,
}

impl MailServer {
    /// A server that answers the text of the first letters with these codes, the last one for ever.
    pub(crate) async fn new(codes: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        drop(TaskTracker::new().spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.expect("a connection");
                let code = codes[number.min(codes.len() - 1)];
                // Who hangs up early has said all he wanted.
                talk(stream, code, &kept).await.unwrap_or_default();
            }
        }));
        Self { port, received }
    }

    /// What was taken, in order.
    pub(crate) fn letters(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }
}

/// One connection; what was taken is kept before that is said, so that whoever hears it finds it. STARTTLS is not offered.
async fn talk(stream: TcpStream, code: u16, kept: &Mutex<Vec<Received>>) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut letter = Received::default();
    write.write_all(b"220 test ESMTP\r\n").await.ok()?;
    while let Ok(Some(line)) = lines.next_line().await {
        let upper = line.to_ascii_uppercase();
        let answer = if upper.starts_with("EHLO") {
            "250-test\r\n250 8BITMIME".to_owned()
        } else if let Some(from) = line.get(10..).filter(|_| upper.starts_with("MAIL FROM:")) {
            letter.from = from.split('>').next()?.trim_start_matches('<').to_owned();
            "250 ok".to_owned()
        } else if let Some(to) = line.get(8..).filter(|_| upper.starts_with("RCPT TO:")) {
            letter.to.push(to.split('>').next()?.trim_start_matches('<').to_owned());
            "250 ok".to_owned()
        } else if upper == "DATA" {
            write.write_all(b"354 go on\r\n").await.ok()?;
            while let Ok(Some(line)) = lines.next_line().await {
                if line == "." {
                    break;
                }
                letter.text.push_str(line.strip_prefix('.').unwrap_or(&line));
                letter.text.push_str("\r\n");
            }
            if code < 300 {
                kept.lock().expect("no panic").push(letter.clone());
            }
            format!("{code} answered")
        } else if upper == "QUIT" {
            "221 bye".to_owned()
        } else {
            "502 no such command".to_owned()
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}
