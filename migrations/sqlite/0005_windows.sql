-- Windows that are asked for and decided, their dated occurrences, and what users are told.

CREATE TABLE windows (
    window_id TEXT NOT NULL PRIMARY KEY,
    -- None for a power inspection.
    plan TEXT,
    kind TEXT NOT NULL,
    -- As the program writes it: `monthly first sunday 01:00`.
    recurrence TEXT NOT NULL,
    length_minutes INTEGER NOT NULL CHECK (length_minutes BETWEEN 1 AND 1440),
    -- The services that stop, one a line, by the names that users know.
    stops TEXT NOT NULL,
    first_day TEXT NOT NULL,
    last_day TEXT,
    zone TEXT NOT NULL,
    requested_by TEXT NOT NULL REFERENCES accounts (account),
    requested_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('requested', 'approved', 'returned', 'withdrawn', 'lapsed', 'ended')),
    -- The number of the approval; it stays when the window lapses.
    approval TEXT UNIQUE,
    decided_by TEXT REFERENCES accounts (account),
    decided_at INTEGER,
    -- SHA-256 of what was approved: the plan's content, its recipients, these terms.
    digest BLOB CHECK (length(digest) = 32),
    -- Why it was returned, withdrawn or lapsed.
    reason TEXT,
    -- When it was withdrawn, lapsed or ended.
    closed_at INTEGER,
    CHECK (decided_by IS NULL OR decided_by <> requested_by)
) STRICT;

CREATE TABLE occurrences (
    occurrence TEXT NOT NULL PRIMARY KEY,
    window_id TEXT NOT NULL REFERENCES windows (window_id),
    day TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('due', 'announced', 'running', 'done', 'missed', 'refused', 'cancelled')),
    -- When the notice that names it was published.
    announced_at INTEGER,
    break_glass_by TEXT REFERENCES accounts (account),
    break_glass_reason TEXT,
    UNIQUE (window_id, day)
) STRICT;

CREATE INDEX occurrences_by_start ON occurrences (starts_at);

-- Each revision of a notice is a row; the highest is what is shown.
CREATE TABLE notices (
    notice TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    window_id TEXT NOT NULL REFERENCES windows (window_id),
    -- None for a notice of all occurrences of its window.
    occurrence TEXT REFERENCES occurrences (occurrence),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    title_en TEXT NOT NULL,
    body_en TEXT NOT NULL,
    -- Whether services stop meanwhile.
    stops INTEGER NOT NULL CHECK (stops IN (0, 1)),
    work_from INTEGER NOT NULL,
    -- None for a notice of occurrences without an end.
    work_until INTEGER,
    -- When the first revision came, and this one.
    published_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Since when it is no longer among the current ones.
    closed_at INTEGER,
    PRIMARY KEY (notice, revision)
) STRICT;

CREATE INDEX notices_by_window ON notices (window_id, notice);
