"""Memory stores with one fault each, of the kinds that real stores have had."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from collections.abc import Collection as AnyCollection
from typing import Any

import attrs

from a3s_store.agent_memory.session_stores import Change, OwnedMemoryStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.core.base.appending import RangeOf
from a3s_store.core.base.appends import Append, Update
from a3s_store.core.base.generational import not_saved, refuse_other
from a3s_store.core.base.unit_reads import Reads, StreamRead
from a3s_store.core.base.units import Unit
from a3s_store.core.base.watch import CommitWatch
from a3s_store.core.batch import Batch, LoadResult
from a3s_store.core.changes import Committed, Merge, RunCheckpoint, SessionChanges
from a3s_store.core.collections import (
    LOOP_CHECKPOINTS,
    RUN_RECORDS,
    CheckpointKind,
    Collection,
)
from a3s_store.core.commit_log import CommitPage, LogPosition
from a3s_store.core.list_pages import Appended, MessagePage
from a3s_store.core.protocol import Capabilities, Generation
from a3s_store.core.reports import PruneReport
from a3s_store.core.retention import RetentionPolicy
from a3s_store.core.revision import Revision
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.core.streams.requests import InfoQuery, ItemQuery
from a3s_store.errors import EncodeError, StaleGenerationError, UnsupportedError
from a3s_store.models import Message, SessionData, SubagentTaskSnapshot
from a3s_store.wire import encode

_FAULTS: dict[str, tuple[type[MemorySessionStore], str]] = {}


def caught_by(check: str) -> Callable[[type[MemorySessionStore]], type[MemorySessionStore]]:
    """Names a check that must fail on the store."""

    def register(cls: type[MemorySessionStore]) -> type[MemorySessionStore]:
        _FAULTS[cls.__name__] = (cls, check)
        return cls

    return register


def faults() -> dict[str, tuple[type[MemorySessionStore], str]]:
    """Each store and the name of a check that catches it, by the store's name."""
    return dict(_FAULTS)


class _Rewriting(MemorySessionStore):
    """Changes each session or each list of messages before it keeps it."""

    def _session(self, new: SessionData, old: SessionData | None) -> SessionData:
        return new.evolve(messages=self._messages(new.messages, old.messages if old else ()))

    def _messages(self, new: tuple[Message, ...], old: tuple[Message, ...]) -> tuple[Message, ...]:
        return new

    async def _commit(self, batch: Batch) -> bool:
        if batch.session is not None:
            found = await super()._fetch("load", batch.session_id, (), session=True)
            batch = attrs.evolve(batch, session=self._session(batch.session, found.session))
        return await super()._commit(batch)


@caught_by("unknown_keys_survive")
class ForgetsUnknownKeys(_Rewriting):
    def _session(self, new: SessionData, old: SessionData | None) -> SessionData:
        return new.evolve(extra={})


@caught_by("times_are_the_callers")
class KeepsTheTimeOfCreation(_Rewriting):
    def _session(self, new: SessionData, old: SessionData | None) -> SessionData:
        return new.evolve(created_at=old.created_at) if old else new


@caught_by("values_that_only_compare_equal_are_told_apart")
class TakesTrueForOne(_Rewriting):
    """Keeps its old message wherever Python finds their JSON equal."""

    def _messages(self, new: tuple[Message, ...], old: tuple[Message, ...]) -> tuple[Message, ...]:
        kept = tuple(o for o, n in zip(old, new, strict=False) if encode(o) == encode(n))
        return kept + new[len(kept) :] if len(kept) == min(len(old), len(new)) else new


@caught_by("one_message_may_change")
class LooksAtTheLengthOnly(_Rewriting):
    """Appends what is beyond the length it knows."""

    def _messages(self, new: tuple[Message, ...], old: tuple[Message, ...]) -> tuple[Message, ...]:
        return old + new[len(old) :] if len(new) >= len(old) else new


@caught_by("a_conversation_may_be_rewound")
class NeverShortens(_Rewriting):
    def _messages(self, new: tuple[Message, ...], old: tuple[Message, ...]) -> tuple[Message, ...]:
        return old if new == old[: len(new)] else new


@caught_by("equal_messages_repeat")
class DropsRepeats(_Rewriting):
    """A unique key on the content of a message."""

    def _messages(self, new: tuple[Message, ...], old: tuple[Message, ...]) -> tuple[Message, ...]:
        return tuple(dict.fromkeys(new))


