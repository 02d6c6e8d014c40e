-- One row for each attempt to take a snapshot. Written before the run reads anything, so that a crash leaves a trace.
CREATE TABLE runs (
    run TEXT NOT NULL PRIMARY KEY CHECK (length(run) = 32),
    plan TEXT NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'verified', 'partial', 'failed', 'refused', 'abandoned')),
    -- Instants are microseconds since 1970 in UTC.
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    -- SHA-256 of the snapshot object, if the run made one.
    snapshot BLOB CHECK (length(snapshot) = 32),
    files INTEGER NOT NULL DEFAULT 0 CHECK (files >= 0),
    bytes INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    new_bytes_stored INTEGER NOT NULL DEFAULT 0 CHECK (new_bytes_stored >= 0),
    skipped INTEGER NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    CHECK ((state = 'running') = (ended_at IS NULL))
) STRICT;

CREATE INDEX runs_by_plan ON runs (plan, started_at);
