-- Schema 8: findings of reviews, a collection of a session.
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
) STRICT;

CREATE TRIGGER review_finding_cascade AFTER DELETE ON owner BEGIN
    DELETE FROM review_finding
    WHERE review_finding_key >= old.owner_key << 32
    AND review_finding_key < (old.owner_key + 1) << 32;
END;
