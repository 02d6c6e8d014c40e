-- Running and watching: who runs an occurrence, which services it stopped, what users could read, what went wrong.

-- Who runs an occurrence now. One row for each; another program takes it over when it has expired.
CREATE TABLE leases (
    occurrence TEXT NOT NULL PRIMARY KEY REFERENCES occurrences (occurrence),
    -- The random id of the program that holds it.
    holder TEXT NOT NULL,
    -- Where that program keeps its lock: whoever holds the lock there knows that nobody else lives there.
    place TEXT NOT NULL,
    -- Counts up with each holder, and so fences off one that was overtaken.
    fence INTEGER NOT NULL CHECK (fence > 0),
    expires_at INTEGER NOT NULL
) STRICT;

-- The public page, as users read it, had this notice on it.
CREATE TABLE proofs (
    notice TEXT NOT NULL,
    revision INTEGER NOT NULL,
    fetched_at INTEGER NOT NULL,
    address TEXT NOT NULL,
    status INTEGER NOT NULL,
    -- SHA-256 of the page's bytes.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (notice, fetched_at),
    FOREIGN KEY (notice, revision) REFERENCES notices (notice, revision)
) STRICT;

-- Notices that could not be read when they were looked for last; gone with the next proof.
CREATE TABLE unproven (
    notice TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    address TEXT NOT NULL,
    problem TEXT NOT NULL
) STRICT;

-- Written before a service is stopped. A row without `started_at` is a service that has to be started again.
CREATE TABLE stopped_services (
    occurrence TEXT NOT NULL REFERENCES occurrences (occurrence),
    -- The name that users know.
    service TEXT NOT NULL,
    stopping_at INTEGER NOT NULL,
    -- When its command said that it had stopped.
    stopped_at INTEGER,
    -- When its command said that it runs again.
    started_at INTEGER,
    -- Attempts to start it that failed.
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- What went wrong last.
    failure TEXT,
    PRIMARY KEY (occurrence, service, stopping_at)
) STRICT;

-- Why an occurrence did not run or did not end well. One row for each code; repeated ones are counted.
CREATE TABLE reasons (
    plan TEXT NOT NULL,
    -- Empty where there was no occurrence.
    occurrence TEXT NOT NULL,
    code TEXT NOT NULL,
    japanese TEXT NOT NULL,
    english TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    times INTEGER NOT NULL CHECK (times > 0),
    PRIMARY KEY (plan, occurrence, code)
) STRICT;

-- Snapshots that people ask the service for, beside the windows; they stop nothing.
CREATE TABLE event_requests (
    request TEXT NOT NULL PRIMARY KEY,
    plan TEXT NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('acceptance', 'maintenance', 'adhoc')),
    reason TEXT NOT NULL,
    requested_by TEXT NOT NULL REFERENCES accounts (account),
    requested_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('requested', 'running', 'done', 'partial', 'failed')),
    -- The program that runs it.
    holder TEXT,
    ended_at INTEGER,
    -- SHA-256 of the snapshot object.
    snapshot BLOB CHECK (length(snapshot) = 32),
    failure TEXT
) STRICT;

-- What somebody has to look after. Raised once, cleared when it is mended.
CREATE TABLE alarms (
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    since INTEGER NOT NULL,
    japanese TEXT NOT NULL,
    english TEXT NOT NULL,
    cleared_at INTEGER,
    PRIMARY KEY (code, subject, since)
) STRICT;

CREATE INDEX alarms_by_time ON alarms (cleared_at, since);
