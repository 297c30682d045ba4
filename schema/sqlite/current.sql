-- The whole schema as it is today, for reading; files are made and changed by the numbered files.
--
-- Conventions: `seq` counts from 0 within its parent and gives the order; `*_key` are integers of this
-- file, never shown to callers; JSON is in TEXT columns, with a blank in front when orjson alone would
-- misread it; an integer column is NULL, and the number in `extra`, when it is beyond 63 bits; digests
-- are SHA-256 as described in a3s_store/core/digests.py.
-- Rows without child rows (trace events, events of a run) have a packed key: the key of their parent times
-- 2^32, plus their `seq`. So they are stored together, in order, and need no index.
-- `checksum` of a row of a list is the CRC-32 of a compact JSON array in UTF-8: the packed key, or the
-- parent's key and `seq`, then the other stored columns in order, without `checksum` itself; digests in
-- lower-case hex.
-- No foreign key leads from a collection to a session: collections may be saved before their session.

-- One row, alone on page 2 (3 with auto-vacuum), rewritten by every commit: it ties a WAL to its file.
CREATE TABLE file_link (
    name TEXT NOT NULL PRIMARY KEY,  -- link
    value ANY  -- see backends/sqlite/format/commit_link.py
) STRICT, WITHOUT ROWID;

-- Settings of the file, and results of the last maintenance.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,  -- min_reader: oldest schema that may read this file; last_verify, last_erase; durability_normal; salt: of the hashes in tombstone; row_salt: of the checksums in message; rows_without_checksum: the list table and key up to which older rows have got theirs; log_first_available: where commit_log begins since it was trimmed
    value ANY  -- its value
) STRICT, WITHOUT ROWID;

-- Every session id under which anything is stored, a session or only collections.
CREATE TABLE owner (
    owner_key INTEGER PRIMARY KEY,  -- referred to by other tables
    id TEXT NOT NULL UNIQUE,  -- the session id as it was given
    life INTEGER NOT NULL DEFAULT 1,  -- its first generation; above 1 if the id was deleted before
    pruned_through INTEGER,  -- up to this generation rows may be missing; NULL: none was ever pruned
    pruned_left INTEGER  -- how many rows up to pruned_through are left
) STRICT;

-- The remainder of a deleted session: its id as a hash, and its last generation.
CREATE TABLE tombstone (
    id_hash BLOB NOT NULL PRIMARY KEY,  -- SHA-256 over the file's salt (in meta) and the id
    last_generation INTEGER NOT NULL,  -- the number that the deletion got
    row_checksum INTEGER NOT NULL  -- CRC-32 of the other columns
) STRICT, WITHOUT ROWID;

-- Count and digest of each saved collection, also of an empty one; without a row it was never saved. Lists
-- inside a session and retained artifact URIs have a row too.
CREATE TABLE collection (
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    name TEXT NOT NULL,  -- as in core/collections.py
    count INTEGER NOT NULL,  -- how many values
    digest BLOB NOT NULL,  -- their list digest; SHA-256 for the URIs
    PRIMARY KEY (owner_key, name)
) STRICT, WITHOUT ROWID;

-- The changes of sessions, streams and agent memory, in the order of their commits.
CREATE TABLE commit_log (
    sequence INTEGER PRIMARY KEY,  -- from 1, without gaps; the newest row is never removed
    kind TEXT NOT NULL,  -- session, bytes, stream or memory
    subject TEXT NOT NULL,  -- id of the session or owner, or name of the stream, that changed; after erase `erased:` and a hash
    op TEXT NOT NULL,  -- as in core/commit_log.py: save, rewind, fork, delete, checkpoint, ...
    generation INTEGER,  -- the session's generation after it; NULL: it has none
    digest BLOB,  -- SHA-256 of the session's snapshot after it; NULL: it has none
    committed_at_ms INTEGER NOT NULL,  -- Unix milliseconds by this machine's clock
    save_id BLOB,  -- as in generation
    row_checksum INTEGER NOT NULL  -- CRC-32 of the other columns
) STRICT;

-- How complete the full-text index is; without a row there is none to be used. The index itself, the FTS5
-- table search_index, is made by an idle writer (backends/sqlite/rows/search_index.py).
CREATE TABLE search_state (
    words_version INTEGER NOT NULL PRIMARY KEY,  -- version of the words in it (core/search/words.py)
    watermark INTEGER NOT NULL  -- key of the last message in it
) STRICT;

-- The same of the full-text index of agent memory, the FTS5 table memory_index (rows/memory_index.py).
CREATE TABLE memory_search_state (
    words_version INTEGER NOT NULL PRIMARY KEY,  -- version of the words in it
    watermark INTEGER NOT NULL  -- key of the last memory in it
) STRICT;

-- Branches whose rows are removed or added in several transactions, so that others save meanwhile.
CREATE TABLE unfinished (
    branch_key INTEGER PRIMARY KEY REFERENCES branch ON DELETE CASCADE,  -- of these rows
    kind TEXT NOT NULL,  -- delete: rows that no head needs are removed; otherwise the name of a save that adds rows
    started_at_ms INTEGER NOT NULL  -- Unix milliseconds by this machine's clock; of a save, its last transaction
) STRICT;

