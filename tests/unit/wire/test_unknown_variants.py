"""Unknown members of enumerations are kept as they are, everywhere."""

from __future__ import annotations

import asyncio
import copy
import enum
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from a3s_store import (
    FileSessionStore,
    MemorySessionStore,
    SessionSnapshot,
    SessionStore,
    SqliteSessionStore,
    models,
)
from a3s_store.errors import EncodeError
from a3s_store.interop import export_directory, import_directory
from a3s_store.models import (
    ConfirmationPolicy,
    LaneHandlerConfig,
    PermissionDecision,
    PermissionPolicy,
    SecurityConfig,
    SessionConfig,
    SessionData,
    SessionQueueConfig,
    SessionState,
    TimeoutAction,
    UnknownVariant,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.runtime import SessionManager
from a3s_store.runtime.observation.results import summarise
from a3s_store.runtime.policies.confirmation import ConfirmationManager, number_of
from a3s_store.runtime.policies.permissions import decide
from a3s_store.wire import Model, codec_for, compact, decode, encode, evolved, freeze, parse, pretty
from a3s_store.wire.kinds import EnumMap, EnumOf, EnumSet, Kind
from tests.everything import everything

ENUMS = sorted(
    {
        value
        for name in models.__all__
        if isinstance(value := getattr(models, name), type) and issubclass(value, enum.Enum)
    },
    key=lambda cls: cls.__name__,
)


def kinds_of(cls: type) -> Iterator[Kind]:
    """The kinds of a model's fields."""
    for field in codec_for(cls).fields:
        yield field.kind


def newer(value: Any) -> Any:
    """A value with every member of an enumeration in it as a newer release might have it."""
    if isinstance(value, enum.Enum):
        return UnknownVariant(f"new:{value.value}")
    if isinstance(value, Model):
        names = [field.attribute for field in codec_for(type(value)).fields]
        return evolved(value, {name: newer(getattr(value, name)) for name in names})
    if isinstance(value, tuple):
        return tuple(map(newer, value))
    if isinstance(value, frozenset):
        return frozenset(map(newer, value))
    if isinstance(value, Mapping):
        return freeze_map({newer(key): newer(item) for key, item in value.items()})
    return value


def freeze_map(value: dict[Any, Any]) -> Any:
    plain = all(type(key) is str for key in value)
    return freeze(value) if plain else value


def snapshot() -> SessionSnapshot:
    """Return a snapshot in which every enumeration has an unknown member."""
    queue = SessionQueueConfig(
        lane_handlers={models.SessionLane.QUERY: LaneHandlerConfig()},
        lane_timeouts={models.SessionLane.EXECUTE: 5, models.SessionLane.CONTROL: 6},
    )
    config = SessionConfig(
        name="newer",
        queue_config=queue,
        confirmation_policy=ConfirmationPolicy(yolo_lanes=frozenset(models.SessionLane)),
        permission_policy=PermissionPolicy(),
        security_config=SecurityConfig(
            enabled=True,
            classification_rules=(),
            redaction_strategy=models.RedactionStrategy.MASK,
            network_whitelist=(),
            dangerous_commands=(),
            features=models.FeatureToggles(
                output_sanitizer=True,
                taint_tracking=True,
                tool_interceptor=True,
                injection_defense=True,
            ),
        ),
    )
    whole = everything("newer")
    made: SessionSnapshot = newer(whole.evolve(session=whole.session.evolve(config=config)))
    return made


@pytest.mark.parametrize("cls", ENUMS, ids=lambda cls: cls.__name__)
def test_an_unknown_text_of_any_enumeration_is_read_and_written_back(
    cls: type[enum.Enum],
) -> None:
    kind = EnumOf(cls)
    for text in ("Hibernating", "", "ACTIVE", "\u00e9"):
        found = kind.decode(text)
        assert type(found) is UnknownVariant
        assert (found, found.value, kind.encode(found)) == (text, text, text)
    for member in cls:
        assert kind.decode(member.value) is member
        assert kind.convert(UnknownVariant(member.value)) is member


def test_every_enumeration_of_a_model_is_read_by_the_same_rule() -> None:
    assert len(ENUMS) >= 16
    classes = [cls for name in models.__all__ if isinstance(cls := getattr(models, name), type)]
    fields = [
        kind for cls in classes if issubclass(cls, Model) and cls is not Model
        for kind in kinds_of(cls)
    ]  # fmt: skip
    read = {kind.cls for kind in fields if isinstance(kind, EnumOf)}
    read |= {kind.item.cls for kind in fields if isinstance(kind, EnumSet)}
    read |= {kind.key.cls for kind in fields if isinstance(kind, EnumMap)}
    assert read == set(ENUMS)


def test_a_plain_text_that_names_no_member_is_refused_when_it_is_written() -> None:
    session = SessionData(id="s", created_at=0, updated_at=0, state="Hibernating")  # type: ignore[arg-type]
    with pytest.raises(EncodeError, match="expected one of"):
        encode(session)


def test_an_unknown_value_is_a_str_that_can_be_copied_and_compared() -> None:
    one = UnknownVariant("Hibernating")
    assert pickle.loads(pickle.dumps(one)) == one
    assert type(copy.deepcopy(one)) is UnknownVariant
    assert (str(one), repr(one)) == ("Hibernating", "UnknownVariant('Hibernating')")
    session = SessionData(id="s", created_at=0, updated_at=0, state=one)  # type: ignore[arg-type]
    assert session == decode(SessionData, parse(compact(encode(session))))
    assert session != session.evolve(state=SessionState.ACTIVE)


async def _stores(folder: Path) -> list[SessionStore]:
    return [
        MemorySessionStore(),
        await SqliteSessionStore.open(folder / "s.a3s"),
        await FileSessionStore.open(folder / "files"),
    ]


def test_every_store_keeps_them_under_one_digest_and_directories_go_in_and_out(
    tmp_path: Path,
) -> None:
    given = snapshot()

    async def main() -> None:
        for store in await _stores(tmp_path):
            name = store.backend_name
            await store.save_snapshot(given)
            assert await store.load_snapshot("newer") == given
            assert await store.save_snapshot_cas(given, given.digest())
            assert (await export_directory(store, tmp_path / f"out-{name}")).ok
            await store.delete("newer")
            assert (await import_directory(store, tmp_path / f"out-{name}")).ok
            assert await store.load_snapshot("newer") == given
            await store.close()

    asyncio.run(main())
    written = (tmp_path / "out-sqlite" / "newer.json").read_bytes()
    assert written == pretty(encode(given.session))
    assert b'"new:Active"' in written
    for name in ("memory", "file"):
        assert (tmp_path / f"out-{name}" / "newer.json").read_bytes() == written


def test_a_file_with_them_is_whole_after_reopening_and_lists_say_what_is_there(
    tmp_path: Path,
) -> None:
    given = snapshot()

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "s.a3s") as store:
            await store.save_snapshot(given)
        async with SqliteSessionStore.open(tmp_path / "s.a3s") as store:
            assert await store.load_snapshot("newer") == given
            assert (await store.verify(depth="deep")).ok
            assert [one.state for one in await store.summaries()] == ["new:Active"]

    asyncio.run(main())


