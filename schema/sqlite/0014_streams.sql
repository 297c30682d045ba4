-- Schema 14: streams, items of hosts and adapters in order, by id, and with labels.
CREATE TABLE stream (
    stream_key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    owner_key INTEGER REFERENCES owner ON DELETE CASCADE,
    next_seq INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    commit_sequence INTEGER NOT NULL,
    metadata TEXT,
    row_checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX stream_by_owner ON stream (owner_key) WHERE owner_key IS NOT NULL;

CREATE TABLE stream_item (
    item_key INTEGER PRIMARY KEY,
    stream_key INTEGER NOT NULL REFERENCES stream ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    item_id TEXT,
    version INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    labels TEXT,
    metadata TEXT,
    blob_key INTEGER REFERENCES blob,
    row_checksum INTEGER NOT NULL,
    json TEXT,
    bytes BLOB,
    UNIQUE (stream_key, seq)
) STRICT;

CREATE UNIQUE INDEX stream_item_by_id ON stream_item (stream_key, item_id)
WHERE item_id IS NOT NULL;

CREATE INDEX stream_item_by_blob ON stream_item (blob_key) WHERE blob_key IS NOT NULL;

CREATE INDEX stream_item_by_expiry ON stream_item (expires_at_ms)
WHERE expires_at_ms IS NOT NULL;

CREATE TABLE stream_item_label (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    item_key INTEGER NOT NULL REFERENCES stream_item ON DELETE CASCADE,
    PRIMARY KEY (key, value, item_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX stream_item_label_by_item ON stream_item_label (item_key);
