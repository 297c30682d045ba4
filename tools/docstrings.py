"""Find public names without a docstring, and docstrings that begin in a way style forbids.

    python -m tools.docstrings            # every fault
    python -m tools.docstrings --check    # exit 1 where docstrings.tsv and the faults differ
    python -m tools.docstrings --lower    # remove from docstrings.tsv what is repaired

Public is every module, class, function, method and property of the package whose name, and the
names of what it is in, begin with no underscore. A method without a docstring is no fault where a
base class, of this package or not, documents it. Setters and overloads are not counted.

The faults, in docstrings.tsv after the name:

    missing    there is no docstring
    opening    the first word is "What": begin with a verb in the imperative or with a noun
    ending     the first paragraph does not end with a period
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).parents[1]
LISTED: Final = Path(__file__).with_name("docstrings.tsv")

Documented: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def faults(package: Path = ROOT / "a3s_store") -> dict[str, str]:
    """The fault of each public name that has one; names are `module` or `module:qualified.name`."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        if any(part.startswith("_") and part not in ("__init__", "__main__") for part in parts):
            continue
        for name, node in _public(ast.parse(path.read_text(encoding="utf-8"))):
            fault = _fault(ast.get_docstring(node))
            if fault == "missing" and _is_documented_by_a_base(module, name):
                continue
            if fault is not None:
                found[f"{module}:{name}" if name else module] = fault
    return found


def _public(node: Documented, prefix: str = "") -> Iterator[tuple[str, Documented]]:
    """A module or class and the public names in it, by qualified name; the module's is empty."""
    yield prefix.rstrip("."), node
    for child in _statements(node.body):
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from _public(child, f"{prefix}{child.name}.")
        elif (
            isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            and not child.name.startswith("_")
            and not _is_a_part(child)
        ):
            yield prefix + child.name, child


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body, those under `if` and `try` included."""
    for one in body:
        if isinstance(one, (ast.If, ast.Try)):
            yield from _statements([*one.body, *one.orelse])
        else:
            yield one


def _is_a_part(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """True for a setter, a deleter or an overload: another definition has the docstring."""
    names = [ast.unparse(one).rpartition(".")[2] for one in function.decorator_list]
    return not {"setter", "deleter", "overload"}.isdisjoint(names)


def _fault(docstring: str | None) -> str | None:
    if docstring is None:
        return "missing"
    first = docstring.partition("\n\n")[0].rstrip()
    if first.split()[:1] == ["What"]:
        return "opening"
    return None if first.endswith(".") else "ending"


def _is_documented_by_a_base(module: str, name: str) -> bool:
    """True where `inspect.getdoc` finds one; False where the module cannot be imported."""
    if "." not in name:
        return False
    try:
        return inspect.getdoc(attrgetter(name)(importlib.import_module(module))) is not None
    except ImportError:
        return False


def read_listed(path: Path = LISTED) -> dict[str, str]:
    """The faults that are known, by name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if line)


def check(found: dict[str, str], listed: dict[str, str]) -> list[str]:
    """One line for each fault that is not listed, and for each listed one that is gone."""
    new = [f"{name}: {fault}" for name, fault in found.items() if listed.get(name) != fault]
    gone = [
        f"{name}: repaired, delete its line ({fault}) from tools/docstrings.tsv"
        for name, fault in listed.items()
        if found.get(name) != fault
    ]
    return sorted(new + gone)


def main() -> int:
    """Run the command; return 1 when `--check` or `--lower` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m tools.docstrings")
    parser.add_argument("--check", action="store_true", help="compare with docstrings.tsv")
    parser.add_argument("--lower", action="store_true", help="remove repaired lines from the list")
    chosen = parser.parse_args()
    found = faults()
    if chosen.lower:
        kept = {name: fault for name, fault in read_listed().items() if found.get(name) == fault}
        LISTED.write_text("".join(f"{n}\t{f}\n" for n, f in sorted(kept.items())), "utf-8")
    if chosen.check or chosen.lower:
        lines = check(found, read_listed())
        print("\n".join(lines) or "no fault that is not listed")
        return 1 if lines else 0
    for name, fault in sorted(found.items()):
        print(f"{fault:8} {name}")
    print(f"{len(found)} faults")
    return 0


if __name__ == "__main__":
    sys.exit(main())
