"""The conditions of a `SessionFilter`, checked and in one form, and whether they hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from a3s_store.core import arguments
from a3s_store.core.arguments import is_text, refused
from a3s_store.core.folding import folded
from a3s_store.core.listing.values import SessionFilter, SessionSummary
from a3s_store.printable import short_repr

_OP: Final = "SessionFilter"
# The most texts in one field of a filter.
MOST_TEXTS: Final = 1000
# The fields of a filter for one text or several, by the field of a row that must be one of them.
CHOICES: Final[Mapping[str, str]] = {
    "ids": "id",
    "workspace": "workspace",
    "state": "state",
    "model": "model_name",
    "parent": "parent_id",
    "tenant": "tenant_id",
    "principal": "principal",
}


@attrs.frozen(kw_only=True)
class Listed:
    """A session as conditions and orders see it."""

    summary: SessionSummary
    principal: str | None
    search_text: str


@attrs.frozen(kw_only=True)
class Conditions:
    """The conditions of a filter, checked; texts and times in one form each.

    `choices` has, for a field of the filter, the texts of which a session must have one. `labels`
    has, for each key, the values of which the label must have one; None: any.
    """

    text: str | None
    labels: Mapping[str, tuple[str, ...] | None]
    choices: Mapping[str, tuple[str, ...]]
    id_prefix: str | None
    updated_since: int | None
    updated_before: int | None
    created_since: int | None
    changed_after: int | None
    pinned: bool | None
    archived: bool | None
    trashed: bool | None

    def hold(self, one: Listed) -> bool:
        """Return whether every condition holds for a session."""
        row = one.summary
        return (
            (self.text is None or self.text in one.search_text)
            and all(_has_label(row.labels, *rule) for rule in self.labels.items())
            and all(_value(one, name) in texts for name, texts in self.choices.items())
            and (self.id_prefix is None or row.id.startswith(self.id_prefix))
            and (self.updated_since is None or row.updated_at >= self.updated_since)
            and (self.updated_before is None or row.updated_at < self.updated_before)
            and (self.created_since is None or row.created_at >= self.created_since)
            and (self.changed_after is None or (row.sequence or 0) > self.changed_after)
            and self.pinned in (None, row.pinned)
            and self.archived in (None, row.archived)
            and self.trashed in (None, row.trashed_at_ms is not None)
        )


def _has_label(labels: Mapping[str, str], key: str, values: tuple[str, ...] | None) -> bool:
    return key in labels and (values is None or labels[key] in values)


def _value(one: Listed, name: str) -> str | None:
    return one.principal if name == "principal" else getattr(one.summary, CHOICES[name])


def conditions(where: SessionFilter | None) -> Conditions:
    """Return the conditions of a filter; None is the filter without arguments.

    Raises:
        InvalidArgumentError: a field has a wrong value; `argument` is its name.
    """
    where = SessionFilter() if where is None else where
    if not isinstance(where, SessionFilter):
        raise refused(_OP, "where", f"is a SessionFilter, not {short_repr(where)}")
    choices = {name: _texts(name, getattr(where, name)) for name in CHOICES}
    text = _text("text", where.text)
    return Conditions(
        text=None if text is None else folded(text),
        labels=_labels(where.labels),
        choices={name: texts for name, texts in choices.items() if texts is not None},
        id_prefix=_text("id_prefix", where.id_prefix),
        changed_after=_number("changed_after", where.changed_after, least=0),
        updated_since=_seconds("updated_since", where.updated_since),
        updated_before=_seconds("updated_before", where.updated_before),
        created_since=_seconds("created_since", where.created_since),
        pinned=_flag("pinned", where.pinned),
        archived=_flag("archived", where.archived),
        trashed=_flag("trashed", where.trashed),
    )


def _text(name: str, value: str | None) -> str | None:
    if value is not None and not is_text(value):
        raise refused(_OP, name, f"is a text, not {short_repr(value)}")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...] | None:
    """Return the texts that are wanted, sorted; None: all."""
    found = arguments.texts(_OP, name, value, or_one=True)
    if found is not None and len(found) > MOST_TEXTS:
        raise refused(_OP, name, f"has more than {MOST_TEXTS} texts")
    return found


def _labels(value: Any) -> dict[str, tuple[str, ...] | None]:
    if not isinstance(value, Mapping) or not all(map(is_text, value)):
        raise refused(_OP, "labels", f"maps keys to values, and is not {short_repr(value)}")
    return {key: _texts("labels", value[key]) for key in sorted(value)}


def _seconds(name: str, value: Any) -> int | None:
    """Return Unix seconds; a datetime between two is after the first."""
    if isinstance(value, datetime):
        return arguments.unix_time(_OP, name, value)
    return _number(name, value)


def _number(name: str, value: Any, least: int = -(2**63)) -> int | None:
    if value is not None and (type(value) is not int or not least <= value < 2**63):
        what = "an integer of 64 bits" if least else "an integer of 0 or more"
        raise refused(_OP, name, f"is {what}, not {short_repr(value)}")
    return value


def _flag(name: str, value: Any) -> bool | None:
    if value is not None and type(value) is not bool:
        raise refused(_OP, name, f"is True, False or None, not {short_repr(value)}")
    return value
