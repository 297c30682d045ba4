"""Make the blocking twins of the SQLite store, and of the objects with async methods it returns.

Every public method is found at the class itself, so one that is added to the store is in the next
run. Its parameters, result and docstring are those of the source. What becomes of them:

    async def f() -> R                  def f() -> R
    def f() -> AsyncIterator[R]         def f() -> Iterator[R]
    async with                          with
    async for                           for
    a class with async methods          its twin, made in the same run
    a parameter AsyncIterable[R]        Iterable[R], taken on the caller's thread
    a parameter Callable[.., Awaitable[R]]    Callable[.., R], called on the caller's thread
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import a3s_store
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.base.opening import Opening
from tools.codecs.lines import formatted
from tools.sync_names import Names, definition, docstring_of, tree_of

_PACKAGE: Final = Path(a3s_store.__file__).parent
FOLDER: Final = _PACKAGE / "sync" / "_generated"
_ITERATORS: Final = frozenset({"AsyncIterator", "AsyncGenerator", "AsyncIterable"})
_CONTEXTS: Final = frozenset({"AbstractAsyncContextManager", "AsyncContextManager"})
_ASYNC_DUNDERS: Final = frozenset({"__aiter__", "__anext__", "__aenter__", "__aexit__"})
# Packages whose classes may get twins; the tests have samples.
_OURS: Final = ("a3s_store", "tests")
_PLAIN_DUNDERS: Final = frozenset({"__len__"})

_HEAD: Final = '''\
"""The blocking twins of the SQLite store and its objects. Generated; do not edit.

`python -m tools.generate` writes this file, and `--check` compares it.
"""

from __future__ import annotations

{imports}


'''
_OPEN_DOC: Final = """\
Open a store, or create one: `with SyncSessionStore.open(path) as store`.

Options and errors are those of `SqliteSessionStore.open`, for a URL those of `connect`.
Functions among them, as `redact`, are called on the thread of the store's event loop.

Raises:
    EventLoopRunningError: an event loop is running on this thread."""


def files() -> dict[Path, str]:
    """Return every generated module with its text."""
    init = '"""Generated classes: see `tools/sync_face.py`."""\n'
    return formatted({FOLDER / "__init__.py": init, FOLDER / "store.py": text()})


def text(store: type = SqliteSessionStore, base: str = "SyncStore") -> str:
    """Return the text of the module with the twin of this store, and of all that it returns."""
    names = Names()
    twins: dict[type, str] = {store: twin_name(store)}
    classes: dict[type, str] = {}
    while missing := [cls for cls in twins if cls not in classes]:
        for cls in missing:
            classes[cls] = _Twin(cls, names, twins, base if cls is store else "SyncObject").text()
    bases = ", ".join(sorted({"SyncObject", base}))
    names.at_run_time.add(f"from a3s_store.sync.base import {bases}")
    for cls in classes:
        imports = names.at_run_time if cls is store else names.for_types
        imports.add(f"from {cls.__module__} import {cls.__name__}")
    body = "\n\n".join(classes[cls] for cls in sorted(classes, key=lambda one: twins[one]))
    return _HEAD.format(imports=names.imports()) + body


def twin_name(cls: type) -> str:
    """Return the name of a class's twin: SyncSessionStore for SqliteSessionStore."""
    return "Sync" + cls.__name__.removeprefix("Sqlite")


def _has_async(cls: object) -> bool:
    """Return whether a class of this package has methods that only a coroutine can call."""
    if not isinstance(cls, type) or cls is Opening or issubclass(cls, BaseException):
        return False
    if cls.__module__.split(".")[0] not in _OURS:
        return False
    return any(
        inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)
        for name, value in inspect.getmembers_static(cls)
        if not name.startswith("_") or name in _ASYNC_DUNDERS
    )


