-- Services that a person stops and starts: what Kura asked for, and what a person confirmed. One row for each occurrence
-- and service; asking again begins it anew, the audit log keeps what was before.

CREATE TABLE hand_stops (
    occurrence TEXT NOT NULL REFERENCES occurrences (occurrence),
    -- The name that users know.
    service TEXT NOT NULL,
    -- Since when it is asked for.
    asked_at INTEGER NOT NULL,
    -- When and by whom it was confirmed that the service has stopped.
    stopped_at INTEGER,
    stopped_by TEXT REFERENCES accounts (account),
    -- Since when the service is not needed stopped any more.
    over_at INTEGER,
    -- When and by whom it was confirmed that the service runs again.
    running_at INTEGER,
    running_by TEXT REFERENCES accounts (account),
    PRIMARY KEY (occurrence, service),
    CHECK ((stopped_at IS NULL) = (stopped_by IS NULL)),
    CHECK ((running_at IS NULL) = (running_by IS NULL))
) STRICT;

-- Break-glasses whose report a サービス運用者 has seen (事後報告).
CREATE TABLE seen_reports (
    occurrence TEXT NOT NULL PRIMARY KEY REFERENCES occurrences (occurrence),
    seen_by TEXT NOT NULL REFERENCES accounts (account),
    seen_at INTEGER NOT NULL
) STRICT;
