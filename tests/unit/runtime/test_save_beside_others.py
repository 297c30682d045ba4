"""Saving a session that others changed: merged, forked or refused; nothing new writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from a3s_store import FileSessionStore, SqliteSessionStore
from a3s_store.errors import SessionError, StaleSessionError
from a3s_store.models import (
    ConfirmationPolicy,
    Message,
    PermissionPolicy,
    PermissionRule,
    Task,
    TaskStatus,
    ToolDefinition,
)
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.options import SessionOptions
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.testing.conformance.expect import bits
from tests.support import all_rows, artifact, session, trace
from tests.unit.runtime.windows import (
    CUT,
    ID,
    Interference,
    InterferingFiles,
    InterferingMemory,
    Work,
    forks_in,
    on_two_stores,
    open_window,
    send,
    stored,
    texts,
    told,
    turn,
)

SECRET = "sk-12345"


@pytest.fixture(params=["memory", "sqlite", "files"])
def on_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Work], None]:
    return on_two_stores(request.param, tmp_path)


async def both_spoke(first: Any, second: Any, mode: Any) -> tuple[AgentSession, AgentSession]:
    """Two windows that both have a new message; the second one's is stored."""
    one, other = await open_window(first, mode), await open_window(second)
    one.session.add_message(Message.user("ours"))
    other.session.add_message(Message.user("theirs"))
    await other.save()
    return one, other


# -- Modes ----------------------------------------------------------------------------------------


