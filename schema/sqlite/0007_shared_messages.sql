-- Schema 7: a branch may have rows of another branch at other positions, so that a conversation whose
-- oldest messages were dropped, or one of whose messages changed, writes only what is new.
ALTER TABLE branch_segment ADD COLUMN source_start INTEGER;

ALTER TABLE branch_segment ADD COLUMN row_checksum INTEGER;

-- Up to which generation rows were pruned, and how many are left of those.
ALTER TABLE owner ADD COLUMN pruned_through INTEGER;

ALTER TABLE owner ADD COLUMN pruned_left INTEGER;

CREATE TABLE branch_chain (
    branch_key INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,
    length INTEGER NOT NULL,
    chain_hash BLOB NOT NULL,
    segments TEXT NOT NULL,
    row_checksum INTEGER NOT NULL,
    PRIMARY KEY (branch_key, length)
) STRICT, WITHOUT ROWID;

DROP VIEW conversation;

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

