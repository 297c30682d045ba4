"""Blanking of credentials in the configuration of a session: an empty text is stored instead.

The configuration of a session is `config`, `llm_config` and the unknown keys of the session itself,
at any depth. To conversations only `redact=` applies.

Blanked are values under the names of `credential_names`; in texts also the user and password of an
address, and parameters of such names (`?api_key=...`, `--token=...`, `"password": "..."`). None,
true and false stay, and so do numbers under a name that may be a count. The same applies to texts
of known fields, except ids, rules and patterns, which would change their meaning, and the system
prompt, which is a text for the model: it is blanked only if all of it is an address.

Invariants: 1. a value without credentials is returned as the same object; 2. equal values become
equal values, and blanking a second time changes nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from a3s_store.core.redaction.credential_names import CredentialNames, Match, is_headers
from a3s_store.models import (
    ClassificationRule,
    LlmConfigData,
    PermissionRule,
    SecurityConfig,
    SessionConfig,
    SessionData,
)
from a3s_store.wire import Model, codec_for, evolved, freeze
from a3s_store.wire.kinds import EnumMap, Kind, Many
from a3s_store.wire.model_kinds import One
from a3s_store.wire.values import frozen_dict

M = TypeVar("M", bound=Model)
# Stored in place of a credential.
BLANK: Final = ""
# The models of configuration. Of SessionData only the unknown keys are configuration.
CONFIGURATION: Final = frozenset({SessionConfig, LlmConfigData, SessionData})
# Known fields that are not changed: sessions are found by ids, and rules and patterns would decide
# differently.
_UNCHANGED: Final = frozenset(
    {(SessionConfig, "parent_id"), (PermissionRule, "rule"), (ClassificationRule, "pattern")}
    | {(SecurityConfig, "dangerous_commands")}
)
# Known fields that are prose.
_PROSE: Final = frozenset({(SessionConfig, "system_prompt"), (ClassificationRule, "description")})
# The keys of an object such as {"name": ..., "value": ...}.
_LABELS: Final = ("name", "key", "header", "variable")
_VALUES: Final = frozenset({"value", "val"})
# In an object under the key `token`, texts under these keys are the token.
_ITSELF: Final = _VALUES | {
    "raw",
    "text",
    "data",
    "plain",
    "default",
    "example",
    "const",
    "current",
}
_JSON_TYPES: Final = frozenset(
    {"string", "object", "array", "number", "integer", "boolean", "null"}
)

_WHOLE_ADDRESS: Final = re.compile(r"\s*+[A-Za-z][A-Za-z0-9+.-]{0,30}+://\S++\s*+\Z")
_USER: Final = re.compile(r"(?<=://)[^\s/?#\"'<>]*@")
_WEB: Final = re.compile(r"(?:https?|wss?)://\Z", re.IGNORECASE)
_ASSIGNED: Final = re.compile(
    r"(?P<before>\A|[?&;#\s,\"'])(?P<name>-{0,2}[A-Za-z0-9_.-]{1,64})="
    r"(?P<value>\"[^\"]+\"|'[^']+'|[^&;#\s,\"']+)"
)
_OPTION: Final = re.compile(
    r"(?<![^\s\"'=(])(?P<name>--?[A-Za-z][A-Za-z0-9_.-]{0,63}+)(?P<blank> {1,8}+)"
    # Six characters and a digit, or it may be the next word of a sentence.
    r"(?P<quote>[\"']?)(?=[^\s\"']*[0-9])[^\s\"'$<{(\[-][^\s\"']{5,}+(?P=quote)"
)
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_COLON: Final = re.compile(r"\s{0,8}:\s{0,8}(?=\")")
_LINE: Final = re.compile(
    r"\A(\s{0,8}-{0,2}(?P<name>[A-Za-z0-9_.-]{1,64})\s{0,8}[:=]\s{0,8})(\S.*)"
)
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_BEARER: Final = re.compile(
    r"(?i)\b(bearer|basic)\s{1,8}(?=[^\s]*[0-9._~+/=-])[A-Za-z0-9._~+/=-]{20,}"
)
_SCHEME: Final = re.compile(r"(?i)\A\s*(bearer|basic|token|digest)\s+\S+")


def blanked(value: M, names: CredentialNames) -> M:
    """Return a configuration without credentials; the value itself if it has none.

    Of a `SessionData` only the unknown keys are searched.
    """
    return _Blanker(names).model(value)


class _Blanker:
    def __init__(self, names: CredentialNames) -> None:
        self._names = names

    def model(self, value: M) -> M:
        changed: dict[str, Any] = {}
        cls: Any = type(value)
        for name, prose in _parts(cls):
            before = getattr(value, name)
            after = self._prose(before) if prose else self._part(before)
            if after is not before:
                changed[name] = after
        if isinstance(value.extra, dict) and value.extra:
            extra = self._object(value.extra, None, headers=False)
            if extra is not value.extra:
                changed["extra"] = freeze(extra)
        return evolved(value, changed) if changed else value

    def _part(self, value: Any) -> Any:
        if type(value) is str:
            return self._text(value)
        if value is None:
            return value
        if isinstance(value, Model):
            return self.model(value)
        if type(value) is tuple:
            items = tuple(map(self._part, value))
            return value if _same(items, value) else items
        if isinstance(value, Mapping):
            made = {key: self._part(item) for key, item in value.items()}
            return value if _same(made.values(), value.values()) else frozen_dict(made, plain=False)
        return value

    def _prose(self, value: Any) -> Any:
        if isinstance(value, str) and "://" in value and _WHOLE_ADDRESS.match(value):
            return self._text(value)
        return value

    def _json(self, value: Any, secret: Match | None, *, headers: bool) -> Any:
        """Blank a JSON value; `secret` is the match if it is under the name of a credential."""
        if isinstance(value, str):
            if secret is not None and value:
                return BLANK
            return self._line(value, headers) if headers else self._text(value)
        if isinstance(value, dict):
            return self._object(value, secret, headers=headers)
        if isinstance(value, list):
            return self._list(value, secret, headers=headers)
        if secret is not None and secret.numbers and type(value) in (int, float):
            return BLANK
        return value

    def _object(self, value: dict[str, Any], secret: Match | None, *, headers: bool) -> Any:
        kind = value.get("type")
        if secret is not None and isinstance(kind, str) and kind in _JSON_TYPES:
            # In a JSON schema, texts describe a value, except examples.
            secret = secret._replace(many=False)
        labelled = self._labelled(value, headers)
        made: dict[str, Any] = {}
        for key, item in value.items():
            found = self._names.match(key, headers=headers)
            if found is None and key in _VALUES:
                found = labelled
            if found is None and secret is not None and (secret.many or key in _ITSELF):
                found = None if self._names.allows(key) else secret
            made[key] = self._json(item, found, headers=headers or is_headers(key))
        return value if _same(made.values(), value.values()) else made

    def _labelled(self, value: dict[str, Any], headers: bool) -> Match | None:
        """Return the match for the name in `{"name": "API_KEY", "value": ...}`."""
        for label in _LABELS:
            name = value.get(label)
            if isinstance(name, str) and _NAME.fullmatch(name):
                found = self._names.match(name, headers=headers)
                if found is not None:
                    return found
        return None

    def _list(self, value: list[Any], secret: Match | None, *, headers: bool) -> Any:
        made: list[Any] = []
        before: Any = None
        for item in value:
            after = self._json(item, secret or self._option(before, item), headers=headers)
            if type(after) is str and after is item:
                after = self._line(after, headers)
            made.append(after)
            before = item
        if headers and self._is_pair(value) and value[1]:
            made[1] = BLANK
        return value if _same(made, value) else made

    def _is_pair(self, value: list[Any]) -> bool:
        """Return whether a list is a header as name and value, with a credential."""
        if len(value) != 2 or not isinstance(value[1], str):
            return False
        is_name = isinstance(value[0], str) and _NAME.fullmatch(value[0])
        return bool(is_name and self._names.match(value[0], headers=True))

    def _option(self, before: Any, item: Any) -> Match | None:
        """Return the match of a command's option for its value: `--api-key`, then the key."""
        if not isinstance(before, str) or not before.startswith("-") or "=" in before:
            return None
        if isinstance(item, str) and not item.startswith("-"):
            return self._names.match(before)
        return None

    def _line(self, text: str, headers: bool) -> str:
        """Blank a line `NAME=value` or `Name: value`, or the value of a header."""
        if headers and "\n" in text:
            lines = text.split("\n")
            made = [self._line(line, headers) for line in lines]
            return text if made == lines else "\n".join(made)
        found = _LINE.match(text)
        if found is not None and self._names.match(found["name"], headers=headers):
            return found[1]
        if headers and _SCHEME.match(text):
            return text.split(maxsplit=1)[0] + " "
        return self._text(text)

    def _text(self, text: str) -> str:
        made = text
        if "://" in made:
            made = _USER.sub(self._user, made)
        if "=" in made:
            made = _ASSIGNED.sub(self._assigned, made)
        if '"' in made and ":" in made:
            made = self._members(made)
        if " " in made:
            made = _BEARER.sub(lambda found: found[1] + " ", made)
            if "-" in made:
                made = _OPTION.sub(self._argument, made)
        return text if made == text else made

    def _argument(self, found: re.Match[str]) -> str:
        """Blank the value of an option by empty quotes: else the next word would be its value."""
        if self._names.match(found["name"]) is None:
            return found[0]
        return f"{found['name']}{found['blank']}''"

    def _user(self, found: re.Match[str]) -> str:
        user, colon, _ = found[0].partition(":")
        if _WEB.search(found.string[max(0, found.start() - 8) : found.start()]):
            return ""
        if not colon:
            return found[0]
        return f"{user}@" if user else ""

    def _assigned(self, found: re.Match[str]) -> str:
        name = found["name"]
        if found["before"] in ("?", "&", "#", ";"):
            is_one = self._names.in_address(name)
        else:
            is_one = self._names.match(name) is not None
        return f"{found['before']}{name}=" if is_one else found[0]

    def _members(self, text: str) -> str:
        """Blank the JSON inside a text, in one pass; a quote that is never closed ends it."""
        kept: list[str] = []
        done = 0
        found = _STRING.search(text)
        while found is not None:
            colon = _COLON.match(text, found.end())
            value = _STRING.match(text, colon.end()) if colon is not None else None
            if value is not None and value[1] and self._names.match(found[1]):
                kept.append(text[done : value.start()] + '""')
                done = value.end()
            after = found.end() if value is None else value.end()
            begin = text.find('"', after)
            found = _STRING.match(text, begin) if begin >= 0 else None
        return "".join([*kept, text[done:]]) if kept else text


def _same(made: Any, given: Any) -> bool:
    return all(one is other for one, other in zip(made, given, strict=True))


@functools.cache
def _parts(cls: Any) -> tuple[tuple[str, bool], ...]:
    """Return the attributes with texts or models, and whether each is prose."""
    if cls is SessionData:
        return ()
    return tuple(
        (field.attribute, (cls, field.attribute) in _PROSE)
        for field in codec_for(cls).fields
        if (cls, field.attribute) not in _UNCHANGED
        and (type(field.kind) is Kind or isinstance(field.kind, One | Many | EnumMap))
    )
