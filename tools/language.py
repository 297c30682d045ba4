"""Count the words of banned.tsv in each file and compare with thresholds that only fall.

    python -m tools.language            # the files with the most, and the words
    python -m tools.language --check    # exit 1 where a file has more than thresholds.tsv allows
    python -m tools.language --lower    # write today's counts where they are lower
    python -m tools.language --show WORD

Read are the package, its schema and tools, documents, and everything that tests and benchmarks are
made of. In Python and SQL, names are read word by word; comments, docstrings and other strings are
prose. A word counts once for each place; upper and lower case are the same.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).parents[1]
BANNED: Final = Path(__file__).with_name("banned.tsv")
THRESHOLDS: Final = Path(__file__).with_name("thresholds.tsv")
READ: Final = (
    "a3s_store/**/*.py",
    "benchmarks/**/*.py",
    "docs/**/*.md",
    "examples/**/*.py",
    "schema/**/*.sql",
    "tests/**/*.py",
    "tools/*.py",
    "*.md",
)
# The history of the project is told in the words of its time, and so are schema steps that were
# released; the map of renamed tables and the aliases of deprecated names need the old words.
# docs/modules.md is made of docstrings, which are counted in their modules.
SKIPPED: Final = (
    "CHANGELOG.md",
    "a3s_store/_deprecated.py",
    "a3s_store/backends/sqlite/schema/renames.py",
    "docs/modules.md",
    "schema/sqlite/0001_initial.sql",
    "schema/sqlite/0002_memories.sql",
    "schema/sqlite/0003_names.sql",
    "tests/unit/backends/sqlite/schema/test_renames.py",
    "tests/unit/test_deprecated_names.py",
    "tests/unit/test_language.py",
)
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@attrs.frozen
class Banned:
    """One row of banned.tsv. `in_names` says whether names of code count, or prose alone."""

    word: str
    instead: str
    pattern: re.Pattern[str]
    in_names: bool


@attrs.frozen
class Place:
    """One use of a banned word."""

    word: str
    line: int
    text: str


def read_banned(path: Path = BANNED) -> list[Banned]:
    """The rows of banned.tsv: a word or /regular expression/, what to say instead, and where."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            word, instead, where = line.split("\t")
            is_pattern = word.startswith("/")
            text = word.strip("/") if is_pattern else rf"\b{re.escape(word)}\b"
            found.append(Banned(word, instead, re.compile(text, re.IGNORECASE), where == "any"))
    return found


def places(path: Path, banned: list[Banned]) -> list[Place]:
    """Every use of a banned word in a file, line by line."""
    text = path.read_text(encoding="utf-8")
    read = {".py": _python, ".sql": _sql}.get(path.suffix, _prose)
    return [
        Place(one.word, number, line.strip())
        for is_prose, number, line in read(text)
        for one in banned
        if is_prose or one.in_names
        for _ in one.pattern.findall(line)
    ]


def _prose(text: str) -> Iterator[tuple[bool, int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        yield True, number, line


def _python(text: str) -> Iterator[tuple[bool, int, str]]:
    strings = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in strings:
            for number, line in enumerate(token.string.splitlines(), token.start[0]):
                yield True, number, line
        elif token.type == tokenize.NAME:
            yield False, token.start[0], _spelled(token.string)


def _sql(text: str) -> Iterator[tuple[bool, int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        code, _, comment = line.partition("--")
        yield False, number, _spelled(code)
        yield True, number, comment


def _spelled(names: str) -> str:
    """The words that names are made of: `run_family` and `RunFamily` have two."""
    return " ".join(_WORDS.findall(names.replace("_", " ")))


def files(root: Path = ROOT) -> list[str]:
    """The files that are read, relative to the root."""
    found = {path for pattern in READ for path in root.glob(pattern) if path.is_file()}
    named = sorted(path.relative_to(root).as_posix() for path in found)
    return [name for name in named if name not in SKIPPED]


def counts(root: Path = ROOT) -> dict[str, Counter[str]]:
    """How often each file has each word; files without any are left out."""
    banned = read_banned()
    found = {
        name: Counter(place.word for place in places(root / name, banned)) for name in files(root)
    }
    return {name: words for name, words in found.items() if words}


def read_thresholds(path: Path = THRESHOLDS) -> dict[str, int]:
    """The number of banned words that each file may have; 0 for a file that is not named."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: int(number) for name, number in (line.split("\t") for line in lines if line)}


def write_thresholds(allowed: dict[str, int], path: Path = THRESHOLDS) -> None:
    """Write the file that `read_thresholds` reads."""
    lines = [f"{name}\t{number}\n" for name, number in sorted(allowed.items()) if number]
    path.write_text("".join(lines), encoding="utf-8")


def check(found: dict[str, Counter[str]], allowed: dict[str, int]) -> list[str]:
    """Faults: files with more banned words than allowed, and thresholds that are too high."""
    faults = []
    for name in sorted(found.keys() | allowed.keys()):
        words, limit = found.get(name, Counter()), allowed.get(name, 0)
        if words.total() > limit:
            most = ", ".join(f"{word} {number}" for word, number in words.most_common(4))
            faults.append(f"{name}: {words.total()} banned words, {limit} are allowed ({most})")
        elif words.total() < limit:
            faults.append(f"{name}: {words.total()} banned words, lower its threshold of {limit}")
    return faults


def main() -> int:
    """Run the command; return 1 when `--check` finds something wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.language")
    parser.add_argument("--check", action="store_true", help="compare with thresholds.tsv")
    parser.add_argument("--lower", action="store_true", help="lower thresholds to today's counts")
    parser.add_argument("--show", metavar="WORD", help="print every place of a word of banned.tsv")
    chosen = parser.parse_args()
    if chosen.show:
        banned = [one for one in read_banned() if one.word == chosen.show]
        for name in files():
            for place in places(ROOT / name, banned):
                print(f"{name}:{place.line}: {place.text[:110]}")
        return 0
    found = counts()
    if chosen.lower:
        known = read_thresholds()
        lower = {
            name: min(limit, found.get(name, Counter()).total()) for name, limit in known.items()
        }
        write_thresholds(lower)
    if chosen.check or chosen.lower:
        faults = check(found, read_thresholds())
        print("\n".join(faults) or "no file has more banned words than it may")
        return 1 if faults else 0
    for name, words in sorted(found.items(), key=lambda item: -item[1].total())[:25]:
        print(f"{words.total():5} {name}  {dict(words.most_common(4))}")
    every: Counter[str] = sum(found.values(), Counter())
    print(f"{every.total()} in {len(found)} of {len(files())} files: {dict(every.most_common(20))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
