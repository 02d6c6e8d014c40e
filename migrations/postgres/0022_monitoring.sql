-- Monitoring (稼働監視, 第22条②): how each target stands, what was heard of it, and what was counted in access logs.

CREATE TABLE monitor_targets (
    target TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    standing TEXT COLLATE "C" NOT NULL CHECK (standing IN ('unknown', 'up', 'down')),
    since BIGINT NOT NULL,
    -- Good answers in a row, or failures, and the first of them.
    successes BIGINT NOT NULL CHECK (successes >= 0),
    failures BIGINT NOT NULL CHECK (failures >= 0),
    streak_from BIGINT NOT NULL,
    -- When it was asked last, and when an answer last said anything.
    asked_at BIGINT NOT NULL,
    known_at BIGINT NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    -- Whether a window stopped it when it was asked last.
    silenced BOOLEAN NOT NULL
);

-- Each answer of the last weeks.
CREATE TABLE monitor_answers (
    target TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    silenced BOOLEAN NOT NULL,
    PRIMARY KEY (target, at)
);

CREATE INDEX monitor_answers_by_time ON monitor_answers (at);

-- What was heard on each day: kept when the answers are gone, for figures of availability.
CREATE TABLE monitor_days (
    target TEXT COLLATE "C" NOT NULL,
    day TEXT COLLATE "C" NOT NULL CHECK (day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
    good BIGINT NOT NULL CHECK (good >= 0),
    bad BIGINT NOT NULL CHECK (bad >= 0),
    silenced BIGINT NOT NULL CHECK (silenced >= 0),
    unknown BIGINT NOT NULL CHECK (unknown >= 0),
    PRIMARY KEY (target, day)
);

-- When a target began to be up or down: only added to.
CREATE TABLE monitor_changes (
    target TEXT COLLATE "C" NOT NULL,
    -- When that was noticed, and since when it was so.
    at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    standing TEXT COLLATE "C" NOT NULL CHECK (standing IN ('up', 'down')),
    -- The answer that made it so.
    answer TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (target, at)
);

CREATE INDEX monitor_changes_by_time ON monitor_changes (at, target);

-- Looks through access logs: counts alone, no line of a log.
CREATE TABLE log_looks (
    log TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    at BIGINT NOT NULL,
    -- Which file it was, and how far it was read.
    file BIGINT NOT NULL,
    offset_bytes BIGINT NOT NULL CHECK (offset_bytes >= 0),
    lines BIGINT NOT NULL CHECK (lines >= 0),
    -- One rule a line: its count, a space, its name.
    counts TEXT COLLATE "C" NOT NULL,
    -- The file was another one than last time.
    gap BOOLEAN NOT NULL,
    -- Why it could not be read; empty if it could.
    trouble TEXT COLLATE "C" NOT NULL,
    reviewed_at BIGINT,
    reviewed_by TEXT COLLATE "C",
    remark TEXT,
    PRIMARY KEY (log, number),
    CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL))
);

CREATE INDEX log_looks_by_review ON log_looks (reviewed_at, log);
