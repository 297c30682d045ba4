"""A session with all its collections as one value, and its digest.

Digests are made of canonical JSON (sorted keys), so equal values have equal digests in every store.
They are built so that a store can keep them up to date without reading history again:

- the conversation is a *chain*: c(0) = 32 zero bytes, c(i+1) = SHA-256(c(i) + SHA-256(message i)).
  The chain at any length names that prefix and no other, which is how a store finds out how much of
  a conversation it already has;
- a collection has a *rolling* digest: the sum of h(i) * B^(n-1-i) mod 2^255-19 over the SHA-256 of
  its values. Appending, dropping the oldest and replacing one value each take a few
  multiplications. It tells versions apart and finds damage; unlike a chain it is not made to
  withstand an attacker who composes thousands of values in order to collide;
- the digest of a snapshot is SHA-256 over a domain, one zero byte, and its parts: the messages, the
  session without its lists and configuration, the configuration, each list, each collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from a3s_store import models
from a3s_store._deprecated import renamed, warn
from a3s_store.core.collections import COLLECTIONS, Collection, check_id
from a3s_store.core.digests import (
    EMPTY_CHAIN,
    URIS,
    ListDigest,
    chain,
    list_digest,
    message_digest,
    session_parts,
    uris_digest,
)
from a3s_store.core.parts import snapshot_digest_of_parts
from a3s_store.errors import EncodeError, InvalidSnapshotError
from a3s_store.models import RunRecord, RunStatus, SessionData
from a3s_store.wire import U32, FrozenDict, Model, encode, evolved, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes

SNAPSHOT_VERSION: Final = 1
ENDED: Final = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})


@model()
class SessionSnapshot(Model):
    """A session and all its collections as one value; saved and loaded as one generation.

    A collection that is None is absent: it was never saved. `retained_artifact_uris` names
    artifacts that a clean-up must not remove; they are stored with the artifacts, so they need
    `artifacts` not to be None. Source: `SessionSnapshotV1`, in which no collection is absent.
    """

    schema_version: U32 = field(default=SNAPSHOT_VERSION)
    session: SessionData
    artifacts: tuple[models.ToolArtifact, ...] | None = field(default=None, write="omit")
    retained_artifact_uris: tuple[str, ...] = field(default=(), read="def", write="omit")
    # Generated from core/collections.py (`python -m tools.generate`): one line each.
    trace_events: tuple[models.TraceEvent, ...] | None = field(default=None, write="omit")
    run_records: tuple[models.RunRecord, ...] | None = field(default=None, write="omit")
    verification_reports: tuple[models.VerificationReport, ...] | None = field(
        default=None, write="omit"
    )
    subagent_tasks: tuple[models.SubagentTaskSnapshot, ...] | None = field(
        default=None, write="omit"
    )
    review_findings: tuple[models.ReviewFinding, ...] | None = field(default=None, write="omit")
    # End of the generated lines.

    def digest(self) -> str:
        """Return `sha256:` and 64 hex digits, for `save_snapshot_cas`. Raises EncodeError."""
        return snapshot_digest(self)

    @classmethod
    @renamed(shelves="collections")
    def of(
        cls,
        session: SessionData,
        collections: Mapping[Collection, tuple[Any, ...] | None],
        retained_artifact_uris: tuple[str, ...] = (),
    ) -> SessionSnapshot:
        """Return the snapshot of a session and its collections; one left out is absent."""
        named: Any = {collection.name: values for collection, values in collections.items()}
        return cls(session=session, retained_artifact_uris=retained_artifact_uris, **named)

    def collections(self) -> dict[Collection, tuple[Any, ...] | None]:
        """Return the values of every collection, None where it is absent."""
        return {collection: getattr(self, collection.name) for collection in COLLECTIONS}

    def shelves(self) -> dict[Collection, tuple[Any, ...] | None]:
        """Deprecated: `collections()`."""
        warn("SessionSnapshot.shelves()", "SessionSnapshot.collections()", stacklevel=2)
        return self.collections()

    def fork(self, session_id: str, *, workspace: str | None = None) -> SessionSnapshot:
        """Return a copy under another id, with its runs and subagent tasks bound to that id.

        `workspace` None keeps the workspace. Source: `fork_for_session`.
        Raises InvalidIdError.
        """
        check_id(session_id)
        config = self.session.config
        if workspace is not None:
            config = config.evolve(workspace=workspace)
        bound = {one.name: one.bound_to(session_id, to) for one, to in self.collections().items()}
        return evolved(
            self, {"session": self.session.evolve(id=session_id, config=config), **bound}
        )

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SessionSnapshotChanges]) -> Self: ...


def forked(snapshot: SessionSnapshot, new_id: str) -> SessionSnapshot:
    """Return the copy that a fork saves under another id.

    Runs that have not ended are cancelled in it, since it would never see their end. Cost records
    name the session that they were made for, so that `usage` counts each once. Raises
    InvalidIdError.
    """
    session = snapshot.session
    costs = tuple(
        one if one.session_id is not None else one.evolve(session_id=session.id)
        for one in session.cost_records
    )
    named = snapshot.evolve(session=session.evolve(cost_records=costs))
    return _with_ended_runs(named.fork(new_id))


def _with_ended_runs(snapshot: SessionSnapshot) -> SessionSnapshot:
    runs = snapshot.run_records
    if runs is None or all(run.snapshot.status in ENDED for run in runs):
        return snapshot
    return snapshot.evolve(run_records=tuple(_ended(run) for run in runs))


def _ended(run: RunRecord) -> RunRecord:
    if run.snapshot.status in ENDED:
        return run
    return run.evolve(snapshot=run.snapshot.evolve(status=RunStatus.CANCELLED))


def check_snapshot(snapshot: SessionSnapshot) -> None:
    """Refuse a snapshot that no store can keep.

    The runtime checks whether runs and tasks belong to the session, as upstream's does.

    Raises:
        InvalidIdError: the session's id cannot be one.
        InvalidSnapshotError: it is no snapshot, of another version, or contradicts itself.
        EncodeError: a list is no tuple, or the session is no SessionData.
    """
    if not isinstance(snapshot, SessionSnapshot):
        raise InvalidSnapshotError(f"expected a SessionSnapshot, found {type(snapshot).__name__}")
    version = snapshot.schema_version
    if type(version) is not int or version != SNAPSHOT_VERSION:
        # Any other value may be endless, or secret.
        shown = version if type(version) is int and abs(version) < 2**64 else "that is none"
        raise InvalidSnapshotError(
            f"unsupported session snapshot schema version {shown}",
            hint=f"This release writes version {SNAPSHOT_VERSION}",
        )
    if type(snapshot.extra) is not FrozenDict or snapshot.extra:
        raise InvalidSnapshotError(
            "a snapshot's own extra keys have no place in a store",
            hint="Put them into session.extra",
        )
    _check_lists(snapshot)
    if snapshot.retained_artifact_uris and snapshot.artifacts is None:
        raise InvalidSnapshotError(
            "retained_artifact_uris without artifacts", hint="Give artifacts=() at least"
        )
    if type(snapshot.session) is not SessionData:
        raise EncodeError(
            f"expected a SessionData, found {type(snapshot.session).__name__}",
            model="SessionSnapshot",
            path="session",
        )
    check_id(snapshot.session.id)


def _check_lists(snapshot: SessionSnapshot) -> None:
    """Refuse a list that is no tuple: an iterator would be empty once it was encoded."""
    uris = snapshot.retained_artifact_uris
    lists = {collection.name: values for collection, values in snapshot.collections().items()}
    for name, values in {**lists, "retained_artifact_uris": uris}.items():
        if type(values) is not tuple and (values is not None or values is uris):
            what = f"expected an array, found {type(values).__name__}"
            raise EncodeError(what, model="SessionSnapshot", path=name)
    for index, uri in enumerate(uris):
        if type(uri) is not str:
            what = f"expected a string, found {type(uri).__name__}"
            path = f"retained_artifact_uris[{index}]"
            raise EncodeError(what, model="SessionSnapshot", path=path)


def snapshot_digest(snapshot: SessionSnapshot) -> str:
    """Return the digest of a snapshot: equal for equal values, in every store.

    Raises:
        EncodeError: a value breaks its own rules.
    """
    tree = encode(snapshot)
    session = tree["session"]
    links = chain(message_digest(message) for message in session["messages"])
    parts = {"messages": ListDigest(len(links), links[-1] if links else EMPTY_CHAIN)}
    parts |= session_parts(session)
    for collection in COLLECTIONS:
        if tree.get(collection.name) is not None:
            parts[collection.name] = list_digest(tree[collection.name], collection.rows)
    if snapshot.retained_artifact_uris:
        parts[URIS] = uris_digest(snapshot.retained_artifact_uris)
    return snapshot_digest_of_parts(parts)
