//! One test binary for everything that crosses modules.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test stops the test, like the test itself"
)]

mod alarm_causes;
mod alarm_stories;
mod anonymize;
mod api;
mod architecture;
mod audit_head;
mod builds;
mod canary;
mod catalog;
mod cli;
mod clocks;
mod console;
mod coverage_proofs;
mod crash;
mod crossing;
mod damage;
mod days;
mod deploy;
mod disasters;
mod doc_pages;
mod drill;
mod engine;
mod erasures;
mod expiry;
mod expiry_bucket;
mod expiry_days;
mod expiry_steps;
mod extracts;
mod faults;
mod feeds;
mod hand_stops;
mod heal;
mod hidden_objects;
mod host_lost;
mod hosts;
mod identities;
mod incidents;
mod keys;
mod killed_service;
mod locks;
mod mail;
mod monitoring;
mod moves;
mod notice_texts;
mod papers;
mod permits;
mod policies;
mod proofs;
mod push;
mod ransomware;
mod recovery;
mod replica;
mod running;
mod s3_story;
mod scale;
mod scheduler;
mod snapshot_bases;
mod source_changes;
mod source_databases;
mod sources;
mod statements;
mod steps;
mod stored_bytes;
mod sudden_changes;
mod support;
mod thousand_days;
mod trees;
mod trust;
mod vault;
mod web;
mod windows;
mod works;
mod year_days;
