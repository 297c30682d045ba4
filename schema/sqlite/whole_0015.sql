-- Schema 15 in one script, for new files. Made of the numbered steps by
-- `python -m tools.generate`; do not edit. What each column means is in current.sql.

CREATE TABLE file_link (
    name TEXT NOT NULL PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE owner (
    owner_key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
, life INTEGER NOT NULL DEFAULT 1, pruned_through INTEGER, pruned_left INTEGER) STRICT;

CREATE TABLE collection (
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (owner_key, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE branch (
    branch_key INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE branch_segment (
    branch_key INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,
    start_seq INTEGER NOT NULL,
    end_seq INTEGER,
    source_branch INTEGER NOT NULL REFERENCES branch, source_start INTEGER, row_checksum INTEGER,
    PRIMARY KEY (branch_key, start_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE branch_owner (
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    branch_key INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,
    PRIMARY KEY (owner_key, branch_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    message_key INTEGER PRIMARY KEY,
    branch_key INTEGER NOT NULL REFERENCES branch,
    seq INTEGER NOT NULL,
    chain_hash BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    role TEXT NOT NULL,
    reasoning_content TEXT,
    extra TEXT,
    content TEXT NOT NULL, added_at_ms INTEGER,
    UNIQUE (branch_key, seq)
) STRICT;

CREATE TABLE blob (
    blob_key INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    encoding TEXT NOT NULL,
    data BLOB NOT NULL
) STRICT;

CREATE TABLE message_blob (
    message_key INTEGER NOT NULL REFERENCES message ON DELETE CASCADE,
    blob_key INTEGER NOT NULL REFERENCES blob,
    PRIMARY KEY (message_key, blob_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    owner_key INTEGER PRIMARY KEY REFERENCES owner ON DELETE CASCADE,
    head_branch INTEGER NOT NULL,
    head_length INTEGER NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL,
    total_cost REAL,
    model_name TEXT,
    thinking_enabled INTEGER NOT NULL,
    thinking_budget INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    parent_id TEXT,
    tenant_id TEXT,
    principal TEXT,
    agent_template_id TEXT,
    correlation_id TEXT,
    extra TEXT,
    used_tokens INTEGER,
    max_tokens INTEGER,
    percent REAL,
    turns INTEGER,
    context_usage_extra TEXT,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    total_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    total_usage_extra TEXT
, commit_sequence INTEGER NOT NULL DEFAULT 0, changed_at_ms INTEGER NOT NULL DEFAULT 0, last_message_at_ms INTEGER) STRICT;

CREATE TABLE session_config (
    owner_key INTEGER PRIMARY KEY REFERENCES owner ON DELETE CASCADE,
    digest BLOB NOT NULL,
    tool_names TEXT NOT NULL,
    llm_config TEXT,
    name TEXT NOT NULL,
    workspace TEXT NOT NULL,
    system_prompt TEXT,
    max_context_length INTEGER NOT NULL,
    auto_compact INTEGER NOT NULL,
    auto_compact_threshold REAL,
    storage_type TEXT NOT NULL,
    queue_config TEXT,
    confirmation_policy TEXT,
    permission_policy TEXT,
    max_parallel_tasks INTEGER,
    auto_delegation TEXT,
    parent_id TEXT,
    security_config TEXT,
    planning_mode TEXT NOT NULL,
    goal_tracking INTEGER NOT NULL,
    config_extra TEXT
, name_source TEXT, first_prompt TEXT, search_text TEXT) STRICT;

CREATE TABLE generation (
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    head_branch INTEGER,
    head_length INTEGER,
    digest TEXT,
    saved_at_ms INTEGER NOT NULL,
    holder TEXT,
    row_checksum INTEGER NOT NULL, save_id BLOB,
    PRIMARY KEY (owner_key, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE cost_record (
    cost_record_key INTEGER PRIMARY KEY,
    owner_key INTEGER AS (cost_record_key >> 32),
    seq INTEGER AS (cost_record_key & 4294967295),
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    total_tokens INTEGER,
    cost_usd REAL,
    timestamp TEXT NOT NULL,
    session_id TEXT,
    extra TEXT,
    digest_prefix INTEGER NOT NULL
, checksum INTEGER) STRICT;

CREATE TABLE task (
    task_key INTEGER PRIMARY KEY,
    owner_key INTEGER AS (task_key >> 32),
    seq INTEGER AS (task_key & 4294967295),
    id TEXT NOT NULL,
    content TEXT NOT NULL,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    tool TEXT,
    dependencies TEXT,
    success_criteria TEXT,
    extra TEXT,
    digest_prefix INTEGER NOT NULL
, checksum INTEGER) STRICT;

CREATE TABLE retained_artifact_uri (
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    uri TEXT NOT NULL,
    PRIMARY KEY (owner_key, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifact (
    artifact_key INTEGER PRIMARY KEY,
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    artifact_id TEXT NOT NULL,
    artifact_uri TEXT NOT NULL,
    tool_name TEXT NOT NULL,
    content TEXT,
    original_bytes INTEGER,
    shown_bytes INTEGER,
    extra TEXT,
    digest_prefix INTEGER NOT NULL,
    blob_key INTEGER REFERENCES blob, checksum INTEGER,
    UNIQUE (owner_key, seq)
) STRICT;

CREATE TABLE trace_event (
    trace_event_key INTEGER PRIMARY KEY,
    owner_key INTEGER AS (trace_event_key >> 32),
    seq INTEGER AS (trace_event_key & 4294967295),
    schema TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    success INTEGER NOT NULL,
    exit_code INTEGER NOT NULL,
    duration_ms INTEGER,
    output_bytes INTEGER,
    metadata_keys TEXT,
    artifact_uris TEXT,
    details TEXT,
    extra TEXT,
    digest_prefix INTEGER NOT NULL
, checksum INTEGER) STRICT;

CREATE TABLE run (
    run_key INTEGER PRIMARY KEY,
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    extra TEXT,
    id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    status TEXT NOT NULL,
    prompt TEXT NOT NULL,
    created_at_ms INTEGER,
    updated_at_ms INTEGER,
    result_text TEXT,
    error TEXT,
    event_count INTEGER,
    snapshot_extra TEXT,
    digest BLOB NOT NULL,
    events_count INTEGER NOT NULL,
    events_digest BLOB NOT NULL, checksum INTEGER,
    UNIQUE (owner_key, seq)
) STRICT;

CREATE TABLE run_event (
    run_event_key INTEGER PRIMARY KEY,
    run_key INTEGER AS (run_event_key >> 32),
    seq INTEGER AS (run_event_key & 4294967295),
    sequence INTEGER,
    timestamp_ms INTEGER,
    type TEXT NOT NULL,
    payload TEXT,
    extra TEXT,
    digest_prefix INTEGER NOT NULL
, checksum INTEGER) STRICT;

CREATE TABLE verification_report (
    verification_report_key INTEGER PRIMARY KEY,
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    schema TEXT NOT NULL,
    subject TEXT NOT NULL,
    status TEXT NOT NULL,
    residual_risks TEXT,
    extra TEXT,
    digest BLOB NOT NULL,
    checks_count INTEGER NOT NULL,
    checks_digest BLOB NOT NULL, checksum INTEGER,
    UNIQUE (owner_key, seq)
) STRICT;

CREATE TABLE verification_check (
    verification_check_key INTEGER PRIMARY KEY,
    verification_report_key INTEGER AS (verification_check_key >> 32),
    seq INTEGER AS (verification_check_key & 4294967295),
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    required INTEGER NOT NULL,
    suggested_tools TEXT,
    evidence_uris TEXT,
    residual_risk TEXT,
    extra TEXT,
    digest_prefix INTEGER NOT NULL
, checksum INTEGER) STRICT;

CREATE TABLE subagent_task (
    subagent_task_key INTEGER PRIMARY KEY,
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    parent_session_id TEXT NOT NULL,
    child_session_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    started_ms INTEGER,
    updated_ms INTEGER,
    finished_ms INTEGER,
    output TEXT,
    success INTEGER,
    extra TEXT,
    digest BLOB NOT NULL,
    progress_count INTEGER NOT NULL,
    progress_digest BLOB NOT NULL, checksum INTEGER,
    UNIQUE (owner_key, seq)
) STRICT;

CREATE TABLE subagent_progress (
    subagent_progress_key INTEGER PRIMARY KEY,
    subagent_task_key INTEGER AS (subagent_progress_key >> 32),
    seq INTEGER AS (subagent_progress_key & 4294967295),
    timestamp_ms INTEGER,
    status TEXT NOT NULL,
    metadata TEXT NOT NULL,
    extra TEXT,
    digest_prefix INTEGER NOT NULL
, checksum INTEGER) STRICT;

CREATE TABLE loop_checkpoint (
    loop_checkpoint_key INTEGER PRIMARY KEY,
    head_branch INTEGER NOT NULL REFERENCES branch,
    head_length INTEGER NOT NULL,
    digest BLOB NOT NULL,
    schema_version INTEGER NOT NULL,
    run_id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL,
    turn INTEGER,
    tool_calls_count INTEGER,
    verification_reports TEXT NOT NULL,
    checkpoint_ms INTEGER,
    extra TEXT,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    total_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    total_usage_extra TEXT
, base_length INTEGER, claimed_by TEXT) STRICT;

CREATE TABLE workflow_checkpoint (
    workflow_checkpoint_key INTEGER PRIMARY KEY,
    schema_version INTEGER NOT NULL,
    workflow_id TEXT NOT NULL UNIQUE,
    checkpoint_ms INTEGER,
    extra TEXT,
    digest BLOB NOT NULL,
    steps_count INTEGER NOT NULL,
    steps_digest BLOB NOT NULL
) STRICT;

CREATE TABLE workflow_step (
    workflow_step_key INTEGER PRIMARY KEY,
    workflow_checkpoint_key INTEGER AS (workflow_step_key >> 32),
    seq INTEGER AS (workflow_step_key & 4294967295),
    task_id TEXT NOT NULL,
    extra TEXT,
    outcome_task_id TEXT NOT NULL,
    outcome_session_id TEXT NOT NULL,
    outcome_agent TEXT NOT NULL,
    outcome_output TEXT NOT NULL,
    outcome_success INTEGER NOT NULL,
    outcome_structured TEXT,
    outcome_extra TEXT,
    digest_prefix INTEGER NOT NULL
, checksum INTEGER) STRICT;

CREATE INDEX artifact_by_blob ON artifact (blob_key)
WHERE blob_key IS NOT NULL;

CREATE INDEX message_blob_by_blob ON message_blob (blob_key);

CREATE INDEX branch_owner_by_branch ON branch_owner (branch_key);

CREATE INDEX loop_checkpoint_by_head ON loop_checkpoint (head_branch);

CREATE INDEX loop_checkpoint_by_session ON loop_checkpoint (session_id);

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

CREATE TABLE agent_memory_total (
    owner TEXT NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL,
    digest_sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_memory (
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
    digest_prefix INTEGER NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (owner, id)
) STRICT;

CREATE INDEX branch_segment_by_source ON branch_segment (source_branch);

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

CREATE TABLE tombstone (
    id_hash BLOB NOT NULL PRIMARY KEY,
    last_generation INTEGER NOT NULL,
    row_checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE queue_entry (
    queue_entry_key INTEGER PRIMARY KEY,
    owner_key INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE,
    kind TEXT NOT NULL,
    command_id TEXT NOT NULL,
    claimed_by TEXT,
    value TEXT NOT NULL,
    row_checksum INTEGER NOT NULL,
    UNIQUE (owner_key, kind, command_id)
) STRICT;

CREATE TABLE draft (
    loop_checkpoint_key INTEGER PRIMARY KEY REFERENCES loop_checkpoint ON DELETE CASCADE,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    reasoning_content TEXT,
    updated_at_ms INTEGER NOT NULL,
    row_checksum INTEGER NOT NULL
) STRICT;

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE branch_chain (
    branch_key INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,
    length INTEGER NOT NULL,
    chain_hash BLOB NOT NULL,
    segments TEXT NOT NULL,
    row_checksum INTEGER NOT NULL,
    PRIMARY KEY (branch_key, length)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE review_finding (
    review_finding_key INTEGER PRIMARY KEY,
    owner_key INTEGER AS (review_finding_key >> 32),
    seq INTEGER AS (review_finding_key & 4294967295),
    schema TEXT NOT NULL,
    finding_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    scenario_id TEXT NOT NULL,
    status TEXT NOT NULL,
    severity TEXT NOT NULL,
    category TEXT NOT NULL,
    claim TEXT NOT NULL,
    evidence TEXT NOT NULL,
    quote TEXT,
    suggestion TEXT,
    type TEXT NOT NULL,
    payload TEXT,
    source_review_id TEXT NOT NULL,
    addressed_by_run_id TEXT,
    accepted_by_review_id TEXT,
    reopen_reason TEXT,
    main_agent_reply TEXT,
    observed_at_ms INTEGER,
    updated_at_ms INTEGER,
    extra TEXT,
    digest_prefix INTEGER NOT NULL
, checksum INTEGER) STRICT;

CREATE TRIGGER review_finding_cascade AFTER DELETE ON owner BEGIN
    DELETE FROM review_finding
    WHERE review_finding_key >= old.owner_key << 32
    AND review_finding_key < (old.owner_key + 1) << 32;
END;

CREATE TABLE commit_log (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    op TEXT NOT NULL,
    generation INTEGER,
    digest BLOB,
    committed_at_ms INTEGER NOT NULL,
    save_id BLOB,
    row_checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX session_by_updated ON session (updated_at, commit_sequence);

CREATE TABLE unfinished (
    branch_key INTEGER PRIMARY KEY REFERENCES branch ON DELETE CASCADE,
    kind TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE session_host (
    owner_key INTEGER PRIMARY KEY REFERENCES owner ON DELETE CASCADE,
    metadata TEXT,
    pinned INTEGER NOT NULL,
    archived INTEGER NOT NULL,
    trashed_at_ms INTEGER,
    trashed_sequence INTEGER,
    row_checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX session_host_by_trash ON session_host (trashed_at_ms) WHERE trashed_at_ms IS NOT NULL;

CREATE TABLE session_label (
    owner_key INTEGER NOT NULL REFERENCES session_host ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner_key, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_label_by_value ON session_label (key, value);

CREATE TABLE search_state (
    words_version INTEGER NOT NULL PRIMARY KEY,
    watermark INTEGER NOT NULL
) STRICT;

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

CREATE TABLE memory_search_state (
    words_version INTEGER NOT NULL PRIMARY KEY,
    watermark INTEGER NOT NULL
) STRICT;
