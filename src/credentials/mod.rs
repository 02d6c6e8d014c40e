//! Proofs of who somebody is: password hashes, one-time codes, recovery codes, tokens. Computation only; what they open
//! is decided in `domain::role` and `workflows::sign_in`, where they are kept is the catalog's.

/// Argon2id password hashes.
pub mod password;

/// One-time codes (TOTP) and recovery codes.
pub mod second_factor;

/// API tokens.
pub mod token;

/// Signatures of pushed notices.
pub mod webhook;

/// Sealing the secrets of second factors, so that a copy of the catalog alone makes no codes.
pub mod sealed;
