"""What the documents say is true: their programs run, their commands exist, their links lead."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import a3s_store
import a3s_store.errors
from a3s_store import MemorySessionStore, SessionSnapshot, interop
from a3s_store.core.collections import COLLECTIONS, lists_inside
from a3s_store.models import Message, SessionData
from tests import rules
from tests.faults.__main__ import CAMPAIGNS
from tests.unit.runtime.live import Echo
from tools import format_tables, module_page

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.S)
DOCUMENTS = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "schema/README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")),
]


def test_the_first_program_has_at_most_twelve_lines_and_runs_twice(tmp_path: Path) -> None:
    program = PROGRAMS[0]
    assert len([line for line in program.splitlines() if line.strip()]) <= 12
    for messages in (2, 4):
        assert _said_by(program, tmp_path) == f"['fix-login'] {messages}\n"


def _said_by(program: str, folder: Path, *, logged: str = "") -> str:
    """The output of a program in a folder, a process of its own, which logs that line alone."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0
    assert done.stderr.startswith(logged)
    assert done.stderr.count("\n") == bool(logged)
    return done.stdout


def test_the_other_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"SessionStore": a3s_store.SessionStore, "interop": interop}
    for program in PROGRAMS[1:]:
        exec(compile(program, "README.md", "exec"), names)
    upstream = ROOT / "tests" / "data" / "upstream" / "3.1.0"
    (tmp_path / "sessions").symlink_to(upstream, target_is_directory=True)
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        async with MemorySessionStore() as store:
            session = SessionData(
                id="fix-login", messages=(Message.user("hi"),), created_at=1, updated_at=1
            )
            await store.save_snapshot(SessionSnapshot(session=session))
            await names["both_ways"](store)
            await store.delete("fix-login")
            await names["move_in"](store)
        assert await names["reply"](Echo(), "hello") == "you said: hello"

    asyncio.run(main())
    made = {p.relative_to("copy") for p in Path("copy").rglob("*") if p.is_file()}
    given = {p.relative_to(upstream) for p in upstream.rglob("*") if p.is_file()}
    assert made == given
    for name in made:
        assert (Path("copy") / name).read_bytes() == (upstream / name).read_bytes()


def test_the_program_about_sessions_runs_and_goes_on(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "sessions.md").read_text(encoding="utf-8")
    programs = re.findall(r"```python\n(.*?)```", text, re.S)
    talking, beside, crashing, closing, turning, asking, hooked, adding_up, remembering = programs
    for messages in (2, 4):
        assert _said_by(talking, tmp_path) == f"The login fails, you say? {messages}\n"
    assert _said_by(beside, tmp_path).splitlines() == [
        "both turns: 4",
        "saved",
        "merged",
        "On Windows, too unchanged",
        "['login', 'login-copy']",
    ]
    assert _said_by(crashing, tmp_path) == "[]\n"
    assert _said_by(crashing, tmp_path).splitlines() == [
        "The login fails 1 2 False",
        "2 kept",
        "['The login fails', 'I read the log.']",
    ]
    told = "Auto-save failed for session login"
    assert _said_by(closing, tmp_path, logged=told) == "login not_saved\n"
    assert (tmp_path / "login.rescue.json").is_file()
    assert _said_by(turning, tmp_path).splitlines() == [
        "['hello', 'pardon?']",
        "hello or pardon? after 2",
        "['hello', 'what?']",
    ]
    assert _said_by(asking, tmp_path).splitlines() == [
        "ls src: done",
        "make: done",
        "Tool 'bash' execution was rejected by user. Reason: No reason provided",
    ]
    assert _said_by(hooked, tmp_path).splitlines() == [
        "Permission denied: Tool 'read' is blocked by a hook: only files of the project",
        "settings.py: password = [redacted]",
        "Tool 'read' is not allowed by any active skill.",
    ]
    assert _said_by(adding_up, tmp_path).split() == ["fix-login", "2", "26", "$0.0000", "2"]
    assert _said_by(remembering, tmp_path) == "['indent'] True\n"


def test_every_rule_of_the_live_session_is_shown_by_a_test_that_names_it() -> None:
    assert [rule for rule, tests in rules.table().items() if not tests] == []
    for tests in rules.OF_STORES.values():
        for test in tests:
            path, _, name = test.partition("::")
            assert name in dict(rules.functions(ROOT / path))
    assert rules.PAGE.read_text(encoding="utf-8") == rules.page(), "run python -m tests.rules"


