-- Sessions of the console, and the indexes that its pages read by.

CREATE TABLE sessions (
    -- SHA-256 of the secret in the cookie: nobody signs in with what stands here.
    digest BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account),
    -- `code` while the second factor is still asked for.
    stage TEXT NOT NULL CHECK (stage IN ('code', 'full')),
    created_at BIGINT NOT NULL,
    -- When it was used last, to the minute.
    seen_at BIGINT NOT NULL,
    -- From when on it does not count, used or not.
    expires_at BIGINT NOT NULL
);

CREATE INDEX sessions_by_account ON sessions (account);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE INDEX windows_by_state ON windows (state);
CREATE INDEX occurrences_by_state ON occurrences (state, starts_at);
CREATE INDEX snapshots_complete ON snapshots (plan, is_complete, sequence);
