//! Signing in with an identity provider: a provider of our own on loopback, with every lie that it may tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kura::config::OidcSettings;
use kura::domain::account::AccountId;
use kura::domain::time::Instant;
use kura::workflows::accounts::{self, AccountError};
use kura::workflows::identities::{self, ArrivalError, Entrance};
use kura::workflows::sign_in::AccessError;
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    Audience, EmptyAdditionalClaims, IssuerUrl, Nonce, PrivateSigningKey as _, StandardClaims,
    SubjectIdentifier,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::windows::{Office, at};

/// Made up for these tests (RFC 8410, section 10.3).
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
/// Another key, which the provider does not publish.
const OTHER_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n";

/// How the provider answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mood {
    Honest,
    OtherKey,
    OtherAudience,
    OtherIssuer,
    OtherNonce,
    Expired,
    NoToken,
    TooLong,
}

/// What the provider remembers of a departure: its code challenge and nonce.
type Asked = Arc<Mutex<BTreeMap<String, (String, String)>>>;

#[derive(Clone)]
struct Provider {
    issuer: String,
    asked: Asked,
    mood: Arc<Mutex<Mood>>,
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let provider = Self { issuer, asked: Asked::default(), mood: Arc::new(Mutex::new(Mood::Honest)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(provider.clone());
        drop(TaskTracker::new().spawn(async move { axum::serve(listener, router).await }));
        provider
    }

    fn be(&self, mood: Mood) {
        *self.mood.lock().expect("no panic") = mood;
    }
}

async fn describe(State(provider): State<Provider>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

async fn keys() -> Json<Value> {
    let key = CoreEdDsaPrivateSigningKey::from_ed25519_pem(KEY, None).expect("a key").as_verification_key();
    Json(serde_json::to_value(CoreJsonWebKeySet::new(vec![key])).expect("JSON"))
}

async fn authorize(
    State(provider): State<Provider>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Redirect {
    assert_eq!((query["response_type"].as_str(), query["code_challenge_method"].as_str()), ("code", "S256"));
    let asked = (query["code_challenge"].clone(), query["nonce"].clone());
    provider.asked.lock().expect("no panic").insert("code-1".to_owned(), asked);
    Redirect::to(&format!("{}?code=code-1&state={}", query["redirect_uri"], query["state"]))
}

async fn token(
    State(provider): State<Provider>,
    headers: axum::http::HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Json<Value> {
    let basic = headers["authorization"].to_str().expect("ASCII").strip_prefix("Basic ").expect("basic");
    let basic = base64::engine::general_purpose::STANDARD.decode(basic).expect("base64");
    assert_eq!(basic, b"kura:shared-secret", "the client proves who it is");
    let (challenge, nonce) = provider.asked.lock().expect("no panic")[&form["code"]].clone();
    let verifier = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(verifier), challenge, "PKCE");
    let mood = *provider.mood.lock().expect("no panic");
    let pick = |mood_of_lie, lie: &str, truth: &str| {
        if mood == mood_of_lie { lie.to_owned() } else { truth.to_owned() }
    };
    let issuer = pick(Mood::OtherIssuer, "http://127.0.0.1:1", &provider.issuer);
    let audience = pick(Mood::OtherAudience, "another", "kura");
    // The library compares with the machine's clock.
    let expires = if mood == Mood::Expired { "2020-01-01T00:00:00Z" } else { "2099-01-01T00:00:00Z" };
    let claims = CoreIdTokenClaims::new(
        IssuerUrl::new(issuer).expect("an address"),
        vec![Audience::new(audience)],
        expires.parse().expect("a date"),
        "2026-11-22T00:00:00Z".parse().expect("a date"),
        StandardClaims::new(SubjectIdentifier::new("sub-42".to_owned())),
        EmptyAdditionalClaims {},
    )
    .set_nonce(Some(Nonce::new(pick(Mood::OtherNonce, "x", &nonce))));
    let key = pick(Mood::OtherKey, OTHER_KEY, KEY);
    let key = CoreEdDsaPrivateSigningKey::from_ed25519_pem(&key, None).expect("a key");
    let signed = CoreIdToken::new(claims, &key, CoreJwsSigningAlgorithm::EdDsa, None, None).expect("signed");
    let mut answer = json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 60 });
    match mood {
        Mood::NoToken => {}
        Mood::TooLong => answer["padding"] = json!("x".repeat(2 * 1024 * 1024)),
        _ => answer["id_token"] = serde_json::to_value(&signed).expect("JSON"),
    }
    Json(answer)
}

struct Place {
    office: Office,
    provider: Provider,
    desk: Entrance,
    now: Instant,
    _dir: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let (provider, dir) = (Provider::start().await, tempfile::tempdir().expect("a folder"));
        let file = dir.path().join("secret");
        std::fs::write(&file, "shared-secret\n").expect("a file");
        let settings = OidcSettings {
            issuer: provider.issuer.clone(),
            client_id: "kura".to_owned(),
            client_secret_file: file,
            name: None,
        };
        let desk = Entrance::open(&settings, "http://127.0.0.1:8080").expect("a provider");
        let now = at("2026-11-22", "12:00");
        Self { office: Office::new().await, provider, desk, now, _dir: dir }
    }

