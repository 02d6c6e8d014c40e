-- Drills: restores and recovery keys that were tried out. Counts and times only; the signed evidence is in the store.

CREATE TABLE drills (
    number BIGINT NOT NULL PRIMARY KEY CHECK (number > 0),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('restore', 'key')),
    -- The plan of a restore; empty for a key.
    plan TEXT COLLATE "C" NOT NULL,
    -- The public halves of the recovery keys that were used, with spaces between.
    keys TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    ended_at BIGINT NOT NULL,
    milliseconds BIGINT NOT NULL CHECK (milliseconds >= 0),
    cohorts BIGINT NOT NULL CHECK (cohorts >= 0),
    files BIGINT NOT NULL CHECK (files >= 0),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    failed BIGINT NOT NULL CHECK (failed >= 0),
    -- SHA-256 of the evidence in the store.
    digest BYTEA NOT NULL CHECK (length(digest) = 32)
);