-- A line of messages. It may begin with segments of other branches; it only grows at its end.
CREATE TABLE branch (
    branch_key INTEGER PRIMARY KEY  -- referred to by heads
) STRICT;

-- The rows of the messages of a branch, segment by segment: positions start_seq up to end_seq are rows of source_branch.
CREATE TABLE branch_segment (
    branch_key INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,  -- the branch described
    start_seq INTEGER NOT NULL,  -- first position of the segment
    end_seq INTEGER,  -- one past the last; NULL: open, the branch's own rows
    source_branch INTEGER NOT NULL REFERENCES branch,  -- the branch of these rows
    source_start INTEGER,  -- seq there of the first, where the rows are another conversation's; NULL: start_seq
    row_checksum INTEGER,  -- CRC-32 of the other columns; NULL: written by schema 6 or older
    PRIMARY KEY (branch_key, start_seq)
) STRICT, WITHOUT ROWID;

-- Chain hashes at the heads of a branch that has rows of another conversation.
CREATE TABLE branch_chain (
    branch_key INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,  -- the branch
    length INTEGER NOT NULL,  -- how many messages
    chain_hash BLOB NOT NULL,  -- of the branch's first messages, as many as length
    segments TEXT NOT NULL,  -- JSON: start_seq, end_seq, source_branch, source_start of each segment up to there
    row_checksum INTEGER NOT NULL,  -- CRC-32 of length, chain_hash and segments
    PRIMARY KEY (branch_key, length)
) STRICT, WITHOUT ROWID;

-- The sessions with a head on a branch, in their present or an earlier generation.
CREATE TABLE branch_owner (
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    branch_key INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,  -- the branch
    PRIMARY KEY (owner_key, branch_key)
) STRICT, WITHOUT ROWID;

-- One message, stored once for all sessions, checkpoints and generations that have it. Its content comes
-- last: reading a column behind a long one walks through all pages of the long one.
CREATE TABLE message (
    message_key INTEGER PRIMARY KEY,  -- in order of arrival
    branch_key INTEGER NOT NULL REFERENCES branch,  -- branch that holds it
    seq INTEGER NOT NULL,  -- position in the branch that holds it, from 0
    chain_hash BLOB NOT NULL,  -- SHA-256 over this message and the chain hash of the one before
    checksum INTEGER NOT NULL,  -- CRC-32 of row_salt, branch, role, reasoning, extra keys, chain hash and content, XOR seq
    role TEXT NOT NULL,  -- user, assistant or any other text
    reasoning_content TEXT,  -- NULL: none
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    content TEXT NOT NULL,  -- JSON array of content blocks; large images are {"$blob": hash}
    added_at_ms INTEGER,  -- Unix milliseconds when it was first stored; NULL: by schema 8 or older
    UNIQUE (branch_key, seq)
) STRICT;

-- A large text or image, once, by the hash of its bytes.
CREATE TABLE blob (
    blob_key INTEGER PRIMARY KEY,  -- referred to by other tables
    hash BLOB NOT NULL UNIQUE,  -- SHA-256 of the bytes, before compression
    size_bytes INTEGER NOT NULL,  -- length before compression
    encoding TEXT NOT NULL,  -- raw or zlib
    data BLOB NOT NULL  -- the bytes
) STRICT;

-- The blobs with the images of a message.
CREATE TABLE message_blob (
    message_key INTEGER NOT NULL REFERENCES message ON DELETE CASCADE,  -- the message
    blob_key INTEGER NOT NULL REFERENCES blob,  -- the blob
    PRIMARY KEY (message_key, blob_key)
) STRICT, WITHOUT ROWID;

-- The part of a session that changes with every turn. Its conversation is a head: a branch and a length.
CREATE TABLE session (
    owner_key INTEGER PRIMARY KEY REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    head_branch INTEGER NOT NULL,  -- branch of its conversation
    head_length INTEGER NOT NULL,  -- number of messages of the branch that are its conversation
    digest BLOB NOT NULL,  -- SHA-256 of the session without configuration, messages, cost records, tasks
    state TEXT NOT NULL,  -- Unknown, Active, Paused, Completed or Error
    total_cost REAL,  -- dollars
    model_name TEXT,  -- provider/model as the session names it
    thinking_enabled INTEGER NOT NULL,  -- 0 or 1
    thinking_budget INTEGER,  -- tokens; NULL: no limit was set
    created_at INTEGER NOT NULL,  -- Unix seconds, the caller's
    updated_at INTEGER NOT NULL,  -- Unix seconds, the caller's
    parent_id TEXT,  -- id of the session this one was made from; no foreign key
    tenant_id TEXT,  -- opaque label of the host
    principal TEXT,  -- opaque label of the host
    agent_template_id TEXT,  -- opaque label of the host
    correlation_id TEXT,  -- opaque label of the host
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    used_tokens INTEGER,  -- tokens in the model's context
    max_tokens INTEGER,  -- tokens the context can hold
    percent REAL,  -- used part of the context, 0.0 to 1.0
    turns INTEGER,  -- turns so far
    context_usage_extra TEXT,  -- as extra, of the context usage
    prompt_tokens INTEGER,  -- tokens sent
    completion_tokens INTEGER,  -- tokens received
    total_tokens INTEGER,  -- as the provider counted; not checked
    cache_read_tokens INTEGER,  -- tokens read from the provider's cache; NULL: not said
    cache_write_tokens INTEGER,  -- tokens written to it; NULL: not said
    total_usage_extra TEXT,  -- as extra, of the usage
    commit_sequence INTEGER NOT NULL DEFAULT 0,  -- row of commit_log with its last change
    changed_at_ms INTEGER NOT NULL DEFAULT 0,  -- Unix milliseconds of that change by this machine's clock; never goes back
    last_message_at_ms INTEGER  -- added_at_ms of its last message; NULL: none, or not known
) STRICT;

