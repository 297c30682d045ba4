"""Loading a session for an export: its snapshot, the times of its messages, and its branches."""

from __future__ import annotations

import attrs

from a3s_store.core.protocol import BranchStore, SessionStore
from a3s_store.core.protocol.appending import appending
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.exporters.transcript import BranchView, Transcript, entries_of


@attrs.frozen(kw_only=True)
class Loaded:
    """A session as an export has it. `times` are those of its messages, where they are stored.

    `branches` are its conversations, the oldest first; none in a store without branches.
    """

    snapshot: SessionSnapshot
    times: tuple[int | None, ...] = ()
    branches: tuple[BranchView, ...] = ()

    def transcript(self) -> Transcript:
        """Return the session as a document."""
        session = self.snapshot.session
        return Transcript(
            session=session,
            entries=entries_of(session.messages, self.times),
            branches=self.branches,
            tasks=self.snapshot.subagent_tasks or (),
        )


async def loaded(store: SessionStore, session_id: str, *, branches: bool) -> Loaded | None:
    """Load a session; None when none is stored. Branches are loaded only if they are wanted."""
    snapshot = await store.load_snapshot(session_id)
    if snapshot is None:
        return None
    times: tuple[int | None, ...] = ()
    appends = appending(store)
    if appends is not None:
        page = await appends.messages(session_id)
        same = page is not None and len(page) == len(snapshot.session.messages)
        times = tuple(one.at_ms for one in page) if page is not None and same else ()
    found: tuple[BranchView, ...] = ()
    if branches and store.capabilities().branches and isinstance(store, BranchStore):
        found = await _branches(store, session_id)
    return Loaded(snapshot=snapshot, times=times, branches=found)


async def _branches(store: BranchStore, session_id: str) -> tuple[BranchView, ...]:
    made = []
    for branch in await store.branches(session_id):
        page = await store.messages(session_id, generation=branch.generation)
        if page is None:
            continue
        messages = [one.message for one in page]
        parts_at = branch.parts_at if branch.parent_generation is not None else 0
        times = [one.at_ms for one in page]
        made.append(
            BranchView(
                generation=branch.generation,
                parent=branch.parent_generation,
                parts_at=parts_at,
                entries=entries_of(messages, times, parts_at),
            )
        )
    return tuple(made)
