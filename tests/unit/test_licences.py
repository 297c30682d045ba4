"""docs/licences.md lists the licences of the installed dependencies."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
# By what the metadata of older packages says: a classifier or a text.
_SPELLINGS: Final = {
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "MIT": "MIT",
    "Apache 2.0": "Apache-2.0",
}
USERS: Final = ("cli", "telemetry", "testing")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def _listed() -> dict[str, str]:
    text = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S+) \| [^|]+ \| ([^|]+) \|$", text, re.M)
    return {name: licence.strip() for name, licence in rows if name != "package"}


def _required() -> set[str]:
    """The names of what pip installs of the package and its extras for users, with what these need.

    Skips where one is not installed here.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    waiting = [*project["dependencies"], *(line for extra in USERS for line in extras[extra])]
    found: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        named = _NAME.match(requirement)
        assert named is not None, requirement
        name = named[0].lower().replace("_", "-")
        condition = requirement.partition(";")[2]
        if name in found or "extra" in condition or "win" in condition.lower():
            continue
        found.add(name)
        try:
            waiting += metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed")
    return found


def _licence_of(name: str) -> str:
    about = metadata.metadata(name)
    for expression in about.get_all("License-Expression", []):
        return str(expression)
    said = [*about.get_all("Classifier", []), *about.get_all("License", [])]
    return next(_SPELLINGS[one] for one in said if one in _SPELLINGS)


def test_every_package_that_is_installed_for_users_is_listed_and_no_other() -> None:
    assert set(_listed()) == _required()


def test_each_licence_is_that_of_the_package() -> None:
    assert _listed() == {name: _licence_of(name) for name in _required()}