-- The configuration of a session, which a turn does not change.
CREATE TABLE session_config (
    owner_key INTEGER PRIMARY KEY REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    digest BLOB NOT NULL,  -- SHA-256 of the configuration
    tool_names TEXT NOT NULL,  -- JSON array, in the order of the tool list
    llm_config TEXT,  -- JSON object: provider, model, base_url; never a key
    name TEXT NOT NULL,  -- title
    workspace TEXT NOT NULL,  -- path as text; need not exist
    system_prompt TEXT,  -- NULL: none
    max_context_length INTEGER NOT NULL,  -- tokens
    auto_compact INTEGER NOT NULL,  -- 0 or 1
    auto_compact_threshold REAL,  -- 0.0 to 1.0, an f32
    storage_type TEXT NOT NULL,  -- memory, file or custom: where upstream kept it
    queue_config TEXT,  -- JSON object; NULL: none
    confirmation_policy TEXT,  -- JSON object; NULL: none
    permission_policy TEXT,  -- JSON object; NULL: none
    max_parallel_tasks INTEGER,  -- NULL: not said
    auto_delegation TEXT,  -- JSON object; NULL: none
    parent_id TEXT,  -- as upstream's configuration has it
    security_config TEXT,  -- JSON object; NULL: none
    planning_mode TEXT NOT NULL,  -- Auto, Disabled or Enabled
    goal_tracking INTEGER NOT NULL,  -- 0 or 1
    config_extra TEXT,  -- as extra, of the configuration
    name_source TEXT,  -- made: the name was made by a model or a fork; NULL: by a person, or unknown
    first_prompt TEXT,  -- beginning of the conversation's first prompt; NULL: it has none
    search_text TEXT  -- name and first prompt, case folded; NULL: not made yet, in rows of older releases
) STRICT;

-- What a host keeps with a session beside it; no row when that is nothing.
CREATE TABLE session_host (
    owner_key INTEGER PRIMARY KEY REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    metadata TEXT,  -- any JSON; NULL: none
    pinned INTEGER NOT NULL,  -- 0 or 1
    archived INTEGER NOT NULL,  -- 0 or 1
    trashed_at_ms INTEGER,  -- Unix milliseconds; NULL: it is not in the trash
    trashed_sequence INTEGER,  -- row of commit_log that put it there
    row_checksum INTEGER NOT NULL  -- CRC-32 of the other columns and the labels, as a JSON array
) STRICT;

-- The labels of a session.
CREATE TABLE session_label (
    owner_key INTEGER NOT NULL REFERENCES session_host ON DELETE CASCADE,  -- the owner it belongs to
    key TEXT NOT NULL,  -- 1 to 128 characters
    value TEXT NOT NULL,  -- up to 512 characters
    PRIMARY KEY (owner_key, key)
) STRICT, WITHOUT ROWID;

-- One row for every save of a session or of its collections: order of saves, and index of time travel.
CREATE TABLE generation (
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    generation INTEGER NOT NULL,  -- from 1, rising by one
    head_branch INTEGER,  -- branch of the conversation then; NULL: no session was saved yet
    head_length INTEGER,  -- its length then
    digest TEXT,  -- of the whole snapshot then, sha256:...; NULL: no session was saved yet
    saved_at_ms INTEGER NOT NULL,  -- Unix milliseconds by this machine's clock; lists are sorted by it and pruning compares it
    holder TEXT,  -- holder of the writer lease; NULL: no one
    row_checksum INTEGER NOT NULL,  -- CRC-32 of the other columns
    save_id BLOB,  -- 16 random bytes by which the writer finds its save again; NULL: not given
    PRIMARY KEY (owner_key, generation)
) STRICT, WITHOUT ROWID;

