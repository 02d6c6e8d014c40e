-- Who an identity provider says that somebody is: the account of a subject. One subject each.

CREATE TABLE subjects (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    account TEXT NOT NULL UNIQUE REFERENCES accounts (account),
    linked_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;
