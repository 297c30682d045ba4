"""The command line as a whole: help, versions, exit codes, what is loaded, what is not made."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from a3s_store import __version__
from a3s_store.cli import output
from a3s_store.cli.app import COMMANDS, app
from a3s_store.printable import clean, json_safe, one_line
from tests.support import database
from tests.unit.cli.cli_runs import (
    ROOT,
    SESSION_ID,
    environment,
    files_under,
    invoke,
    make_store,
    run,
)


def command(name: str) -> click.Command:
    found = app.get_command(click.Context(app), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_documented_and_takes_json(name: str) -> None:
    found = command(name)
    assert found.name == name
    assert found.help
    assert found.help.split("\n\n")[0].replace("\n", " ") == COMMANDS[name][1]
    for one in found.commands.values() if isinstance(found, click.Group) else (found,):
        assert one.help
        options = [option for option in one.params if isinstance(option, click.Option)]
        assert "--json" in {name for option in options for name in option.opts}
        assert all(option.help for option in options)


def test_help_names_every_command() -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in result.stdout
        assert invoke(name, "--help").exit_code == 0


def test_version_says_what_a_report_of_a_mistake_needs() -> None:
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"a3s-store {__version__} (")
    assert "SQLite 3." in result.stdout


HIDDEN = "a\x1b[31m\u202e\u200b\ufe0f\n\tError: all is well"


@pytest.mark.parametrize(
    "args",
    [
        (HIDDEN,),
        (f"--{HIDDEN}",),
        (f"-{HIDDEN}",),
        (f"--version={HIDDEN}",),
        ("list", "STORE", HIDDEN),
        ("list", f"--{HIDDEN}", "STORE"),
        ("list", "STORE", f"--json={HIDDEN}"),
        ("list", f"--jsn{HIDDEN}", "STORE"),
        ("prune", "STORE", "--keep", HIDDEN),
        ("import", "STORE", "DIR", "--on-conflict", HIDDEN),
    ],
)
def test_what_is_not_seen_is_escaped_in_errors_of_usage(args: tuple[str, ...]) -> None:
    result = invoke(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    *before, error, end = result.stderr.split("\n")
    assert [line[:7] for line in before] in ([], ["Usage: ", "Try 'a3", ""])
    assert end == ""
    assert error.startswith("Error: ")
    assert error.isprintable()
    assert "\ufe0f" not in error


def test_a_missing_argument_is_named_and_no_arguments_at_all_give_the_help() -> None:
    result = invoke("list")
    assert result.exit_code == 2
    assert result.stderr.endswith("\nError: Missing argument 'STORE'.\n")
    assert "Inspect, check and repair stores" in invoke().output


def test_help_loads_neither_the_store_nor_rich() -> None:
    """The package's own import is left out by standing in for it: here it is about the CLI."""
    program = (
        "import sys, types\n"
        "package = types.ModuleType('a3s_store')\n"
        f"package.__path__ = [{str(ROOT / 'a3s_store')!r}]\n"
        "sys.modules['a3s_store'] = package\n"
        "from a3s_store.cli import main\n"
        "sys.argv = ['a3s-store', '--help']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as leaving:\n"
        "    assert leaving.code == 0\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'aiosqlite', 'orjson', 'rich'}, loaded\n"
        "assert 'a3s_store.models' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_libraries_it_says_how_to_install_them(missing: str) -> None:
    program = (
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] == {missing!r}:\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Blocker())\n"
        "from a3s_store.cli import main\n"
        "sys.argv = ['a3s-store', 'list', 'x']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    expected = 'The command line needs click and rich: pip install "a3s-store[cli]"\n'
    assert expected == done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["list", "missing.a3s"],
        ["info", "missing.a3s"],
        ["show", "missing.a3s", "x"],
        ["show", "missing.a3s", "x", "--family", "runs"],
        ["export", "missing.a3s", "out"],
        ["import", "new.a3s", "missing"],
    ],
    ids=" ".join,
)
def test_what_is_not_there_exits_with_3_and_is_not_made(
    args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for more in ([], ["--json"]):
        result = invoke(*args, *more)
        assert result.exit_code == 3
        assert result.stdout == ""
        assert result.stderr.startswith("Error: there is no ")
        assert "missing" in result.stderr
        assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_left_empty(tmp_path: Path) -> None:
    """Opening it would make a store of it."""
    path = tmp_path / "empty.a3s"
    path.touch()
    result = invoke("list", path)
    assert result.exit_code == 3
    assert files_under(tmp_path) == {"empty.a3s": b""}


@pytest.mark.parametrize(
    "args", [["list"], ["show"], ["export", "out"], ["show", "--family", "runs"]], ids=" ".join
)
def test_reading_changes_no_byte_and_leaves_no_file(args: list[str], tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    store = make_store(tmp_path / "s" / "agent.a3s")
    before = files_under(tmp_path / "s")
    words = [args[0], str(store)]
    words += [SESSION_ID] if args[0] == "show" else []
    words += [str(tmp_path / word) if word == "out" else word for word in args[1:]]
    result = invoke(*words)
    assert result.exit_code == 0
    assert files_under(tmp_path / "s") == before


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["lst"],
        ["list"],
        ["list", "a", "b"],
        ["show", "a"],
        ["show", "a", "b", "--family", "messages"],
        ["show", "a", "b", "--generation", "0"],
        ["show", "a", "b", "--last", "many"],
        ["show", "a", "b", "--family", "runs", "--generation", "1"],
        ["import", "a", "b", "--on-conflict", "merge"],
        ["demo", "--keep"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(
    args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: a3s-store" in result.stderr or result.stderr.startswith("Error: ")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_store_exits_with_1_in_one_message(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("these are notes, and no database at all\n" * 30)
    other = tmp_path / "other.db"
    with database(other) as conn:
        conn.execute("CREATE TABLE mine (x)")
    before = files_under(tmp_path)
    for path in (text, other, tmp_path):
        for args in (["list", str(path)], ["info", str(path)], ["show", str(path), "x"]):
            result = invoke(*args)
            assert (result.exit_code, result.stdout) == (1, "")
            assert result.stderr.startswith("Error: ")
            assert result.stderr.count("\n") == 1
            assert str(path) in result.stderr
    assert files_under(tmp_path) == before


def test_damage_exits_with_4_and_says_where(tmp_path: Path) -> None:
    path = make_store(tmp_path / "agent.a3s")
    with database(path) as conn:
        conn.execute("UPDATE message SET content = 'broken' WHERE seq = 3")
        conn.commit()
    done = run("show", path, SESSION_ID)
    assert (done.returncode, done.stdout) == (4, "")
    assert "messages[3]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"), [("lst", "'list'"), ("verfy", "'verify'"), ("restor", "'restore'")]
)
def test_a_mistyped_command_names_those_like_it(typed: str, meant: str) -> None:
    done = invoke(typed, "x.a3s")
    assert done.exit_code == 2
    assert f"Did you mean {meant}" in done.stderr
    assert "Did you mean" not in invoke("qqq").stderr


def test_a_broken_pipe_is_quiet(tmp_path: Path) -> None:
    path = make_store(tmp_path / "agent.a3s")
    for more in ([], ["--json"]):
        process = subprocess.Popen(
            [sys.executable, "-m", "a3s_store", "show", str(path), SESSION_ID, *more],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        process.stderr.close()
        assert process.wait(timeout=30) == 141
        assert said == b""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal")
def test_interrupting_exits_with_130_and_no_traceback(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "a3s_store", "demo"],
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()  # it is at work
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said.strip()) == (130, b"Interrupted.")
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_that_is_not_utf_8_is_written_to_all_the_same(tmp_path: Path) -> None:
    path = make_store(tmp_path / "agent.a3s")
    done = run("show", path, SESSION_ID, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "J\\xfcrgen" in done.stdout
    as_json = run("show", path, SESSION_ID, "--json", env={"PYTHONIOENCODING": "ascii"})
    assert "Jürgen" in json.dumps(json.loads(as_json.stdout), ensure_ascii=False)


def test_colours_only_where_they_are_wanted(tmp_path: Path) -> None:
    path = make_store(tmp_path / "agent.a3s")
    assert "\x1b" not in run("show", path, SESSION_ID).stdout
    assert "\x1b[" in run("list", path, env={"FORCE_COLOR": "1"}).stdout
    plain = run("list", path, env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
    assert "\x1b[32m" not in plain


def test_controls_are_written_out_and_other_text_stays() -> None:
    assert clean("a\x1b[31mb\x07\x00\x9b1m\x7f") == "a\\x1b[31mb\\x07\\x00\\x9b1m\\x7f"
    assert clean("\u202eevil\u2066\ufeff") == "\\u202eevil\\u2066\\ufeff"
    assert clean("tab\tand\nline\r\nand\rreturn") == "tab\tand\nline\nand\\x0dreturn"
    assert clean("grün 次数 🙂 [bold]x[/bold]") == "grün 次数 🙂 [bold]x[/bold]"
    assert one_line("a\nb\tc") == "a\\nb\\tc"
    text = json.dumps({"\x9b": "\u202e\x7f\x1b"}, ensure_ascii=False)
    assert json.loads(json_safe(text)) == json.loads(text)
    assert json_safe(text).isascii()


@pytest.mark.parametrize(
    "code", [0xAD, 0x61C, 0x200B, 0x200F, 0x2028, 0x2060, 0x3164, 0xFE0F, 0xE0041]
)
def test_what_cannot_be_seen_is_written_out(code: int) -> None:
    text = f"a{chr(code)}b"
    assert clean(text).isascii()
    assert clean(text) != "ab"
    assert json_safe(json.dumps(text, ensure_ascii=False)).isascii()
    assert json.loads(json_safe(json.dumps(text, ensure_ascii=False))) == text


def test_floods_of_combining_marks_are_written_out() -> None:
    flood = "e" + "\u0301" * 1000
    assert clean(flood) == "e" + "\u0301" * 8 + "\\u0301" * 992
    assert json.loads(json_safe(f'"{flood}"')) == flood
    assert clean("e\u0301\u0302 \u0928\u093f") == "e\u0301\u0302 \u0928\u093f"


@given(
    st.lists(st.lists(st.text(max_size=6).map(str.strip), min_size=2, max_size=2), max_size=5),
    st.sampled_from(["left", "right"]),
)
def test_a_table_in_a_pipe_is_as_rich_draws_it(rows: list[list[str]], justify: str) -> None:
    made = output.table(first={"justify": justify}, second={})
    for row in rows:
        made.add_row(*map(output.cell, row))
    console = Console(width=10_000, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(made)
    drawn = [line.rstrip() for line in captured.get().splitlines()]
    lines = output._plain_lines(made)
    assert lines is not None
    assert [line.rstrip() for line in lines] == drawn
