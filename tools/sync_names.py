"""Where the names in annotations come from, and the source of methods: for `sync_face`."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import attrs

import a3s_store

Function: TypeAlias = ast.AsyncFunctionDef | ast.FunctionDef
_REFERENCE: Final = re.compile(r"See `(\w+)\.(\w+)`(.*)", re.S)


@attrs.frozen
class Origin:
    """A name and the module that defines it."""

    module: str
    name: str

    def alias(self) -> ast.expr | None:
        """Return the value of a type alias; None for a name of another kind."""
        if not self.module.startswith(("a3s_store", "tests")):
            return None
        for node in tree_of(self.module).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign):
                targets = [node.target]
            named = {one.id for one in targets if isinstance(one, ast.Name)}
            if self.name in named and isinstance(node, ast.Assign | ast.AnnAssign):
                return node.value
        return None


class Names:
    """The imports of a generated module."""

    def __init__(self) -> None:
        self.at_run_time: set[str] = set()
        self.for_types: set[str] = set()
        # The import of each name, and where the name is defined.
        self._imported: dict[str, tuple[Origin, str]] = {}

    def origin(self, name: str, home: str) -> Origin | None:
        """Return where a name of a module is defined; None for one of Python."""
        found = _found(home, name)
        return None if found is None else _defined(found)

    def use(self, name: str, home: str) -> str:
        """Import a name as a module has it; return the name."""
        found = _found(home, name)
        if found is not None:
            self.for_types.add(self._import(found))
        return name

    def use_at_run_time(self, node: ast.expr, home: str) -> None:
        """Import the names of an expression for when it is run."""
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and (found := _found(home, one.id)):
                self.at_run_time.add(self._import(found))

    def imports(self) -> str:
        """Return the import statements; those for type checkers stand behind TYPE_CHECKING."""
        lines = [*self.at_run_time, "from typing import TYPE_CHECKING", "if TYPE_CHECKING:"]
        lines += [f"    {one}" for one in sorted(self.for_types - self.at_run_time)]
        return "\n".join(lines)

    def _import(self, found: Origin) -> str:
        line = f"from {found.module} import {found.name}"
        if not found.name:
            line = f"import {found.module}"
        known, line = self._imported.setdefault(found.name or found.module, (_defined(found), line))
        if known != _defined(found):
            raise NotImplementedError(f"{found.name} is a name of {known} and of {found}")
        return line


@cache
def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    source = inspect.getsourcefile(importlib.import_module(module))
    assert source is not None, module
    return ast.parse(Path(source).read_text(encoding="utf-8"))


def definition(owner: type, name: str) -> list[Function]:
    """Return the definitions of a method in the body of a class: overloads, then the last one."""
    (cls,) = (
        node
        for node in ast.walk(tree_of(owner.__module__))
        if isinstance(node, ast.ClassDef) and node.name == owner.__name__
    )
    return [one for one in cls.body if isinstance(one, Function) and one.name == name]


def docstring_of(owner: type, name: str) -> str:
    """Return the docstring of a member, with that of the protocol where it refers to it."""
    doc = inspect.cleandoc(getattr(getattr(owner, name, None), "__doc__", None) or "")
    if not inspect.isroutine(getattr(owner, name, None)) and not isinstance(
        inspect.getattr_static(owner, name, None), property
    ):
        return ""
    found = _REFERENCE.fullmatch(doc)
    if found is None or (cls := _class_named(found[1])) is None:
        return doc
    rest = found[3].lstrip(" ;:.,").strip()
    if rest:
        rest = rest if rest.endswith((".", ":")) or "\n" in rest else f"{rest}."
        rest = f"\n\n{rest[0].upper()}{rest[1:]}"
    return docstring_of(cls, found[2]) + rest


@cache
def _class_named(name: str) -> type | None:
    for path in sorted(Path(a3s_store.__file__).parent.rglob("*.py")):
        if re.search(rf"^class {name}\b", path.read_text(encoding="utf-8"), re.M):
            parts = path.relative_to(Path(a3s_store.__file__).parents[1]).with_suffix("").parts
            module = ".".join(part for part in parts if part != "__init__")
            found = getattr(importlib.import_module(module), name, None)
            return found if isinstance(found, type) else None
    return None


@cache
def _found(module: str, name: str) -> Origin | None:
    """Return from where a module imports a name, or the module itself."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return Origin(str(node.module), alias.name)
        if isinstance(node, ast.Import) and any(one.name == name for one in node.names):
            return Origin(name, "")
    if _defines(module, name):
        return Origin(module, name)
    if name in vars(builtins):
        return None
    raise NotImplementedError(f"{module} has no {name}")


def _defines(module: str, name: str) -> bool:
    for node in tree_of(module).body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        if getattr(node, "name", None) == name:
            return True
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return True
    return False


@cache
def _defined(found: Origin) -> Origin:
    """Follow imports of this package to the module that defines the name."""
    if not found.module.startswith(("a3s_store", "tests")) or not found.name:
        return found
    further = _found(found.module, found.name)
    if further is None or further == found:
        return found
    return _defined(further)
