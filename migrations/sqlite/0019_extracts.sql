-- Extracts (抽出): each execution of a permit, what was handed over and fetched, and what later extracts are compared with.
-- Numbers, digests and names of columns; an account's id stands for its holder. No value of a source.

CREATE TABLE extracts (
    permit TEXT NOT NULL REFERENCES permits (permit),
    -- Which execution of the permit, from 1.
    execution INTEGER NOT NULL CHECK (execution > 0),
    state TEXT NOT NULL CHECK (state IN ('making', 'delivered', 'abandoned')),
    made_by TEXT NOT NULL REFERENCES accounts (account),
    begun_at INTEGER NOT NULL,
    ended_at INTEGER,
    -- Why it was abandoned, as a code.
    reason TEXT,
    -- SHA-256 and size of the sealed file.
    digest BLOB CHECK (length(digest) = 32),
    size_bytes INTEGER CHECK (size_bytes >= 0),
    -- The report, JSON.
    report TEXT,
    -- The address of the download: a public half that finds the row, and SHA-256 of the secret one.
    link TEXT UNIQUE,
    secret BLOB CHECK (length(secret) = 32),
    expires_at INTEGER,
    -- How often it was fetched, and when first: the receipt.
    fetched INTEGER NOT NULL CHECK (fetched >= 0),
    first_fetched_at INTEGER,
    -- When the sealed file was removed.
    removed_at INTEGER,
    PRIMARY KEY (permit, execution),
    CHECK ((state = 'making') = (ended_at IS NULL)),
    CHECK (state <> 'delivered' OR (digest IS NOT NULL AND size_bytes IS NOT NULL AND report IS NOT NULL)),
    CHECK ((link IS NULL) = (secret IS NULL) AND (link IS NULL) = (expires_at IS NULL)),
    CHECK (link IS NULL OR state = 'delivered'),
    CHECK ((fetched = 0) = (first_fetched_at IS NULL))
) STRICT;

-- The persons of each crowd that was released, as marks that only this installation's key can make.
CREATE TABLE extract_crowds (
    permit TEXT NOT NULL,
    execution INTEGER NOT NULL,
    -- How many persons must look alike.
    threshold INTEGER NOT NULL CHECK (threshold > 0),
    crowds BLOB NOT NULL,
    PRIMARY KEY (permit, execution),
    FOREIGN KEY (permit, execution) REFERENCES extracts (permit, execution)
) STRICT;

-- What an extract would be, for those who decide: the newest of each permit, with the application that it was made for.
CREATE TABLE extract_plans (
    permit TEXT NOT NULL PRIMARY KEY REFERENCES permits (permit),
    -- SHA-256 of what the permit said.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    planned_by TEXT NOT NULL REFERENCES accounts (account),
    planned_at INTEGER NOT NULL,
    -- The plan, JSON.
    plan TEXT NOT NULL
) STRICT;