def test_the_programs_about_maintenance_run_one_after_the_other(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "maintenance.md").read_text(encoding="utf-8")
    for program, said in zip(
        re.findall(r"```python\n(.*?)```", text, re.S),
        ("BackupReport:", "would be removed\n", "False []\n() () True", "use [key]"),
        strict=True,
    ):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert said in done.stdout


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("appends", "now 2 messages\n1 hi 2\n"),
        ("commit-log", "append fix-login 1\n1\n"),
        ("transactions", "['a', 'b'] 1 1\n1.5\n1000 4\n"),
        ("sync", "0 hi\n1 and the logout\n['fix-login'] 0\n"),
    ],
)
def test_the_program_of_a_page_runs(page: str, said: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.S)
    assert _said_by(program, tmp_path) == said


def test_every_campaign_is_in_the_page_about_what_was_tried() -> None:
    text = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) == {*CAMPAIGNS}


def test_every_campaign_that_the_readme_names_is_there() -> None:
    table = _rows(README, "this happens")
    named = set(re.findall(r"`(\w+)`", " ".join(row[2] for row in table)))
    assert len(table) > 20
    assert all(row[2] for row in table)
    assert named <= {*CAMPAIGNS}
    assert len(named) > 10


def test_the_set_up_lines_are_the_ones_ci_runs() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.S)
    setup, tests = next(block for block in blocks if "pytest" in block).strip().splitlines()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert setup.replace("python3 -m", '"$python" -m') in script
    assert tests in script


def test_every_error_and_what_else_catches_it_is_in_the_page_of_errors() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| ([\w, ]*?) ?\| \S.* \|$", text, re.M))
    classes = {
        name: value
        for name in a3s_store.errors.__all__
        if isinstance(value := getattr(a3s_store.errors, name), type)
        and issubclass(value, Exception)
        and value is not a3s_store.errors.StoreError
    }
    assert listed.keys() == classes.keys()
    for name, cls in classes.items():
        built_in = [base for base in cls.__mro__ if base.__module__ == "builtins"][:-3]
        bases = {b.__name__ for b in built_in if not any(b in o.__mro__[1:] for o in built_in)}
        assert set(filter(None, listed[name].split(", "))) == bases - {"Exception"}, name


def test_every_command_is_in_the_readme() -> None:
    commands = pytest.importorskip("a3s_store.cli.app").app.list_commands(None)
    listed = set(re.findall(r"^\| `a3s-store (\w+)", README, re.M))
    assert listed == set(commands)


def _anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page, re.M)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_no_nine_words_occur_twice_in_the_readme() -> None:
    words = re.sub(r"```.*?```", "", README, flags=re.S).split()
    found = Counter(" ".join(words[at : at + 9]) for at in range(len(words) - 8))
    assert [words for words, count in found.items() if count > 1] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere_and_named_files_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        path = (ROOT / document).parent / target if target else ROOT / document
        assert path.exists(), target
        assert not anchor or anchor in _anchors(path.read_text(encoding="utf-8")), anchor
    for name in re.findall(r"`((?:a3s_store|schema|tests)/[\w./]+\.(?:py|sql|md))`", text):
        assert (ROOT / name).exists(), name


ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "a3s_store"
# Pages about the code: paths in them are relative to one of these folders.
ABOUT_THE_CODE = [
    name
    for name in DOCUMENTS
    if name in ("ARCHITECTURE.md", "docs/data-on-disk.md", "docs/file-and-wal.md")
    or name.startswith("docs/decisions/")
]
BEGINNINGS = (PACKAGE, PACKAGE / "backends" / "sqlite", PACKAGE / "runtime", ROOT)


def _rows(text: str, heading: str) -> list[list[str]]:
    """The rows of the table whose heading begins so, as cells."""
    table = re.search(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M)
    assert table is not None, heading
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table[1].splitlines()]


@pytest.mark.parametrize("document", ABOUT_THE_CODE)
def test_every_module_and_folder_that_a_page_about_the_code_names_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for name in re.findall(r"`([\w./-]+?(?:\.py|\.sql|\.txt|\.tsv|/))`", text):
        # One without a folder stands in a row or a paragraph about its folder.
        found = any((beginning / name).exists() for beginning in BEGINNINGS)
        folder = "/" in name.removesuffix("/")
        there = found or (not folder and any(ROOT.glob(f"[!.]*/**/{name}")))
        assert there or "NNNN" in name, name


