"""Stores with `retention` (`RetentionStore`): what a policy removes, and what nothing removes."""

from __future__ import annotations

from typing import Any

from a3s_store.core.retention import RetentionPolicy
from a3s_store.errors import InvalidArgumentError, SessionNotFoundError
from a3s_store.testing.conformance.expect import contents, holds, keeps, raises, same
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import rich_snapshot, session, talk

_GROUP = "retention"
# The strictest policy there is.
_STRICT = RetentionPolicy(
    keep_generations=1, keep_branches_days=1, trash_days=0, max_bytes=1, log_rows=1, log_days=1
)


@required_by(_GROUP, capability="retention")
async def pruning_takes_nothing_of_the_last_day(store: Any) -> None:
    """prune() keeps the generations of a day, whatever the policy; a rewound history, too."""
    for words in ("ab", "abcd", "ab", "abx"):
        await store.save(session("s").evolve(messages=talk(*words)))
    await store.save_snapshot(rich_snapshot("t"))
    if keeps(store, "host_metadata"):
        await store.update("t", archived=True)
    log = await store.commits(limit=1000) if keeps(store, "commit_log") else None
    before = [await store.generations("s"), await contents(store, "t")]
    for policy in (None, _STRICT):
        for dry_run in (True, False):
            report = await store.prune(policy, dry_run=dry_run)
            same(dry_run, report.dry_run, "the kind of run")
            same((0, 0), (report.generations, report.messages), "removed")
            same((), report.deleted, "deleted")
            same(0, report.commits, "entries of the commit log")
    after = [await store.generations("s"), await contents(store, "t")]
    same(before, after, "what is stored")
    if log is not None:
        same(log.entries, (await store.commits(limit=1000)).entries, "the commit log")


@required_by(_GROUP, capability="retention")
async def pruning_empties_the_trash_of_a_policy(store: Any) -> None:
    """prune() deletes what was in the trash long enough and was not changed since."""
    if not keeps(store, "host_metadata"):
        return
    for name in ("a", "b", "c"):
        await store.save(session(name, ("x",)))
    for name in ("a", "b"):
        await store.trash(name)
    await store.append("b", talk("later"))
    same((), (await store.prune()).deleted, "without a policy")
    same((), (await store.prune(RetentionPolicy())).deleted, "within 30 days")
    same((), (await store.prune(_STRICT, session="c")).deleted, "of one session")
    dry = await store.prune(_STRICT, dry_run=True)
    same(("a", "b", "c"), (await store.inventory()).sessions, "a dry run deletes nothing")
    report = await store.prune(_STRICT)
    for one in (dry, report):
        same(("a",), one.deleted, "deleted")
        holds(any("'b'" in said for said in one.skipped), "what stays is named")
    same((dry.messages, dry.bytes_logical), (report.messages, report.bytes_logical), "sizes")
    same(("b", "c"), (await store.inventory()).sessions, "what is left")


@required_by(_GROUP, capability="retention")
async def a_wrong_policy_is_refused(store: Any) -> None:
    """prune() refuses what is no policy, and an id under which nothing is stored."""
    for wrong in (5, {"keep_generations": 1}, RetentionPolicy):
        await raises(InvalidArgumentError, f"{wrong}", store.prune, wrong)
    await raises(SessionNotFoundError, "no session", store.prune, session="s")


@required_by(_GROUP, capability="retention")
async def stats_count_what_is_stored(store: Any) -> None:
    """stats() counts sessions, generations and messages, and names the largest sessions."""
    empty = await store.stats()
    same((0, 0, 0, ()), (empty.sessions, empty.generations, empty.messages, empty.largest), "empty")
    await store.save_snapshot(rich_snapshot("t"))
    for words in ("a", "ab"):
        await store.save(session("s").evolve(messages=talk(*words, "x" * 3000)))
    found = await store.stats()
    own = len(rich_snapshot("t").session.messages)
    same((2, 3, own + 4), (found.sessions, found.generations, found.messages), "counts")
    same({"s", "t"}, {one.session_id for one in found.largest}, "the largest")
    sizes = {one.session_id: one for one in found.largest}
    same(3, sizes["s"].messages, "messages of the present conversation")
    holds(sizes["s"].bytes > 3000, "the length of a message counts")
    holds(found.bytes_by["messages"] > 6000, "so does one of an earlier generation")
    holds(found.bytes_by["artifacts"] > 0, "collections are parts")
    if store.capabilities().streams:
        await store.stream("tied", session="s").append(b"x" * 1000, "y" * 50_000)
        await store.put_bytes("t", "large", bytes(range(256)) * 400, media_type="a/b")
        tied = {one.session_id: one.bytes for one in (await store.stats()).largest}
        holds(tied["s"] >= sizes["s"].bytes + 51_000, "so do items in streams of a session")
        holds(tied["t"] > sizes["t"].bytes, "and byte artifacts")
    holds(all(size >= 0 for size in found.bytes_by.values()), "no size is negative")
