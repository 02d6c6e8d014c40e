-- Proofs of coverage: what a check found of each plan. Codes and counts only.

CREATE TABLE coverage (
    plan TEXT NOT NULL,
    checked_at INTEGER NOT NULL,
    -- Cohorts inside their time, and those of them whose every object was there.
    alive INTEGER NOT NULL CHECK (alive >= 0),
    whole INTEGER NOT NULL CHECK (whole BETWEEN 0 AND alive),
    packs INTEGER NOT NULL CHECK (packs >= 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    -- Codes of what was not right, with spaces between.
    exceptions TEXT NOT NULL,
    PRIMARY KEY (plan, checked_at)
) STRICT;
