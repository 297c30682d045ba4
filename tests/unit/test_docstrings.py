"""Every public name of the package has a docstring that begins as CONTRIBUTING.md asks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import docstrings


def test_no_public_name_lacks_a_docstring_but_those_listed() -> None:
    """The list can only shrink: a fault that is not listed fails, and so does a line too many."""
    listed = docstrings.read_listed()
    lines = docstrings.check(docstrings.faults(), listed)
    print("listed in tools/docstrings.tsv:", *listed, sep="\n")
    assert lines == [], "\n".join(lines)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", {"pkg.mod": "missing"}),
        ('"""What a module is."""', {"pkg.mod": "opening"}),
        ('"""A module"""', {"pkg.mod": "ending"}),
        ('"""A module."""\ndef f(): ...', {"pkg.mod:f": "missing"}),
        ('"""A module."""\nif True:\n    def f(): ...', {"pkg.mod:f": "missing"}),
        (
            '"""A module."""\nclass A:\n    """An A."""\n    def f(self): ...',
            {"pkg.mod:A.f": "missing"},
        ),
        ('"""A module."""\ndef _f(): ...\nclass _A:\n    def f(self): ...', {}),
        ('"""A module."""\nclass A(dict):\n    """A dict."""\n    def get(self): ...', {}),
        (
            '"""A module."""\nclass A:\n    """An A."""\n    @property\n    def f(self):\n'
            '        """Return f."""\n    @f.setter\n    def f(self, value): ...',
            {},
        ),
    ],
)
def test_each_fault_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, expected: dict[str, str]
) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text('"""A package."""\n', encoding="utf-8")
    (package / "_private.py").touch()
    (package / "mod.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("pkg", "pkg.mod"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert docstrings.faults(package) == expected


def test_a_listed_fault_that_is_repaired_is_named() -> None:
    (line,) = docstrings.check({}, {"pkg.mod:f": "missing"})
    assert "delete its line" in line
