-- Monitoring (稼働監視, 第22条②): how each target stands, what was heard of it, and what was counted in access logs.

CREATE TABLE monitor_targets (
    target TEXT NOT NULL PRIMARY KEY,
    standing TEXT NOT NULL CHECK (standing IN ('unknown', 'up', 'down')),
    since INTEGER NOT NULL,
    -- Good answers in a row, or failures, and the first of them.
    successes INTEGER NOT NULL CHECK (successes >= 0),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    streak_from INTEGER NOT NULL,
    -- When it was asked last, and when an answer last said anything.
    asked_at INTEGER NOT NULL,
    known_at INTEGER NOT NULL,
    answer TEXT NOT NULL,
    -- Whether a window stopped it when it was asked last.
    silenced INTEGER NOT NULL CHECK (silenced IN (0, 1))
) STRICT;

-- Each answer of the last weeks.
CREATE TABLE monitor_answers (
    target TEXT NOT NULL,
    at INTEGER NOT NULL,
    answer TEXT NOT NULL,
    silenced INTEGER NOT NULL CHECK (silenced IN (0, 1)),
    PRIMARY KEY (target, at)
) STRICT;

CREATE INDEX monitor_answers_by_time ON monitor_answers (at);

-- What was heard on each day: kept when the answers are gone, for figures of availability.
CREATE TABLE monitor_days (
    target TEXT NOT NULL,
    day TEXT NOT NULL CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    good INTEGER NOT NULL CHECK (good >= 0),
    bad INTEGER NOT NULL CHECK (bad >= 0),
    silenced INTEGER NOT NULL CHECK (silenced >= 0),
    unknown INTEGER NOT NULL CHECK (unknown >= 0),
    PRIMARY KEY (target, day)
) STRICT;

-- When a target began to be up or down: only added to.
CREATE TABLE monitor_changes (
    target TEXT NOT NULL,
    -- When that was noticed, and since when it was so.
    at INTEGER NOT NULL,
    since INTEGER NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('up', 'down')),
    -- The answer that made it so.
    answer TEXT NOT NULL,
    PRIMARY KEY (target, at)
) STRICT;

CREATE INDEX monitor_changes_by_time ON monitor_changes (at, target);

-- Looks through access logs: counts alone, no line of a log.
CREATE TABLE log_looks (
    log TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    at INTEGER NOT NULL,
    -- Which file it was, and how far it was read.
    file INTEGER NOT NULL,
    offset_bytes INTEGER NOT NULL CHECK (offset_bytes >= 0),
    lines INTEGER NOT NULL CHECK (lines >= 0),
    -- One rule a line: its count, a space, its name.
    counts TEXT NOT NULL,
    -- The file was another one than last time.
    gap INTEGER NOT NULL CHECK (gap IN (0, 1)),
    -- Why it could not be read; empty if it could.
    trouble TEXT NOT NULL,
    reviewed_at INTEGER,
    reviewed_by TEXT,
    remark TEXT,
    PRIMARY KEY (log, number),
    CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL))
) STRICT;

CREATE INDEX log_looks_by_review ON log_looks (reviewed_at, log);
