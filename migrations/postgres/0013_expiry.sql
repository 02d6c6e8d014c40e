-- Deletion: orders that people approved, standing approvals, how expiry stands, certificates, holds. Accounts, cohorts and
-- counts; no names of files or persons.

CREATE TABLE deletion_orders (
    -- SHA-256 of the text.
    digest BYTEA NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    order_text TEXT COLLATE "C" NOT NULL,
    approved_by TEXT COLLATE "C" NOT NULL,
    approved_at BIGINT NOT NULL,
    confirmed_by TEXT COLLATE "C" CHECK (confirmed_by <> approved_by),
    confirmed_at BIGINT,
    -- The certificate that tells what came of it.
    certificate BIGINT,
    CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL))
);

CREATE TABLE standing_deletions (
    plan TEXT COLLATE "C" NOT NULL,
    approved_at BIGINT NOT NULL,
    approved_by TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the plan's content: the version that was approved.
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    ended_at BIGINT,
    ended_by TEXT COLLATE "C",
    PRIMARY KEY (plan, approved_at),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

CREATE TABLE expiry_looks (
    plan TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    looked_at BIGINT NOT NULL,
    -- Cohorts past their time: those that may go and those that are kept back.
    due BIGINT NOT NULL CHECK (due >= 0),
    kept_back BIGINT NOT NULL CHECK (kept_back >= 0),
    -- Since when the oldest of those that may go could have been deleted.
    due_since BIGINT,
    -- Why expiry is stopped; empty if it is not.
    stopped TEXT COLLATE "C" NOT NULL
);

CREATE TABLE certificates (
    number BIGINT NOT NULL PRIMARY KEY CHECK (number > 0),
    -- SHA-256 of the signed envelope.
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    issued_at BIGINT NOT NULL,
    cohorts BIGINT NOT NULL CHECK (cohorts >= 0),
    objects BIGINT NOT NULL CHECK (objects >= 0),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    -- The signed envelope itself.
    envelope BYTEA NOT NULL
);

CREATE TABLE holds (
    plan TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    -- SHA-256 of the object in the store.
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (plan, number)
);
