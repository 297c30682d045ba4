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
