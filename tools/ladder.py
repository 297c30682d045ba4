"""Check that imports go down the layers of the text file of this name, and form no cycle.

The command prints figures of each package, and exits with 1 and the faults if there are any; with
`--arrows` it prints which unit imports which, how often.

Every import counts: at the top of a module, in a function and behind TYPE_CHECKING; but not those
of `a3s_store._changes`, which is about models and which they name, for type checkers alone. A unit
is a module or package directly inside a package of that file; every one must be named there,
`__init__` and `__main__` excepted.
"""

from __future__ import annotations

import argparse
import ast
import graphlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).parents[1]
LADDER: Final = Path(__file__).with_suffix(".txt")
FOR_CHECKERS: Final = frozenset({"a3s_store._changes"})


@attrs.frozen
class Import:
    """One import of a module by another of the same distribution."""

    importer: str
    imported: str
    where: str


@attrs.frozen
class Figures:
    """How closely the units of one package depend on each other."""

    package: str
    units: int
    layers: int
    arrows: int

    def __str__(self) -> str:
        possible = self.units * (self.units - 1) // 2
        return (
            f"{self.package}: {self.units} units on {self.layers} layers, "
            f"{self.arrows} of {possible} possible arrows"
        )


@attrs.frozen
class Findings:
    """What a check found: faults, empty when all is well, and figures of each package."""

    faults: list[str]
    figures: list[Figures]
    arrows: Counter[tuple[str, str]]
    modules: int
    imports: int


def modules_of(root: Path, package: str) -> dict[str, Path]:
    """Every module below a top-level package, by its dotted name."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(root: Path, modules: dict[str, Path]) -> list[Import]:
    """Every import between these modules, once for each pair."""
    found: dict[tuple[str, str], Import] = {}
    for name, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            for imported in _imported(node, name, path, modules):
                where = f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
                found.setdefault((name, imported), Import(name, imported, where))
    return list(found.values())


def _imported(node: ast.AST, name: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        targets = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        whole = [f"{base}.{alias.name}" for alias in node.names]
        targets = [target if target in modules else base for target in whole]
    else:
        return
    there = (target for target in targets if target in modules and target not in FOR_CHECKERS)
    yield from (target for target in there if target != name)


def read_ladder(path: Path) -> dict[str, list[list[str]]]:
    """The layers of each package, each a list of units, from the ground up."""
    packages: dict[str, list[list[str]]] = {}
    layers: list[list[str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words and words[0].startswith("["):
            layers = packages.setdefault(words[0].strip("[]"), [])
        elif words:
            layers.append(words)
    return packages


def check(root: Path = ROOT, ladder: Path = LADDER) -> Findings:
    """Compare the imports below `root` with the layers in a file."""
    packages = read_ladder(ladder)
    modules: dict[str, Path] = {}
    for top in sorted({package.split(".")[0] for package in packages}):
        modules |= modules_of(root, top)
    imports = imports_of(root, modules)
    faults: list[str] = []
    figures = []
    arrows: Counter[tuple[str, str]] = Counter()
    for package, layers in packages.items():
        height = {unit: number for number, layer in enumerate(layers) for unit in layer}
        there = {unit for name in modules if (unit := _unit(name, package))}
        faults += [f"{package}.{unit} is in no layer" for unit in there - height.keys()]
        faults += [f"{package}.{unit} is in a layer only" for unit in height.keys() - there]
        mine: Counter[tuple[str, str]] = Counter()
        for one in imports:
            above, below = _unit(one.importer, package), _unit(one.imported, package)
            if above is None or below is None or above == below:
                continue
            mine[f"{package}.{above}", f"{package}.{below}"] += 1
            if height.get(below, -1) >= height.get(above, len(layers)):
                faults.append(f"{package}: {above} imports {below}, not below it ({one.where})")
        figures.append(Figures(package, len(height), len(layers), len(mine)))
        arrows += mine
    faults += _circle(modules, imports)
    return Findings(faults, figures, arrows, len(modules), len(imports))


def _unit(name: str, package: str) -> str | None:
    """The unit of a package that a module is or lies in; None outside of all units."""
    if not name.startswith(f"{package}."):
        return None
    unit = name.removeprefix(f"{package}.").split(".")[0]
    return None if unit == "__main__" else unit


def _circle(modules: dict[str, Path], imports: list[Import]) -> list[str]:
    """A circle of modules that import each other, if there is one."""
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for one in imports:
        graph[one.importer].add(one.imported)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [f"modules import each other in a circle: {' <- '.join(error.args[1])}"]
    return []


def main() -> int:
    """Print what a check found; return 1 when there are faults."""
    parser = argparse.ArgumentParser(description=check.__doc__)
    parser.add_argument("--arrows", action="store_true", help="print which unit imports which")
    chosen = parser.parse_args()
    found = check()
    for one in found.figures:
        print(one)
    print(f"{found.modules} modules, {found.imports} imports between them")
    if chosen.arrows:
        for (above, below), count in sorted(found.arrows.items()):
            print(f"  {above} -> {below}  {count}")
    for fault in found.faults:
        print(fault)
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
