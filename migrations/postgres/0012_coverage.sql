-- Proofs of coverage: what a check found of each plan. Codes and counts only.

CREATE TABLE coverage (
    plan TEXT COLLATE "C" NOT NULL,
    checked_at BIGINT NOT NULL,
    -- Cohorts inside their time, and those of them whose every object was there.
    alive BIGINT NOT NULL CHECK (alive >= 0),
    whole BIGINT NOT NULL CHECK (whole BETWEEN 0 AND alive),
    packs BIGINT NOT NULL CHECK (packs >= 0),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    -- Codes of what was not right, with spaces between.
    exceptions TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (plan, checked_at)
);
