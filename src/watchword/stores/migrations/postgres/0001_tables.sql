-- The first tables. A released file never changes: its checksum stands in every database it was applied to.
-- A statement ends with a semicolon at the end of a line, and no other line ends so.
-- Text cannot hold NUL here: the store writes it as \0, and a backslash as \\.

CREATE TABLE watchword_records (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    subject    TEXT COLLATE "C",
    grp        TEXT COLLATE "C",
    expires_at BIGINT,
    data       BYTEA NOT NULL,
    UNIQUE (kind, key)
);

CREATE INDEX watchword_records_subject ON watchword_records (kind, subject) WHERE subject IS NOT NULL;

CREATE INDEX watchword_records_group ON watchword_records (kind, grp) WHERE grp IS NOT NULL;

CREATE INDEX watchword_records_expiry ON watchword_records (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE watchword_events (
    seq   BIGINT PRIMARY KEY,
    what  TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    at    BIGINT NOT NULL,
    until BIGINT NOT NULL
);

CREATE INDEX watchword_events_until ON watchword_events (until);

-- One row: the life of the feed, and the newest number ever committed (purged events keep counting). Whoever takes
-- numbers locks it until the commit, so they are committed in their order; a sequence would not wait.
CREATE TABLE watchword_feed (
    epoch TEXT COLLATE "C" NOT NULL,
    head  BIGINT NOT NULL
);

INSERT INTO watchword_feed (epoch, head) VALUES (substr(replace(gen_random_uuid()::text, '-', ''), 1, 8), 0);

-- Wakes the followers, at commit.
CREATE FUNCTION watchword_tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_notify('watchword', ''); RETURN NULL; END $$;

CREATE TRIGGER watchword_tell AFTER UPDATE ON watchword_feed FOR EACH STATEMENT EXECUTE FUNCTION watchword_tell();

CREATE TABLE watchword_audit (
    seq     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    TEXT COLLATE "C" NOT NULL,
    at      BIGINT NOT NULL,
    subject TEXT COLLATE "C",
    detail  BYTEA NOT NULL
);

CREATE INDEX watchword_audit_subject ON watchword_audit (subject, seq) WHERE subject IS NOT NULL;
