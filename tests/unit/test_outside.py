"""Results of the suites of frameworks are recent, of versions in range, and whole."""

from __future__ import annotations

import datetime
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from packaging.requirements import Requirement

from tests.outside import results
from tests.outside.__main__ import main
from tests.outside.peers import PEERS

ROOT: Final = Path(__file__).parents[2]
EXTRAS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
RESULTS: Final = results.every()
MOST_DAYS: Final = 400


def test_every_peer_has_a_result_and_every_result_a_peer() -> None:
    assert RESULTS.keys() == PEERS.keys()


@pytest.mark.parametrize("name", PEERS)
def test_a_result_is_whole_and_recent(name: str) -> None:
    result = RESULTS[name]
    assert result.peer == name
    assert result.faults() == []
    assert result.expected == PEERS[name].expected
    assert result.excluded >= len(results.excluded(name))
    age = datetime.datetime.now(datetime.UTC).date() - datetime.date.fromisoformat(result.date)
    assert age.days <= MOST_DAYS, f"run python -m tests.outside {name}"


@pytest.mark.parametrize("name", PEERS)
def test_a_result_is_of_the_pinned_versions_within_the_range_of_the_extra(name: str) -> None:
    peer, versions = PEERS[name], RESULTS[name].versions
    (line,) = (one for one in EXTRAS[peer.extra] if Requirement(one).name == peer.package)
    assert Requirement(line).specifier.contains(versions[peer.package])
    pinned = (Requirement(one) for one in peer.requirements if "==" in one)
    assert all(one.specifier.contains(versions[one.name]) for one in pinned)


def test_every_extra_of_an_adapter_has_a_peer() -> None:
    modules = (ROOT / "a3s_store" / "adapters").rglob("*.py")
    texts = " ".join(path.read_text(encoding="utf-8") for path in modules)
    assert {*re.findall(r'needs\("([\w-]+)"\)', texts)} == {peer.extra for peer in PEERS.values()}


def test_every_excluded_test_is_of_a_peer_and_has_a_reason() -> None:
    assert results.excluded().keys() == {test for name in PEERS for test in results.excluded(name)}
    assert all(len(reason) > 10 for reason in results.excluded().values())


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"passed": 1, "expected": 2}, "1 passed, 2 expected"),
        ({"failed": ("a",)}, "failed: a"),
        ({"own_failed": ("b",)}, "failed: b"),
        ({"unmatched": ("c",)}, "excluded.tsv names a test that is not there: c"),
        ({"own": 0}, "none of our own tests ran"),
    ],
)
def test_a_run_falls_short(changes: dict[str, Any], fault: str) -> None:
    assert attrs.evolve(RESULTS["langgraph-saver"], **changes).faults() == [fault]


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    result = attrs.evolve(RESULTS["langgraph-saver"], failed=("a",))
    assert results.read(results.write(result, tmp_path)) == result


def test_the_readme_has_the_table_of_the_results() -> None:
    assert results.table() in (ROOT / "README.md").read_text(encoding="utf-8"), (
        "paste what python -m tests.outside --table prints"
    )


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["--expect", "1", *PEERS, *PEERS]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2


def test_the_adapters_of_the_peers_are_there() -> None:
    for peer in PEERS.values():
        module, _, name = peer.adapter.rpartition(".")
        folder = ROOT / module.replace(".", "/")
        text = "".join(path.read_text(encoding="utf-8") for path in folder.parent.rglob("*.py"))
        assert f"class {name}(" in text
        assert all((ROOT / test).is_file() for test in peer.own)