-- The cost of one model call of a session.
CREATE TABLE cost_record (
    cost_record_key INTEGER PRIMARY KEY,  -- owner_key * 2^32 + seq
    owner_key INTEGER AS (cost_record_key >> 32),  -- the owner it belongs to
    seq INTEGER AS (cost_record_key & 4294967295),  -- position, from 0 unless the oldest were dropped
    model TEXT NOT NULL,  -- model that was called
    provider TEXT NOT NULL,  -- who runs it
    prompt_tokens INTEGER,  -- tokens sent
    completion_tokens INTEGER,  -- tokens received
    total_tokens INTEGER,  -- as the provider counted; not checked
    cost_usd REAL,  -- dollars; NULL: unknown
    timestamp TEXT NOT NULL,  -- RFC 3339, UTC
    session_id TEXT,  -- as the record says; no foreign key
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest_prefix INTEGER NOT NULL,  -- first 32 bits of the value's digest: tells which of a list is damaged
    checksum INTEGER  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
) STRICT;

-- One item of a session's task list.
CREATE TABLE task (
    task_key INTEGER PRIMARY KEY,  -- owner_key * 2^32 + seq
    owner_key INTEGER AS (task_key >> 32),  -- the owner it belongs to
    seq INTEGER AS (task_key & 4294967295),  -- position, from 0 unless the oldest were dropped
    id TEXT NOT NULL,  -- id within the list
    content TEXT NOT NULL,  -- the work to do
    status TEXT NOT NULL,  -- pending, in_progress, completed, failed, skipped or cancelled
    priority TEXT NOT NULL,  -- high, medium or low
    tool TEXT,  -- tool to use
    dependencies TEXT,  -- JSON array of task ids; NULL: none
    success_criteria TEXT,  -- when it is done
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest_prefix INTEGER NOT NULL,  -- first 32 bits of the value's digest: tells which of a list is damaged
    checksum INTEGER  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
) STRICT;

-- Artifacts that upstream's garbage collection must keep.
CREATE TABLE retained_artifact_uri (
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    seq INTEGER NOT NULL,  -- position
    uri TEXT NOT NULL,  -- the artifact's URI; no foreign key
    PRIMARY KEY (owner_key, seq)
) STRICT, WITHOUT ROWID;

-- A tool's output, too large for the conversation.
CREATE TABLE artifact (
    artifact_key INTEGER PRIMARY KEY,  -- in order of arrival
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    seq INTEGER NOT NULL,  -- position; may begin above 0 where the oldest were dropped
    artifact_id TEXT NOT NULL,  -- opaque
    artifact_uri TEXT NOT NULL,  -- opaque; not unique
    tool_name TEXT NOT NULL,  -- tool that made it
    content TEXT,  -- the text; NULL when it is in blob
    original_bytes INTEGER,  -- as the tool said
    shown_bytes INTEGER,  -- how much the model saw
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest_prefix INTEGER NOT NULL,  -- first 32 bits of the value's digest: tells which of a list is damaged
    blob_key INTEGER REFERENCES blob,  -- the text, when it is large
    checksum INTEGER,  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
    UNIQUE (owner_key, seq)
) STRICT;

-- One execution of a tool or program.
CREATE TABLE trace_event (
    trace_event_key INTEGER PRIMARY KEY,  -- owner_key * 2^32 + seq
    owner_key INTEGER AS (trace_event_key >> 32),  -- the owner it belongs to
    seq INTEGER AS (trace_event_key & 4294967295),  -- position, from 0 unless the oldest were dropped
    schema TEXT NOT NULL,  -- a constant of upstream's, not checked
    kind TEXT NOT NULL,  -- tool_execution or program_execution
    name TEXT NOT NULL,  -- of the tool or program
    success INTEGER NOT NULL,  -- 0 or 1
    exit_code INTEGER NOT NULL,  -- of the tool
    duration_ms INTEGER,  -- milliseconds
    output_bytes INTEGER,  -- bytes of output
    metadata_keys TEXT,  -- JSON array; NULL: none
    artifact_uris TEXT,  -- JSON array; NULL: none
    details TEXT,  -- any JSON; NULL: none
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest_prefix INTEGER NOT NULL,  -- first 32 bits of the value's digest: tells which of a list is damaged
    checksum INTEGER  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
) STRICT;

-- One run of the agent.
CREATE TABLE run (
    run_key INTEGER PRIMARY KEY,  -- in order of arrival
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    seq INTEGER NOT NULL,  -- position; may begin above 0 where the oldest were dropped
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    id TEXT NOT NULL,  -- upstream's run id; not unique
    session_id TEXT NOT NULL,  -- as the run says; no foreign key
    status TEXT NOT NULL,  -- created, planning, executing, verifying, completed, failed or cancelled
    prompt TEXT NOT NULL,  -- what started it
    created_at_ms INTEGER,  -- Unix milliseconds
    updated_at_ms INTEGER,  -- Unix milliseconds
    result_text TEXT,  -- NULL: none yet
    error TEXT,  -- NULL: none
    event_count INTEGER,  -- all events ever recorded, trimmed ones included
    snapshot_extra TEXT,  -- as extra, of the run's snapshot
    digest BLOB NOT NULL,  -- SHA-256 of the whole value, lists included
    events_count INTEGER NOT NULL,  -- how many rows of run_event belong to it
    events_digest BLOB NOT NULL,  -- their rolling digest
    checksum INTEGER,  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
    UNIQUE (owner_key, seq)
) STRICT;

