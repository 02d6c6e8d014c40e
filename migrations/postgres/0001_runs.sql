-- One row for each attempt to take a snapshot. Written before the run reads anything, so that a crash leaves a trace.
-- COLLATE "C" orders text by bytes, as SQLite does.
CREATE TABLE runs (
    run TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(run) = 32),
    plan TEXT COLLATE "C" NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'verified', 'partial', 'failed', 'refused', 'abandoned')),
    -- Instants are microseconds since 1970 in UTC.
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    -- SHA-256 of the snapshot object, if the run made one.
    snapshot BYTEA CHECK (length(snapshot) = 32),
    files BIGINT NOT NULL DEFAULT 0 CHECK (files >= 0),
    bytes BIGINT NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    new_bytes_stored BIGINT NOT NULL DEFAULT 0 CHECK (new_bytes_stored >= 0),
    skipped BIGINT NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    CHECK ((state = 'running') = (ended_at IS NULL))
);

CREATE INDEX runs_by_plan ON runs (plan, started_at);
