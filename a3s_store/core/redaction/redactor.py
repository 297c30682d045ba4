"""Redaction of values before they are saved.

Credentials in a session's configuration are blanked (`blanking`). Then the hook, if there is one,
is called with each text: of messages with tool inputs, results and reasoning, of collections and
checkpoints, of the session and its configuration, of unknown keys, and with the keys of opaque
JSON. It is not called with words of the format (`role`, `type`, `..._type`, `schema`, members of
enums), times, and the bytes of images.

Ids and labels are texts, too. Values are found by some ids (of a session, of a run or workflow with
a checkpoint, of a memory), so a value is refused if the hook would change such an id. Other ids are
replaced. Since equal texts are replaced by equal texts, a tool call and its result stay a pair; a
conversation is refused if two ids would become one text. Keys of one object that become equal are
numbered.

Invariants: 1. an unchanged value is returned as the same object; 2. for the same object the same
object is returned while both are cached, so that a save still finds unchanged values by identity;
3. when the hook fails nothing was written, and the error has a path and no text.
"""

from __future__ import annotations

import enum
import functools
import itertools
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from a3s_store import models
from a3s_store.core import redaction
from a3s_store.core.collections import CHECKPOINTS, layouts
from a3s_store.core.redaction.credential_names import CredentialNames
from a3s_store.errors import EncodeError, InvalidIdError
from a3s_store.wire import Model, codec_for, freeze
from a3s_store.wire.kinds import EnumMap, Kind, Many, OpaqueValue
from a3s_store.wire.model_kinds import One, Tagged
from a3s_store.wire.values import frozen_dict

if TYPE_CHECKING:
    from a3s_store.models import SessionData

# Takes a text before it is saved and returns the text to save instead.
Redact: TypeAlias = Callable[[str], str]

# The names of credentials, without additions.
BUILT_IN: Final = CredentialNames()
# The number of values that are cached with their results.
CACHED: Final = 100_000
_EXTRAS: Final = 64
_WORDS: Final = frozenset({"role", "type", "schema"})
_WORDS_END: Final = "_type"
_WITH_TEXT: Final = (EnumMap, Many, One, Tagged, OpaqueValue)
# The attributes by which values are found.
_FOUND_BY: Final = ("id", "session_id", "run_id", "workflow_id")


@functools.cache
def _paired() -> dict[Any, str]:
    """Return the blocks of a message that make pairs: the attributes with the id of the pair."""
    return {models.ToolUseBlock: "id", models.ToolResultBlock: "tool_use_id"}


@functools.cache
def _lasting() -> frozenset[type]:
    """Return the models whose results are cached. Parts of a message are cached with it."""
    configuration = (models.SessionConfig, models.LlmConfigData)
    stored = {models.Message, *configuration, *(rows.model for rows in layouts())}
    return frozenset(stored - {models.SessionData, *(kind.model for kind in CHECKPOINTS)})