-- One run event of a run.
CREATE TABLE run_event (
    run_event_key INTEGER PRIMARY KEY,  -- run_key * 2^32 + seq
    run_key INTEGER AS (run_event_key >> 32),  -- the parent it belongs to
    seq INTEGER AS (run_event_key & 4294967295),  -- position, from 0 unless the oldest were dropped
    sequence INTEGER,  -- as upstream counted; may repeat
    timestamp_ms INTEGER,  -- Unix milliseconds; may go back
    type TEXT NOT NULL,  -- kind of event
    payload TEXT,  -- JSON object: the event's other keys; NULL: none
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest_prefix INTEGER NOT NULL,  -- first 32 bits of the value's digest: tells which of a list is damaged
    checksum INTEGER  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
) STRICT;

-- A report of the checks of one subject.
CREATE TABLE verification_report (
    verification_report_key INTEGER PRIMARY KEY,  -- in order of arrival
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    seq INTEGER NOT NULL,  -- position; may begin above 0 where the oldest were dropped
    schema TEXT NOT NULL,  -- a constant of upstream's, not checked
    subject TEXT NOT NULL,  -- the subject that was checked
    status TEXT NOT NULL,  -- passed, failed, needs_review or skipped; as given
    residual_risks TEXT,  -- JSON array; NULL: none
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest BLOB NOT NULL,  -- SHA-256 of the whole value, lists included
    checks_count INTEGER NOT NULL,  -- how many rows of verification_check belong to it
    checks_digest BLOB NOT NULL,  -- their rolling digest
    checksum INTEGER,  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
    UNIQUE (owner_key, seq)
) STRICT;

-- One verification check of a verification report.
CREATE TABLE verification_check (
    verification_check_key INTEGER PRIMARY KEY,  -- verification_report_key * 2^32 + seq
    verification_report_key INTEGER AS (verification_check_key >> 32),  -- the parent it belongs to
    seq INTEGER AS (verification_check_key & 4294967295),  -- position, from 0 unless the oldest were dropped
    id TEXT NOT NULL,  -- id within the report
    kind TEXT NOT NULL,  -- free text
    description TEXT NOT NULL,  -- free text
    status TEXT NOT NULL,  -- passed, failed, needs_review or skipped
    required INTEGER NOT NULL,  -- 0 or 1
    suggested_tools TEXT,  -- JSON array; NULL: none
    evidence_uris TEXT,  -- JSON array; NULL: none
    residual_risk TEXT,  -- NULL: none
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest_prefix INTEGER NOT NULL,  -- first 32 bits of the value's digest: tells which of a list is damaged
    checksum INTEGER  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
) STRICT;

-- A task given to a subagent.
CREATE TABLE subagent_task (
    subagent_task_key INTEGER PRIMARY KEY,  -- in order of arrival
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    seq INTEGER NOT NULL,  -- position; may begin above 0 where the oldest were dropped
    task_id TEXT NOT NULL,  -- id within the list
    parent_session_id TEXT NOT NULL,  -- may be empty
    child_session_id TEXT NOT NULL,  -- session of the subagent; no foreign key
    agent TEXT NOT NULL,  -- name of the agent
    description TEXT NOT NULL,  -- free text
    status TEXT NOT NULL,  -- running, completed, failed or cancelled
    started_ms INTEGER,  -- Unix milliseconds
    updated_ms INTEGER,  -- Unix milliseconds
    finished_ms INTEGER,  -- Unix milliseconds; NULL: not finished
    output TEXT,  -- its reply
    success INTEGER,  -- 0 or 1
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest BLOB NOT NULL,  -- SHA-256 of the whole value, lists included
    progress_count INTEGER NOT NULL,  -- how many rows of subagent_progress belong to it
    progress_digest BLOB NOT NULL,  -- their rolling digest
    checksum INTEGER,  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
    UNIQUE (owner_key, seq)
) STRICT;

-- One subagent progress of a subagent task.
CREATE TABLE subagent_progress (
    subagent_progress_key INTEGER PRIMARY KEY,  -- subagent_task_key * 2^32 + seq
    subagent_task_key INTEGER AS (subagent_progress_key >> 32),  -- the parent it belongs to
    seq INTEGER AS (subagent_progress_key & 4294967295),  -- position, from 0 unless the oldest were dropped
    timestamp_ms INTEGER,  -- Unix milliseconds; may go back
    status TEXT NOT NULL,  -- free text
    metadata TEXT NOT NULL,  -- any JSON
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest_prefix INTEGER NOT NULL,  -- first 32 bits of the value's digest: tells which of a list is damaged
    checksum INTEGER  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
) STRICT;

