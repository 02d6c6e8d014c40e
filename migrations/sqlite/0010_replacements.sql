-- Windows that are asked for in the place of another one: when the new one is approved, the old one ends.

CREATE TABLE replacements (
    window_id TEXT NOT NULL PRIMARY KEY REFERENCES windows (window_id),
    replaces TEXT NOT NULL REFERENCES windows (window_id),
    CHECK (window_id <> replaces)
) STRICT;
