-- Records of work (受入・維持管理記録): acceptance (第19条), maintenance (第20条), inspections of the power supply (第10条).

CREATE TABLE works (
    work TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('acceptance', 'maintenance', 'power-inspection')),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('planned', 'doing', 'done', 'closed', 'withdrawn')),
    title TEXT COLLATE "C" NOT NULL,
    -- The id of a release or of a work order, where there is one.
    reference TEXT COLLATE "C" NOT NULL,
    planned_on TEXT COLLATE "C" NOT NULL,
    -- The window in which it stops something.
    window_id TEXT COLLATE "C" REFERENCES windows (window_id),
    before_version TEXT COLLATE "C" NOT NULL,
    after_version TEXT COLLATE "C" NOT NULL,
    remarks TEXT COLLATE "C" NOT NULL,
    opened_at BIGINT NOT NULL,
    opened_by TEXT COLLATE "C" NOT NULL,
    begun_at BIGINT,
    done_at BIGINT,
    closed_at BIGINT,
    closed_by TEXT COLLATE "C",
    -- Counts up with each change, so that nobody changes what he has not seen.
    version BIGINT NOT NULL CHECK (version > 0),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);

CREATE INDEX works_by_time ON works (opened_at, work);

-- The checklist as it was when the work was planned: whatever becomes of its file, this is what was asked for.
CREATE TABLE work_points (
    work TEXT COLLATE "C" NOT NULL REFERENCES works (work),
    number BIGINT NOT NULL CHECK (number > 0),
    text TEXT COLLATE "C" NOT NULL,
    article TEXT COLLATE "C" NOT NULL,
    ticked_at BIGINT,
    ticked_by TEXT COLLATE "C",
    remark TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (work, number),
    CHECK ((ticked_at IS NULL) = (ticked_by IS NULL))
);

-- What is attached: its title and digest; the bytes lie in the home under the digest, and no name of a file is kept.
CREATE TABLE work_results (
    work TEXT COLLATE "C" NOT NULL REFERENCES works (work),
    number BIGINT NOT NULL CHECK (number > 0),
    title TEXT COLLATE "C" NOT NULL,
    sha256 BYTEA NOT NULL CHECK (octet_length(sha256) = 32),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    added_at BIGINT NOT NULL,
    added_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (work, number)
);

-- The snapshots that were asked for for a work.
CREATE TABLE work_snapshots (
    work TEXT COLLATE "C" NOT NULL REFERENCES works (work),
    request TEXT COLLATE "C" NOT NULL REFERENCES event_requests (request),
    PRIMARY KEY (work, request)
);
