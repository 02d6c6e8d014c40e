-- Incidents (障害, 別紙3): where each stands, what happened, who was told, what keeps it from coming again.

CREATE TABLE incidents (
    incident TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- What kind of thing is broken, and which: one incident is open for it at a time.
    cause TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('detected', 'confirmed', 'recovering', 'recovered', 'reported', 'closed')),
    -- `kura`, or an account.
    opened_by TEXT COLLATE "C" NOT NULL,
    title TEXT NOT NULL,
    title_en TEXT NOT NULL,
    -- 発見日時, 発生日時, 復旧予定, 復旧日時.
    found_at BIGINT NOT NULL,
    occurred_at BIGINT,
    expected_at BIGINT,
    recovered_at BIGINT,
    -- The services that users cannot use, one a line, by the names that they know.
    services TEXT COLLATE "C" NOT NULL,
    -- Whether data of persons are concerned.
    concern TEXT COLLATE "C" NOT NULL CHECK (concern IN ('none', 'possible', 'on-purpose')),
    -- When who entrusted the data was told, and what shows it.
    told_at BIGINT,
    told_receipt TEXT,
    -- Why nothing has to be done against a recurrence.
    no_action TEXT,
    -- The notice to users.
    notice TEXT,
    -- How often the report was issued, and when last.
    reports BIGINT NOT NULL CHECK (reports >= 0),
    reported_at BIGINT,
    closed_at BIGINT,
    -- Counts up with each change, so that nobody changes what he has not seen.
    version BIGINT NOT NULL CHECK (version > 0)
);

CREATE INDEX incidents_by_time ON incidents (found_at, incident);
CREATE UNIQUE INDEX incidents_by_cause ON incidents (cause, subject) WHERE state <> 'closed' AND cause <> 'person';

-- What happened, as it happened: only added to.
CREATE TABLE incident_entries (
    incident TEXT COLLATE "C" NOT NULL REFERENCES incidents (incident),
    number BIGINT NOT NULL CHECK (number > 0),
    at BIGINT NOT NULL,
    -- `kura`, or an account.
    actor TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    -- What it tells of, so that nothing is written twice: `alarm/…`, `run/…`.
    reference TEXT COLLATE "C" NOT NULL,
    japanese TEXT NOT NULL,
    english TEXT NOT NULL,
    PRIMARY KEY (incident, number),
    UNIQUE (incident, reference)
);

CREATE RULE incident_entries_are_not_changed AS ON UPDATE TO incident_entries DO INSTEAD NOTHING;
CREATE RULE incident_entries_are_not_removed AS ON DELETE TO incident_entries DO INSTEAD NOTHING;

-- The alarms of an incident.
CREATE TABLE incident_alarms (
    incident TEXT COLLATE "C" NOT NULL REFERENCES incidents (incident),
    code TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (incident, code, subject, since)
);

-- What people wrote: the fields of 別紙3 and of the report to the commission. Earlier texts stand in the entries.
CREATE TABLE incident_fields (
    incident TEXT COLLATE "C" NOT NULL REFERENCES incidents (incident),
    field TEXT COLLATE "C" NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (incident, field)
);

-- Who was told (別紙4), by the ids of contacts: names and numbers stand in contacts.toml alone.
CREATE TABLE incident_contacts (
    incident TEXT COLLATE "C" NOT NULL REFERENCES incidents (incident),
    contact TEXT COLLATE "C" NOT NULL,
    way TEXT COLLATE "C" NOT NULL CHECK (way IN ('mail', 'phone', 'fax')),
    told_at BIGINT NOT NULL,
    told_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (incident, contact, way)
);

-- Mails to contacts: how far the delivery of each is.
CREATE TABLE incident_mails (
    -- The same for every attempt: incident, what it tells, contact.
    message TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    incident TEXT COLLATE "C" NOT NULL REFERENCES incidents (incident),
    contact TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('queued', 'delivered', 'given_up')),
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    next_at BIGINT NOT NULL,
    ended_at BIGINT
);

CREATE INDEX incident_mails_by_time ON incident_mails (state, next_at);

-- 再発防止: what is done against a recurrence, by whom and until when.
CREATE TABLE incident_actions (
    incident TEXT COLLATE "C" NOT NULL REFERENCES incidents (incident),
    number BIGINT NOT NULL CHECK (number > 0),
    what TEXT NOT NULL,
    -- A role or a department, never a person.
    owner TEXT COLLATE "C" NOT NULL,
    due TEXT COLLATE "C" NOT NULL,
    done_at BIGINT,
    done_by TEXT,
    PRIMARY KEY (incident, number),
    CHECK ((done_at IS NULL) = (done_by IS NULL))
);

-- In this database's own way:
-- A notice of an incident has no window.
ALTER TABLE notices ALTER COLUMN window_id DROP NOT NULL;
ALTER TABLE notices ADD COLUMN incident TEXT COLLATE "C" REFERENCES incidents (incident);
ALTER TABLE notices ADD CHECK ((window_id IS NULL) <> (incident IS NULL));
