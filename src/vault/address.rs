//! The address of a store, as people write it in `--store` and in `kura.toml`.
//!
//! - `file:///srv/backup` or the bare absolute path `/srv/backup`
//! - `s3://bucket/prefix?endpoint=https://s3.example.org&region=us-east-1`
//!
//! Query keys of `s3://`, all optional:
//!
//! | key | values | default | effect |
//! |---|---|---|---|
//! | `endpoint` | `http(s)://host[:port]` | AWS, or `AWS_ENDPOINT_URL` | which server is asked |
//! | `region` | a region's name | `AWS_REGION`, or `us-east-1` with an endpoint | part of the signature |
//! | `path_style` | `true`, `false` | `true` with an endpoint | the bucket stands in the path, not in the host name |
//! | `allow_http` | `true`, `false` | `false` | plain `http` to a server other than this machine |
//! | `lock` | `compliance`, `governance`, `off` | `compliance` | kind of lock, if the bucket has Object Lock |
//!
//! Credentials never stand in an address: it is printed in messages.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use crate::config::is_surely_here;

use super::key;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A directory of this machine, by its absolute path.
    Directory(PathBuf),
    /// A bucket of an S3 server, or a part of one.
    Bucket(BucketUrl),
}

/// A bucket, or the part of it under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUrl {
    /// The bucket's name.
    pub bucket: String,
    /// What stands before every key, without slashes at its ends; empty for the whole bucket.
    pub prefix: String,
    /// The server's address; `None` is AWS or what `AWS_ENDPOINT_URL` says.
    pub endpoint: Option<String>,
    /// The region in the signature; `None` is what the environment says.
    pub region: Option<String>,
    /// Whether the bucket stands in the path; `None` is yes for any endpoint of one's own.
    pub path_style: Option<bool>,
    /// Whether plain `http` may leave this machine.
    pub allow_http: bool,
    /// The kind of lock asked for where the bucket can lock.
    pub lock: LockKind,
}

/// The kind of lock an S3 bucket puts on an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockKind {
    /// Nobody may delete before the date.
    #[default]
    Compliance,
    /// Only who holds the right to bypass may delete before the date.
    Governance,
    /// No lock is asked for.
    Off,
}

/// Why a text is not the address of a store. Never repeats the address: it may hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the store address {0}")]
pub struct StoreUrlError(String);

impl StoreUrlError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        if text.starts_with('/') && !text.contains('\0') {
            return Ok(Self::Directory(PathBuf::from(text)));
        }
        let shape = "is neither an absolute path nor file:///PATH nor s3://BUCKET/PREFIX";
        let url = Url::parse(text).map_err(|error| StoreUrlError::new(format!("{shape} ({error})")))?;
        refuse_credentials(&url)?;
        if url.fragment().is_some() {
            return Err(StoreUrlError::new("has a part after #, which means nothing here"));
        }
        match url.scheme() {
            "file" if url.query().is_some() => {
                Err(StoreUrlError::new("has settings after ?, which file:// has not"))
            }
            "file" => url.to_file_path().map(Self::Directory).map_err(|()| {
                StoreUrlError::new("must name an absolute path: file:///srv/backup, three slashes")
            }),
            "s3" => BucketUrl::of(&url).map(Self::Bucket),
            _ => Err(StoreUrlError::new(shape)),
        }
    }
}

impl TryFrom<String> for StoreUrl {
    type Error = StoreUrlError;

    fn try_from(text: String) -> Result<Self, StoreUrlError> {
        text.parse()
    }
}

fn refuse_credentials(url: &Url) -> Result<(), StoreUrlError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    Err(StoreUrlError::new(
        "holds a user name or password: take it out, and give the credentials in AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY or in the file that AWS_SHARED_CREDENTIALS_FILE names",
    ))
}

impl BucketUrl {
    fn of(url: &Url) -> Result<Self, StoreUrlError> {
        let bucket = url.host_str().unwrap_or("").to_owned();
        let is_bucket = (3..=63).contains(&bucket.len())
            && url.port().is_none()
            && bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if !is_bucket {
            return Err(StoreUrlError::new("must name a bucket of 3 to 63 letters, digits, dots and dashes"));
        }
        let prefix = url.path().trim_matches('/').to_owned();
        if !prefix.is_empty() && !key::is_key(&prefix) {
            return Err(StoreUrlError::new(
                "has a prefix with other characters than A-Z a-z 0-9 . _ - and /",
            ));
        }
        let mut address = Self {
            bucket,
            prefix,
            endpoint: None,
            region: None,
            path_style: None,
            allow_http: false,
            lock: LockKind::default(),
        };
        for (name, value) in url.query_pairs() {
            address.set(&name, &value)?;
        }
        if let Some(endpoint) = &address.endpoint {
            check_endpoint(endpoint, address.allow_http)?;
        }
        Ok(address)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), StoreUrlError> {
        match name {
            "endpoint" => self.endpoint = Some(value.trim_end_matches('/').to_owned()),
            "region" if !value.is_empty() => self.region = Some(value.to_owned()),
            "path_style" => self.path_style = Some(yes_or_no(name, value)?),
            "allow_http" => self.allow_http = yes_or_no(name, value)?,
            "lock" => {
                self.lock = match value {
                    "compliance" => LockKind::Compliance,
                    "governance" => LockKind::Governance,
                    "off" => LockKind::Off,
                    _ => {
                        return Err(StoreUrlError::new(
                            "has a lock that is not compliance, governance or off",
                        ));
                    }
                }
            }
            "region" => return Err(StoreUrlError::new("has an empty region")),
            // The name alone: the value may be a secret.
            _ => {
                return Err(StoreUrlError::new(format!(
                    "has the unknown setting {name:?}; known are endpoint, region, path_style, allow_http, lock"
                )));
            }
        }
        Ok(())
    }
}

