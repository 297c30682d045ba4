"""The status of a new report follows from its checks; a stored status is never recomputed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.models import VerificationCheck, VerificationReport, VerificationStatus
from a3s_store.wire import decode, encode, parse, pretty

PASSED, FAILED = VerificationStatus.PASSED, VerificationStatus.FAILED
REVIEW, SKIPPED = VerificationStatus.NEEDS_REVIEW, VerificationStatus.SKIPPED


def required(status: VerificationStatus) -> VerificationCheck:
    return VerificationCheck.required_check("build", "command", "compiles").with_status(status)


def optional(status: VerificationStatus) -> VerificationCheck:
    return VerificationCheck.optional_check("lint", "command", "is tidy").with_status(status)


@pytest.mark.parametrize(
    ("checks", "risks", "expected"),
    [
        ((), (), SKIPPED),
        ((), ("flaky",), REVIEW),
        ((required(PASSED),), (), PASSED),
        ((required(PASSED),), ("flaky",), REVIEW),
        ((required(REVIEW),), (), REVIEW),
        ((required(SKIPPED),), (), REVIEW),
        ((required(FAILED),), ("flaky",), FAILED),
        ((optional(SKIPPED),), (), PASSED),
        ((optional(REVIEW), required(PASSED)), (), PASSED),
        ((optional(FAILED), required(PASSED)), (), FAILED),
    ],
)
def test_the_worst_of_checks_and_risks_is_the_status_of_the_report(
    checks: tuple[VerificationCheck, ...], risks: tuple[str, ...], expected: VerificationStatus
) -> None:
    report = VerificationReport.of("edit", checks, risks)
    assert (report.status, report.checks, report.residual_risks) == (expected, checks, risks)


def test_a_new_check_needs_review_until_it_has_another_status() -> None:
    check = VerificationCheck.required_check("build", "command", "compiles")
    assert (check.id, check.kind, check.description) == ("build", "command", "compiles")
    assert (check.status, check.required) == (REVIEW, True)
    assert not VerificationCheck.optional_check("lint", "command", "is tidy").required
    assert VerificationReport.of("edit", [check]).status is REVIEW
    assert VerificationReport.of("edit", [check.with_status(PASSED)]).status is PASSED


def test_a_required_check_with_a_status_of_a_newer_release_is_not_passed() -> None:
    text = pretty(encode(required(PASSED))).replace(b"passed", b"waived")
    assert VerificationReport.of("edit", [decode(VerificationCheck, parse(text))]).status is REVIEW


@given(st.sampled_from(VerificationStatus), st.lists(st.sampled_from(VerificationStatus)))
def test_a_stored_status_is_read_as_it_is(
    status: VerificationStatus, of_checks: list[VerificationStatus]
) -> None:
    report = VerificationReport.of("edit", map(required, of_checks)).evolve(status=status)
    assert decode(VerificationReport, parse(pretty(encode(report)))).status is status
