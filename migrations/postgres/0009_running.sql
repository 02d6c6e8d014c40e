-- Running and watching: who runs an occurrence, which services it stopped, what users could read, what went wrong.

-- Who runs an occurrence now. One row for each; another program takes it over when it has expired.
CREATE TABLE leases (
    occurrence TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES occurrences (occurrence),
    -- The random id of the program that holds it.
    holder TEXT NOT NULL,
    -- Where that program keeps its lock: whoever holds the lock there knows that nobody else lives there.
    place TEXT NOT NULL,
    -- Counts up with each holder, and so fences off one that was overtaken.
    fence BIGINT NOT NULL CHECK (fence > 0),
    expires_at BIGINT NOT NULL
);

-- The public page, as users read it, had this notice on it.
CREATE TABLE proofs (
    notice TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    fetched_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    status BIGINT NOT NULL,
    -- SHA-256 of the page's bytes.
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (notice, fetched_at),
    FOREIGN KEY (notice, revision) REFERENCES notices (notice, revision)
);

-- Notices that could not be read when they were looked for last; gone with the next proof.
CREATE TABLE unproven (
    notice TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    problem TEXT NOT NULL
);

-- Written before a service is stopped. A row without `started_at` is a service that has to be started again.
CREATE TABLE stopped_services (
    occurrence TEXT COLLATE "C" NOT NULL REFERENCES occurrences (occurrence),
    -- The name that users know.
    service TEXT COLLATE "C" NOT NULL,
    stopping_at BIGINT NOT NULL,
    -- When its command said that it had stopped.
    stopped_at BIGINT,
    -- When its command said that it runs again.
    started_at BIGINT,
    -- Attempts to start it that failed.
    attempts BIGINT NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- What went wrong last.
    failure TEXT,
    PRIMARY KEY (occurrence, service, stopping_at)
);

-- Why an occurrence did not run or did not end well. One row for each code; repeated ones are counted.
CREATE TABLE reasons (
    plan TEXT COLLATE "C" NOT NULL,
    -- Empty where there was no occurrence.
    occurrence TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    japanese TEXT NOT NULL,
    english TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    times BIGINT NOT NULL CHECK (times > 0),
    PRIMARY KEY (plan, occurrence, code)
);

-- Snapshots that people ask the service for, beside the windows; they stop nothing.
CREATE TABLE event_requests (
    request TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    plan TEXT COLLATE "C" NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('acceptance', 'maintenance', 'adhoc')),
    reason TEXT NOT NULL,
    requested_by TEXT COLLATE "C" NOT NULL REFERENCES accounts (account),
    requested_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('requested', 'running', 'done', 'partial', 'failed')),
    -- The program that runs it.
    holder TEXT,
    ended_at BIGINT,
    -- SHA-256 of the snapshot object.
    snapshot BYTEA CHECK (length(snapshot) = 32),
    failure TEXT
);

-- What somebody has to look after. Raised once, cleared when it is mended.
CREATE TABLE alarms (
    code TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    japanese TEXT NOT NULL,
    english TEXT NOT NULL,
    cleared_at BIGINT,
    PRIMARY KEY (code, subject, since)
);

CREATE INDEX alarms_by_time ON alarms (cleared_at, since);