    /// Goes to the provider as a browser would, and comes back with state and code.
    async fn go(&self) -> (String, String) {
        let (address, state) = self.desk.depart("/console/windows", self.now).await.expect("a departure");
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let answer = browser.expect("a browser").get(address).send().await.expect("an answer");
        let back =
            url::Url::parse(answer.headers()["location"].to_str().expect("ASCII")).expect("an address");
        assert_eq!(back.path(), "/console/provider/return");
        let query: BTreeMap<String, String> = back.query_pairs().into_owned().collect();
        assert_eq!(query["state"], state);
        (state, query["code"].clone())
    }

    async fn arrive(&self) -> Result<(kura::domain::actor::Actor, String), ArrivalError> {
        let (state, code) = self.go().await;
        self.desk.arrive(&self.office.desk.catalog, (&state, &code), self.now).await
    }

    async fn link(&self, account: &str, by: &kura::domain::actor::Actor) -> Result<(), AccountError> {
        let account: AccountId = account.parse().expect("an id");
        let subject = (self.provider.issuer.as_str(), "sub-42");
        identities::link(&self.office.desk.catalog, &account, subject, by, self.now).await
    }
}

#[tokio::test]
async fn a_linked_person_is_let_in_and_nobody_else() {
    let place = Place::new().await;
    match place.arrive().await {
        Err(ArrivalError::Unknown(subject)) => assert_eq!(subject, "sub-42"),
        other => panic!("nobody is linked yet: {other:?}"),
    }
    place.link("manager001", &place.office.doctor).await.expect("linked");
    let (actor, next) = place.arrive().await.expect("let in");
    assert_eq!(next, "/console/windows");
    assert_eq!((actor.account.as_str(), actor.role.word()), ("manager001", "operations_manager"));
    let catalog = &place.office.desk.catalog;
    assert!(matches!(place.link("operator01", &place.office.doctor).await, Err(AccountError::Linked(_))));
    assert!(matches!(place.link("manager001", &place.office.operator).await, Err(AccountError::Access(_))));
    accounts::disable(catalog, &actor.account, "left", &place.office.doctor, place.now)
        .await
        .expect("disabled");
    assert!(matches!(place.arrive().await, Err(ArrivalError::Access(AccessError::Disabled(_)))));
}

#[tokio::test]
async fn a_return_counts_once_and_not_for_long() {
    let mut place = Place::new().await;
    place.link("manager001", &place.office.doctor).await.expect("linked");
    let catalog = place.office.desk.catalog.clone();
    let (state, code) = place.go().await;
    let forged = place.desk.arrive(&catalog, ("another", &code), place.now).await;
    assert!(matches!(forged, Err(ArrivalError::NotAway)), "{forged:?}");
    place.desk.arrive(&catalog, (&state, &code), place.now).await.expect("let in");
    let again = place.desk.arrive(&catalog, (&state, &code), place.now).await;
    assert!(matches!(again, Err(ArrivalError::NotAway)), "{again:?}");
    let (state, code) = place.go().await;
    place.now = place.now.plus_minutes(10);
    let late = place.desk.arrive(&catalog, (&state, &code), place.now).await;
    assert!(matches!(late, Err(ArrivalError::NotAway)), "{late:?}");
}

#[tokio::test]
async fn what_the_provider_says_is_checked() {
    let place = Place::new().await;
    place.link("manager001", &place.office.doctor).await.expect("linked");
    for mood in [
        Mood::OtherKey,
        Mood::OtherAudience,
        Mood::OtherIssuer,
        Mood::OtherNonce,
        Mood::Expired,
        Mood::NoToken,
        Mood::TooLong,
    ] {
        place.provider.be(mood);
        let arrived = place.arrive().await;
        assert!(matches!(arrived, Err(ArrivalError::Provider(_))), "{mood:?}: {arrived:?}");
    }
    place.provider.be(Mood::Honest);
    place.arrive().await.expect("let in");
}
