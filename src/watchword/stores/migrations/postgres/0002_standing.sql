-- What the feed says of one name is asked for by each request of a verifier that keeps no list of its own.

CREATE INDEX watchword_events_name ON watchword_events (what, value);
