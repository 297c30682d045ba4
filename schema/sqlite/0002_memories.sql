-- Memories: what an agent recollects beyond one conversation.
-- Files of schema 1 gain two empty tables; what is in them is not touched. What each column means is
-- in current.sql.

CREATE TABLE memory_shelf (
    owner TEXT NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL,
    seal INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE memory (
    memory_key INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    importance REAL,
    tags TEXT NOT NULL,
    memory_type TEXT NOT NULL,
    metadata TEXT NOT NULL,
    access_count INTEGER NOT NULL,
    last_accessed TEXT,
    extra TEXT,
    seal INTEGER NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (owner, id)
) STRICT;