-- One finding of a review.
CREATE TABLE review_finding (
    review_finding_key INTEGER PRIMARY KEY,  -- owner_key * 2^32 + seq
    owner_key INTEGER AS (review_finding_key >> 32),  -- the owner it belongs to
    seq INTEGER AS (review_finding_key & 4294967295),  -- position, in order of finding_id
    schema TEXT NOT NULL,  -- a constant of upstream's, not checked
    finding_id TEXT NOT NULL,  -- names the finding within its session
    session_id TEXT NOT NULL,  -- as the finding says; no foreign key
    scenario_id TEXT NOT NULL,  -- which kind of review
    status TEXT NOT NULL,  -- pending, addressed, accepted or waived
    severity TEXT NOT NULL,  -- info, warning, error or blocker
    category TEXT NOT NULL,  -- of the reviewer
    claim TEXT NOT NULL,  -- the fault that is claimed
    evidence TEXT NOT NULL,  -- why
    quote TEXT,  -- from the reply; NULL: none
    suggestion TEXT,  -- what to do; NULL: none
    type TEXT NOT NULL,  -- of the subject: transcript, opaque or another
    payload TEXT,  -- JSON object: the other keys of the subject
    source_review_id TEXT NOT NULL,  -- the review that made it
    addressed_by_run_id TEXT,  -- the run that addressed it; NULL: none
    accepted_by_review_id TEXT,  -- the review that accepted it; NULL: none
    reopen_reason TEXT,  -- why it is pending again; NULL: it was not reopened
    main_agent_reply TEXT,  -- the reply of the agent to it; NULL: none
    observed_at_ms INTEGER,  -- Unix milliseconds
    updated_at_ms INTEGER,  -- Unix milliseconds
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest_prefix INTEGER NOT NULL,  -- first 32 bits of the value's digest: tells which of a list is damaged
    checksum INTEGER  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
) STRICT;

-- A run after one of its tool rounds. Its messages are a head, not a copy.
CREATE TABLE loop_checkpoint (
    loop_checkpoint_key INTEGER PRIMARY KEY,  -- in order of arrival
    head_branch INTEGER NOT NULL REFERENCES branch,  -- branch of its messages
    head_length INTEGER NOT NULL,  -- number of its messages
    digest BLOB NOT NULL,  -- SHA-256 of the whole checkpoint, messages included
    schema_version INTEGER NOT NULL,  -- 1; 0: written before the field existed
    run_id TEXT NOT NULL UNIQUE,  -- its key
    session_id TEXT NOT NULL,  -- session of the run; no foreign key
    turn INTEGER,  -- tool rounds done
    tool_calls_count INTEGER,  -- tool calls so far
    verification_reports TEXT NOT NULL,  -- JSON array of reports
    checkpoint_ms INTEGER,  -- Unix milliseconds
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    prompt_tokens INTEGER,  -- tokens sent
    completion_tokens INTEGER,  -- tokens received
    total_tokens INTEGER,  -- as the provider counted; not checked
    cache_read_tokens INTEGER,  -- tokens read from the provider's cache; NULL: not said
    cache_write_tokens INTEGER,  -- tokens written to it; NULL: not said
    total_usage_extra TEXT,  -- as extra, of the usage
    base_length INTEGER,  -- how many of its messages were the session's when the run began; NULL: unknown
    claimed_by TEXT  -- token of the live session that may write it; NULL: none has claimed it
) STRICT;

-- The unfinished reply of a run, before it is a message. Overwritten in place.
CREATE TABLE draft (
    loop_checkpoint_key INTEGER PRIMARY KEY REFERENCES loop_checkpoint ON DELETE CASCADE,  -- of which run
    position INTEGER NOT NULL,  -- the position its message will have in the conversation, from 0
    text TEXT NOT NULL,  -- the text received so far
    reasoning_content TEXT,  -- NULL: none
    updated_at_ms INTEGER NOT NULL,  -- Unix milliseconds by the writer's clock
    row_checksum INTEGER NOT NULL  -- CRC-32 of the other columns and the run's id
) STRICT;

-- A workflow and its finished steps.
CREATE TABLE workflow_checkpoint (
    workflow_checkpoint_key INTEGER PRIMARY KEY,  -- in order of arrival
    schema_version INTEGER NOT NULL,  -- 1; 0: written before the field existed
    workflow_id TEXT NOT NULL UNIQUE,  -- its key
    checkpoint_ms INTEGER,  -- Unix milliseconds
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    digest BLOB NOT NULL,  -- SHA-256 of the whole value, lists included
    steps_count INTEGER NOT NULL,  -- how many rows of workflow_step belong to it
    steps_digest BLOB NOT NULL  -- their rolling digest
) STRICT;

-- One finished step of a workflow.
CREATE TABLE workflow_step (
    workflow_step_key INTEGER PRIMARY KEY,  -- workflow_checkpoint_key * 2^32 + seq
    workflow_checkpoint_key INTEGER AS (workflow_step_key >> 32),  -- the parent it belongs to
    seq INTEGER AS (workflow_step_key & 4294967295),  -- position, from 0 unless the oldest were dropped
    task_id TEXT NOT NULL,  -- id within the list
    extra TEXT,  -- JSON object: keys this release does not know, and values a column cannot hold exactly
    outcome_task_id TEXT NOT NULL,  -- as the outcome says
    outcome_session_id TEXT NOT NULL,  -- session of the step's agent
    outcome_agent TEXT NOT NULL,  -- name of the agent
    outcome_output TEXT NOT NULL,  -- its reply
    outcome_success INTEGER NOT NULL,  -- 0 or 1
    outcome_structured TEXT,  -- any JSON; NULL: none
    outcome_extra TEXT,  -- as extra, of the outcome
    digest_prefix INTEGER NOT NULL,  -- first 32 bits of the value's digest: tells which of a list is damaged
    checksum INTEGER  -- CRC-32 of the row; NULL: not made yet, in rows of older releases
) STRICT;

