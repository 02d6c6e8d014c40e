//! A proxy before the S3 server that asks a rule of the test about every request.
//!
//! Unlike `fault_proxy`, which breaks requests in the order in which they come, the rule sees what is asked for. So a
//! fault can be aimed at one object of a whole run, whatever the order in which its threads send.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::http;

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// How many requests came before it.
    pub(crate) number: usize,
    /// `GET`, `PUT` and so on.
    pub(crate) method: String,
    /// Bucket, key and query as they came.
    pub(crate) path: String,
}

impl Asked {
    /// Whether an object is to be created.
    pub(crate) fn is_put(&self) -> bool {
        self.method == "PUT"
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Nothing.
    Pass,
    /// It is answered with 503 and not passed on.
    Busy,
    /// The connection is reset in the middle of its body, and it is not passed on.
    Reset,
    /// It is never answered, and not passed on.
    Stall,
    /// It is passed on, and its answer is dropped.
    DropAnswer,
    /// It is passed on, and its answer is cut off in the middle.
    CutAnswer,
    /// It is answered with 200 as if it had been stored, and not passed on.
    Lose,
    /// It is answered with 403 and this code, and not passed on.
    Refuse(&'static str),
    /// It is answered as by a web server that knows no S3, and not passed on.
    WebPage,
}

type Rule = Box<dyn FnMut(&Asked) -> Act + Send>;

/// A running proxy; it ends when dropped.
pub(crate) struct Gate {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
    _task: JoinSet<()>,
}

struct State {
    rule: Rule,
    requests: usize,
}

impl Gate {
    /// Starts a proxy before the server at `endpoint` (`http://HOST:PORT`) that lets everything pass.
    pub(crate) async fn before(endpoint: &str) -> Self {
        let server = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let own = format!("http://{}", listener.local_addr().expect("the port is known"));
        let state = Arc::new(Mutex::new(State { rule: Box::new(|_| Act::Pass), requests: 0 }));
        let mut task = JoinSet::new();
        task.spawn(serve(listener, server, Arc::clone(&state)));
        Self { endpoint: own, state, _task: task }
    }

    /// Asks this rule from now on; requests are counted from 0 again.
    pub(crate) fn rule(&self, rule: impl FnMut(&Asked) -> Act + Send + 'static) {
        *self.state.lock().expect("no rule panics") = State { rule: Box::new(rule), requests: 0 };
    }

    /// How many requests have come since the rule was set.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().expect("no rule panics").requests
    }
}

async fn serve(listener: TcpListener, server: String, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (server, state) = (server.clone(), Arc::clone(&state));
        connections.spawn(async move {
            // A broken connection is what this proxy is for.
            drop(serve_one(client, &server, &state).await);
        });
    }
}

async fn serve_one(mut client: TcpStream, server: &str, state: &Mutex<State>) -> io::Result<()> {
    let (head, mut body) = http::read_head(&mut client).await?;
    let act = judge(&head, state);
    let length = http::length_of(&head);
    let needed = if act == Act::Reset { length / 2 } else { length };
    while body.len() < needed {
        if client.read_buf(&mut body).await? == 0 {
            return Ok(());
        }
    }
    match act {
        Act::Reset => return client.set_zero_linger(),
        Act::Busy => return answer(&mut client, "503 Slow Down", "SlowDown").await,
        Act::Refuse(code) => return answer(&mut client, "403 Forbidden", code).await,
        Act::WebPage => {
            let page = "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 22\r\nconnection: close\r\n\r\n<h1>404 Not Found</h1>";
            return client.write_all(page.as_bytes()).await;
        }
        Act::Stall => std::future::pending().await,
        Act::Lose => {
            let stored = "HTTP/1.1 200 OK\r\netag: \"0\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            return client.write_all(stored.as_bytes()).await;
        }
        Act::Pass | Act::DropAnswer | Act::CutAnswer => {}
    }
    let answer = http::ask(server, &head, &body).await?;
    match act {
        Act::DropAnswer => {}
        Act::CutAnswer => client.write_all(&answer[..answer.len() / 2]).await?,
        _ => client.write_all(&answer).await?,
    }
    client.shutdown().await
}

fn judge(head: &str, state: &Mutex<State>) -> Act {
    let mut words = head.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut state = state.lock().expect("no rule panics");
    let asked = Asked { number: state.requests, method, path };
    state.requests += 1;
    (state.rule)(&asked)
}

async fn answer(client: &mut TcpStream, status: &str, code: &str) -> io::Result<()> {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as the test asked</Message></Error>"
    );
    let head =
        format!("content-type: application/xml\r\ncontent-length: {}\r\nconnection: close", body.len());
    client.write_all(format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{body}").as_bytes()).await?;
    client.shutdown().await
}