def test_what_a_page_about_the_code_places_in_a_module_is_defined_there() -> None:
    pages = " ".join((ROOT / name).read_text(encoding="utf-8") for name in ABOUT_THE_CODE)
    text = re.sub(r"\s+", " ", pages)
    placed = re.findall(r"((?:`[\w.]+`, )*`[\w.]+`) \(`([\w/]+\.py)`\)", text)
    assert len(placed) > 10
    for names, module in placed:
        sources = [path.read_text(encoding="utf-8") for path in PACKAGE.glob(f"**/{module}")]
        for name in re.findall(r"`(?:\w+\.)*(\w+)`", names):
            ends = "" if name.endswith("_X") else r"\b"  # `save_X` is several
            begins = name.removesuffix("X")
            pattern = rf"\b(?:def|class) {begins}{ends}|^{begins}{ends}.*="
            assert any(re.search(pattern, source, re.M) for source in sources), (name, module)


def test_every_folder_of_the_package_is_in_the_table_of_layers() -> None:
    cells = " ".join(cell for row in _rows(ARCHITECTURE, "package") for cell in row)
    named = set(re.findall(r"`([\w/]+)/`", cells))
    folders = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py")}
    public = {folder for folder in folders if not folder.name.startswith("_")} - {Path()}
    for folder in public:
        parts = folder.parts
        is_listed = len(parts) == 1 or parts[0] == "runtime" or parts[:2] == ("backends", "sqlite")
        if is_listed and folder != Path("backends"):
            assert {folder.as_posix(), folder.name} & named, folder


def test_the_page_of_modules_is_made_of_their_docstrings() -> None:
    page = module_page.PAGE.read_text(encoding="utf-8")
    assert page == module_page.page(), "run python -m tools.generate"


def test_every_table_is_in_the_page_about_data_on_disk() -> None:
    """The tables of collections follow from the registry, which that page names."""
    text = (ROOT / "docs" / "data-on-disk.md").read_text(encoding="utf-8")
    sql = (ROOT / "schema" / "sqlite" / "current.sql").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(\w+)`", " ".join(row[0] for row in _rows(text, "tables"))))
    tables = set(re.findall(r"^CREATE TABLE (\w+)", sql, re.M))
    of_collections = {
        layout.table for one in COLLECTIONS for layout in (one.rows, *lists_inside(one.rows))
    }
    assert tables - of_collections <= listed <= tables


def test_every_decision_has_a_file_a_number_and_a_row_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[D(\d+)\]\((\d{4})([\w-]+\.md)\) \| (.+?) \| .+ \|$", index, re.M)
    assert [int(number) for number, *_ in rows] == [*range(1, len(rows) + 1)]
    assert [f"{file}{rest}" for _, file, rest, _ in rows] == sorted(
        path.name for path in folder.glob("0*.md")
    )
    for number, file, rest, title in rows:
        text = (folder / f"{file}{rest}").read_text(encoding="utf-8")
        assert int(file) == int(number)
        assert text.startswith(f"# D{number}: {title}\n"), title
        assert "## Decision" in text


def test_each_term_of_the_glossary_has_one_meaning() -> None:
    glossary = _rows(ARCHITECTURE, "term")
    reserved = _rows(ARCHITECTURE[ARCHITECTURE.index("Words reserved") :], "term")
    terms = [term for row in (*glossary, *reserved) for term in row[0].split(", ")]
    assert len(terms) > 40
    assert len(set(terms)) == len(terms)


def test_the_programs_about_secrets_run(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "secrets.md").read_text(encoding="utf-8")
    said = ["", "clone https://me:[redacted]@host/x\n"]
    programs = re.findall(r"```python\n(.*?)```", text, re.S)
    assert [_said_by(program, tmp_path) for program in programs] == said


@pytest.mark.parametrize("page", format_tables.TABLES, ids=lambda page: page.name)
def test_the_tables_of_formats_follow_from_the_registries(page: Path) -> None:
    made = format_tables.files()[page]
    assert page.read_text(encoding="utf-8") == made, "run python -m tools.generate"


def test_the_programs_about_imports_and_exports_run(tmp_path: Path) -> None:
    said = {
        "importing.md": "('claude-code',) 1 True\n['Sort it.', 'Sorted downwards.']\n[2, 2]\n"
        "skipped  chat.jsonl: already there\n",
        "exporting.md": "['files.html', 'files.jsonl', 'files.md', 'files.openai.json']\n"
        "True\nTrue\n",
    }
    for page, expected in said.items():
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        (program,) = re.findall(r"```python\n(.*?)```", text, re.S)
        assert _said_by(program, tmp_path) == expected


def test_no_document_carries_a_path_of_a_machine() -> None:
    for path in [*(ROOT / name for name in DOCUMENTS), *ROOT.glob("a3s_store/**/*.py")]:
        found = re.search(r"(?<![\w.])/(?:work|root|tmp)/", path.read_text(encoding="utf-8"))
        assert found is None, path
