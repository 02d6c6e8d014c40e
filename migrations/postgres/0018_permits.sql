-- Permits (本番データ使用許可, 別紙2): what was applied for, and where that stands. An account's id stands for its holder.

CREATE TABLE permits (
    -- Its number, such as R08-014.
    permit TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    applicant TEXT COLLATE "C" NOT NULL REFERENCES accounts (account),
    -- When it was applied for first.
    applied_at BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('applied', 'approved', 'executing', 'delivered', 'closed', 'returned', 'revoked', 'expired')),
    -- The revision of the application that counts.
    revision BIGINT NOT NULL CHECK (revision > 0),
    -- How many extracts were begun.
    executions BIGINT NOT NULL CHECK (executions >= 0),
    approved_by TEXT COLLATE "C" REFERENCES accounts (account),
    approved_at BIGINT,
    -- SHA-256 of what was approved.
    approved_digest BYTEA CHECK (length(approved_digest) = 32),
    -- Who makes an extract now, since when.
    executing_by TEXT COLLATE "C" REFERENCES accounts (account),
    executing_since BIGINT,
    -- When an extract was handed over last.
    delivered_at BIGINT,
    -- Who returned, revoked or closed it; nobody where it expired.
    ended_by TEXT COLLATE "C" REFERENCES accounts (account),
    ended_at BIGINT,
    reason TEXT,
    CHECK (approved_by IS NULL OR approved_by <> applicant),
    CHECK (executing_by IS NULL OR executing_by <> applicant),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL) = (approved_digest IS NULL)),
    CHECK ((executing_by IS NULL) = (executing_since IS NULL)),
    CHECK ((state = 'executing') = (executing_by IS NOT NULL)),
    CHECK (state NOT IN ('approved', 'executing', 'delivered') OR approved_by IS NOT NULL),
    CHECK (state NOT IN ('closed', 'returned', 'revoked', 'expired') OR ended_at IS NOT NULL)
);

CREATE INDEX permits_by_time ON permits (applied_at, permit);

-- Each revision of an application: the document that people wrote, as the text whose SHA-256 is approved. The names of
-- its attachments stand in it because they are part of the document.
CREATE TABLE permit_contents (
    permit TEXT COLLATE "C" NOT NULL REFERENCES permits (permit),
    revision BIGINT NOT NULL CHECK (revision > 0),
    written_at BIGINT NOT NULL,
    content TEXT NOT NULL,
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (permit, revision)
);

CREATE RULE permit_contents_are_not_changed AS ON UPDATE TO permit_contents DO INSTEAD NOTHING;
CREATE RULE permit_contents_are_not_removed AS ON DELETE TO permit_contents DO INSTEAD NOTHING;
