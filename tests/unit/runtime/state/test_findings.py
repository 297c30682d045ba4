"""Review findings: which status follows on which, what is refused, and what others changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from a3s_store import MemorySessionStore, SessionSnapshot, interop
from a3s_store.core.review_findings import MAX_FINDINGS, check_findings, merged
from a3s_store.errors import InvalidSnapshotError, InvalidTransitionError
from a3s_store.models import FindingStatus, ReviewFinding
from a3s_store.runtime.state.findings import FindingCollection
from a3s_store.testing.samples import review_finding
from a3s_store.wire import encode, pretty
from tests.support import session
from tests.unit.runtime.windows import open_window

PENDING, ADDRESSED, ACCEPTED, WAIVED = FindingStatus
MOVES: Final[dict[FindingStatus, Callable[[FindingCollection], None]]] = {
    ADDRESSED: lambda found: found.address("finding-1", "run", "done"),
    ACCEPTED: lambda found: found.accept("finding-1", "review"),
    PENDING: lambda found: found.reopen("finding-1", "not yet"),
    WAIVED: lambda found: found.waive("finding-1"),
}
ALLOWED: Final = {
    (PENDING, ADDRESSED),
    (PENDING, WAIVED),
    (ADDRESSED, ACCEPTED),
    (ADDRESSED, PENDING),
}


def finding(name: str = "1", **changes: Any) -> ReviewFinding:
    return review_finding(name, **{"session_id": "fix-login", "updated_at_ms": 5, **changes})


def in_state(status: FindingStatus) -> FindingCollection:
    """A collection with the finding `finding-1` in a state, and a clock that says 9."""
    found = FindingCollection("fix-login", clock=lambda: 9)
    ids = {"addressed_by_run_id": "run", "accepted_by_review_id": "review"}
    found.replace([finding(status=status, main_agent_reply="done", **ids)])
    return found


@pytest.mark.parametrize("before", FindingStatus)
@pytest.mark.parametrize("after", FindingStatus)
def test_a_status_follows_only_on_those_it_may(before: FindingStatus, after: FindingStatus) -> None:
    found = in_state(before)
    if (before, after) in ALLOWED:
        MOVES[after](found)
        (one,) = found.findings()
        assert (one.status, one.updated_at_ms) == (after, 9)
        return
    kept = found.findings()
    with pytest.raises(InvalidTransitionError, match="invalid transition"):
        MOVES[after](found)
    assert found.findings() == kept


def test_a_reopened_finding_has_no_run_and_no_reply() -> None:
    found = in_state(ADDRESSED)
    found.reopen("finding-1", "it still fails")
    (one,) = found.pending()
    assert (one.addressed_by_run_id, one.main_agent_reply) == (None, None)
    assert one.reopen_reason == "it still fails"


def test_only_pending_findings_are_new_and_they_are_sorted() -> None:
    found = FindingCollection("fix-login")
    for name in ("b", "a"):
        found.upsert(finding(name))
    assert [one.finding_id for one in found.findings()] == ["finding-a", "finding-b"]
    with pytest.raises(InvalidTransitionError, match="only a pending finding"):
        found.upsert(finding("c", status=WAIVED))
    with pytest.raises(InvalidTransitionError, match="no such review finding"):
        found.accept("finding-c", "review")


def test_a_finding_of_another_session_is_refused() -> None:
    found = FindingCollection("fix-login")
    with pytest.raises(InvalidSnapshotError, match="another session"):
        found.upsert(finding(session_id="other"))


def test_a_pending_finding_is_replaced_and_a_settled_one_is_not() -> None:
    found = FindingCollection("fix-login")
    found.upsert(finding())
    found.upsert(finding(claim="another"))
    assert [one.claim for one in found.findings()] == ["another"]
    found.waive("finding-1")
    with pytest.raises(InvalidTransitionError):
        found.upsert(finding())


def test_those_of_a_scenario_are_pending_for_it_alone() -> None:
    found = FindingCollection("fix-login")
    found.upsert(finding("1"))
    found.upsert(finding("2", scenario_id="another"))
    assert [one.finding_id for one in found.pending("another")] == ["finding-2"]
    assert len(found.pending()) == 2


def test_a_time_never_goes_back() -> None:
    found = FindingCollection("fix-login", clock=lambda: 1)
    found.upsert(finding())
    found.waive("finding-1")
    assert found.findings()[0].updated_at_ms == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"finding_id": "a\nb"},
        {"finding_id": ""},
        {"category": "x" * 257},
        {"claim": ""},
        {"claim": "\0"},
        {"evidence": "x" * 16_385},
        {"observed_at_ms": 0},
        {"observed_at_ms": 6},
        {"status": ADDRESSED},
        {"status": ACCEPTED},
    ],
    ids=str,
)
def test_what_upstream_would_not_read_is_refused(changes: dict[str, Any]) -> None:
    check_findings([finding()])
    with pytest.raises(InvalidSnapshotError, match="review finding"):
        check_findings([finding(**changes)])


def test_there_is_a_limit_of_findings() -> None:
    check_findings(finding(str(number)) for number in range(MAX_FINDINGS))
    with pytest.raises(InvalidSnapshotError, match="256 is the limit"):
        check_findings(finding(str(number)) for number in range(MAX_FINDINGS + 1))


def test_of_two_changes_the_final_one_stands_else_ours_if_it_may_follow() -> None:
    pending, addressed = finding(), finding(status=ADDRESSED, addressed_by_run_id="run")
    accepted = finding(status=ACCEPTED, accepted_by_review_id="review")
    waived = finding(status=WAIVED)
    assert merged(pending, accepted) == accepted
    assert merged(waived, addressed) == waived
    assert merged(addressed, pending) == addressed
    assert merged(waived, accepted) == accepted


def test_findings_are_saved_and_merged_between_live_sessions() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        one, other = await open_window(store), await open_window(store)
        one.session.findings.upsert(finding("1"))
        await one.save()
        other.session.findings.upsert(finding("2"))
        await other.save()
        stored = await store.load_review_findings(one.session.id)
        assert [each.finding_id for each in stored or ()] == ["finding-1", "finding-2"]
        again = await open_window(store)
        assert again.session.findings.findings() == stored

    asyncio.run(main())


def test_a_session_without_findings_stores_none() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        live = await open_window(store)
        live.session.total_cost = 1.0
        await live.save()
        assert await store.load_review_findings(live.session.id) is None

    asyncio.run(main())


def document(**review: Any) -> bytes:
    """A session as newer releases of upstream write it, with its review store."""
    tree = encode(SessionSnapshot(session=session("fix-login", 1)))
    store = {"schema": "a3s.code.session-review-store.v1", "sessionId": "fix-login", **review}
    return pretty({**tree, "session_review": store})


def imported(folder: Path, data: bytes) -> tuple[Any, tuple[ReviewFinding, ...] | None]:
    (folder / "fix-login.json").write_bytes(data)

    async def main() -> tuple[Any, tuple[ReviewFinding, ...] | None]:
        store = MemorySessionStore()
        report = await interop.import_directory(store, folder)
        return report, await store.load_review_findings("fix-login")

    return asyncio.run(main())


def test_the_findings_of_a_newer_release_are_imported(tmp_path: Path) -> None:
    given = finding(extra={})
    report, found = imported(tmp_path, document(findings=[encode(given)]))
    assert report.ok
    assert found == (given,)


def test_a_review_store_without_findings_leaves_none(tmp_path: Path) -> None:
    report, found = imported(tmp_path, document(findings=[]))
    assert report.ok
    assert found is None


@pytest.mark.parametrize(
    "review",
    [{"findings": None}, {"findings": [], "sessionId": "other"}, {"findings": [], "more": 1}],
    ids=str,
)
def test_another_form_of_review_store_is_refused_by_name(
    tmp_path: Path, review: dict[str, Any]
) -> None:
    report, found = imported(tmp_path, document(**review))
    assert not report.ok
    assert found is None
    assert "session_review" in str(report.entries)
