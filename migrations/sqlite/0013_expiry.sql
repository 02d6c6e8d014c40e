-- Deletion: orders that people approved, standing approvals, how expiry stands, certificates, holds. Accounts, cohorts and
-- counts; no names of files or persons.

CREATE TABLE deletion_orders (
    -- SHA-256 of the text.
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    order_text TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    confirmed_by TEXT CHECK (confirmed_by <> approved_by),
    confirmed_at INTEGER,
    -- The certificate that tells what came of it.
    certificate INTEGER,
    CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL))
) STRICT;

CREATE TABLE standing_deletions (
    plan TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    approved_by TEXT NOT NULL,
    -- SHA-256 of the plan's content: the version that was approved.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    ended_at INTEGER,
    ended_by TEXT,
    PRIMARY KEY (plan, approved_at),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
) STRICT;

CREATE TABLE expiry_looks (
    plan TEXT NOT NULL PRIMARY KEY,
    looked_at INTEGER NOT NULL,
    -- Cohorts past their time: those that may go and those that are kept back.
    due INTEGER NOT NULL CHECK (due >= 0),
    kept_back INTEGER NOT NULL CHECK (kept_back >= 0),
    -- Since when the oldest of those that may go could have been deleted.
    due_since INTEGER,
    -- Why expiry is stopped; empty if it is not.
    stopped TEXT NOT NULL
) STRICT;

CREATE TABLE certificates (
    number INTEGER NOT NULL PRIMARY KEY CHECK (number > 0),
    -- SHA-256 of the signed envelope.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    issued_at INTEGER NOT NULL,
    cohorts INTEGER NOT NULL CHECK (cohorts >= 0),
    objects INTEGER NOT NULL CHECK (objects >= 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    -- The signed envelope itself.
    envelope BLOB NOT NULL
) STRICT;

CREATE TABLE holds (
    plan TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    -- SHA-256 of the object in the store.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (plan, number)
) STRICT;
