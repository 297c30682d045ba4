-- What live sessions need beside each other: the life of a session, saves that can be asked for, runs
-- with a claim.

-- No number is given twice under an id: what is left of a deleted one is its last number.
CREATE TABLE tombstone (
    id_hash BLOB NOT NULL PRIMARY KEY,
    last_generation INTEGER NOT NULL,
    row_checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE owner ADD COLUMN life INTEGER NOT NULL DEFAULT 1;

ALTER TABLE generation ADD COLUMN save_id BLOB;

ALTER TABLE session_config ADD COLUMN name_source TEXT;

ALTER TABLE loop_checkpoint ADD COLUMN base_length INTEGER;
ALTER TABLE loop_checkpoint ADD COLUMN claimed_by TEXT;

-- Entries of a session's queue go with it.
CREATE TABLE queue_entry (
    queue_entry_key INTEGER PRIMARY KEY,
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    kind TEXT NOT NULL,
    command_id TEXT NOT NULL,
    claimed_by TEXT,
    value TEXT NOT NULL,
    row_checksum INTEGER NOT NULL,
    UNIQUE (owner_key, kind, command_id)
) STRICT;
