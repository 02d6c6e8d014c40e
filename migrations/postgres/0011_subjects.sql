-- Who an identity provider says that somebody is: the account of a subject. One subject each.

CREATE TABLE subjects (
    issuer TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    account TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES accounts (account),
    linked_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
