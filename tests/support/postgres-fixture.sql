-- A made-up system of medical records, with what PostgreSQL has to offer. No row is of a real person.
CREATE ROLE kura_backup LOGIN PASSWORD 'made-up-for-tests';
CREATE ROLE kura_blind LOGIN;

CREATE SCHEMA emr;
CREATE EXTENSION IF NOT EXISTS plpgsql;
CREATE TYPE emr.visit_kind AS ENUM ('初診', '再診', '往診');
CREATE DOMAIN emr.points AS int CHECK (VALUE >= 0);
CREATE TYPE emr.span AS (low numeric, high numeric);

CREATE TABLE emr.code (code text PRIMARY KEY, label text NOT NULL, parent text REFERENCES emr.code);
INSERT INTO emr.code VALUES ('I10', '本態性高血圧', NULL), ('E11', '2型糖尿病', NULL), ('E11.9', '合併症なし', 'E11');

CREATE TABLE emr."受診" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient text NOT NULL,
    kind emr.visit_kind NOT NULL DEFAULT '再診',
    code text REFERENCES emr.code,
    detail jsonb,
    plain json,
    tags text[],
    image bytea,
    points emr.points,
    twice int GENERATED ALWAYS AS (points * 2) STORED,
    range int4range,
    normal emr.span,
    ratio double precision,
    "発信日時" timestamptz
);
CREATE INDEX ON emr."受診" ("発信日時");
CREATE INDEX ON emr."受診" USING gin (detail);

CREATE TABLE emr.note (
    id serial PRIMARY KEY,
    visit_id bigint NOT NULL REFERENCES emr."受診" ON DELETE CASCADE,
    body text,
    written_at timestamp NOT NULL DEFAULT '2026-01-01'
);
CREATE TABLE emr.attachment (
    note_id int REFERENCES emr.note,
    name text,
    body bytea,
    UNIQUE (note_id, name)
);

CREATE TABLE emr.event (at timestamp NOT NULL, visit_id bigint, what text, t int) PARTITION BY RANGE (at);
CREATE TABLE emr.event_2026 PARTITION OF emr.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE emr.event_2027 PARTITION OF emr.event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01') PARTITION BY LIST (t);
CREATE TABLE emr.event_2027_even PARTITION OF emr.event_2027 FOR VALUES IN (0, 2, 4);
CREATE TABLE emr.event_rest PARTITION OF emr.event DEFAULT;
ALTER TABLE emr.event ADD FOREIGN KEY (visit_id) REFERENCES emr."受診";

CREATE TABLE public."いろいろ; $x" (sent_on date, "a ""b" text, kura_0 int);
CREATE TABLE public.empty_one (only_generated int GENERATED ALWAYS AS (1) STORED, sent_on date);

CREATE VIEW emr.recent AS SELECT id, patient FROM emr."受診" WHERE points > 1;
CREATE MATERIALIZED VIEW emr.by_code AS SELECT code, count(*) AS visits FROM emr."受診" GROUP BY code;

CREATE FUNCTION emr.shout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.body := NEW.body || '!'; RETURN NEW; END $$;
CREATE TRIGGER shout BEFORE INSERT ON emr.note FOR EACH ROW EXECUTE FUNCTION emr.shout();

GRANT USAGE ON SCHEMA emr TO kura_backup;
GRANT SELECT ON ALL TABLES IN SCHEMA emr, public TO kura_backup;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA emr, public TO kura_backup;
