"""The programs of docs/writing-a-store.md run, and their stores pass the conformance suite."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from a3s_store import MinimalStore, SessionStore, stores
from a3s_store.models import SessionData
from a3s_store.stores import Capabilities
from a3s_store.testing import conformance

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "writing-a-store.md").read_text(encoding="utf-8")
FIVE, SKELETON, TESTING = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def run(*programs: str) -> dict[str, Any]:
    """Run programs of the page one after the other; return their names."""
    names: dict[str, Any] = {}
    for program in programs:
        exec(compile(program, "writing-a-store.md", "exec"), names)
    return names


def test_the_skeleton_of_a_backend_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    names = run(SKELETON, TESTING)
    report = names["report"]
    assert report.ok, str(report)
    assert report.untested == ()
    assert "conformance of dict" in capsys.readouterr().out
    kept = {one.check.capability for one in report.outcomes if one.status == "passed"}
    assert {"collections", "checkpoints", "aggregate_cas", None} <= kept


def test_five_methods_conform_to_what_every_store_owes() -> None:
    names = run(FIVE)

    async def open_store(place: Path) -> SessionStore:
        return MinimalStore(names["Rows"]())

    report = asyncio.run(conformance.run_conformance(open_store))
    assert report.ok, str(report)
    assert {one.check.capability for one in report.outcomes if one.status == "passed"} == {None}
    assert sum(one.status == "passed" for one in report.outcomes) > 250


def test_five_methods_may_promise_that_they_are_durable_and_shared() -> None:
    rows = run(FIVE)["Rows"]
    places: dict[Path, dict[str, bytes]] = {}

    class Promising(rows):  # type: ignore[misc, valid-type]
        """Return the store at this place, with its data."""

        def __init__(self, place: Path) -> None:
            self.rows = places.setdefault(place, {})

        def capabilities(self) -> Capabilities:
            return Capabilities(
                durable=True, shared_by_processes=True, atomic_session_snapshots=True
            )

    async def open_store(place: Path) -> SessionStore:
        return MinimalStore(Promising(place))

    report = asyncio.run(conformance.run_conformance(open_store))
    assert report.ok, str(report)
    passed = {one.check.capability for one in report.outcomes if one.status == "passed"}
    assert passed == {None, "durable", "shared_by_processes", "atomic_session_snapshots"}


def test_the_examples_use_promised_names_only() -> None:
    examples = (ROOT / "examples" / "redis_store.py",)
    for text in (PAGE, *(path.read_text(encoding="utf-8") for path in examples if path.exists())):
        modules = set(re.findall(r"^from (a3s_store[\w.]*) import", text, re.M))
        assert modules <= {
            "a3s_store",
            *(f"a3s_store.{name}" for name in ("errors", "models", "stores")),
            "a3s_store.testing.conformance",
        }


def test_the_docstring_of_the_module_lists_every_name() -> None:
    assert stores.__doc__ is not None
    assert set(re.findall(r"`(\w+)`", stores.__doc__)) >= set(stores.__all__)


def test_the_port_that_the_page_implements_is_the_whole_port() -> None:
    written = set(re.findall(r"def (\w+)\(", SKELETON))
    assert written >= stores.BaseStore.__abstractmethods__ - {"capabilities"}
    assert not run(SKELETON)["DictStore"].__abstractmethods__


def test_settings_of_every_store_reach_a_backend_that_derives_from_the_base() -> None:
    made = run(SKELETON)["DictStore"](redact=lambda text: text.replace("secret", "[x]"))

    async def main() -> SessionData | None:
        async with made as store:
            given = SessionData(id="s", created_at=0, updated_at=0, model_name="a secret")
            await store.save(given)
            loaded: SessionData | None = await store.load("s")
            return loaded

    loaded = asyncio.run(main())
    assert loaded is not None
    assert loaded.model_name == "a [x]"
    assert {field.name for field in attrs.fields(Capabilities)} >= {"collections", "checkpoints"}
