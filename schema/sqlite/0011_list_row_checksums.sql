-- Schema 11: each row of a list has a checksum, so that a load proves it without encoding its value.
-- In older rows it is NULL, and their digests prove them, until write/row_checksums.py makes it.
ALTER TABLE cost_record ADD COLUMN checksum INTEGER;

ALTER TABLE task ADD COLUMN checksum INTEGER;

ALTER TABLE artifact ADD COLUMN checksum INTEGER;

ALTER TABLE trace_event ADD COLUMN checksum INTEGER;

ALTER TABLE run ADD COLUMN checksum INTEGER;

ALTER TABLE run_event ADD COLUMN checksum INTEGER;

ALTER TABLE verification_report ADD COLUMN checksum INTEGER;

ALTER TABLE verification_check ADD COLUMN checksum INTEGER;

ALTER TABLE subagent_task ADD COLUMN checksum INTEGER;

ALTER TABLE subagent_progress ADD COLUMN checksum INTEGER;

ALTER TABLE review_finding ADD COLUMN checksum INTEGER;

ALTER TABLE workflow_step ADD COLUMN checksum INTEGER;

INSERT INTO meta (name, value) VALUES ('rows_without_checksum', '');
