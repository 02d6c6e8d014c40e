-- Services that a person stops and starts: what Kura asked for, and what a person confirmed. One row for each occurrence
-- and service; asking again begins it anew, the audit log keeps what was before.

CREATE TABLE hand_stops (
    occurrence TEXT COLLATE "C" NOT NULL REFERENCES occurrences (occurrence),
    -- The name that users know.
    service TEXT COLLATE "C" NOT NULL,
    -- Since when it is asked for.
    asked_at BIGINT NOT NULL,
    -- When and by whom it was confirmed that the service has stopped.
    stopped_at BIGINT,
    stopped_by TEXT COLLATE "C" REFERENCES accounts (account),
    -- Since when the service is not needed stopped any more.
    over_at BIGINT,
    -- When and by whom it was confirmed that the service runs again.
    running_at BIGINT,
    running_by TEXT COLLATE "C" REFERENCES accounts (account),
    PRIMARY KEY (occurrence, service),
    CHECK ((stopped_at IS NULL) = (stopped_by IS NULL)),
    CHECK ((running_at IS NULL) = (running_by IS NULL))
);

-- Break-glasses whose report a サービス運用者 has seen (事後報告).
CREATE TABLE seen_reports (
    occurrence TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES occurrences (occurrence),
    seen_by TEXT COLLATE "C" NOT NULL REFERENCES accounts (account),
    seen_at BIGINT NOT NULL
);
