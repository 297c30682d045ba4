-- Schema 5: a row that every commit rewrites, by which the file and its log recognise each other.
-- It is alone on page 2, the first table's, where it is found without SQLite; so meta moves away.
ALTER TABLE meta RENAME TO file_link;

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) SELECT name, value FROM file_link;

DELETE FROM file_link;
