"""A store on a Redis server, written with public names alone. Needs redis-py.

async with RedisStore.open("redis://localhost:6379/0") as store:
    await store.save(session)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Final

from redis import exceptions
from redis.asyncio import Redis

from a3s_store import errors, stores
from a3s_store.models import SessionData
from a3s_store.stores import Batch, Capabilities, CheckpointKind, Collection, LoadResult

# Removes sessions with the checkpoints of their runs. A script is one transaction.
_DELETE: Final = """
local runs = redis.call('HGETALL', KEYS[1])
for number, id in ipairs(ARGV) do
  for i = 1, #runs, 2 do if runs[i + 1] == id then
    redis.call('HDEL', KEYS[1], runs[i]) redis.call('HDEL', KEYS[2], runs[i]) end end
  redis.call('HDEL', KEYS[3], 'QUEUE' .. id) redis.call('DEL', KEYS[number + 5])
  redis.call('SREM', KEYS[4], id) redis.call('SREM', KEYS[5], id)
end
""".replace("QUEUE", stores.QUEUE_CHECKPOINT_PREFIX)


def _explain(error: BaseException) -> errors.StoreError | None:
    """The error of a3s_store for one of redis-py, whose texts are left out."""
    if isinstance(error, exceptions.OutOfMemoryError):
        return errors.StoreFullError("Redis has reached maxmemory", hint="Raise it")
    if isinstance(error, exceptions.ReadOnlyError):
        return errors.StoreReadOnlyError("Redis is a replica", hint="Connect to its primary")
    if isinstance(error, exceptions.RedisError):
        return errors.StoreUnavailableError(f"Redis: {type(error).__name__}", hint="Look at it")
    return errors.explain(error)


async def _is_durable(client: Redis) -> bool:
    """Whether each command is synced before it is acknowledged, and nothing is evicted."""
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
    try:
        return wanted.items() <= (await client.config_get(*wanted)).items()
    except exceptions.ResponseError:
        return False  # a server that does not say


class RedisStore(stores.BaseStore):
    """A `SessionStore` on a Redis server: a hash for each session, with its parts as JSON."""

    backend_name = "redis"

    def __init__(self, client: Redis, prefix: str, durable: bool, **settings: Any) -> None:
        super().__init__(**settings)
        self._client, self._prefix, self._durable = client, prefix, durable
        self._busy: set[asyncio.Future[Any]] = set()

    @classmethod
    def open(cls, url: str, *, prefix: str = "a3s", **settings: Any) -> stores.Opening[RedisStore]:
        """Connect. `settings` are `redact`, `credentials` and `limits`."""

        async def make() -> RedisStore:
            # A command that is sent again after a failure could undo what others saved meanwhile.
            client = Redis.from_url(url, retry=None, decode_responses=True)
            try:
                with errors.during("open", "", errors.Driver(_explain)):
                    return cls(client, prefix, await _is_durable(client), **settings)
            except BaseException:
                await client.aclose()
                raise

        return stores.Opening(make)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            atomic_session_snapshots=True,
            aggregate_cas=True,
            collections=True,
            checkpoints=True,
            durable=self._durable,
            shared_by_processes=True,
        )

    def _key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))

    async def _do(self, op: str, what: str, work: Awaitable[Any]) -> Any:
        """Run to its end what was begun, also when the caller is cancelled."""
        task = asyncio.ensure_future(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        with errors.during(op, what, errors.Driver(_explain)):
            return await asyncio.shield(task)

    async def _commit(self, batch: Batch) -> bool:
        self._refuse_unwritable(batch)
        key = self._key("owner", batch.session_id)
        trees = stores.encode_batch(batch)
        gone = [one.name for one, tree in trees.collections.items() if tree is None]
        put = {one.name: stores.compact(tree or []) for one, tree in trees.collections.items()}
        if trees.session is not None:
            put["session"] = stores.compact(trees.session)
        if batch.retained_artifact_uris is not None:
            put["uris"] = stores.compact(list(batch.retained_artifact_uris))

        async def write(pipe: Any) -> bool:
            if batch.expected_digest is not None:  # the key is watched: what is read stays so
                found = _found(await pipe.hgetall(key), stores.COLLECTIONS)
                if self._digest_of(found) != batch.expected_digest:
                    return False
            pipe.multi()
            pipe.hset(key, mapping=put).sadd(self._key("owners"), batch.session_id)
            if gone:  # after they were written, in the same transaction
                pipe.hdel(key, *gone)
            if batch.session is not None:
                pipe.sadd(self._key("sessions"), batch.session_id)
            return True

        watched = [] if batch.expected_digest is None else [key]
        saving = self._client.transaction(write, *watched, value_from_callable=True)
        return bool(await self._do(batch.op, f"session {batch.session_id!r}", saving))

    async def _fetch(
        self, op: str, session_id: str, collections: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        names = ["session", "uris", *(one.name for one in collections)]
        asking = self._client.hmget(self._key("owner", session_id), names)
        values = await self._do(op, f"session {session_id!r}", asking)
        with errors.during(op, f"session {session_id!r}"):
            return _found(dict(zip(names, values, strict=True)), collections)

    async def _delete(self, session_id: str, *others: str) -> None:
        names = ("loop_checkpoint:session", "loop_checkpoint", "workflow_checkpoint")
        keys = [*map(self._key, (*names, "owners", "sessions"))]
        keys += [self._key("owner", one) for one in (session_id, *others)]
        removing: Any = self._client.eval(_DELETE, len(keys), *keys, session_id, *others)
        await self._do("delete", f"session {session_id!r}", removing)

    async def _delete_tree(self, session_id: str) -> None:
        found = [await self._fetch("delete", one, (), session=True) for one in await self._ids()]
        parents = {one.session.id: one.session.parent_id for one in found if one.session}
        await self._delete(session_id, *stores.sessions_below(session_id, parents))

    async def _ids(self) -> list[str]:
        return sorted(await self._do("list", "", self._client.smembers(self._key("sessions"))))

    async def _exists(self, session_id: str) -> bool:
        asking = self._client.sismember(self._key("sessions"), session_id)
        return bool(await self._do("exists", f"session {session_id!r}", asking))

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        self._refuse_unwritable_checkpoint(value)
        pipe: Any = self._client.pipeline()
        pipe.hset(self._key(kind.name), key, stores.compact(stores.encode(value)))
        pipe.hset(self._key(kind.name, "session"), key, getattr(value, "session_id", ""))
        await self._do(f"save_{kind.name}", f"{kind.key} {key!r}", pipe.execute())

    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        asking = self._client.hget(self._key(kind.name), key)
        found = await self._do(f"load_{kind.name}", f"{kind.key} {key!r}", asking)
        with errors.during(f"load_{kind.name}", f"{kind.key} {key!r}"):
            return None if found is None else stores.decode(kind.model, stores.parse(found))

    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        pipe: Any = self._client.pipeline()
        pipe.hdel(self._key(kind.name), key).hdel(self._key(kind.name, "session"), key)
        await self._do(f"delete_{kind.name}", f"{kind.key} {key!r}", pipe.execute())

    async def _inventory(self) -> stores.Inventory:
        pipe: Any = self._client.pipeline()
        pipe.smembers(self._key("sessions")).smembers(self._key("owners"))
        pipe.hkeys(self._key("loop_checkpoint")).hkeys(self._key("workflow_checkpoint"))
        sessions, owners, *checkpoints = await self._do("inventory", "", pipe.execute())
        names = ("sessions", "collections_only", "loop_checkpoints", "workflow_checkpoints")
        found = zip(names, (sessions, owners - sessions, *checkpoints), strict=True)
        return stores.Inventory(**{name: tuple(sorted(ids)) for name, ids in found})

    async def _health(self) -> stores.Health:
        await self._do("health_check", "", self._client.set(self._key("health"), b"1", ex=1))
        return stores.Health(backend=self.backend_name, location=None)

    async def _close(self) -> None:
        await asyncio.gather(*self._busy, return_exceptions=True)
        await self._client.aclose()


def _found(fields: Mapping[str, str | None], collections: Iterable[Collection]) -> LoadResult:
    read = {name: stores.parse(one) for name, one in fields.items() if one is not None}
    lists: dict[Collection, tuple[Any, ...] | None] = dict.fromkeys(collections)
    for one in lists:
        if one.name in read:
            lists[one] = tuple(stores.decode(one.model, item) for item in read[one.name])
    session = stores.decode(SessionData, read["session"]) if "session" in read else None
    uris = tuple(read.get("uris", ()))
    return LoadResult(session=session, collections=lists, retained_artifact_uris=uris)
