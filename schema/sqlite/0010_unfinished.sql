-- Schema 10: branches whose rows are removed in several transactions, so that others save meanwhile.
CREATE TABLE unfinished (
    branch_key INTEGER PRIMARY KEY REFERENCES branch ON DELETE CASCADE,
    kind TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL
) STRICT;
