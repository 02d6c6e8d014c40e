-- Windows that are asked for and decided, their dated occurrences, and what users are told.

CREATE TABLE windows (
    window_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- None for a power inspection.
    plan TEXT,
    kind TEXT NOT NULL,
    -- As the program writes it: `monthly first sunday 01:00`.
    recurrence TEXT NOT NULL,
    length_minutes BIGINT NOT NULL CHECK (length_minutes BETWEEN 1 AND 1440),
    -- The services that stop, one a line, by the names that users know.
    stops TEXT NOT NULL,
    first_day TEXT NOT NULL,
    last_day TEXT,
    zone TEXT NOT NULL,
    requested_by TEXT NOT NULL REFERENCES accounts (account),
    requested_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('requested', 'approved', 'returned', 'withdrawn', 'lapsed', 'ended')),
    -- The number of the approval; it stays when the window lapses.
    approval TEXT UNIQUE,
    decided_by TEXT REFERENCES accounts (account),
    decided_at BIGINT,
    -- SHA-256 of what was approved: the plan's content, its recipients, these terms.
    digest BYTEA CHECK (length(digest) = 32),
    -- Why it was returned, withdrawn or lapsed.
    reason TEXT,
    -- When it was withdrawn, lapsed or ended.
    closed_at BIGINT,
    CHECK (decided_by IS NULL OR decided_by <> requested_by)
);

CREATE TABLE occurrences (
    occurrence TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    window_id TEXT COLLATE "C" NOT NULL REFERENCES windows (window_id),
    day TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('due', 'announced', 'running', 'done', 'missed', 'refused', 'cancelled')),
    -- When the notice that names it was published.
    announced_at BIGINT,
    break_glass_by TEXT REFERENCES accounts (account),
    break_glass_reason TEXT,
    UNIQUE (window_id, day)
);

CREATE INDEX occurrences_by_start ON occurrences (starts_at);

-- Each revision of a notice is a row; the highest is what is shown.
CREATE TABLE notices (
    notice TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL CHECK (revision > 0),
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    window_id TEXT COLLATE "C" NOT NULL REFERENCES windows (window_id),
    -- None for a notice of all occurrences of its window.
    occurrence TEXT REFERENCES occurrences (occurrence),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    title_en TEXT NOT NULL,
    body_en TEXT NOT NULL,
    -- Whether services stop meanwhile.
    stops BOOLEAN NOT NULL,
    work_from BIGINT NOT NULL,
    -- None for a notice of occurrences without an end.
    work_until BIGINT,
    -- When the first revision came, and this one.
    published_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- Since when it is no longer among the current ones.
    closed_at BIGINT,
    PRIMARY KEY (notice, revision)
);

CREATE INDEX notices_by_window ON notices (window_id, notice);
