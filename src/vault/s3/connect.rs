//! Opening a bucket: the client, the credentials, and what the bucket says about its locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    AppName, ConfigBag, Credentials as KeyPair, Intercept, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, RuntimeComponents, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::ObjectLockEnabled;
use aws_smithy_http_client::{Builder, tls};
use secrecy::ExposeSecret as _;

use super::errors::{Asked, Fault, code_of, judge};
use super::settings::{Credentials, S3Settings};
use crate::clock::{Clock as _, SystemClock};
use crate::vault::address::{BucketUrl, LockKind, check_endpoint};
use crate::vault::retry::{Patience, Try, patiently};
use crate::vault::{StoreUrl, VaultError};

/// Tries while opening: few, so that a wrong address is told within seconds.
const OPEN_TRIES_MAX: u32 = 4;

/// What the bucket's settings say about locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locking {
    /// The bucket has Object Lock.
    On,
    /// It has not, or the address says not to use it.
    Off,
    /// The credentials may not read the setting.
    Unknown,
}

/// Makes the client of a store; one client keeps one pool of connections.
pub(super) async fn client(
    address: &BucketUrl,
    settings: &S3Settings,
    clock: Arc<ServerClock>,
) -> Result<Client, VaultError> {
    let config = sdk_config(address, settings).await;
    let place = StoreUrl::Bucket(address.clone()).to_string();
    let unusable = |reason: String| VaultError::Unusable { place: place.clone(), reason };
    if let Some(endpoint) = config.endpoint_url() {
        check_endpoint(endpoint, address.allow_http)
            .map_err(|error| unusable(format!("{error} (see endpoint= and AWS_ENDPOINT_URL)")))?;
    }
    if config.region().is_none() {
        return Err(unusable("no region is set: add region= to the address, or set AWS_REGION".to_owned()));
    }
    let is_path_style = address.path_style.unwrap_or(config.endpoint_url().is_some());
    let config = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(is_path_style)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .interceptor(NoteDate(clock))
        .build();
    Ok(Client::from_conf(config))
}

async fn sdk_config(address: &BucketUrl, settings: &S3Settings) -> SdkConfig {
    let stalls =
        StalledStreamProtectionConfig::enabled().upload_enabled(false).grace_period(settings.stall_grace);
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http_client(address))
        // All tries are made in one place, `retry`, where they are counted and bounded.
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(settings.connect_timeout).build())
        .stalled_stream_protection(stalls.build());
    if let Ok(name) = AppName::new("kura") {
        loader = loader.app_name(name);
    }
    if let Some(endpoint) = &address.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    loader = match (&address.region, &address.endpoint) {
        (Some(region), _) => loader.region(Region::new(region.clone())),
        (None, Some(_)) => loader.region(
            RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else("us-east-1"),
        ),
        (None, None) => loader,
    };
    loader = match &settings.credentials {
        Credentials::Environment { profile: Some(profile) } => loader.profile_name(profile),
        Credentials::Environment { profile: None } => loader,
        Credentials::Keys { access_key_id, secret_access_key } => {
            let secret = secret_access_key.expose_secret();
            loader.credentials_provider(KeyPair::new(access_key_id, secret, None, None, "kura"))
        }
    };
    loader.load().await
}

/// Plain connections where the address asks for them, TLS with the system's authorities everywhere else.
fn http_client(address: &BucketUrl) -> SharedHttpClient {
    if address.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://")) {
        return Builder::new().build_http();
    }
    Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc)).build_https()
}

/// Reads the bucket's lock setting; fails if the bucket cannot be used with these credentials.
pub(super) async fn locking(
    client: &Client,
    address: &BucketUrl,
    settings: &S3Settings,
) -> Result<Locking, VaultError> {
    let store = address.to_string();
    let asked = Asked { act: "opening", key: "", store: &store };
    let patience =
        Patience { tries_max: settings.patience.tries_max.min(OPEN_TRIES_MAX), ..settings.patience };
    patiently(&patience, |_| async {
        let asking = Box::pin(ask_locking(client, address, asked));
        match tokio::time::timeout(settings.attempt_timeout, asking).await {
            Ok(Ok(locking)) => Try::Settled(Ok(locking)),
            Ok(Err(Fault::Final(error))) => Try::Settled(Err(error)),
            Ok(Err(fault)) => Try::Passing(fault.into_error(asked)),
            Err(_) => Try::Passing(asked.unavailable("no answer in time")),
        }
    })
    .await
}

async fn ask_locking(client: &Client, address: &BucketUrl, asked: Asked<'_>) -> Result<Locking, Fault> {
    let locking = match client.get_object_lock_configuration().bucket(&address.bucket).send().await {
        Ok(answer) => {
            let enabled = answer.object_lock_configuration.and_then(|lock| lock.object_lock_enabled);
            if enabled == Some(ObjectLockEnabled::Enabled) { Locking::On } else { Locking::Off }
        }
        Err(error) => match code_of(&error) {
            // Two spellings of "this bucket has none", and two of "what is that?".
            "ObjectLockConfigurationNotFoundError"
            | "NoSuchObjectLockConfiguration"
            | "NotImplemented"
            | "MethodNotAllowed" => Locking::Off,
            "AccessDenied" => Locking::Unknown,
            _ => return Err(judge(asked, &error)),
        },
    };
    // The answers above come without a look at the credentials on some servers.
    if locking != Locking::On {
        let listing = client.list_objects_v2().bucket(&address.bucket).prefix(&address.prefix).max_keys(1);
        listing.send().await.map_err(|error| judge(asked, &error))?;
    }
    Ok(if address.lock == LockKind::Off { Locking::Off } else { locking })
}

/// How far the server's clock is from this machine's, as its last answer showed.
#[derive(Debug)]
pub(super) struct ServerClock(AtomicI64);

impl ServerClock {
    /// Nothing is known yet.
    pub(super) fn unknown() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(i64::MIN)))
    }

    /// Seconds that the server is ahead of this machine; `None` before the first answer with a date.
    pub(super) fn ahead_seconds(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|seconds| *seconds != i64::MIN)
    }
}

/// Notes the date of every answer.
#[derive(Debug)]
struct NoteDate(Arc<ServerClock>);

impl Intercept for NoteDate {
    fn name(&self) -> &'static str {
        "NoteDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(date) = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok()) {
            self.0.0.store(date.secs() - SystemClock.now().as_seconds(), Ordering::Relaxed);
        }
        Ok(())
    }
}
