-- Notices on their way to portals: how far the delivery of each revision is. The notice itself is the queue.

CREATE TABLE outbox (
    -- The idempotency key: the same for every attempt at one revision and one target.
    message TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    target TEXT NOT NULL,
    notice TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'delivered', 'given_up')),
    -- Counts up with each attempt, and so fences off a sender that was overtaken.
    attempts BIGINT NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at BIGINT NOT NULL,
    -- The status that the target answered with.
    receipt TEXT,
    ended_at BIGINT,
    FOREIGN KEY (notice, revision) REFERENCES notices (notice, revision)
);

CREATE INDEX outbox_by_time ON outbox (state, next_at);
