-- Answers to requests that carry an idempotency key, kept for a day, and indexes for lists that are read page by page.

CREATE TABLE answers (
    account TEXT NOT NULL REFERENCES accounts (account),
    -- The Idempotency-Key, as the program that asks chose it.
    key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    -- SHA-256 over the token, the method, the address and the body: the same key with something else is refused.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    -- Who answers: random, so that one that was overtaken can be told from the one that overtook it.
    reservation TEXT NOT NULL CHECK (length(reservation) = 32),
    reserved_at INTEGER NOT NULL,
    -- Written in the transaction of the effect itself: from then on it is never done again.
    done_at INTEGER,
    -- What the effect was about, as the audit log says it.
    subject TEXT,
    -- The answer, without secrets; none between the effect and its answer.
    status INTEGER,
    location TEXT,
    etag TEXT,
    body TEXT,
    CHECK (status IS NULL OR done_at IS NOT NULL),
    PRIMARY KEY (account, key)
) STRICT;

CREATE INDEX answers_by_age ON answers (reserved_at);

CREATE INDEX windows_by_request ON windows (requested_at, window_id);
CREATE INDEX runs_by_start ON runs (started_at, run);
CREATE INDEX snapshots_by_time ON snapshots (taken_at, digest);
CREATE INDEX notices_by_update ON notices (updated_at, notice);
CREATE INDEX tokens_by_time ON tokens (created_at, token);
