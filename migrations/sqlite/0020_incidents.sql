-- Incidents (障害, 別紙3): where each stands, what happened, who was told, what keeps it from coming again.

CREATE TABLE incidents (
    incident TEXT NOT NULL PRIMARY KEY,
    -- What kind of thing is broken, and which: one incident is open for it at a time.
    cause TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('detected', 'confirmed', 'recovering', 'recovered', 'reported', 'closed')),
    -- `kura`, or an account.
    opened_by TEXT NOT NULL,
    title TEXT NOT NULL,
    title_en TEXT NOT NULL,
    -- 発見日時, 発生日時, 復旧予定, 復旧日時.
    found_at INTEGER NOT NULL,
    occurred_at INTEGER,
    expected_at INTEGER,
    recovered_at INTEGER,
    -- The services that users cannot use, one a line, by the names that they know.
    services TEXT NOT NULL,
    -- Whether data of persons are concerned.
    concern TEXT NOT NULL CHECK (concern IN ('none', 'possible', 'on-purpose')),
    -- When who entrusted the data was told, and what shows it.
    told_at INTEGER,
    told_receipt TEXT,
    -- Why nothing has to be done against a recurrence.
    no_action TEXT,
    -- The notice to users.
    notice TEXT,
    -- How often the report was issued, and when last.
    reports INTEGER NOT NULL CHECK (reports >= 0),
    reported_at INTEGER,
    closed_at INTEGER,
    -- Counts up with each change, so that nobody changes what he has not seen.
    version INTEGER NOT NULL CHECK (version > 0)
) STRICT;

CREATE INDEX incidents_by_time ON incidents (found_at, incident);
CREATE UNIQUE INDEX incidents_by_cause ON incidents (cause, subject) WHERE state <> 'closed' AND cause <> 'person';

-- What happened, as it happened: only added to.
CREATE TABLE incident_entries (
    incident TEXT NOT NULL REFERENCES incidents (incident),
    number INTEGER NOT NULL CHECK (number > 0),
    at INTEGER NOT NULL,
    -- `kura`, or an account.
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- What it tells of, so that nothing is written twice: `alarm/…`, `run/…`.
    reference TEXT NOT NULL,
    japanese TEXT NOT NULL,
    english TEXT NOT NULL,
    PRIMARY KEY (incident, number),
    UNIQUE (incident, reference)
) STRICT;

CREATE TRIGGER incident_entries_are_not_changed BEFORE UPDATE ON incident_entries BEGIN SELECT RAISE(ABORT, 'what happened is only added to'); END;
CREATE TRIGGER incident_entries_are_not_removed BEFORE DELETE ON incident_entries BEGIN SELECT RAISE(ABORT, 'what happened is only added to'); END;

-- The alarms of an incident.
CREATE TABLE incident_alarms (
    incident TEXT NOT NULL REFERENCES incidents (incident),
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (incident, code, subject, since)
) STRICT;

-- What people wrote: the fields of 別紙3 and of the report to the commission. Earlier texts stand in the entries.
CREATE TABLE incident_fields (
    incident TEXT NOT NULL REFERENCES incidents (incident),
    field TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (incident, field)
) STRICT;

-- Who was told (別紙4), by the ids of contacts: names and numbers stand in contacts.toml alone.
CREATE TABLE incident_contacts (
    incident TEXT NOT NULL REFERENCES incidents (incident),
    contact TEXT NOT NULL,
    way TEXT NOT NULL CHECK (way IN ('mail', 'phone', 'fax')),
    told_at INTEGER NOT NULL,
    told_by TEXT NOT NULL,
    PRIMARY KEY (incident, contact, way)
) STRICT;

-- Mails to contacts: how far the delivery of each is.
CREATE TABLE incident_mails (
    -- The same for every attempt: incident, what it tells, contact.
    message TEXT NOT NULL PRIMARY KEY,
    incident TEXT NOT NULL REFERENCES incidents (incident),
    contact TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'delivered', 'given_up')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;

CREATE INDEX incident_mails_by_time ON incident_mails (state, next_at);

-- 再発防止: what is done against a recurrence, by whom and until when.
CREATE TABLE incident_actions (
    incident TEXT NOT NULL REFERENCES incidents (incident),
    number INTEGER NOT NULL CHECK (number > 0),
    what TEXT NOT NULL,
    -- A role or a department, never a person.
    owner TEXT NOT NULL,
    due TEXT NOT NULL,
    done_at INTEGER,
    done_by TEXT,
    PRIMARY KEY (incident, number),
    CHECK ((done_at IS NULL) = (done_by IS NULL))
) STRICT;

-- In this database's own way:
-- A notice of an incident has no window. SQLite cannot take a NOT NULL away: the table is made again, and what refers to its
-- rows is looked at when they are back.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE notices_before AS SELECT * FROM notices;
DROP TABLE notices;
CREATE TABLE notices (
    notice TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    -- None for a notice of an incident.
    window_id TEXT REFERENCES windows (window_id),
    -- None for a notice of all occurrences of its window.
    occurrence TEXT REFERENCES occurrences (occurrence),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    title_en TEXT NOT NULL,
    body_en TEXT NOT NULL,
    -- Whether services stop meanwhile.
    stops INTEGER NOT NULL CHECK (stops IN (0, 1)),
    work_from INTEGER NOT NULL,
    -- None for a notice of occurrences without an end.
    work_until INTEGER,
    -- When the first revision came, and this one.
    published_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Since when it is no longer among the current ones.
    closed_at INTEGER,
    incident TEXT REFERENCES incidents (incident),
    PRIMARY KEY (notice, revision),
    CHECK ((window_id IS NULL) <> (incident IS NULL))
) STRICT;
INSERT INTO notices SELECT *, NULL FROM notices_before;
DROP TABLE notices_before;
CREATE INDEX notices_by_window ON notices (window_id, notice);
CREATE INDEX notices_by_update ON notices (updated_at, notice);
