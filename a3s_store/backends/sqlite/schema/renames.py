"""Names that schema step 3 changed: how salvage finds the tables of a file of schema 1 or 2.

Everything else reads files that were migrated. A test compares this table with the numbered file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STEP: Final = 3

# Old name by new name.
TABLES: Final[Mapping[str, str]] = {
    "collection": "shelf",
    "branch_segment": "branch_part",
    "agent_memory": "memory",
    "agent_memory_total": "memory_shelf",
}

# Old name by new name, by the new name of the table.
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "collection": {"name": "family"},
    "message": {"chain_hash": "chain", "row_checksum": "seal"},
    "generation": {"row_checksum": "seal"},
    **{
        table: {"digest_prefix": "seal"}
        for table in (
            "cost_record",
            "task",
            "artifact",
            "trace_event",
            "run_event",
            "verification_check",
            "subagent_progress",
            "workflow_step",
            "agent_memory",
        )
    },
    "agent_memory_total": {"digest_sum": "seal"},
}


def first_name(table: str) -> str:
    """Return the name that a table was created under."""
    return TABLES.get(table, table)
