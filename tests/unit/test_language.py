"""The gate on the words of tools/banned.tsv, and the counting behind it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tools import language

PROGRAM = '''"""What is on record of a family."""

def read_shelf(run_families: int) -> str:  # nobody asks
    return f"the seal of {run_families}"
'''


def words(path: Path) -> Counter[str]:
    banned = language.read_banned()
    return Counter(place.word.strip("/\\b") for place in language.places(path, banned))


def test_no_file_has_more_banned_words_than_its_threshold() -> None:
    faults = language.check(language.counts(), language.read_thresholds())
    assert faults == [], "\n".join(faults)


def test_names_comments_and_texts_are_read_word_by_word(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    found = words(path)
    for word in ("family", "families", "shelf", "on record"):
        assert found[word] >= 1, word
    assert sum("nobody" in word for word in found) == 1
    assert sum("What" in word for word in found) == 1


def test_the_text_of_an_f_string_is_read(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text('print(f"{1} the seal {2}")\n', encoding="utf-8")
    assert words(path)["seal"] == 1


def test_names_of_sql_are_read(tmp_path: Path) -> None:
    path = tmp_path / "schema.sql"
    path.write_text("CREATE TABLE memory_shelf (seal INTEGER); -- nobody's\n", encoding="utf-8")
    assert {"shelf", "seal"} <= words(path).keys()


def test_prose_words_are_no_fault_in_names(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text("answer = 1\n", encoding="utf-8")
    assert not words(path)


@pytest.mark.parametrize(
    ("found", "allowed", "fault"),
    [
        (3, 2, "2 are allowed"),
        (1, 2, "lower its threshold"),
        (1, 0, "0 are allowed"),
        (0, 2, "lower"),
    ],
)
def test_a_count_must_be_its_threshold(found: int, allowed: int, fault: str) -> None:
    counts = {"a.py": Counter({"shelf": found})} if found else {}
    (said,) = language.check(counts, {"a.py": allowed} if allowed else {})
    assert fault in said
    assert language.check({"a.py": Counter(shelf=2)}, {"a.py": 2}) == []


def test_every_file_that_is_skipped_exists_and_has_such_words() -> None:
    banned = language.read_banned()
    for name in language.SKIPPED:
        assert language.places(language.ROOT / name, banned), name


def test_the_list_of_words_names_a_replacement_for_each() -> None:
    for one in language.read_banned():
        assert one.instead
        assert re.compile(one.pattern)
