-- Schema 13: a full-text index of messages, which an idle writer makes (rows/search_index.py).
CREATE TABLE search_state (
    words_version INTEGER NOT NULL PRIMARY KEY,
    watermark INTEGER NOT NULL
) STRICT;