/// Refuses an endpoint that is not a plain web address, or that would send data unprotected over a network.
pub(super) fn check_endpoint(endpoint: &str, allow_http: bool) -> Result<(), StoreUrlError> {
    let shape = "has an endpoint that is not http://HOST:PORT or https://HOST:PORT";
    let url = Url::parse(endpoint).map_err(|_| StoreUrlError::new(shape))?;
    refuse_credentials(&url)?;
    if url.host().is_none() {
        return Err(StoreUrlError::new(shape));
    }
    let is_local = is_surely_here(&url);
    if url.query().is_some() || url.fragment().is_some() {
        return Err(StoreUrlError::new(shape));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_local || allow_http => Ok(()),
        "http" => Err(StoreUrlError::new(
            "has a plain http endpoint on another machine: use https, or add allow_http=true if the network is trusted",
        )),
        _ => Err(StoreUrlError::new(shape)),
    }
}

fn yes_or_no(name: &str, value: &str) -> Result<bool, StoreUrlError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(StoreUrlError::new(format!("has a {name} that is neither true nor false"))),
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => match Url::from_file_path(path) {
                Ok(url) => write!(f, "{url}"),
                Err(()) => write!(f, "{}", path.display()),
            },
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        let lock = match self.lock {
            LockKind::Compliance => None,
            LockKind::Governance => Some("governance".to_owned()),
            LockKind::Off => Some("off".to_owned()),
        };
        let settings = [
            ("endpoint", self.endpoint.clone()),
            ("region", self.region.clone()),
            ("path_style", self.path_style.map(|is_on| is_on.to_string())),
            ("allow_http", self.allow_http.then(|| "true".to_owned())),
            ("lock", lock),
        ];
        let mut mark = '?';
        for (name, value) in settings {
            if let Some(value) = value {
                write!(
                    f,
                    "{mark}{name}={}",
                    value.replace('%', "%25").replace('&', "%26").replace('+', "%2B")
                )?;
                mark = '&';
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        text.parse::<StoreUrl>().expect_err(text).to_string()
    }

    #[test]
    fn a_directory_is_a_path_or_a_file_address() {
        let directory = StoreUrl::Directory(PathBuf::from("/srv/back up"));
        assert_eq!("/srv/back up".parse(), Ok(directory.clone()));
        assert_eq!("file:///srv/back%20up".parse(), Ok(directory.clone()));
        assert_eq!(directory.to_string().parse(), Ok(directory));
    }

    #[test]
    fn a_bucket_address_reads_back_what_it_shows() {
        for text in [
            "s3://records",
            "s3://Records_1/kura/main",
            "s3://records/kura?endpoint=http://127.0.0.1:8333&region=us-east-1&path_style=true",
            "s3://records?endpoint=https://s3.example.org&path_style=false&lock=governance",
            "s3://records?endpoint=http://nas.example.org:9000&allow_http=true&lock=off",
            "s3://records?endpoint=http://[::1]:8333",
        ] {
            assert_eq!(text.parse::<StoreUrl>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for text in
            ["s3://tanaka:hanako@records/kura", "s3://records?endpoint=https://tanaka:hanako@s3.example.org"]
        {
            let refusal = refusal(text);
            assert!(refusal.contains("AWS_ACCESS_KEY_ID"), "{refusal}");
            assert!(!refusal.contains("hanako"), "{refusal}");
        }
        let refusal = refusal("s3://records?secret_access_key=hanako");
        assert!(refusal.contains("secret_access_key") && !refusal.contains("hanako"), "{refusal}");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        assert!(refusal("s3://records?endpoint=http://nas.example.org").contains("allow_http"));
        for host in ["localhost", "127.0.0.1:1", "[::1]"] {
            assert!(format!("s3://records?endpoint=http://{host}").parse::<StoreUrl>().is_ok());
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "backup",
            "./backup",
            "file://host/srv",
            "file:///srv?x=1",
            "s3://",
            "s3://ab",
            "s3://records:9000/kura",
            "s3://records/a b",
            "s3://records/a/../../b%2e",
            "s3://records?path_style=yes",
            "s3://records?region=",
            "s3://records?lock=forever",
            "s3://records#x",
            "s3://records?endpoint=ftp://s3.example.org",
            "https://s3.example.org/records",
        ] {
            assert!(text.parse::<StoreUrl>().is_err(), "{text:?}");
        }
    }
}
