-- Erasure orders in the store, by their digests, so that a lost one is noticed. No names, no paths.

CREATE TABLE erasures (
    plan TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    -- SHA-256 of the object in the store.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (plan, number)
) STRICT;