class _Twin:
    """Writes the twin of one class."""

    def __init__(self, cls: type, names: Names, twins: dict[type, str], base: str) -> None:
        self.cls = cls
        self.names = names
        self.twins = twins
        self.base = base
        # Within the class, the name of a method means the method.
        declared = {name for one in cls.__mro__ for name in _declared(one)}
        self.shadowed = {name for name in {*dir(cls), *declared} if not name.startswith("_")}

    def text(self) -> str:
        name = self.twins[self.cls]
        doc = f"Blocking methods in place of the async ones of `{self.cls.__name__}`."
        target = self.cls.__name__ if self.base != "SyncObject" else f'"{self.cls.__name__}"'
        lines = [f"class {name}({self.base}[{target}]):", _indented(_quoted(doc)), ""]
        for member in sorted(self.shadowed | self._dunders()):
            lines += [_indented(part) + "\n" for part in self._member(member)]
        return "\n".join(lines).rstrip() + "\n"

    def _dunders(self) -> set[str]:
        found = {n for n in _ASYNC_DUNDERS | _PLAIN_DUNDERS if hasattr(self.cls, n)}
        if "__anext__" in found:
            found.discard("__aiter__")  # the twin of `__anext__` comes with `__iter__`
        return found - ({"__aenter__", "__aexit__"} if self.base != "SyncObject" else set())

    def _member(self, name: str) -> list[str]:
        if name == "close" and self.base != "SyncObject":
            return []  # written by hand
        value = inspect.getattr_static(self.cls, name, None)
        owner = next(one for one in self.cls.__mro__ if name in vars(one) or _declares(one, name))
        if isinstance(value, classmethod):
            return self._open(owner) if name == "open" and self.base != "SyncObject" else []
        if isinstance(value, staticmethod):
            return []
        if isinstance(value, property):
            return [self._property(name, owner, definition(owner, name)[0].returns)]
        if not callable(value) or isinstance(value, type):
            return [self._attribute(name, owner, value)]
        return self._method(name, owner, inspect.unwrap(value))

    # -- Members ------------------------------------------------------------------------------

    def _property(self, name: str, owner: type, returns: ast.expr | None) -> str:
        said = self._annotation(returns, owner.__module__)
        doc = docstring_of(owner, name)
        return f"@property\ndef {name}(self) -> {said}:\n" + _body(
            doc, f"return self._async.{name}"
        )

    def _attribute(self, name: str, owner: type, value: object) -> str:
        declared = _declares(owner, name)
        said = self._annotation(declared, owner.__module__) if declared else type(value).__name__
        doc = docstring_of(owner, name) or f"See `{self.cls.__name__}.{name}`."
        return _property(name, said, doc)

    def _open(self, owner: type) -> list[str]:
        (function,) = definition(owner, "open")
        arguments = copy.deepcopy(function.args)
        arguments.args[1].arg = "path_or_url"
        self.names.at_run_time.add("from a3s_store.connecting import path_of")
        given = [f"{one.arg}={one.arg}" for one in arguments.kwonlyargs]
        call = f"{self.cls.__name__}.open({', '.join(['path_of(path_or_url)', *given])})"
        head = f"@classmethod\ndef open({self._signature(arguments, owner.__module__)}) -> Self:\n"
        self.names.at_run_time.add("from typing import Self")
        return [head + _body(_OPEN_DOC, f"return cls._opened({call})")]

    def _method(self, name: str, owner: type, function: Callable[..., Any]) -> list[str]:
        *overloads, whole = definition(owner, name)
        doc = docstring_of(owner, name)
        made = []
        for one in overloads:
            _, returns = self._result(one, owner.__module__, function, "")
            signature = self._signature(one.args, owner.__module__)
            made.append(f"@overload\ndef {name}({signature}) -> {returns}: ...")
            self.names.at_run_time.add("from typing import overload")
        target = f"self._async.{name}"
        if overloads:  # no overload takes the unions that the last definition takes
            self.names.at_run_time.add("from typing import Any")
            target = "method"
        call = f"{target}({self._given(whole.args, owner.__module__)})"
        lines, returns = self._result(whole, owner.__module__, function, call)
        public = {
            "__aiter__": "__iter__",
            "__anext__": "__next__",
            "__aenter__": "__enter__",
            "__aexit__": "__exit__",
        }
        signature = self._signature(whole.args, owner.__module__)
        head = f"def {public.get(name, name)}({signature}) -> {returns}:\n"
        if name == "__anext__":
            step = "def __iter__(self) -> Self:\n    return self"
            self.names.at_run_time.add("from typing import Self")
            lines = f"return self._next(self._async.{name})"
            return [step, head + _body(doc, lines)]
        if any("asynccontextmanager" in ast.unparse(one) for one in whole.decorator_list):
            return [self._context_manager(name, whole, owner.__module__, doc, call)]
        if overloads:
            result = lines.removeprefix("return ")
            lines = f"method: Any = self._async.{name}\n"
            lines += f"result: {returns} = {result}\nreturn result"
        made.append(head + _body(doc, lines))
        return made

    def _context_manager(
        self,
        name: str,
        whole: ast.AsyncFunctionDef | ast.FunctionDef,
        home: str,
        doc: str,
        call: str,
    ) -> str:
        assert whole.returns is not None, name
        entered = _inner(whole.returns)
        wrapped = self._wrapped(entered, home, "entered")
        said = self._annotation(entered, home)
        self.names.at_run_time.add("from contextlib import contextmanager")
        self.names.for_types.add("from collections.abc import Iterator")
        signature = self._signature(whole.args, home)
        body = f"with self._entered({call}) as entered:\n    yield {wrapped}"
        return f"@contextmanager\ndef {name}({signature}) -> Iterator[{said}]:\n" + _body(doc, body)

    # -- Results ------------------------------------------------------------------------------

    def _result(
        self,
        function: ast.AsyncFunctionDef | ast.FunctionDef,
        home: str,
        runtime: Callable[..., Any],
        call: str,
    ) -> tuple[str, str]:
        """Return the statement that returns a call's result, and the annotation of that."""
        returns = function.returns or ast.Constant(None)
        head = _head(returns)
        if head in _ITERATORS:
            said = self._annotation(_inner(returns), home)
            self.names.for_types.add("from collections.abc import Iterator")
            if inspect.iscoroutinefunction(runtime):
                call = f"self._run(lambda: {call})"
            page = ", page" if "page" in {one.arg for one in _all(function.args)} else ""
            return f"return self._iterate({call}{page})", f"Iterator[{said}]"
        if head in _CONTEXTS:
            entered = _inner(returns)
            said = self._annotation(entered, home)
            self.names.for_types.add("from contextlib import AbstractContextManager")
            made = self._wrapped(entered, home, "entered")
            call = f"self._context({call}, lambda entered: {made})"
            return f"return {call}", f"AbstractContextManager[{said}]"
        if inspect.iscoroutinefunction(runtime):
            call = f"self._run(lambda: {call})"
        said = self._annotation(returns, home)
        if function.name == "__aenter__" and said == "Self":
            return f"{call}\nreturn self", said
        if said == "None":
            return call, said
        return f"return {self._wrapped(returns, home, call)}", said

    def _wrapped(self, returns: ast.expr, home: str, call: str) -> str:
        """Return an expression for the twin of what a call returns, or for that itself."""
        if ast.unparse(returns) == "Self":
            return f"type(self)({call}, self._loop)"
        twin = self._twin_of(returns, home)
        if twin is not None:
            return f"{twin}({call}, self._loop)"
        parts = _union(returns)
        found = [self._twin_of(part, home) for part in parts]
        if len(parts) == 2 and found[0] is not None and ast.unparse(parts[1]) == "None":
            return f"self._optional({call}, {found[0]})"
        if any(
            self._twin_of(node, home) for node in ast.walk(returns) if isinstance(node, ast.Name)
        ):
            raise NotImplementedError(f"{home}: no twin of {ast.unparse(returns)}")
        return call

    def _twin_of(self, node: ast.expr | ast.AST, home: str) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = ast.parse(node.value, mode="eval").body
        if isinstance(node, ast.Subscript):
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        origin = self.names.origin(node.id, home)
        if origin is None or origin.module.split(".")[0] not in _OURS:
            return None
        found = getattr(importlib.import_module(origin.module), origin.name, None)
        if not isinstance(found, type) or not _has_async(found):
            return None
        return self.twins.setdefault(found, twin_name(found))

    # -- Parameters ---------------------------------------------------------------------------

    def _signature(self, arguments: ast.arguments, home: str) -> str:
        for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
            self.names.use_at_run_time(default, home)
        made = copy.deepcopy(arguments)
        for one in _all(made):
            if one.annotation is not None:
                one.annotation = self._parameter(one.annotation, home)
        return ast.unparse(made)

    def _parameter(self, annotation: ast.expr, home: str) -> ast.expr:
        made, home = self._expanded(annotation, home)
        parts = [_Blocking(self.names).visit(copy.deepcopy(part)) for part in _union(made)]
        parts = [_Renaming(self, home).visit(part) for part in parts]
        texts = dict.fromkeys(ast.unparse(part) for part in parts)
        return ast.parse(" | ".join(texts), mode="eval").body

    def _expanded(self, annotation: ast.expr, home: str) -> tuple[ast.expr, str]:
        """Return an alias's value and its module, in place of its name, if it has async parts."""
        name = annotation.value if isinstance(annotation, ast.Subscript) else annotation
        if not isinstance(name, ast.Name):
            return annotation, home
        origin = self.names.origin(name.id, home)
        alias = None if origin is None else origin.alias()
        if origin is None or alias is None or not _is_async_type(alias):
            return annotation, home
        alias = copy.deepcopy(alias)
        if isinstance(annotation, ast.Subscript):
            given = annotation.slice
            values = given.elts if isinstance(given, ast.Tuple) else [given]
            alias = _Filled(
                dict(zip(self._variables(alias, origin.module), values, strict=True))
            ).visit(alias)
        return alias, origin.module

    def _variables(self, alias: ast.expr, home: str) -> list[str]:
        """Return the type variables of an alias, in the order in which they come first."""
        names = [one.id for one in ast.walk(alias) if isinstance(one, ast.Name)]
        module = importlib.import_module(home)
        names = [one for one in names if isinstance(getattr(module, one, None), TypeVar)]
        return sorted(set(names), key=ast.unparse(alias).index)

    def _given(self, arguments: ast.arguments, home: str) -> str:
        given = [self._passed(one, home) for one in (*arguments.posonlyargs, *arguments.args)[1:]]
        if arguments.vararg:
            given.append(f"*{arguments.vararg.arg}")
        given += [f"{one.arg}={self._passed(one, home)}" for one in arguments.kwonlyargs]
        if arguments.kwarg:
            given.append(f"**{arguments.kwarg.arg}")
        return ", ".join(given)

    def _passed(self, argument: ast.arg, home: str) -> str:
        name, annotation = argument.arg, argument.annotation
        if annotation is None:
            return name
        annotation, home = self._expanded(annotation, home)
        if self._twin_of(annotation, home):
            return f"{name}._async"
        if not _is_async_type(annotation):
            return name
        for part in _union(annotation):
            if _head(part) == "Callable":
                assert isinstance(part, ast.Subscript)
                assert isinstance(part.slice, ast.Tuple)
                taken = part.slice.elts[0]
                made = ["None"]
                if isinstance(taken, ast.List):
                    made = [str(self._twin_of(one, home)) for one in taken.elts]
                return f"self._called({name}, {', '.join(made)})"
        return f"self._items({name})"

    # -- Annotations --------------------------------------------------------------------------

    def _annotation(self, annotation: ast.expr | None, home: str) -> str:
        if annotation is None:
            return "Any"
        made = _Renaming(self, home).visit(copy.deepcopy(annotation))
        return ast.unparse(made)