-- A dead letter or a pending external task of a session's queue: it survives a crash, and is deleted with its session.
CREATE TABLE queue_entry (
    queue_entry_key INTEGER PRIMARY KEY,  -- in order of arrival
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,  -- the owner it belongs to
    kind TEXT NOT NULL,  -- dead_letter or external_task
    command_id TEXT NOT NULL,  -- id within the queue
    claimed_by TEXT,  -- token of the live session that may write it; NULL: none has claimed it
    value TEXT NOT NULL,  -- JSON object: the dead letter or external task
    row_checksum INTEGER NOT NULL,  -- CRC-32 of owner_key, kind, command_id and value
    UNIQUE (owner_key, kind, command_id)
) STRICT;

-- Agent memory, by owner: the id of a session, which need not be stored, or any other id. Content comes
-- last, as in a message.
CREATE TABLE agent_memory (
    memory_key INTEGER PRIMARY KEY,  -- in order of arrival
    owner TEXT NOT NULL,  -- the owner, an id
    id TEXT NOT NULL,  -- unique for the owner
    timestamp TEXT NOT NULL,  -- when it was made, RFC 3339 in UTC
    importance REAL,  -- from 0 to 1; NULL: negative zero, in extra
    tags TEXT NOT NULL,  -- array of texts
    memory_type TEXT NOT NULL,  -- episodic, semantic, procedural, working
    metadata TEXT NOT NULL,  -- object of texts
    access_count INTEGER NOT NULL,  -- how often it was used
    last_accessed TEXT,  -- when it was last used, RFC 3339 in UTC
    extra TEXT,  -- unknown keys
    digest_prefix INTEGER NOT NULL,  -- first 63 bits of the SHA-256 over the other columns
    content TEXT NOT NULL,  -- the text itself
    UNIQUE (owner, id)
) STRICT;

-- A stream of a host or an adapter, by its name; its items are rows of stream_item.
CREATE TABLE stream (
    stream_key INTEGER PRIMARY KEY,  -- referred to by other tables
    name TEXT NOT NULL UNIQUE,  -- 1 to 1024 bytes; of byte artifacts: NUL, bytes, NUL, and the id of their session; of a deleted one with items left: two NULs and stream_key
    owner_key INTEGER REFERENCES owner ON DELETE CASCADE,  -- the session it is deleted with; NULL: none
    next_seq INTEGER NOT NULL,  -- seq of its next item; never goes back
    changed_at_ms INTEGER NOT NULL,  -- Unix milliseconds of its last change by this machine's clock; never goes back
    commit_sequence INTEGER NOT NULL,  -- row of commit_log with its last change
    metadata TEXT,  -- any JSON; NULL: none
    row_checksum INTEGER NOT NULL  -- CRC-32 of the other columns, as a JSON array
) STRICT;

-- An item of a stream. Its value comes last, as in a message.
CREATE TABLE stream_item (
    item_key INTEGER PRIMARY KEY,  -- referred to by its labels
    stream_key INTEGER NOT NULL REFERENCES stream ON DELETE CASCADE,  -- the stream
    seq INTEGER NOT NULL,  -- place in the stream, from 0; removed items leave holes
    item_id TEXT,  -- unique in the stream, 1 to 1024 bytes; NULL: none
    version INTEGER NOT NULL,  -- number of writes under the id, from 1
    at_ms INTEGER NOT NULL,  -- Unix milliseconds of the last write, as changed_at_ms
    expires_at_ms INTEGER,  -- from then on it is gone; NULL: never
    labels TEXT,  -- JSON object of texts, in the order of keys; NULL: none
    metadata TEXT,  -- any JSON; NULL: none
    blob_key INTEGER REFERENCES blob,  -- the blob with its value; NULL: it is in json or bytes
    row_checksum INTEGER NOT NULL,  -- stream_key + CRC-32 of seq, item_id, version, at_ms, expires_at_ms, labels, metadata, blob_key, json, bytes, as a JSON array
    json TEXT,  -- the value; empty: JSON in the blob; NULL: the value is bytes
    bytes BLOB,  -- the value; empty with blob_key: bytes in the blob; NULL: the value is JSON
    UNIQUE (stream_key, seq)
) STRICT;

-- The labels of items, for finding them; they are in stream_item, too.
CREATE TABLE stream_item_label (
    key TEXT NOT NULL,  -- 1 to 128 characters
    value TEXT NOT NULL,  -- up to 512 characters
    item_key INTEGER NOT NULL REFERENCES stream_item ON DELETE CASCADE,  -- the item
    PRIMARY KEY (key, value, item_key)
) STRICT, WITHOUT ROWID;

