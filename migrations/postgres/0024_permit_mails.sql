-- Reminders of permits by mail: how far the delivery of each is.
CREATE TABLE permit_mails (
    -- The same for every attempt: permit, revision, stage, contact.
    message TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    permit TEXT COLLATE "C" NOT NULL REFERENCES permits (permit),
    stage TEXT COLLATE "C" NOT NULL CHECK (stage IN ('period-ends', 'after-use-due', 'after-use-overdue')),
    contact TEXT COLLATE "C" NOT NULL,
    -- dropped: what it was about was done before it could be sent.
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('queued', 'delivered', 'given_up', 'dropped')),
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    next_at BIGINT NOT NULL,
    ended_at BIGINT
);

CREATE INDEX permit_mails_by_time ON permit_mails (state, next_at);
