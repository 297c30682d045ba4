"""Follow `docs/adding-a-column.md` on a copy of the sources and test the result."""

from __future__ import annotations

from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.schema import migrate
from tests.added_column import old_snapshot
from tests.source_copy import SCHEMA, SourceCopy, blocks
from tests.support import with_store

PAGE = "adding-a-column.md"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> SourceCopy:
    """A copy of the sources with the column of the page."""
    made = SourceCopy(tmp_path_factory.mktemp("copy"))
    for difference in blocks(PAGE, "diff"):
        made.apply(difference)
    (statement,) = blocks(PAGE, "sql")
    made.write(f"schema/sqlite/{migrate.newest() + 1:04}_host_of_trace_events.sql", statement)
    made.run("-m", "tools.generate")
    return made


def test_the_new_column_has_what_every_column_has(copy: SourceCopy, tmp_path: Path) -> None:
    snapshot = old_snapshot()

    async def fill(store: SqliteSessionStore) -> None:
        await store.save_snapshot(snapshot)

    with_store(tmp_path / "old.a3s", fill)
    said = copy.run("-m", "tests.added_column", str(tmp_path), snapshot.digest())
    assert "all checks passed" in said


@pytest.mark.slow
def test_the_copy_passes_the_tests_that_go_through_the_models(copy: SourceCopy) -> None:
    copy.run("-m", "tools.generate", "--check")
    copy.run_tests(
        {
            "tests/unit/wire/test_models.py": "test",
            "tests/unit/backends/sqlite/schema/test_migrate.py": SCHEMA,
            "tests/conformance/test_conformance.py": "sqlite and trace_events",
        }
    )