-- The number of memories of an owner; no row without any.
CREATE TABLE agent_memory_total (
    owner TEXT NOT NULL PRIMARY KEY,  -- the owner, an id
    count INTEGER NOT NULL,  -- number of rows in agent_memory
    digest_sum INTEGER NOT NULL  -- the sum of their digest prefixes, modulo 2^63
) STRICT, WITHOUT ROWID;

-- For pages of sessions: the ones updated last.
CREATE INDEX session_by_updated ON session (updated_at, commit_sequence);

-- For pages of sessions with a label, and for emptying the trash.
CREATE INDEX session_label_by_value ON session_label (key, value);

CREATE INDEX session_host_by_trash ON session_host (trashed_at_ms)
WHERE trashed_at_ms IS NOT NULL;

-- For removing a blob: which rows still refer to it?
CREATE INDEX artifact_by_blob ON artifact (blob_key)
WHERE blob_key IS NOT NULL;

CREATE INDEX message_blob_by_blob ON message_blob (blob_key);

CREATE INDEX stream_item_by_blob ON stream_item (blob_key)
WHERE blob_key IS NOT NULL;

-- For reading items by id, and for removing expired ones.
CREATE UNIQUE INDEX stream_item_by_id ON stream_item (stream_key, item_id)
WHERE item_id IS NOT NULL;

CREATE INDEX stream_item_by_expiry ON stream_item (expires_at_ms)
WHERE expires_at_ms IS NOT NULL;

-- For removing an item, and the streams of a session.
CREATE INDEX stream_item_label_by_item ON stream_item_label (item_key);

CREATE INDEX stream_by_owner ON stream (owner_key)
WHERE owner_key IS NOT NULL;

-- For removing a branch: which heads and segments still need it?
CREATE INDEX branch_segment_by_source ON branch_segment (source_branch);

CREATE INDEX branch_owner_by_branch ON branch_owner (branch_key);

CREATE INDEX loop_checkpoint_by_head ON loop_checkpoint (head_branch);

-- Deleting a session deletes the checkpoints of its runs.
CREATE INDEX loop_checkpoint_by_session ON loop_checkpoint (session_id);

-- Rows with packed keys are deleted with their parent.
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

CREATE TRIGGER review_finding_cascade AFTER DELETE ON owner BEGIN
    DELETE FROM review_finding
    WHERE review_finding_key >= old.owner_key << 32
    AND review_finding_key < (old.owner_key + 1) << 32;
END;

CREATE TRIGGER workflow_step_cascade AFTER DELETE ON workflow_checkpoint BEGIN
    DELETE FROM workflow_step
    WHERE workflow_step_key >= old.workflow_checkpoint_key << 32
    AND workflow_step_key < (old.workflow_checkpoint_key + 1) << 32;
END;

-- All sessions, as a list shows them.
CREATE VIEW sessions AS
SELECT
    o.id,
    c.name,
    s.state,
    c.workspace,
    s.model_name,
    s.head_length AS messages,
    s.total_tokens,
    s.total_cost,
    s.created_at,
    s.updated_at,
    (SELECT max(generation) FROM generation WHERE owner_key = s.owner_key) AS generation
FROM session AS s
JOIN owner AS o USING (owner_key)
JOIN session_config AS c USING (owner_key);

-- Every message of the present conversation of every session; order by seq.
CREATE VIEW conversation AS
SELECT
    o.id AS session_id,
    m.seq + p.start_seq - coalesce(p.source_start, p.start_seq) AS seq,
    m.role,
    m.content,
    m.reasoning_content
FROM session AS s
JOIN owner AS o USING (owner_key)
JOIN branch_segment AS p
    ON p.branch_key = s.head_branch AND p.start_seq < s.head_length
JOIN message AS m
    ON m.branch_key = p.source_branch
    AND m.seq >= coalesce(p.source_start, p.start_seq)
    AND m.seq < coalesce(p.source_start, p.start_seq) - p.start_seq
        + min(coalesce(p.end_seq, s.head_length), s.head_length);

-- Every event of every run, with the ids it belongs to.
CREATE VIEW run_events AS
SELECT
    o.id AS session_id,
    r.id AS run_id,
    e.seq,
    e.sequence,
    e.timestamp_ms,
    e.type,
    e.payload
FROM run AS r
JOIN owner AS o USING (owner_key)
JOIN run_event AS e
    ON e.run_event_key >= r.run_key << 32
    AND e.run_event_key < (r.run_key + 1) << 32;

-- The cost of each model call.
CREATE VIEW costs AS
SELECT
    o.id AS session_id,
    c.timestamp,
    c.provider,
    c.model,
    c.total_tokens,
    c.cost_usd
FROM owner AS o
JOIN cost_record AS c
    ON c.cost_record_key >= o.owner_key << 32
    AND c.cost_record_key < (o.owner_key + 1) << 32;
