-- Schema 15: a full-text index of agent memory, beside the one of messages (rows/memory_index.py).
CREATE TABLE memory_search_state (
    words_version INTEGER NOT NULL PRIMARY KEY,
    watermark INTEGER NOT NULL
) STRICT;
