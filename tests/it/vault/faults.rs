//! Connections that break: success after another try, or a clear error within bounded time; never half an object.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kura::vault::s3::S3Vault;
use kura::vault::{Put, Vault as _, VaultError};

use crate::support::fault_proxy::{Fault, FaultProxy};
use crate::support::s3::{address, server, settings};

async fn vault_behind_proxy() -> (S3Vault, FaultProxy) {
    let server = server();
    let proxy = FaultProxy::before(&server.endpoint).await;
    let vault = server.vault(&proxy.endpoint).await;
    (vault, proxy)
}

#[tokio::test]
async fn a_write_succeeds_after_passing_faults() {
    let (vault, proxy) = vault_behind_proxy().await;
    for (number, faults) in
        [&[Fault::Busy, Fault::Busy, Fault::Busy][..], &[Fault::Reset, Fault::Reset], &[Fault::Stall], &[]]
            .into_iter()
            .enumerate()
    {
        let key = format!("p/{number}");
        proxy.plan(faults);
        let before = proxy.requests();
        let put = vault.put(&key, Bytes::from(vec![7; 100_000]), None).await.expect("put");
        assert_eq!(put, Put::Created, "{faults:?}");
        assert_eq!(proxy.requests() - before, faults.len() + 1, "{faults:?}");
        assert!(vault.get(&key, None).await.expect("read") == vec![7; 100_000]);
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_a_success() {
    let (vault, proxy) = vault_behind_proxy().await;
    proxy.plan(&[Fault::DropAnswer]);
    let put = vault.put("p/x", Bytes::from("bytes"), None).await.expect("put");
    assert_eq!(put, Put::AlreadyThere, "who wrote it cannot be told");
    assert_eq!(vault.get("p/x", None).await.expect("read"), "bytes");
    assert_eq!(vault.list("p/").await.expect("listed").len(), 1);
}

#[tokio::test]
async fn a_read_comes_back_whole_after_broken_answers() {
    let (vault, proxy) = vault_behind_proxy().await;
    let bytes = Bytes::from(vec![3; 300_000]);
    vault.put("p/x", bytes.clone(), None).await.expect("put");
    for faults in
        [&[Fault::CutAnswer, Fault::CutAnswer][..], &[Fault::StallAnswer], &[Fault::Busy, Fault::Reset]]
    {
        proxy.plan(faults);
        assert!(vault.get("p/x", None).await.expect("read") == bytes, "{faults:?}");
        proxy.plan(faults);
        assert!(
            vault.get("p/x", Some(1..200_001)).await.expect("read") == bytes.slice(1..200_001),
            "{faults:?}"
        );
    }
    proxy.plan(&[Fault::CutAnswer, Fault::Busy]);
    assert_eq!(vault.list("p/").await.expect("listed").len(), 1);
    proxy.plan(&[Fault::Reset]);
    assert_eq!(vault.size("p/x").await.expect("asked"), Some(300_000));
}

#[tokio::test]
async fn a_server_that_stays_broken_is_told_in_bounded_time() {
    let (vault, proxy) = vault_behind_proxy().await;
    for (fault, words) in
        [(Fault::Busy, "503"), (Fault::Reset, "connection"), (Fault::Stall, "no answer within 2 s")]
    {
        proxy.plan(&[fault; 5]);
        let begun = Instant::now();
        let error = vault.put("p/x", Bytes::from("x"), None).await.expect_err("nothing works");
        assert!(matches!(error, VaultError::Unavailable { act: "PUT", .. }), "{error}");
        assert!(error.to_string().contains("p/x") && error.to_string().contains(words), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        assert_eq!(vault.size("p/x").await.expect("asked"), None);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_what_to_do() {
    let server = server();
    for (endpoint, words) in [("http://127.0.0.1:1", "refused"), ("https://no-such-host.invalid", "name")] {
        let address = address(&server.bucket, endpoint);
        let Err(error) = S3Vault::open(&address, &settings(&server.writer)).await else {
            panic!("{endpoint} opened")
        };
        let said = error.to_string();
        assert!(matches!(error, VaultError::Unavailable { .. }), "{said}");
        assert!(said.contains(words) && said.contains("endpoint"), "{said}");
    }
}
