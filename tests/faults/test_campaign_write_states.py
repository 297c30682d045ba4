"""Writers that know sessions without reading them, and the faults that the campaign has to find."""

from __future__ import annotations

import pytest

from tests.faults.run_campaign import attack


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "ignores_other_writers",
        "confirms_any_header",
        "ignores_other_changes",
        "takes_every_head_for_an_end",
        "keeps_what_a_failed_job_said",
        "forgets_changes_before_a_failed_job",
    ],
)
def test_a_planted_fault_of_the_write_states_is_found(fault: str) -> None:
    assert not attack("write_states", fault, stop_at="").ok
