"""The suite is tested itself: a store with one fault fails a check that names the fault.

The machine must find those that need no bad value, no task beside it and no second process.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from a3s_store.backends.memory import MemorySessionStore
from a3s_store.core.protocol import SessionStore
from a3s_store.testing import conformance
from a3s_store.testing.state_machine import store_machine
from tests.conformance.faulty_stores import faults

FOUND_BY_THE_MACHINE = (
    "ForgetsUnknownKeys",
    "LooksAtTheLengthOnly",
    "NeverShortens",
    "DropsRepeats",
    "ForgetsEmptyCollections",
    "TakesNoneForEmpty",
    "TakesTrueForOne",
    "DeletesTheSessionOnly",
    "KeepsCollectionsASnapshotLeavesOut",
    "ListsEverySessionIdItSaw",
    "ListsInTheOrderOfSaving",
    "SanitisesIds",
    "SavesWhateverTheDigest",
    "PromisesToBeDurable",
    "CountsSavesOfTheSessionOnly",
    "KeepsTheLengthOfGenerationsOnly",
    "DigestsTheSessionOnly",
    "SavesWhateverTheGeneration",
    "RewindsByForgetting",
    "ForksOverWhatIsStored",
)


def _opener(cls: type[MemorySessionStore]) -> conformance.OpenStore:
    async def open_store(place: Path) -> SessionStore:
        return cls()

    return open_store


@pytest.mark.parametrize("name", faults())
def test_a_faulty_store_fails_the_check_that_names_its_fault(name: str) -> None:
    cls, check = faults()[name]
    named = [one for one in conformance.checks() if one.name == check]
    report = asyncio.run(conformance.run_conformance(_opener(cls), only=named))
    assert [one.check.name for one in report.failed] == [check]
    assert check in str(report)


def test_a_store_without_a_fault_fails_nothing() -> None:
    report = asyncio.run(conformance.run_conformance(_opener(MemorySessionStore)))
    assert report.ok, str(report)


@pytest.mark.parametrize("name", FOUND_BY_THE_MACHINE)
def test_the_machine_finds_a_faulty_store(name: str) -> None:
    cls, _ = faults()[name]
    machine = store_machine({name: _opener(cls)})
    with pytest.raises(AssertionError, match=name):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=500,
                stateful_step_count=20,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
