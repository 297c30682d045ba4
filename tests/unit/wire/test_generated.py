"""Every model has generated functions, and no program compiles any."""

from __future__ import annotations

from pathlib import Path

import pytest

import a3s_store
from a3s_store.wire import Model, encode, field, model
from a3s_store.wire.generated import generated, snake
from a3s_store.wire.model_kinds import ModelCodec
from tests.programs import output_of
from tools.codecs import files

CODECS = [codec for codecs in files.models().values() for codec in codecs]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.cls.__name__)
def test_every_model_has_its_functions(codec: ModelCodec) -> None:
    assert callable(codec.decode_function())
    assert callable(codec.encode_function())
    assert callable(generated("equality", codec.cls))


def test_a_model_without_generated_functions_says_what_to_run() -> None:
    @model()
    class Unwritten(Model):
        """A model of this test."""

        name: str = field(default="")

    with pytest.raises(TypeError, match=r"Unwritten .*python -m tools.generate"):
        encode(Unwritten())


def test_a_class_has_the_name_of_a_function() -> None:
    assert snake("ToolUseBlock") == "tool_use_block"
    assert snake("Model") == "model"


COMPILED = """
import asyncio, sys, tempfile
from pathlib import Path
from a3s_store import SqliteSessionStore
from a3s_store.testing import samples

async def use(path, snapshot):
    async with SqliteSessionStore.open(path) as store:
        await store.save_snapshot(snapshot)
    async with SqliteSessionStore.open(path) as store:
        assert await store.load_snapshot("s") == snapshot

seen = []

def watch(event, args):
    # A module that is read from its file is compiled by the import system, where no .pyc is kept,
    # and when it is first imported, collections.namedtuple compiles "<string>" and attrs methods.
    name = str(args[1] or "<string>") if event == "compile" else ""
    if name and not name.endswith((".py", "<string>")) and not name.startswith("<attrs "):
        seen.append(name)

snapshot = samples.rich_snapshot("s")
sys.addaudithook(watch)
with tempfile.TemporaryDirectory() as folder:
    asyncio.run(use(Path(folder) / "store.a3s", snapshot))
print(seen)
"""


def test_saving_and_loading_everything_compiles_no_text() -> None:
    assert output_of(COMPILED) == "[]\n"


def test_the_package_calls_neither_exec_nor_compile() -> None:
    package = Path(a3s_store.__file__).parent
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert " exec(" not in text, path
        assert " compile(" not in text, path