def test_a_live_session_keeps_what_it_does_not_know() -> None:
    async def main() -> None:
        given = everything("s").evolve(run_records=None)
        config = evolved(given.session.config, {"storage_type": UnknownVariant("sqlite")})
        asleep = UnknownVariant("Hibernating")
        store = MemorySessionStore()
        await store.save_snapshot(
            given.evolve(session=evolved(given.session, {"config": config, "state": asleep}))
        )
        async with SessionManager().with_store(store) as manager:
            live = await manager.restore_session_by_id("s")
            live.session.set_name("another")
            await live.save()
            fork = await manager.fork_session("s", "t")
            await fork.save()
        for one in ("s", "t"):
            found = await store.load(one)
            assert found is not None, "a fork of an unknown storage type is stored too"
            assert found.config.storage_type == "sqlite"
        stored = await store.load("s")
        assert stored is not None
        assert (stored.state, stored.config.name) == ("Hibernating", "another")

    asyncio.run(main())


def test_a_policy_that_is_not_known_permits_nothing() -> None:
    unknown: Any = UnknownVariant("perhaps")
    policy = PermissionPolicy(default_decision=unknown)
    assert decide(policy, "bash", {}) is PermissionDecision.DENY
    assert number_of(unknown) == number_of(TimeoutAction.REJECT)


def test_an_unknown_timeout_action_rejects() -> None:
    async def main() -> None:
        unknown: Any = UnknownVariant("Postpone")
        policy = ConfirmationPolicy(enabled=True, default_timeout_ms=0, timeout_action=unknown)
        manager = ConfirmationManager(policy, emit=lambda event: None)
        request = manager.request_confirmation("t", "bash", {})
        assert manager.check_timeouts() == 1
        answer = await request
        assert (answer.approved, answer.timed_out) == (False, True)

    asyncio.run(main())


def test_a_verification_of_unknown_status_is_not_counted_as_passed() -> None:
    unknown: Any = UnknownVariant("flaky")
    reports = [
        VerificationReport(subject=str(status), status=status, checks=())
        for status in (VerificationStatus.PASSED, unknown)
    ]
    assert summarise(reports).status is VerificationStatus.NEEDS_REVIEW
