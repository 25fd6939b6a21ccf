-- The first tables. A released file never changes: its checksum stands in every database it was applied to.
-- A statement ends with a semicolon at the end of a line, and no other line ends so.

CREATE TABLE watchword_records (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    version    INTEGER NOT NULL,
    subject    TEXT,
    grp        TEXT,
    expires_at INTEGER,
    data       BLOB NOT NULL,
    UNIQUE (kind, key)
) STRICT;

CREATE INDEX watchword_records_subject ON watchword_records (kind, subject) WHERE subject IS NOT NULL;

CREATE INDEX watchword_records_group ON watchword_records (kind, grp) WHERE grp IS NOT NULL;

CREATE INDEX watchword_records_expiry ON watchword_records (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE watchword_events (
    seq   INTEGER PRIMARY KEY,
    what  TEXT NOT NULL,
    value TEXT NOT NULL,
    at    INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;

CREATE INDEX watchword_events_until ON watchword_events (until);

-- One row: the life of the feed, and the newest number ever committed (purged events keep counting).
CREATE TABLE watchword_feed (
    epoch TEXT NOT NULL,
    head  INTEGER NOT NULL
) STRICT;

INSERT INTO watchword_feed (epoch, head) VALUES (lower(hex(randomblob(4))), 0);

CREATE TABLE watchword_audit (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    subject TEXT,
    detail  BLOB NOT NULL
) STRICT;

CREATE INDEX watchword_audit_subject ON watchword_audit (subject, seq) WHERE subject IS NOT NULL;
