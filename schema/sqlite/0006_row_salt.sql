-- Schema 6: the checksum of a message knows its file and its branch. The salt, and from which row on
-- it is in every checksum, are put into meta with this step (backends/sqlite/format/row_salt.py).
-- The column gets another name, so that a program of an older schema which has the file open cannot
-- add a message whose checksum lacks the salt: its statement fails.
ALTER TABLE message RENAME COLUMN row_checksum TO checksum;
