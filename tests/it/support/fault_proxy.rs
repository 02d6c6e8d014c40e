//! A proxy before the S3 server that breaks requests in the order that a test asks for.
//!
//! It handles one request for each connection, which is all that the tests need.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::http;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    Pass,
    /// It is answered with 503 and not passed on.
    Busy,
    /// The connection is reset before it is passed on.
    Reset,
    /// It is never answered, and not passed on.
    Stall,
    /// It is passed on, and its answer is dropped.
    DropAnswer,
    /// It is passed on, and its answer is cut off in the middle.
    CutAnswer,
    /// It is passed on, and its answer stops in the middle without an end.
    StallAnswer,
}

/// A running proxy; it ends when dropped.
pub(crate) struct FaultProxy {
    pub(crate) endpoint: String,
    plan: Arc<Plan>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Plan {
    faults: Mutex<VecDeque<Fault>>,
    requests: AtomicUsize,
    last_head: Mutex<String>,
}

impl FaultProxy {
    /// Starts a proxy before the server at `endpoint` (`http://HOST:PORT`).
    pub(crate) async fn before(endpoint: &str) -> Self {
        let server = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let own = format!("http://{}", listener.local_addr().expect("the port is known"));
        let plan = Arc::new(Plan::default());
        let mut task = JoinSet::new();
        task.spawn(serve(listener, server, Arc::clone(&plan)));
        Self { endpoint: own, plan, _task: task }
    }

    /// Breaks the next requests in this order; later ones pass.
    pub(crate) fn plan(&self, faults: &[Fault]) {
        self.plan.faults.lock().expect("no test panics here").extend(faults);
    }

    /// How many requests have come.
    pub(crate) fn requests(&self) -> usize {
        self.plan.requests.load(Ordering::SeqCst)
    }

    /// The head of the last request, in lower case.
    pub(crate) fn last_head(&self) -> String {
        self.plan.last_head.lock().expect("no test panics here").to_lowercase()
    }
}

async fn serve(listener: TcpListener, server: String, plan: Arc<Plan>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (server, plan) = (server.clone(), Arc::clone(&plan));
        connections.spawn(async move {
            // A broken connection is what this proxy is for.
            drop(serve_one(client, &server, &plan).await);
        });
    }
}

async fn serve_one(mut client: TcpStream, server: &str, plan: &Plan) -> io::Result<()> {
    let (head, start_of_body) = http::read_head(&mut client).await?;
    plan.requests.fetch_add(1, Ordering::SeqCst);
    plan.last_head.lock().expect("no test panics here").clone_from(&head);
    let fault = plan.faults.lock().expect("no test panics here").pop_front().unwrap_or(Fault::Pass);
    if fault == Fault::Reset {
        // Closing before the request was read makes the system send a reset.
        return Ok(());
    }
    let mut body = start_of_body;
    let length = http::length_of(&head);
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            return Ok(());
        }
    }
    match fault {
        Fault::Busy => {
            let answer = "HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            return client.write_all(answer.as_bytes()).await;
        }
        Fault::Stall => std::future::pending().await,
        _ => {}
    }
    let answer = http::ask(server, &head, &body).await?;
    match fault {
        Fault::DropAnswer => {}
        Fault::CutAnswer => client.write_all(&answer[..answer.len() / 2]).await?,
        Fault::StallAnswer => {
            client.write_all(&answer[..answer.len() / 2]).await?;
            std::future::pending::<()>().await;
        }
        _ => client.write_all(&answer).await?,
    }
    client.shutdown().await
}
