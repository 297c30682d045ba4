-- Schema 9: the commit log, one row for each change of a session, and when a session and a message
-- came. Rows of sessions that the file has already are added with this step
-- (backends/sqlite/rows/commit_log.py).
CREATE TABLE commit_log (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    op TEXT NOT NULL,
    generation INTEGER,
    digest BLOB,
    committed_at_ms INTEGER NOT NULL,
    save_id BLOB,
    row_checksum INTEGER NOT NULL
) STRICT;

ALTER TABLE session ADD COLUMN commit_sequence INTEGER NOT NULL DEFAULT 0;

ALTER TABLE session ADD COLUMN changed_at_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE session ADD COLUMN last_message_at_ms INTEGER;

ALTER TABLE message ADD COLUMN added_at_ms INTEGER;

CREATE INDEX session_by_updated ON session (updated_at, commit_sequence);