@caught_by("the_largest_integers_survive")
class HasSignedIntegers(_Rewriting):
    def _session(self, new: SessionData, old: SessionData | None) -> SessionData:
        budget = new.thinking_budget
        return new.evolve(thinking_budget=None if budget is None else min(budget, 2**63 - 1))


@caught_by("any_text_survives")
class EndsTextAtNul(_Rewriting):
    def _session(self, new: SessionData, old: SessionData | None) -> SessionData:
        return new.evolve(model_name=new.model_name and new.model_name.partition("\0")[0])


@caught_by("saved_empty_is_empty[trace_events]")
class ForgetsEmptyCollections(MemorySessionStore):
    async def _commit(self, batch: Batch) -> bool:
        collections = {
            collection: values or None for collection, values in batch.collections.items()
        }
        return await super()._commit(attrs.evolve(batch, collections=collections))


@caught_by("never_saved_is_none[artifacts]")
class TakesNoneForEmpty(MemorySessionStore):
    """As upstream's newest memory store: one entry for all collections of an id."""

    async def _fetch(
        self, op: str, session_id: str, wanted: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        found = await super()._fetch(op, session_id, wanted, session=session)
        if session_id in self._entries:
            collections = {
                collection: values or () for collection, values in found.collections.items()
            }
            found = attrs.evolve(found, collections=collections)
        return found


@caught_by("a_snapshot_replaces_everything")
class KeepsCollectionsASnapshotLeavesOut(MemorySessionStore):
    async def _commit(self, batch: Batch) -> bool:
        collections = {
            collection: values
            for collection, values in batch.collections.items()
            if values is not None
        }
        return await super()._commit(attrs.evolve(batch, collections=collections))


@caught_by("a_delete_takes_the_session_and_what_belongs_to_it")
class DeletesTheSessionOnly(MemorySessionStore):
    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        if session_id in self._entries:
            self._entries[session_id].session = None


@caught_by("a_delete_takes_the_queue_of_the_session")
class KeepsTheQueueOfDeletedSessions(MemorySessionStore):
    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        kept = self._workflows.copy()
        await super()._delete(session_id, expected_generation)
        self._workflows.update(kept)


@caught_by("a_delete_leaves_everything_else")
class DeletesTheRunOfThatName(MemorySessionStore):
    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        await super()._delete(session_id, expected_generation)
        self._runs.drop(session_id)


@caught_by("pruning_takes_nothing_of_the_last_day")
class PrunesWhateverTheAge(MemorySessionStore):
    async def prune(self, policy: RetentionPolicy | None = None, **given: Any) -> PruneReport:
        clock = self._clock
        self._clock = lambda: clock() + 1e6
        try:
            return await super().prune(policy, **given)
        finally:
            self._clock = clock


@caught_by("pruning_empties_the_trash_of_a_policy")
class EmptiesTheTrashInDryRuns(MemorySessionStore):
    async def prune(
        self,
        policy: RetentionPolicy | None = None,
        *,
        session: str | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        report = await super().prune(policy, session=session)
        return attrs.evolve(report, dry_run=dry_run)


@caught_by("a_tree_is_deleted_with_all_below_it")
class DeletesChildrenOnly(MemorySessionStore):
    async def _delete_tree(self, session_id: str, expected_generation: int | None = None) -> None:
        for one, entry in tuple(self._entries.items()):
            if entry.session is not None and entry.session.parent_id == session_id:
                await self._delete(one)
        await self._delete(session_id)


@caught_by("a_collection_needs_no_session[run_records]")
class ListsEverySessionIdItSaw(MemorySessionStore):
    async def _ids(self) -> list[str]:
        return sorted(self._entries)


@caught_by("list_answers_the_saved_ids_sorted")
class ListsInTheOrderOfSaving(MemorySessionStore):
    async def _ids(self) -> list[str]:
        return [one for one, entry in self._entries.items() if entry.session is not None]


class _Renaming(MemorySessionStore):
    """Keeps sessions under another name than their id."""

    def _name(self, session_id: str) -> str:
        return session_id

    async def _commit(self, batch: Batch) -> bool:
        return await super()._commit(attrs.evolve(batch, session_id=self._name(batch.session_id)))

    async def _fetch(
        self, op: str, session_id: str, collections: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        return await super()._fetch(op, self._name(session_id), collections, session=session)

    async def _exists(self, session_id: str) -> bool:
        return await super()._exists(self._name(session_id))

    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        await super()._delete(self._name(session_id), expected_generation)


@caught_by("two_ids_are_never_one[a/b,a_b]")
class SanitisesIds(_Renaming):
    """As upstream's file store before its layout 1."""

    def _name(self, session_id: str) -> str:
        return session_id.replace("/", "_").replace("\\", "_").replace("..", "_")


@caught_by("two_ids_are_never_one[A,a]")
class FoldsCase(_Renaming):
    def _name(self, session_id: str) -> str:
        return session_id.lower()


@caught_by("another_digest_writes_nothing")
class SavesWhateverTheDigest(MemorySessionStore):
    async def save_snapshot_cas(
        self, snapshot: SessionSnapshot, expected_digest: str | None
    ) -> bool:
        return await super().save_snapshot_cas(snapshot, None)


@caught_by("one_of_many_at_once_wins")
class ComparesThenSaves(MemorySessionStore):
    """Compares and saves in two steps, between which others may save."""

    async def save_snapshot_cas(
        self, snapshot: SessionSnapshot, expected_digest: str | None
    ) -> bool:
        if expected_digest is not None:
            found = await self.load_snapshot(snapshot.session.id)
            if found is None or found.digest() != expected_digest:
                return False
        await asyncio.sleep(0)
        return await super().save_snapshot_cas(snapshot, None)


@caught_by("a_reader_never_sees_half_a_snapshot")
class SavesASnapshotInParts(MemorySessionStore):
    async def save_snapshot(self, snapshot: SessionSnapshot, **given: Any) -> None:
        await super().save_snapshot(snapshot.evolve(trace_events=None), **given)
        await asyncio.sleep(0)
        await super().save_snapshot(snapshot)


@caught_by("a_bad_snapshot_is_refused_whole[a bad last subagent task]")
class WritesBeforeItChecks(MemorySessionStore):
    """The session lands although its last collection is refused."""

    async def save_snapshot(self, snapshot: SessionSnapshot, **given: Any) -> None:
        if isinstance(snapshot, SessionSnapshot):
            await self.save(snapshot.session)
        await super().save_snapshot(snapshot, **given)


@caught_by("a_bad_session_is_refused[NaN]")
class SwallowsErrors(MemorySessionStore):
    async def save(self, session: SessionData, **given: Any) -> None:
        try:
            await super().save(session, **given)
        except EncodeError:
            pass


@caught_by("a_collection_comes_back_as_it_was_saved[subagent_tasks]")
class DropsWhatItDoesNotSupport(MemorySessionStore):
    """As upstream's default before 3.x: a save that succeeds and does nothing."""

    async def save_subagent_tasks(
        self, session_id: str, values: Sequence[SubagentTaskSnapshot]
    ) -> None:
        return


@caught_by("nothing_is_evicted")
class EvictsArtifacts(MemorySessionStore):
    async def save_artifacts(self, session_id: str, values: Sequence[Any]) -> None:
        await super().save_artifacts(session_id, values[-256:] if len(values) > 256 else values)


@caught_by("a_collection_comes_back_as_it_was_saved[run_records]")
class SortsEvents(MemorySessionStore):
    async def _commit(self, batch: Batch) -> bool:
        collections = dict(batch.collections)
        runs = collections.get(RUN_RECORDS)
        if runs and all(type(run) is RUN_RECORDS.model for run in runs):
            collections[RUN_RECORDS] = tuple(
                run.evolve(events=tuple(sorted(run.events, key=lambda e: e.sequence)))
                for run in runs
            )
        return await super()._commit(attrs.evolve(batch, collections=collections))


@caught_by("a_checkpoint_and_its_session_go_their_own_ways")
class KeepsOneCheckpointASession(MemorySessionStore):
    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        if kind is LOOP_CHECKPOINTS:
            self._runs.drop_of(value.session_id)
        await super()._put_checkpoint(kind, key, value)


@caught_by("a_closed_store_refuses_everything")
class WorksWhenClosed(MemorySessionStore):
    async def close(self) -> None:
        return


@caught_by("everything_is_there_after_reopening")
class PromisesToBeDurable(MemorySessionStore):
    def capabilities(self) -> Capabilities:
        return Capabilities(atomic_session_snapshots=True, aggregate_cas=True, durable=True)


@caught_by("a_deleted_session_is_neither_merged_nor_made_again")
class ComparesGenerationsOnly(MemorySessionStore):
    """Numbers begin anew under an id, and the life is not looked at."""

    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        await super()._delete(session_id, expected_generation)
        self._last.pop(session_id, None)


@caught_by("no_number_is_given_twice_under_an_id")
class ForgetsNumbersOfTheDeleted(MemorySessionStore):
    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        await super()._delete(session_id, expected_generation)
        self._last.clear()


@caught_by("a_session_that_is_elsewhere_is_not_written")
class SavesWhateverTheRevision(MemorySessionStore):
    async def _commit_changes(
        self, changes: SessionChanges, on: Revision | None, merge: Merge | None
    ) -> Committed:
        return await super()._commit_changes(
            changes, await self._revision(changes.session_id), merge
        )


@caught_by("of_many_at_one_revision_one_is_written")
class MergesOutsideTheTransaction(MemorySessionStore):
    """Reads, merges, and saves what it merged; others come in between."""

    async def _commit_changes(
        self, changes: SessionChanges, on: Revision | None, merge: Merge | None
    ) -> Committed:
        found = await self._fetch_versioned(changes.session_id, collections=True)
        await asyncio.sleep(0)
        if found is None or on is None or found.revision == on or merge is None:
            return await super()._commit_changes(changes, on, merge)
        changes = merge(changes, found)
        now = await self._revision(changes.session_id)
        saved = await super()._commit_changes(changes, now, None)
        return attrs.evolve(saved, theirs=found)


@caught_by("a_save_is_found_again_by_its_id")
class ForgetsSaveIds(MemorySessionStore):
    async def _landed(self, session_id: str, save_id: bytes) -> Revision | None:
        return None


@caught_by("who_gave_the_name_is_kept")
class ForgetsWhoGaveTheName(MemorySessionStore):
    async def _commit(self, batch: Batch) -> bool:
        entry = self._entries.get(batch.session_id)
        if entry is not None:
            entry.name_source = None
        return await super()._commit(batch)


@caught_by("a_run_that_ended_goes_with_the_save_of_its_end")
class RemovesCheckpointsFirst(MemorySessionStore):
    """In a step of its own, whatever becomes of the save."""

    async def _commit_changes(
        self, changes: SessionChanges, on: Revision | None, merge: Merge | None
    ) -> Committed:
        for claim in changes.ended_runs:
            await self._drop_checkpoint(LOOP_CHECKPOINTS, claim.run_id)
        return await super()._commit_changes(attrs.evolve(changes, ended_runs=()), on, merge)


@caught_by("one_of_two_claims_a_run")
class GivesAClaimToAll(MemorySessionStore):
    async def _claim_run(self, run_id: str, seen: str | None, by: str) -> RunCheckpoint:
        held = self._claimed_by(run_id)
        return await super()._claim_run(run_id, held[0] if held else seen, by)


@caught_by("a_run_taken_over_is_refused_before_anything_is_written")
class ForgetsClaims(MemorySessionStore):
    def _claimed_by(self, run_id: str) -> tuple[str | None] | None:
        found = super()._claimed_by(run_id)
        return ("A",) if found else None


@caught_by("memories_go_with_the_session_of_their_owner")
class KeepsMemoriesOfDeletedSessions(MemorySessionStore):
    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        kept = self._memories.get(session_id, {})
        await super()._delete(session_id, expected_generation)
        if kept:
            self._memories[session_id] = kept


@caught_by("owners_are_apart")
class MixesOwnersThatLookAlike(MemorySessionStore):
    def memories(self, owner: str) -> OwnedMemoryStore:
        return super().memories(owner.casefold() if isinstance(owner, str) else owner)


@caught_by("memories_are_returned_in_the_same_order_by_every_store")
class PutsWhatIsStoredAgainLast(MemorySessionStore):
    async def _change_memories(self, op: str, owner: str, change: Change) -> None:
        before = {item.id: item for item in await self._load_memories(op, owner)}
        await super()._change_memories(op, owner, change)
        found = self._memories.get(owner, {})
        for key in [key for key, item in found.items() if before.get(key, item) is not item]:
            found[key] = found.pop(key)


@caught_by("memories_of_a_deleted_session_are_not_changed_for_it")
class ChangesMemoriesOfTheSessionBefore(MemorySessionStore):
    async def _change_memories_of(
        self, op: str, owner: str, life: int | None, change: Change
    ) -> None:
        await super()._change_memories_of(op, owner, None, change)


@caught_by("memories_are_no_part_of_a_session")
class ForgetsMemoriesAtASave(MemorySessionStore):
    async def _commit(self, batch: Batch) -> bool:
        self._memories.pop(batch.session_id, None)
        return await super()._commit(batch)


@caught_by("a_closed_store_has_no_memories")
class AnswersThoughItIsClosed(MemorySessionStore):
    def _check_open(self, op: str) -> None:
        if "memor" not in op:
            super()._check_open(op)


@caught_by("the_generation_rises_by_one_with_each_save")
class CountsSavesOfTheSessionOnly(MemorySessionStore):
    async def _commit(self, batch: Batch) -> bool:
        saved = await super()._commit(batch)
        if batch.session is None and saved:
            self._entries[batch.session_id].generation -= 1
            self._entries[batch.session_id].saves.popitem()
        return saved


@caught_by("every_generation_can_be_loaded")
class LoadsTheNewestGeneration(MemorySessionStore):
    async def _load_generation(self, session_id: str, generation: int) -> SessionData | None:
        await super()._load_generation(session_id, generation)
        return (await self._fetch("load", session_id, (), session=True)).session


@caught_by("every_generation_can_be_loaded")
class KeepsTheLengthOfGenerationsOnly(MemorySessionStore):
    """As if a conversation only ever grew."""

    async def _load_generation(self, session_id: str, generation: int) -> SessionData | None:
        found = await super()._load_generation(session_id, generation)
        newest = (await self._fetch("load", session_id, (), session=True)).session
        if found is None or newest is None:
            return found
        return newest.evolve(messages=newest.messages[: len(found.messages)])


@caught_by("every_generation_can_be_loaded")
class KeepsWholeSessionsByGeneration(MemorySessionStore):
    """Fields come back as they were then."""

    def __init__(self) -> None:
        super().__init__()
        self._then: dict[tuple[str, int], SessionData] = {}

    async def _commit(self, batch: Batch) -> bool:
        saved = await super()._commit(batch)
        if saved and batch.session is not None:
            number = await self._generation(batch.session_id)
            self._then[batch.session_id, number] = batch.session
        return saved

    async def _load_generation(self, session_id: str, generation: int) -> SessionData | None:
        found = await super()._load_generation(session_id, generation)
        return self._then.get((session_id, generation), found)


@caught_by("the_digest_of_a_generation_is_its_snapshots")
class DigestsTheSessionOnly(MemorySessionStore):
    async def _generations(self, session_id: str) -> tuple[Generation, ...]:
        found = await super()._generations(session_id)
        session = (await self._fetch("load", session_id, (), session=True)).session
        if session is None:
            return found
        digest = SessionSnapshot(session=session).digest()
        return (*found[:-1], attrs.evolve(found[-1], digest=digest))


@caught_by("an_unknown_generation_is_an_error")
class LoadsTheNearestGeneration(MemorySessionStore):
    async def _load_generation(self, session_id: str, generation: int) -> SessionData | None:
        known = [
            one.number for one in await self._generations(session_id) if one.length is not None
        ]
        nearest = min(known, key=lambda number: abs(number - generation), default=generation)
        return await super()._load_generation(session_id, nearest)


@caught_by("a_stale_writer_is_refused")
class SavesWhateverTheGeneration(MemorySessionStore):
    async def _commit(self, batch: Batch) -> bool:
        return await super()._commit(attrs.evolve(batch, expected_generation=None))


@caught_by("one_of_many_writers_wins")
class ComparesGenerationsThenSaves(MemorySessionStore):
    async def _commit(self, batch: Batch) -> bool:
        refuse_other(batch.expected_generation, await self._generation(batch.session_id))
        await asyncio.sleep(0)
        return await super()._commit(attrs.evolve(batch, expected_generation=None))


@caught_by("a_rewind_is_a_generation")
class RewindsByForgetting(MemorySessionStore):
    """The longer history is gone."""

    async def _rewind(self, session_id: str, length: int, expected_generation: int | None) -> int:
        number = await super()._rewind(session_id, length, expected_generation)
        saves = self._entries[session_id].saves
        saves.update(dict.fromkeys(saves, saves[number]))
        return number


@caught_by("a_fork_goes_its_own_way")
class ForksWithTheRunsThatGoOn(MemorySessionStore):
    def _fork_batch(self, source: SessionSnapshot, new_id: str) -> Batch:
        return self._snapshot_batch("fork", source.fork(new_id))


@caught_by("a_fork_goes_its_own_way")
class ForksTheConversationOnly(MemorySessionStore):
    def _fork_batch(self, source: SessionSnapshot, new_id: str) -> Batch:
        return self._session_batch("fork", source.fork(new_id).session)


@caught_by("a_bad_fork_changes_nothing")
class ForksOverWhatIsStored(MemorySessionStore):
    async def _fork(
        self, session_id: str, new_id: str, at: int | None, expected_generation: int | None
    ) -> None:
        if await self._exists(session_id) and session_id != new_id:
            self._remove(new_id)
        await super()._fork(session_id, new_id, at, expected_generation)


@caught_by("a_delete_takes_the_generations_along")
class KeepsGenerationsOfTheDeleted(MemorySessionStore):
    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        entry = self._entries.get(session_id)
        await super()._delete(session_id, expected_generation)
        if entry is not None:
            entry.session = None
            self._entries[session_id] = entry


@caught_by("every_change_can_be_made_on_a_condition")
class DeletesWhateverTheGeneration(MemorySessionStore):
    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        await super()._delete(session_id)


@caught_by("a_generation_of_no_session_is_none")
class LoadsNoGenerationOfNothing(MemorySessionStore):
    async def _load_generation(self, session_id: str, generation: int) -> SessionData | None:
        if session_id not in self._entries:
            raise not_saved()
        return await super()._load_generation(session_id, generation)


@caught_by("a_condition_is_looked_at_before_anything_else")
class LooksForTheSessionFirst(MemorySessionStore):
    async def _rewind(self, session_id: str, length: int, expected_generation: int | None) -> int:
        if not await self._exists(session_id):
            raise not_saved()
        return await super()._rewind(session_id, length, expected_generation)


@caught_by("a_number_is_an_integer[boolean]")
class TakesTrueForAGeneration(MemorySessionStore):
    async def rewind(
        self, session_id: str, length: int, *, expected_generation: int | None = None
    ) -> int:
        return await self._rewind(session_id, length, expected_generation)


@caught_by("a_save_that_changes_nothing_is_no_generation")
class NumbersEqualSaves(MemorySessionStore):
    """A save of what is stored already is a generation."""

    async def _commit(self, batch: Batch) -> bool:
        found = await self._fetch("load", batch.session_id, (), session=True)
        if batch.session is not None and batch.session == found.session:
            other = batch.session.evolve(updated_at=batch.session.updated_at + 1)
            if not await super()._commit(attrs.evolve(batch, session=other)):
                return False
            batch = attrs.evolve(batch, expected_generation=None, expected_digest=None)
        return await super()._commit(batch)


@caught_by("a_collection_is_kept_or_refused[artifacts]")
class AcceptsCollectionsAndKeepsNone(MemorySessionStore):
    """As upstream's defaults were before they refused what they do not keep."""

    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities(), collections=False)

    async def _commit(self, batch: Batch) -> bool:
        return await super()._commit(attrs.evolve(batch, collections={}))


@caught_by("a_checkpoint_is_kept_or_refused[loop_checkpoint]")
class AcceptsCheckpointsAndKeepsNone(MemorySessionStore):
    """As upstream's defaults are."""

    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities(), checkpoints=False)

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        pass


@caught_by("a_checkpoint_is_kept_or_refused[workflow_checkpoint]")
class RefusesWhatItPromises(MemorySessionStore):
    """Declares checkpoints, and has none."""

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        raise UnsupportedError("no checkpoints", capability="checkpoints")


@caught_by("after_is_where_the_conversation_must_end")
class AppendsWhereverItEnds(MemorySessionStore):
    async def _append(self, append: Append) -> Appended:
        return await super()._append(attrs.evolve(append, after=None))


@caught_by("after_is_where_the_conversation_must_end")
class TakesTheLengthForThePosition(MemorySessionStore):
    async def _append(self, append: Append) -> Appended:
        end = self._entry(append.session_id).conversation.position
        if append.after is not None and append.after.length == end.length:
            append = attrs.evolve(append, after=end)
        return await super()._append(append)


@caught_by("a_repeated_append_is_applied_once")
class RefusesRepeatedAppends(MemorySessionStore):
    async def _append(self, append: Append) -> Appended:
        found = await super()._append(append)
        if found.already:
            raise StaleGenerationError("no", expected=0, actual=found.generation)
        return found


@caught_by("a_save_id_names_one_append")
class ForgetsSaveIdsOfAppends(MemorySessionStore):
    async def _append(self, append: Append) -> Appended:
        return await super()._append(attrs.evolve(append, save_id=None))


@caught_by("an_iteration_is_of_one_conversation")
class IteratesOverWhatIsThereNow(MemorySessionStore):
    async def _message_page(
        self, session_id: str, range_of: RangeOf, generation: int | None
    ) -> MessagePage | None:
        return await super()._message_page(session_id, range_of, None)


@caught_by("an_update_is_load_evolve_and_save")
class UpdatesTheTimeToo(MemorySessionStore):
    async def _update(self, update: Update) -> int:
        fields = {"updated_at": 1_800_000_000, **update.fields}
        return await super()._update(attrs.evolve(update, fields=fields))


class _Watched(MemorySessionStore):
    """Reads the log in another way."""

    async def _commits(
        self, after: int | LogPosition, limit: int, subjects: frozenset[str] | None
    ) -> CommitPage:
        return self._page(await super()._commits(after, limit, subjects))

    def _page(self, page: CommitPage) -> CommitPage:
        return page


@caught_by("a_watch_returns_each_commit_once_and_in_order")
class ReturnsNewestCommitsFirst(_Watched):
    def _page(self, page: CommitPage) -> CommitPage:
        return attrs.evolve(page, entries=page.entries[::-1])


@caught_by("a_place_of_another_log_is_one_gap_of_a_watch")
class TakesAnyPlaceForItsOwn(_Watched):
    def _page(self, page: CommitPage) -> CommitPage:
        return attrs.evolve(page, gap=None)


@caught_by("without_a_place_a_watch_begins_now")
class WatchesFromTheBeginning(MemorySessionStore):
    def watch(
        self,
        *,
        after: int | LogPosition | None = None,
        subjects: AnyCollection[str] | None = None,
    ) -> CommitWatch:
        return super().watch(after=0 if after is None else after, subjects=subjects)


@caught_by("a_watch_of_some_subjects_passes_the_others")
class WatchesEverySubject(MemorySessionStore):
    def watch(
        self,
        *,
        after: int | LogPosition | None = None,
        subjects: AnyCollection[str] | None = None,
    ) -> CommitWatch:
        return super().watch(after=after)


@caught_by("a_stream_that_was_read_is_checked")
class ChecksSessionsThatUnitsReadOnly(MemorySessionStore):
    async def _commit_unit(self, unit: Unit) -> tuple[Any, ...]:
        reads = attrs.evolve(unit.reads, streams={})
        return await super()._commit_unit(attrs.evolve(unit, reads=reads))


@caught_by("a_unit_that_fails_leaves_streams_as_they_were")
class KeepsStreamsOfFailedUnits(MemorySessionStore):
    def _copied(self, unit: Unit) -> Callable[[], None]:
        put_back = super()._copied(unit)

        def without_streams() -> None:
            streams = self._streams
            put_back()
            self._streams = streams

        return without_streams


@caught_by("changes_of_streams_are_made_in_order")
class LogsEachChangeOfAStream(MemorySessionStore):
    """Also in a unit, where there is to be one entry for all of them."""

    def _log_stream(self, name: str, op: str, now_ms: int) -> int:
        return self._log.add("stream", name, "update", now_ms)


@caught_by("reads_of_streams_and_sessions_are_of_one_moment")
class ReadsStreamsOfAnyMoment(MemorySessionStore):
    async def _read_stream_for_unit(
        self, op: str, query: InfoQuery | ItemQuery, reads: Reads
    ) -> StreamRead:
        return await super()._read_stream_for_unit(op, query, Reads())
