-- Records of work (受入・維持管理記録): acceptance (第19条), maintenance (第20条), inspections of the power supply (第10条).

CREATE TABLE works (
    work TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('acceptance', 'maintenance', 'power-inspection')),
    state TEXT NOT NULL CHECK (state IN ('planned', 'doing', 'done', 'closed', 'withdrawn')),
    title TEXT NOT NULL,
    -- The id of a release or of a work order, where there is one.
    reference TEXT NOT NULL,
    planned_on TEXT NOT NULL,
    -- The window in which it stops something.
    window_id TEXT REFERENCES windows (window_id),
    before_version TEXT NOT NULL,
    after_version TEXT NOT NULL,
    remarks TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    begun_at INTEGER,
    done_at INTEGER,
    closed_at INTEGER,
    closed_by TEXT,
    -- Counts up with each change, so that nobody changes what he has not seen.
    version INTEGER NOT NULL CHECK (version > 0),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
) STRICT;

CREATE INDEX works_by_time ON works (opened_at, work);

-- The checklist as it was when the work was planned: whatever becomes of its file, this is what was asked for.
CREATE TABLE work_points (
    work TEXT NOT NULL REFERENCES works (work),
    number INTEGER NOT NULL CHECK (number > 0),
    text TEXT NOT NULL,
    article TEXT NOT NULL,
    ticked_at INTEGER,
    ticked_by TEXT,
    remark TEXT NOT NULL,
    PRIMARY KEY (work, number),
    CHECK ((ticked_at IS NULL) = (ticked_by IS NULL))
) STRICT;

-- What is attached: its title and digest; the bytes lie in the home under the digest, and no name of a file is kept.
CREATE TABLE work_results (
    work TEXT NOT NULL REFERENCES works (work),
    number INTEGER NOT NULL CHECK (number > 0),
    title TEXT NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    PRIMARY KEY (work, number)
) STRICT;

-- The snapshots that were asked for for a work.
CREATE TABLE work_snapshots (
    work TEXT NOT NULL REFERENCES works (work),
    request TEXT NOT NULL REFERENCES event_requests (request),
    PRIMARY KEY (work, request)
) STRICT;