class _RefusedError(Exception):
    """The hook failed or a result is refused; `steps` is the path, innermost first."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
        self.steps: list[str] = []

    def at(self, step: str) -> _RefusedError:
        self.steps.append(step)
        return self

    def named(self) -> EncodeError:
        path = ""
        for step in reversed(self.steps):
            path += step if step.startswith("[") or not path else "." + step
        return EncodeError(self.what, path=path, hint="Correct the function given as redact=")


class _Cached(weakref.ref[Any]):
    """The result for a value, None for the value itself; it lasts as long as the value."""

    __slots__ = ("key", "result")
    result: Any
    key: int


class Redactor:
    """Blanks credentials, replaces texts by a hook, and caches the results.

    Without `names` nothing is blanked; without `hook` nothing else is changed.
    """

    def __init__(
        self,
        hook: Redact | None = None,
        cached: int = CACHED,
        *,
        names: CredentialNames | None = BUILT_IN,
    ) -> None:
        self._hook = hook
        self._names = names
        self._max_known = cached
        self._known: dict[int, _Cached] = {}
        # The unknown keys of the last sessions, and their values without credentials.
        self._extras: dict[int, tuple[Any, Any]] = {}
        # Whether the id of a tool call was ever changed: only then are pairs checked.
        self._has_renamed = False

    def value(self, value: Any, name: str = "") -> Any:
        """Return a model, or a tuple of models or texts, as it is to be saved.

        Any other value is returned unchanged, and refused when it is encoded. The path of an error
        begins with `name`.

        Raises:
            EncodeError: the hook raised, returned no str, or made one text of two ids.
            InvalidIdError: the hook would change the id of a session, checkpoint or memory.
        """
        if self._hook is None:
            return self._without_credentials(value)
        refused: EncodeError
        try:
            if isinstance(value, Model):
                self._refuse_other_ids(value)
            return self._any(value)
        except _RefusedError as error:
            refused = error.at(name).named() if name else error.named()
        raise refused  # here, so that the error of the hook is not its context

    def check_id(self, text: str, what: str = "session id") -> None:
        """Refuse an id that the hook would change.

        Raises:
            InvalidIdError, EncodeError: as `value` raises them.
        """
        refused: EncodeError
        try:
            if self._hook is None or self._text(text) == text:
                return
        except _RefusedError as error:
            refused = error.at(what).named()
        else:
            raise InvalidIdError(
                f"redact= would change the {what}, by which the value is found",
                hint="Use another id: one without the text that redact= removes",
            )
        raise refused

    def _refuse_other_ids(self, value: Any) -> None:
        for name in _FOUND_BY:
            text = getattr(value, name, None)
            if isinstance(text, str):
                self.check_id(text, name.replace("_", " "))

    @property
    def has_hook(self) -> bool:
        """Whether there is a hook; without one, only configuration may change."""
        return self._hook is not None

    @property
    def names(self) -> CredentialNames | None:
        """The names under which values are blanked; None: none are."""
        return self._names

    def _without_credentials(self, value: Any) -> Any:
        """Return a session, or a part of its configuration, blanked; other values unchanged."""
        cls = type(value)
        if self._names is None or cls not in redaction.blanking.CONFIGURATION:
            return value
        if cls is not models.SessionData:
            return self._cached(value, lambda value: self._blanked(value))
        config = self._without_credentials(value.config)
        llm_config = self._without_credentials(value.llm_config)
        if config is not value.config or llm_config is not value.llm_config:
            value = attrs.evolve(value, config=config, llm_config=llm_config)
        return self._with_known_extra(value) if value.extra else value

    def _with_known_extra(self, session: SessionData) -> SessionData:
        """Return a session with blanked unknown keys; the same object of keys is blanked once."""
        extra = session.extra
        known = self._extras.get(id(extra))
        if known is None or known[0] is not extra:
            known = extra, self._blanked(session).extra
            self._extras[id(extra)] = known
            while len(self._extras) > _EXTRAS:
                self._extras.pop(next(iter(self._extras)), None)
        return session if known[1] is extra else session.evolve(extra=known[1])

    def _blanked(self, value: Any) -> Any:
        if self._names is None or type(value) not in redaction.blanking.CONFIGURATION:
            return value
        return redaction.blanking.blanked(value, self._names)

    def _any(self, value: Any) -> Any:
        if isinstance(value, Model):
            return self._model(value)
        if type(value) is tuple:
            return self._tuple(value)
        if isinstance(value, str) and not isinstance(value, enum.Enum):
            return self._text(value)
        if isinstance(value, dict) and any(isinstance(item, Model) for item in value.values()):
            made = {key: self._any(item) for key, item in value.items()}
            same = all(made[key] is item for key, item in value.items())
            return value if same else frozen_dict(made, plain=False)
        if isinstance(value, dict | list):
            return self._opaque(value)
        return value

    def _text(self, text: str) -> str:
        what = ""
        assert self._hook is not None, "called only with a hook"
        try:
            returned = self._hook(str.__str__(text))
        except Exception as error:
            what = f"the hook raised {type(error).__name__}"
        if what:
            raise _RefusedError(what)
        if not isinstance(returned, str):
            raise _RefusedError(f"the hook returned {type(returned).__name__}, not a str")
        return text if returned == text else str.__str__(returned)

    def _tuple(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        found: list[Any] = []
        same = True
        try:
            for value in values:
                known = self._known.get(id(value))
                if known is not None and known() is value:
                    made = value if known.result is None else known.result
                else:
                    made = self._any(value)
                same = same and made is value
                found.append(made)
        except _RefusedError as error:
            raise error.at(f"[{len(found)}]") from None
        if same:
            return values
        if self._has_renamed and isinstance(values[0], models.Message):
            _refuse_lost_pairs(values, found)
        return tuple(found)

    def _model(self, value: Model) -> Any:
        if type(value) not in _lasting():
            return self._fields(self._blanked(value))
        return self._cached(value, lambda value: self._fields(self._blanked(value)))

    def _cached(self, value: Model, change: Callable[[Any], Any]) -> Any:
        known = self._known.get(id(value))
        if known is not None and known() is value:
            return value if known.result is None else known.result
        result = change(value)
        self._remember(value, None if result is value else result)
        return result

    def _fields(self, value: Any) -> Any:
        changed: dict[str, Any] = {}
        cls: Any = type(value)
        for name in _asked(cls):
            before = getattr(value, name)
            try:
                after = self._any(before)
            except _RefusedError as error:
                raise error.at(name) from None
            if after is not before:
                changed[name] = after
        self._has_renamed = self._has_renamed or _paired().get(cls) in changed
        return attrs.evolve(value, **changed) if changed else value

    def _opaque(self, value: Any) -> Any:
        """Return opaque JSON with texts and keys replaced by the hook."""
        result = self._inside(value)
        return value if result is value else freeze(result)

    def _inside(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            pairs = value.items()
            made: Any = {}
            names: list[Any] = []
            for place, (key, item) in enumerate(pairs):
                try:
                    names.append(key if isinstance(key, enum.Enum) else self._key(key, made))
                    made[names[-1]] = self._inside(item)
                except _RefusedError as error:
                    # By position, since a key may itself be secret text.
                    raise error.at(f"[{place}]") from None
            same = all(
                name is key and made[key] is item
                for name, (key, item) in zip(names, pairs, strict=True)
            )
        elif isinstance(value, list):
            made = list(self._tuple_inside(value))
            same = all(one is other for one, other in zip(made, value, strict=True))
        else:
            return value
        return value if same else made

    def _key(self, key: Any, taken: dict[str, Any]) -> Any:
        """Return the key to save, numbered if another key became the same text."""
        if not isinstance(key, str):
            return key
        made = self._text(key)
        name = made
        for number in itertools.count(2):
            if name not in taken:
                break
            name = f"{made} ({number})"
        return name

    def _tuple_inside(self, values: list[Any]) -> Iterator[Any]:
        for index, item in enumerate(values):
            try:
                yield self._inside(item)
            except _RefusedError as error:
                raise error.at(f"[{index}]") from None

    def _remember(self, value: Model, result: Any) -> None:
        if self._max_known <= 0:
            return
        known = _Cached(value, self._forget)
        known.result = result
        known.key = id(value)
        self._known[known.key] = known
        while len(self._known) > self._max_known:
            try:
                del self._known[next(iter(self._known))]
            except (KeyError, StopIteration, RuntimeError):
                continue  # another value was collected meanwhile and removed its entry

    def _forget(self, known: _Cached) -> None:
        if self._known.get(known.key) is known:
            del self._known[known.key]


def _refuse_lost_pairs(before: tuple[Any, ...], after: list[Any]) -> None:
    """Raise _RefusedError where two ids of tool calls became one text."""
    origins: dict[str, str] = {}
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        for one, other in zip(old.content, new.content, strict=True):
            name = _paired().get(type(one))
            if name is not None and type(other) is type(one):
                text = getattr(one, name)
                if origins.setdefault(getattr(other, name), text) != text:
                    what = "the hook made one text of two ids of tool calls"
                    raise _RefusedError(what).at(f"[{place}]")


@functools.cache
def _asked(cls: Any) -> tuple[str, ...]:
    """Return the attributes of a model with texts for the hook."""
    return (
        *(
            field.attribute
            for field in codec_for(cls).fields
            if type(field.kind) is Kind or isinstance(field.kind, _WITH_TEXT)
            if field.attribute not in _WORDS
            if not field.attribute.endswith(_WORDS_END)
            if (cls, field.attribute) != (models.ImageSource, "data")
        ),
        "extra",
    )
