"""Printed reports show text from outside escaped."""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store import StoreError
from a3s_store.core.reports import Damage
from a3s_store.core.transfer_report import SessionPairs, TransferEntry, TransferReport
from a3s_store.printable import Printable, one_line
from a3s_store.runtime.management.closing import Closed
from a3s_store.wire import Model
from tests.modules import importable_modules

_HOSTILE = "x\x1b[2J\u200b\nwritten all.json\r"
_SHOWN = "x\\x1b[2J\\u200b\\nwritten all.json\\x0d"


def test_a_transfer_report_has_a_line_for_each_entry_whatever_is_in_a_name() -> None:
    report = TransferReport.of(
        [TransferEntry(path=_HOSTILE, outcome="refused", reason=_HOSTILE)],
        notes=(_HOSTILE,),
        pairs=[SessionPairs(session_id=_HOSTILE, open_calls=1)],
    )
    assert str(report).split("\n") == [
        f"refused  {_SHOWN}: {_SHOWN}",
        f"pairs    {_SHOWN}: 1 open call",
        f"Note: {_SHOWN}.",
    ]


def test_damage_is_one_printable_line() -> None:
    damage = Damage(part=_HOSTILE, what=_HOSTILE, session_id="a")
    assert str(damage) == f"{_SHOWN} of 'a': {_SHOWN}"


def _reports() -> list[type]:
    """Return the classes of reports, health and outcomes, and those that reports contain."""
    found = {Damage, SessionPairs, TransferEntry, Closed}
    for module in importable_modules():
        if module.endswith("__main__") or "_deprecated" in module:
            continue
        for name, cls in vars(importlib.import_module(module)).items():
            called = name.endswith(("Report", "Health", "Outcome")) and not name.startswith("_")
            if called and inspect.isclass(cls) and attrs.has(cls) and not issubclass(cls, Model):
                found.add(cls)
    return sorted(found, key=lambda cls: (cls.__module__, cls.__name__))


def _hostile(hint: Any) -> Any:
    """Return a value of a field's type with hostile text in every text."""
    origin, given = typing.get_origin(hint), typing.get_args(hint)
    if hint is str or hint is Any:
        return _HOSTILE
    if hint in (int, float, bool, bytes):
        return hint(1)
    if hint is Path:
        return Path(_HOSTILE)
    if hint is StoreError:
        return StoreError(_HOSTILE, where=_HOSTILE)
    if origin is typing.Literal:
        return given[0]
    if origin in (typing.Union, types.UnionType):
        return _hostile(next(one for one in given if one is not types.NoneType))
    if origin is tuple:
        return (_hostile(given[0]),)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {_hostile(given[0]): _hostile(given[1])}
    if attrs.has(hint):
        hints = typing.get_type_hints(hint)
        return hint(**{field.name: _hostile(hints[field.name]) for field in attrs.fields(hint)})
    return _HOSTILE


@pytest.mark.parametrize("cls", _reports(), ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_every_report_prints_hostile_text_escaped_on_lines_of_its_own(cls: type) -> None:
    text = str(_hostile(cls))
    has_text = set(typing.get_type_hints(cls).values()) != {int}
    assert "written all.json" in text or "Outcome" in cls.__name__ or not has_text
    for line in text.split("\n"):
        assert one_line(line) == line
        assert not line.startswith("written all.json")


def test_the_walk_finds_the_reports_of_each_package() -> None:
    names = {cls.__name__ for cls in _reports()}
    assert names >= {
        "VerifyReport",
        "SalvageReport",
        "EraseReport",
        "BackupReport",
        "RestoreReport",
        "ResolveReport",
        "MigrationReport",
        "TransferReport",
        "LoadReport",
        "ConformanceReport",
        "Health",
        "StoreHealth",
        "Closed",
    }


def test_a_report_has_a_line_for_each_field_and_each_of_several_values() -> None:
    @attrs.frozen
    class Small(Printable):
        location: str
        seconds: float
        ids: tuple[str, ...]
        error: str | None = None

    assert str(Small("agent.a3s", 1.5, ("a", "b"))).split("\n") == [
        "Small:",
        "  location: agent.a3s",
        "  seconds: 1.5",
        "  ids: 2",
        "    a",
        "    b",
        "  error: none",
    ]
