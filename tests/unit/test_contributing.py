"""CONTRIBUTING.md is correct: commands exist, hooks are those of CI, extras and groups agree."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

from tests.faults.__main__ import CAMPAIGNS

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CI: Final = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: Final[dict[str, list[str]]] = PROJECT["project"]["optional-dependencies"]
GROUPS: Final[dict[str, list[str]]] = PROJECT["dependency-groups"]
NAME: Final[str] = PROJECT["project"]["name"]


def hooks() -> list[str]:
    """Return the commands of pre-commit's hooks, in their order."""
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    return re.findall(r"^ +entry: (.+)$", text, re.M)


def linters_of_ci() -> list[str]:
    """Return the linter commands of `.ci/run`, without the path of the environment."""
    section = CI.partition('say "linters and type checkers"\n')[2].partition("\n\n")[0]
    return [line.removeprefix(".venv/bin/") for line in section.splitlines()]


def commands() -> list[str]:
    """Return every command of the page, in code blocks and in sentences."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
    lines = [line.partition("  #")[0] for block in blocks for line in block.splitlines()]
    sentences = re.sub(r"```.*?```", "", PAGE, flags=re.S)
    quoted = re.findall(r"`((?:pip|python|pytest|pre-commit|ruff|mypy) [^`]+)`", sentences)
    return [part.strip() for line in [*lines, *quoted] for part in line.split("&&")]


def requirements(entries: Iterable[str]) -> set[str]:
    """Return the requirements of these entries, with the project's extras resolved."""
    found = set()
    for entry in entries:
        one = Requirement(entry)
        if one.name == NAME:
            assert not one.specifier
            found |= requirements(line for extra in one.extras for line in EXTRAS[extra])
        else:
            found.add(str(one))
    return found


def test_every_linter_of_ci_is_a_hook() -> None:
    assert set(linters_of_ci()) <= set(hooks())
    assert len(linters_of_ci()) >= 3, "the section was found"


def test_every_other_hook_is_a_tool_that_a_test_runs() -> None:
    tests = [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/unit/test_*.py")]
    for hook in [hook for hook in hooks() if hook not in linters_of_ci()]:
        module = hook.split()[2]
        package, _, name = module.partition(".")
        assert hook.startswith(f"python -m {package}.{name}")
        assert any(f"from {package} import {name}" in text for text in tests), hook


def test_the_page_names_every_hook() -> None:
    assert set(hooks()) <= set(commands())


def test_hooks_run_the_installed_tools_on_the_whole_checkout() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^ +- repo: (.+)$", text, re.M) == ["local"]
    for key, value in (("language", "system"), ("pass_filenames", "false")):
        assert re.findall(rf"^ +{key}: (.+)$", text, re.M) == [value] * len(hooks())
    assert re.search(r"\brev:|\d+\.\d+", text) is None, "versions stand in pyproject.toml"


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_requires_what_its_extra_and_the_command_line_require(group: str) -> None:
    expected = requirements([*EXTRAS["cli"], *EXTRAS[group]])
    if group == "lint":  # mypy reads the tests
        expected |= requirements(EXTRAS["test"])
    assert requirements(GROUPS[group]) == expected


def test_the_group_dev_is_what_the_set_up_line_installs() -> None:
    (extras,) = set(re.findall(r'-e "\.\[([\w,]+)\]"', PAGE + CI))
    assert requirements(GROUPS["dev"]) == requirements([f"{NAME}[{extras}]"])


def test_no_requirement_is_written_twice() -> None:
    entries = [PROJECT["project"]["dependencies"], *EXTRAS.values(), *GROUPS.values()]
    names = [Requirement(line).name for lines in entries for line in lines]
    written = [name for name in names if name != NAME]
    assert sorted(written) == sorted(set(written))


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python3? -m ([\w.]+)", PAGE))))
def test_every_module_that_is_run_exists(module: str) -> None:
    found = importlib.util.find_spec(module)
    assert found is not None
    if found.submodule_search_locations is not None:
        assert importlib.util.find_spec(f"{module}.__main__") is not None


def test_every_program_is_an_installed_one() -> None:
    installed = {Requirement(line).name for line in requirements(GROUPS["dev"])}
    basic = {".", "python", "python3", "pip", "pre-commit", ".ci/run"}
    for command in commands():
        words = [word for word in command.split() if not re.match(r"\w+=", word)]
        program = re.sub(r"^(\.venv|\.\./engine)/bin/", "", words[0])
        assert program in installed | basic | {*PROJECT["project"]["scripts"]}, command


def test_every_campaign_extra_group_and_test_that_is_named_exists() -> None:
    assert {*re.findall(r"tests\.faults (?!--|NAME)(\w+)", PAGE)} <= {*CAMPAIGNS, "all"}
    assert {*re.findall(r"--group (\w+)", PAGE)} <= {*GROUPS}
    for extras in re.findall(r"-e \"?\.\[([\w,]+)\]", PAGE):
        assert {*extras.split(",")} <= {*EXTRAS}
    tests = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    for name in re.findall(r"`(test_\w+)`", PAGE):
        assert f"def {name}(" in tests
    for path in re.findall(r"\b(?:tests|docs|tools)/[\w/-]+(?:\.\w+)?", PAGE):
        assert (ROOT / path).exists(), path


def test_it_is_one_page() -> None:
    assert len(PAGE.splitlines()) <= 120


def test_the_page_is_part_of_the_sdist() -> None:
    included = set(PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    for name in ("CONTRIBUTING.md", "SECURITY.md", "README.md", ".pre-commit-config.yaml"):
        assert f"/{name}" in included
        assert (ROOT / name).is_file()
