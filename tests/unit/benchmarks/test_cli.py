"""The command line, and the README: its commands exist and its example runs."""

from __future__ import annotations

import asyncio
import getpass
import json
import re
import socket
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

import benchmarks
from benchmarks import counting, report
from benchmarks.cli import main
from benchmarks.engine import Engine
from benchmarks.engines import OWN
from benchmarks.workload import SETS, Story
from benchmarks.workloads import WORKLOADS
from tests.unit.benchmarks import tiny

README = (Path(benchmarks.__file__).parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETS, "quick", tiny.TINY)


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    for name in (*WORKLOADS, *OWN):
        assert re.search(rf"^  {name} ", shown, re.M), name


@pytest.mark.usefixtures("_tiny")
def test_a_run_writes_a_file_a_page_and_pictures_without_naming_the_machine(
    scratch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = scratch / "results" / "one"
    told = ["run", "--workloads", "turn,size", "--engines", "sqlite,upstream-files"]
    assert main([*told, "--folder", str(scratch), "--out", str(out), "--rounds", "3"]) == 0
    shown = capsys.readouterr().out.split()
    assert [Path(path).name for path in shown] == [
        "one.json",
        "one.md",
        "one-turn.svg",
        "one-turn-messages.svg",
    ]
    kept = json.loads(out.with_name("one.json").read_text(encoding="utf-8"))
    assert kept["settings"]["rounds"] == 3
    assert kept["settings"]["engines"] == ["sqlite", "upstream-files"]
    assert {"cpu", "cores", "memory_gib", "kernel", "filesystem"} == kept["machine"].keys()
    assert {"python", "sqlite", "a3s-store"} <= kept["versions"].keys()
    for path in shown:
        text = Path(path).read_text(encoding="utf-8")
        assert str(scratch) not in text
        assert f" {socket.gethostname()} " not in text
        assert f"/{getpass.getuser()}/" not in text
    page = out.with_name("one.md").read_text(encoding="utf-8")
    assert main(["report", str(out.with_name("one.json"))]) == 0
    assert out.with_name("one.md").read_text(encoding="utf-8") == page
    assert list(scratch.iterdir()) == [scratch / "results"], "stores are removed"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SystemExit, match="no such engine: postgres"):
        main(["run", "--engines", "postgres"])
    with pytest.raises(SystemExit, match="no such workload: x"):
        main(["run", "--workloads", "x"])
    with pytest.raises(SystemExit, match="such as 2ms"):
        main(["run", "--slow-sync", "fast"])


def test_slow_syncs_need_strace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "strace", lambda: None)
    with pytest.raises(SystemExit, match="needs strace"):
        main(["run", "--slow-sync", "2ms"])


def test_the_readme_names_every_workload_and_every_command() -> None:
    for name in WORKLOADS:
        assert f"`{name}`" in README, name
    for options in re.findall(r"^python -m benchmarks run(.*?)(?:#.*)?$", README, re.M):
        for option in re.findall(r"--[\w-]+", options):
            assert option in (Path(benchmarks.__file__).parent / "cli.py").read_text()


def test_the_example_engine_of_the_readme_runs(scratch: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.S)
    names: dict[str, Any] = {}
    exec(compile(program, "README.md", "exec"), names)
    example: type[Engine] = names["Pickles"]
    found = tiny.run("turn", tiny.plan(scratch, {"example": example}))
    assert len(found) == 2 * len(tiny.TINY.lengths)
    assert all("error" not in measurement.figures for measurement in found)
    whole = tiny.results(found, labels={"example": example.label})
    assert f"| {example.label} |" in report.markdown(whole, "run")

    async def saved() -> Any:
        told = Story(4)
        engine = example(scratch)
        await engine.seed(told.at(0))
        await engine.save(engine.prepare(told.at(0), told.at(1)))
        return await engine.load(told.at(1).session.id), told.at(1)

    loaded, expected = asyncio.run(saved())
    assert loaded == expected


def test_modules_can_be_read_in_one_sitting() -> None:
    folder = Path(benchmarks.__file__).parent
    own = [path for path in folder.rglob("*.py") if "peers" not in path.parts]
    assert {p.name: n for p in own if (n := len(p.read_text().splitlines())) > 350} == {}


def test_the_settings_of_a_set_can_be_kept() -> None:
    for settings in SETS.values():
        assert json.loads(json.dumps(attrs.asdict(settings)))["rounds"] > 0
    assert sys.modules["benchmarks"] is benchmarks
