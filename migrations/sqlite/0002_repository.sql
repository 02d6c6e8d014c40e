-- What the repository says, kept here so that listing needs no store. `kura catalog rebuild` makes it again.

CREATE TABLE snapshots (
    plan TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    -- The snapshot before this one; none for the first of a plan.
    parent BLOB CHECK (length(parent) = 32),
    taken_at INTEGER NOT NULL,
    -- The civil day in the plan's zone, computed by the program: SQL knows no zones.
    day TEXT NOT NULL CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    event TEXT NOT NULL,
    is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
    files INTEGER NOT NULL CHECK (files >= 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    new_bytes_stored INTEGER NOT NULL CHECK (new_bytes_stored >= 0),
    skipped INTEGER NOT NULL CHECK (skipped >= 0),
    cohorts INTEGER NOT NULL CHECK (cohorts >= 0),
    PRIMARY KEY (plan, sequence)
) STRICT;

-- The packs that snapshots need, to be compared with what the store lists.
CREATE TABLE packs (
    plan TEXT NOT NULL,
    cohort TEXT NOT NULL,
    -- SHA-256 of the pack's bytes, which is its name in the store.
    name BLOB NOT NULL CHECK (length(name) = 32),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    -- Files that have bytes in the pack: what a damaged pack costs.
    files INTEGER NOT NULL CHECK (files >= 0),
    PRIMARY KEY (plan, cohort, name)
) STRICT, WITHOUT ROWID;
