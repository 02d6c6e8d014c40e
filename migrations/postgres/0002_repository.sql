-- What the repository says, kept here so that listing needs no store. `kura catalog rebuild` makes it again.

-- COLLATE "C" orders text by bytes, as SQLite does.
CREATE TABLE snapshots (
    plan TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence >= 0),
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    -- The snapshot before this one; none for the first of a plan.
    parent BYTEA CHECK (length(parent) = 32),
    taken_at BIGINT NOT NULL,
    -- The civil day in the plan's zone, computed by the program: SQL knows no zones.
    day TEXT NOT NULL CHECK (day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
    event TEXT NOT NULL,
    is_complete BOOLEAN NOT NULL,
    files BIGINT NOT NULL CHECK (files >= 0),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    new_bytes_stored BIGINT NOT NULL CHECK (new_bytes_stored >= 0),
    skipped BIGINT NOT NULL CHECK (skipped >= 0),
    cohorts BIGINT NOT NULL CHECK (cohorts >= 0),
    PRIMARY KEY (plan, sequence)
);

-- The packs that snapshots need, to be compared with what the store lists.
CREATE TABLE packs (
    plan TEXT COLLATE "C" NOT NULL,
    cohort TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the pack's bytes, which is its name in the store.
    name BYTEA NOT NULL CHECK (length(name) = 32),
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    -- Files that have bytes in the pack: what a damaged pack costs.
    files BIGINT NOT NULL CHECK (files >= 0),
    PRIMARY KEY (plan, cohort, name)
);
