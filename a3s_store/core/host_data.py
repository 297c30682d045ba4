"""The data of a host about a session, beside the session itself: labels, metadata, marks.

None of it is part of the session's value: a save keeps it, and no digest has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from a3s_store.core.arguments import refused
from a3s_store.errors import EncodeError
from a3s_store.printable import short_repr
from a3s_store.wire import compact
from a3s_store.wire.values import EMPTY, freeze, frozen_dict

# Limits of one session.
MOST_LABELS: Final = 64
LONGEST_KEY: Final = 128
LONGEST_VALUE: Final = 512
MOST_METADATA_BYTES: Final = 64 * 1024

# The keyword arguments of `update` that change it.
FIELDS: Final = frozenset({"labels", "metadata", "pinned", "archived"})


@attrs.frozen(kw_only=True)
class HostData:
    """The labels, metadata and marks of a session.

    `metadata` is any JSON, None without. `trashed_at_ms` is the time in Unix milliseconds when the
    session was put in the trash, and `trashed_sequence` the number of that commit; None outside.
    """

    labels: Mapping[str, str] = EMPTY
    # As JSON: 1, 1.0 and true are equal in Python.
    metadata: Any = attrs.field(default=None, eq=compact)
    pinned: bool = False
    archived: bool = False
    trashed_at_ms: int | None = None
    trashed_sequence: int | None = None

    def of_fork(self) -> HostData:
        """Return what a fork of the session gets."""
        return HostData(labels=self.labels, metadata=self.metadata)

    def changed(self, change: Mapping[str, Any]) -> HostData:
        """Return the data with checked changes: labels are merged, None removes one.

        Raises:
            EncodeError: there would be more than 64 labels.
        """
        if "labels" in change:
            merged = {**self.labels, **change["labels"]}
            left = {key: text for key, text in sorted(merged.items()) if text is not None}
            if len(left) > MOST_LABELS:
                raise EncodeError(f"more than {MOST_LABELS} labels", path="labels")
            change = {**change, "labels": frozen_dict(left, True)}
        return attrs.evolve(self, **change)


NO_HOST_DATA: Final = HostData()


def checked(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that `update` was given, checked and frozen.

    Raises:
        InvalidArgumentError: one is of a wrong type.
        EncodeError: it is beyond its limits, or metadata is no JSON.
    """
    found = dict(change)
    if "labels" in found:
        found["labels"] = _labels(found["labels"])
    if "metadata" in found:
        found["metadata"] = _metadata(found["metadata"])
    for name in ("pinned", "archived"):
        if name in found and type(found[name]) is not bool:
            raise refused("update", name, f"is True or False, not {short_repr(found[name])}")
    return found


def _labels(labels: Any) -> Mapping[str, str | None]:
    if not isinstance(labels, Mapping):
        raise refused("update", "labels", f"maps keys to texts or None, not {short_repr(labels)}")
    for key, text in labels.items():
        _check_label("key", key, LONGEST_KEY, least=1)
        if text is not None:
            _check_label("value", text, LONGEST_VALUE, least=0)
    return cast(Mapping[str, str | None], freeze(dict(labels)))


def _check_label(what: str, text: Any, longest: int, *, least: int) -> None:
    if type(text) is not str:
        raise EncodeError(f"the {what} of a label is a text", path="labels")
    if not least <= len(text) <= longest or "\0" in text:
        raise EncodeError(
            f"the {what} of a label has {least} to {longest} characters and no NUL", path="labels"
        )


def _metadata(metadata: Any) -> Any:
    try:
        frozen = freeze(metadata)
    except EncodeError as error:
        raise error.inside("", "metadata") from None
    if len(compact(frozen)) > MOST_METADATA_BYTES:
        raise EncodeError(
            f"more than {MOST_METADATA_BYTES} bytes of JSON",
            path="metadata",
            hint="Keep large values in files of your own",
        )
    return frozen
