-- Schema 12: lists of sessions show and search the first prompt; hosts keep data with a session.
-- In older rows search_text is NULL until write/listed_texts.py makes it.
ALTER TABLE session_config ADD COLUMN first_prompt TEXT;

ALTER TABLE session_config ADD COLUMN search_text TEXT;

CREATE TABLE session_host (
    owner_key INTEGER PRIMARY KEY REFERENCES owner ON DELETE CASCADE,
    metadata TEXT,
    pinned INTEGER NOT NULL,
    archived INTEGER NOT NULL,
    trashed_at_ms INTEGER,
    trashed_sequence INTEGER,
    row_checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX session_host_by_trash ON session_host (trashed_at_ms) WHERE trashed_at_ms IS NOT NULL;

CREATE TABLE session_label (
    owner_key INTEGER NOT NULL REFERENCES session_host ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner_key, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_label_by_value ON session_label (key, value);

INSERT INTO meta (name, value) VALUES ('sessions_without_search_text', 1);