def test_merge_puts_our_messages_behind_theirs(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, _ = await both_spoke(first, second, "merge")
        outcome = await one.save()
        assert outcome.kind == "merged"
        assert texts(one.session.messages) == ["theirs", "ours"] == await stored(first)

    on_stores(main)


def test_fork_makes_our_messages_a_session_of_their_own(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, _ = await both_spoke(first, second, "fork")
        with pytest.raises(StaleSessionError) as refused:
            await one.save()
        (fork,) = await forks_in(first)
        assert refused.value.forked_as == fork
        assert await stored(first, fork) == ["ours"]
        assert texts(one.session.messages) == ["theirs"] == await stored(first)
        assert not one.is_dirty

    on_stores(main)


def test_fork_unites_parts_that_are_no_messages(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first, "fork"), await open_window(second)
        one.session.trace.record(trace(1))
        await turn(other, "p")
        assert (await one.save()).kind == "merged"
        assert await forks_in(first) == []
        assert await first.load_trace_events(ID) == (trace(1),)

    on_stores(main)


def test_raise_writes_nothing_and_keeps_what_is_new(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, _ = await both_spoke(first, second, "raise")
        for _ in range(2):
            with pytest.raises(StaleSessionError):
                await one.save()
        assert await stored(first) == ["theirs"]
        assert texts(one.session.messages) == ["ours"]
        assert one.is_dirty

    on_stores(main)


def test_raise_takes_in_changes_of_others_where_nothing_is_new(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first, "raise"), await open_window(second)
        await turn(other, "p")
        running = await send(one, "q")
        assert texts(running.agent.messages) == ["p", "re: p", "q"]
        await running.finish("a")
        assert await stored(first) == ["p", "re: p", "q", "a"]

    on_stores(main)


@pytest.mark.parametrize(
    ("keep", "left", "forked"),
    [
        ("both", ["theirs", "ours"], []),
        ("stored", ["theirs"], []),
        ("ours_as_fork", ["theirs"], [["ours"]]),
    ],
)
def test_reload_after_a_refusal_keeps_what_it_is_told_to(
    on_stores: Callable[[Work], None], keep: Any, left: list[str], forked: list[list[str]]
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, _ = await both_spoke(first, second, "raise")
        with pytest.raises(StaleSessionError):
            await one.save()
        await one.reload(keep)
        assert texts(one.session.messages) == left == await stored(first)
        assert [await stored(first, fork) for fork in await forks_in(first)] == forked
        assert not one.is_dirty

    on_stores(main)


def test_a_mode_given_to_a_save_is_that_saves(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, _ = await both_spoke(first, second, "raise")
        assert (await one.save(on_conflict="merge")).kind == "merged"
        assert await stored(first) == ["theirs", "ours"]

    on_stores(main)


def test_save_as_makes_another_session_and_goes_on_with_this_one(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        await turn(one, "p")
        await one.save_as("copy")
        await turn(one, "q")
        assert await stored(first, "copy") == ["p", "re: p"]
        assert len(await stored(first)) == 4
        with pytest.raises(SessionError):
            await one.save_as("copy")

    on_stores(main)


# -- Nothing new, nothing written -----------------------------------------------------------------


def test_a_save_with_nothing_new_writes_no_byte(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "sessions.db"
        async with SqliteSessionStore.open(path) as store:
            live = await open_window(store)
            await turn(live, "p")
            before = _files(path), await store.generation(ID), all_rows(path)
            assert (await live.save()).kind == "unchanged"
            assert (await live.persistence.auto_save_if_enabled()).kind == "unchanged"
            assert (await live.reload()).kind == "unchanged"
            assert (await live.close()).kind == "unchanged"
            assert (_files(path), await store.generation(ID), all_rows(path)) == before

    asyncio.run(main())


def _files(path: Path) -> list[bytes]:
    return [path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()]


@pytest.mark.parametrize(
    "options",
    [
        SessionOptions(model="other/model"),
        SessionOptions(max_context_tokens=1_000),
        SessionOptions(permission_policy=PermissionPolicy(deny=(PermissionRule(rule="bash"),))),
        SessionOptions(confirmation_policy=ConfirmationPolicy(enabled=True)),
        SessionOptions(max_artifacts=1),
    ],
)
def test_options_of_a_restore_do_not_make_an_idle_close_write(options: SessionOptions) -> None:
    async def main() -> None:
        async with InterferingMemory() as store:
            await store.save(session(ID))
            before = await store.revision(ID), await store.load_snapshot(ID)
            tools = [ToolDefinition(name="bash", description="", parameters={})]
            given = attrs.evolve(options, auto_save=True)
            live = AgentSession(*await restore_session(store, ID, given, tools=tools))
            assert (await live.close()).kind == "unchanged"
            assert (await store.revision(ID), await store.load_snapshot(ID)) == before

    asyncio.run(main())


# -- What is merged -------------------------------------------------------------------------------


def test_tasks_are_merged_by_id_and_the_status_further_on_stands(
    on_stores: Callable[[Work], None],
) -> None:
    def task(name: str, status: TaskStatus = TaskStatus.PENDING) -> Task:
        return Task(id=name, content=f"do {name}", status=status)

    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        one.session.set_tasks((task("a"), task("b")))
        await one.save()
        other = await open_window(second)
        one.session.set_tasks((task("a", TaskStatus.COMPLETED), task("b"), task("c")))
        other.session.set_tasks((task("a", TaskStatus.IN_PROGRESS), task("b"), task("d")))
        await one.save()
        await other.save()
        found = (await first.load(ID)).tasks
        assert {one.id: one.status for one in found} == {
            "a": TaskStatus.COMPLETED,
            "b": TaskStatus.PENDING,
            "c": TaskStatus.PENDING,
            "d": TaskStatus.PENDING,
        }
        assert other.session.tasks == found

    on_stores(main)


def test_of_two_artifacts_with_one_uri_both_are_kept_and_the_event_names_the_other(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        events = other.session.events.subscribe()
        theirs, ours = artifact(1).evolve(content="theirs"), artifact(1).evolve(content="ours")
        one.session.artifacts.put(theirs)
        await one.save()
        other.session.artifacts.put(ours)
        await other.save()
        (event,) = told(events)
        (renamed,) = event.renamed_artifacts
        assert renamed.startswith(f"{theirs.artifact_uri}?other=")
        found = {one.artifact_uri: one.content for one in await first.load_artifacts(ID)}
        assert found == {theirs.artifact_uri: "theirs", renamed: "ours"}

    on_stores(main)


def test_rules_of_both_policies_are_kept(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        for live, rule in ((one, "bash(rm:*)"), (other, "bash(dd:*)")):
            made = PermissionPolicy(deny=(PermissionRule(rule=rule),))
            live.session.config = live.session.config.evolve(permission_policy=made)
            live.session.set_permission_policy(made)
        await one.save()
        events = other.session.events.subscribe()
        await other.save()
        rules = (await first.load(ID)).config.permission_policy
        (event,) = told(events)
        assert rules is not None
        # Both made a policy where there was none: there is no base to unite them on.
        assert event.overwritten == ("permission_policy",)
        await one.reload()
        for live, rule in ((one, "bash(a:*)"), (other, "bash(b:*)")):
            known = live.session.config.permission_policy
            assert known is not None
            policy = known.evolve(deny=(*known.deny, PermissionRule(rule=rule)))
            live.session.config = live.session.config.evolve(permission_policy=policy)
            live.session.set_permission_policy(policy)
            await live.save()
        found = (await first.load(ID)).config.permission_policy
        assert [rule.rule for rule in found.deny] == ["bash(dd:*)", "bash(a:*)", "bash(b:*)"]
        assert other.session.permission_policy == found

    on_stores(main)


def test_texts_are_redacted_on_both_sides_and_no_turn_is_lost_or_doubled(tmp_path: Path) -> None:
    def redact(text: str) -> str:
        return text.replace(SECRET, "[redacted]")

    async def main() -> None:
        path = tmp_path / "sessions.db"
        async with (
            SqliteSessionStore.open(path, redact=redact) as first,
            SqliteSessionStore.open(path, redact=redact) as second,
        ):
            one, other = await open_window(first), await open_window(second)
            await turn(one, f"p {SECRET}", 3)
            running = await send(other, f"q {SECRET}")
            await turn(one, f"r {SECRET}", 4)
            await running.finish(f"a {SECRET}", 5)
            found = await stored(first)
            assert [text[:3] for text in found] == ["p [", "re:", "r [", "re:", "q [", "a ["]
            data = await first.load(ID)
            assert data is not None
            assert data.total_usage.prompt_tokens == 12
            assert (await other.close()).kind == "unchanged"
            assert (await one.save()).kind == "unchanged"
        assert SECRET.encode() not in path.read_bytes()

    asyncio.run(main())


def test_the_event_of_a_merge_says_what_came_in_and_holds_no_text(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        events = one.session.events.subscribe()
        await turn(other, "their prompt")
        await turn(other, "their second")
        one.session.add_message(Message.user("our words"))
        await one.save()
        (event,) = told(events)
        assert (event.session_id, event.action) == (ID, "merged")
        assert (event.their_messages, event.our_messages, event.runs) == (4, 1, 2)
        assert (event.forked_as, event.reason) == (None, None)
        assert event.base_generation is not None
        assert event.generation is not None
        assert event.base_generation < event.generation
        assert "words" not in str(bits(event))
        assert "prompt" not in str(bits(event))

    on_stores(main)


def test_in_fork_mode_a_run_is_kept_in_the_fork_and_counts_as_cancelled_in_the_session(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first, "fork"), await open_window(second)
        running = await send(one, "p")
        await turn(other, "q", 2)
        await running.finish("a", 3)
        (fork,) = await forks_in(first)
        assert await stored(first) == ["q", "re: q"]
        assert await stored(first, fork) == ["p", "a"]
        runs = {run.snapshot.id: run.snapshot for run in await first.load_run_records(ID)}
        ended = runs.get(running.run_id)
        assert ended is None or (ended.status, ended.error) == ("cancelled", f"kept as '{fork}'")
        assert (await first.load(ID)).total_usage.prompt_tokens == 2
        assert (await first.load(fork)).total_usage.prompt_tokens == 3

    on_stores(main)


def test_a_save_that_was_cut_is_found_on_files_though_another_window_saved_since(
    tmp_path: Path,
) -> None:
    """A store of files has no ids of saves: the values that were added are looked for."""

    async def main() -> None:
        place, opens = tmp_path / "sessions", cast("Any", InterferingFiles.open)
        async with opens(place) as store, FileSessionStore.open(place) as elsewhere:
            one = await open_window(store)
            other = await open_window(elsewhere)
            one.session.trace.record(trace(1))
            one.session.replace_messages((Message.user("said once"),))
            store.interference = Interference(outcome="after")
            with pytest.raises(ConnectionError, match=CUT):
                await one.save()
            other.session.set_name("another name")
            await other.save()
            one.session.trace.record(trace(2))
            await one.save()
            stored = await store.load_snapshot(ID)
            assert stored is not None
            assert stored.trace_events == (trace(1), trace(2))
            assert texts(stored.session.messages) == ["said once"]
            assert stored.session.config.name == "another name"

    asyncio.run(main())
