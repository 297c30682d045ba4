"""Follow `docs/adding-a-collection.md` on a copy of the sources and test the result."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from a3s_store.backends.sqlite.schema import migrate
from a3s_store.testing import samples
from tests.source_copy import SCHEMA, SourceCopy, blocks

PAGE: Final = "adding-a-collection.md"
(MODEL,) = blocks(PAGE, "python")
STATEMENTS, COMMENTED = blocks(PAGE, "sql")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> SourceCopy:
    """A copy of the sources with the collection of the page."""
    made = SourceCopy(tmp_path_factory.mktemp("copy"))
    number = migrate.newest() + 1
    made.write("a3s_store/models/rating.py", MODEL)
    for difference in blocks(PAGE, "diff"):
        made.apply(difference.replace("NNNN", str(number)))
    made.run("-m", "tools.generate")
    sql = made.run("-m", "tools.collection_sql", "ratings")
    assert sql.strip() == STATEMENTS.strip()
    made.write(f"schema/sqlite/{number:04}_ratings.sql", sql)
    with (made.folder / "schema" / "sqlite" / "current.sql").open("a", encoding="utf-8") as file:
        file.write("\n" + COMMENTED)
    made.run("-m", "tools.generate")
    return made


def test_the_new_collection_has_what_every_collection_has(copy: SourceCopy, tmp_path: Path) -> None:
    before = samples.rich_snapshot("s").digest()
    said = copy.run("-m", "tests.added_collection", str(tmp_path), before)
    assert "all checks passed" in said


@pytest.mark.slow
def test_the_copy_passes_the_tests_that_go_through_the_registry(copy: SourceCopy) -> None:
    """The tests of the schema, and the cases of other tests that are about the new collection."""
    copy.run("-m", "tools.generate", "--check")
    sqlite = "tests/unit/backends/sqlite"
    copy.run_tests(
        {
            "tests/unit/wire/test_models.py": "test",
            f"{sqlite}/schema/test_migrate.py": SCHEMA,
            f"{sqlite}/maintenance/test_verify.py": "rating or everything or every_table",
            "tests/conformance/test_conformance.py": "sqlite and (ratings or a_snapshot)",
        }
    )