class _Renaming(ast.NodeTransformer):
    """Names twins in place of classes, and imports every name."""

    def __init__(self, twin: _Twin, home: str) -> None:
        self.twin = twin
        self.home = home

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):
            quoted: ast.AST = self.visit(ast.parse(node.value, mode="eval").body)
            return quoted
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self.visit(node.value)
        if _head(node) != "Literal":
            node.slice = self.visit(node.slice)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Store):  # `_Blocking` made and imported it
            return node
        found = self.twin._twin_of(node, self.home)
        if found is not None:
            return ast.Name(found, ast.Load())
        name = self.twin.names.use(node.id, self.home)
        if name in self.twin.shadowed:
            self.twin.names.at_run_time.add("import builtins")
            return ast.Attribute(ast.Name("builtins"), name)
        return ast.Name(name, ast.Load())


class _Blocking(ast.NodeTransformer):
    """Turns the async types of parameters into the ones that blocking callers have."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        head = _head(node)
        if head in _ITERATORS:
            self.names.for_types.add("from collections.abc import Iterable")
            return ast.Subscript(ast.Name("Iterable", ast.Store()), _inner(node))
        if head in ("Awaitable", "Coroutine"):
            return node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
        return node


class _Filled(ast.NodeTransformer):
    """Puts types in place of type variables."""

    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.values.get(node.id, node)


def _is_async_type(annotation: ast.expr) -> bool:
    heads = {_head(node) for node in ast.walk(annotation) if isinstance(node, ast.Subscript)}
    return not heads.isdisjoint({*_ITERATORS, "Awaitable", "Coroutine"})


def _head(node: ast.AST) -> str:
    """Return the name before the brackets of a generic type, else an empty text."""
    return ast.unparse(node.value).rpartition(".")[2] if isinstance(node, ast.Subscript) else ""


def _union(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_union(node.left), *_union(node.right)]
    return [node]


def _all(arguments: ast.arguments) -> list[ast.arg]:
    return [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        *filter(None, (arguments.vararg, arguments.kwarg)),
    ]


@cache
def _declared(cls: type) -> dict[str, ast.expr]:
    """The annotated attributes of a class's own body, by name."""
    if cls.__module__ == "builtins":
        return {}
    for node in ast.walk(tree_of(cls.__module__)):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            return {
                one.target.id: one.annotation
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            }
    return {}


def _declares(cls: type, name: str) -> ast.expr | None:
    return _declared(cls).get(name)


def _property(name: str, annotation: str, doc: str) -> str:
    head = f"@property\ndef {name}(self) -> {annotation}:\n"
    return head + _body(doc, f"return self._async.{name}")


def _inner(node: ast.expr) -> ast.expr:
    """Return what is in the brackets of a generic type: the first of several."""
    assert isinstance(node, ast.Subscript), ast.unparse(node)
    return node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice


def _quoted(doc: str) -> str:
    return f'"""{doc}\n"""' if "\n" in doc else f'"""{doc}"""'


def _body(doc: str, lines: str) -> str:
    return _indented(f"{_quoted(doc)}\n{lines}" if doc else lines)


def _indented(lines: str) -> str:
    return textwrap.indent(lines, "    ")
