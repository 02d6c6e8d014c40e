-- What is tried out every day: reading a part of all packs again, and whether the store keeps its locks.

CREATE TABLE rereads (
    -- One of so many parts.
    parts INTEGER NOT NULL CHECK (parts BETWEEN 1 AND 256),
    part INTEGER NOT NULL CHECK (part BETWEEN 1 AND parts),
    -- When all its packs had been read last, how many there were, and their bytes.
    read_at BIGINT NOT NULL,
    packs BIGINT NOT NULL CHECK (packs >= 0),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (parts, part)
);

CREATE TABLE canaries (
    -- The address of the store; never holds a secret.
    store TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- When it was tried last, and since when it has been like this.
    tried_at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('held', 'not-locked', 'deleted'))
);
