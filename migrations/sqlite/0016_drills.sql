-- Drills: restores and recovery keys that were tried out. Counts and times only; the signed evidence is in the store.

CREATE TABLE drills (
    number INTEGER NOT NULL PRIMARY KEY CHECK (number > 0),
    kind TEXT NOT NULL CHECK (kind IN ('restore', 'key')),
    -- The plan of a restore; empty for a key.
    plan TEXT NOT NULL,
    -- The public halves of the recovery keys that were used, with spaces between.
    keys TEXT NOT NULL,
    scope TEXT NOT NULL,
    ended_at INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL CHECK (milliseconds >= 0),
    cohorts INTEGER NOT NULL CHECK (cohorts >= 0),
    files INTEGER NOT NULL CHECK (files >= 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    failed INTEGER NOT NULL CHECK (failed >= 0),
    -- SHA-256 of the evidence in the store.
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
