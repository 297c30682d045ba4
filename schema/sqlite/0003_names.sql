-- Plain names for tables, columns and triggers. Nothing is added; no row is written anew.
-- SQLite changes the names in views, indexes and foreign keys along.

ALTER TABLE shelf RENAME TO collection;
ALTER TABLE branch_part RENAME TO branch_segment;
ALTER TABLE memory RENAME TO agent_memory;
ALTER TABLE memory_shelf RENAME TO agent_memory_total;

ALTER TABLE collection RENAME COLUMN family TO name;
ALTER TABLE message RENAME COLUMN chain TO chain_hash;
ALTER TABLE message RENAME COLUMN seal TO row_checksum;
ALTER TABLE generation RENAME COLUMN seal TO row_checksum;
ALTER TABLE cost_record RENAME COLUMN seal TO digest_prefix;
ALTER TABLE task RENAME COLUMN seal TO digest_prefix;
ALTER TABLE artifact RENAME COLUMN seal TO digest_prefix;
ALTER TABLE trace_event RENAME COLUMN seal TO digest_prefix;
ALTER TABLE run_event RENAME COLUMN seal TO digest_prefix;
ALTER TABLE verification_check RENAME COLUMN seal TO digest_prefix;
ALTER TABLE subagent_progress RENAME COLUMN seal TO digest_prefix;
ALTER TABLE workflow_step RENAME COLUMN seal TO digest_prefix;
ALTER TABLE agent_memory RENAME COLUMN seal TO digest_prefix;
ALTER TABLE agent_memory_total RENAME COLUMN seal TO digest_sum;

DROP INDEX branch_part_by_source;

CREATE INDEX branch_segment_by_source ON branch_segment (source_branch);

-- One trigger for each table with packed keys, named after it.
DROP TRIGGER owner_deleted;
DROP TRIGGER run_deleted;
DROP TRIGGER verification_report_deleted;
DROP TRIGGER subagent_task_deleted;
DROP TRIGGER workflow_checkpoint_deleted;

CREATE TRIGGER cost_record_cascade AFTER DELETE ON owner BEGIN
    DELETE FROM cost_record
    WHERE cost_record_key >= old.owner_key << 32
    AND cost_record_key < (old.owner_key + 1) << 32;
END;

CREATE TRIGGER task_cascade AFTER DELETE ON owner BEGIN
    DELETE FROM task
    WHERE task_key >= old.owner_key << 32
    AND task_key < (old.owner_key + 1) << 32;
END;

CREATE TRIGGER trace_event_cascade AFTER DELETE ON owner BEGIN
    DELETE FROM trace_event
    WHERE trace_event_key >= old.owner_key << 32
    AND trace_event_key < (old.owner_key + 1) << 32;
END;

CREATE TRIGGER run_event_cascade AFTER DELETE ON run BEGIN
    DELETE FROM run_event
    WHERE run_event_key >= old.run_key << 32
    AND run_event_key < (old.run_key + 1) << 32;
END;

CREATE TRIGGER verification_check_cascade AFTER DELETE ON verification_report BEGIN
    DELETE FROM verification_check
    WHERE verification_check_key >= old.verification_report_key << 32
    AND verification_check_key < (old.verification_report_key + 1) << 32;
END;

CREATE TRIGGER subagent_progress_cascade AFTER DELETE ON subagent_task BEGIN
    DELETE FROM subagent_progress
    WHERE subagent_progress_key >= old.subagent_task_key << 32
    AND subagent_progress_key < (old.subagent_task_key + 1) << 32;
END;

CREATE TRIGGER workflow_step_cascade AFTER DELETE ON workflow_checkpoint BEGIN
    DELETE FROM workflow_step
    WHERE workflow_step_key >= old.workflow_checkpoint_key << 32
    AND workflow_step_key < (old.workflow_checkpoint_key + 1) << 32;
END;
