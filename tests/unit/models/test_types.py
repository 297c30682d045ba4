"""What type checkers, `help()` and notebooks see of models."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given

from a3s_store import SessionSnapshot, models
from a3s_store.models import Message, SessionData, ToolUseBlock, thaw
from a3s_store.testing import strategies
from a3s_store.wire import FrozenDict, FrozenList, Model, UnknownVariant
from tools.codecs.files import models as codecs_of_models

USES = """\
from a3s_store import SessionSnapshot
from a3s_store.models import Message, SessionData, SessionState, TextBlock, TokenUsage


def changed(session: SessionData, usage: TokenUsage, block: TextBlock) -> SessionData:
    session.evolve(titel="x")  # refused
    session.evolve(updated_at="now")  # refused
    session.evolve(state=None)  # refused
    usage.evolve(prompt_tokens=1.5)  # refused
    block.evolve(role="user")  # refused
    wrong: TokenUsage = session.evolve(updated_at=2)  # refused
    paused = session.evolve(state=SessionState.PAUSED, messages=wrong)  # refused
    snapshot = SessionSnapshot(session=paused)
    snapshot.evolve(session=session, trace_events=()).evolve(run_records=None)
    config = session.config.evolve(name="x", max_parallel_tasks=None)
    messages = (*session.messages, Message.user("hi").evolve(role="assistant"))
    return session.evolve(config=config, messages=messages, total_usage=usage.evolve())
"""
WRONG = [at for at, line in enumerate(USES.splitlines(), 1) if line.endswith("# refused")]


@pytest.fixture
def uses(tmp_path: Path) -> Path:
    path = tmp_path / "uses.py"
    path.write_text(USES, encoding="utf-8")
    return path


def test_mypy_refuses_wrong_names_and_types_of_evolve_and_nothing_else(uses: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", str(uses)]
    done = subprocess.run(command, capture_output=True, text=True)
    found = [int(number) for number in re.findall(r":(\d+): error:", done.stdout)]
    assert found == WRONG, done.stdout


@pytest.mark.skipif(shutil.which("pyright") is None, reason="pyright is not installed")
def test_pyright_refuses_wrong_names_and_types_of_evolve_and_nothing_else(uses: Path) -> None:
    command = ["pyright", "--outputjson", "--pythonpath", sys.executable, str(uses)]
    done = subprocess.run(command, capture_output=True, text=True)
    found = json.loads(done.stdout)["generalDiagnostics"]
    lines = [one["range"]["start"]["line"] + 1 for one in found if one["severity"] == "error"]
    assert lines == WRONG, done.stdout


def test_every_model_tells_checkers_its_changes() -> None:
    for codecs in codecs_of_models().values():
        for cls in (codec.cls for codec in codecs if codec.cls is not Model):
            stated = f"def evolve(self, **changes: Unpack[_changes.{cls.__name__}Changes]) -> Self"
            assert stated in inspect.getsource(cls), cls


def test_signatures_have_the_types_of_fields() -> None:
    for name in models.__all__:
        cls = getattr(models, name)
        if isinstance(cls, type) and issubclass(cls, Model):
            for parameter in inspect.signature(cls).parameters.values():
                assert parameter.annotation not in ("Any", inspect.Parameter.empty), (
                    name,
                    parameter,
                )


@given(strategies.session_snapshot())
def test_a_repr_has_at_most_200_characters_on_one_line(snapshot: SessionSnapshot) -> None:
    for value in (snapshot, *_models_in(snapshot), *_models_in(snapshot.session)):
        text = repr(value)
        assert len(text) <= 200
        assert text.isprintable()


def test_a_repr_says_what_a_session_is_and_how_much_it_has() -> None:
    session = SessionData(id="s", messages=(Message.user("hi"),) * 3, created_at=1, updated_at=2)
    assert repr(session) == "SessionData(id='s', messages=<3 values>, created_at=1, updated_at=2)"
    assert repr(Message.user("hi")) == "Message(role='user', content=(TextBlock(text='hi'),))"


def test_thawed_json_is_plain_and_the_value_stays_frozen() -> None:
    block = ToolUseBlock(id="c", name="n", input={"paths": ["a", {"b": [1]}]})
    plain = thaw(block.input)
    plain["paths"][1]["b"].append(2)
    assert plain == {"paths": ["a", {"b": [1, 2]}]}
    assert [type(part) for part in (plain, plain["paths"], plain["paths"][1])] == [dict, list, dict]
    assert block.input == {"paths": ["a", {"b": [1]}]}
    assert (type(block.input), type(block.input["paths"])) == (FrozenDict, FrozenList)
    assert thaw(UnknownVariant("x")) == "x"


def _models_in(model: Model) -> list[Model]:
    names = inspect.signature(type(model)).parameters
    parts = (getattr(model, name) for name in names)
    each = (one for part in parts for one in (part if isinstance(part, tuple) else (part,)))
    return [one for one in each if isinstance(one, Model)]
