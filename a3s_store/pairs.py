"""Tool calls and their results in a conversation: find, repair, and cut without separating them."""

from a3s_store.core.tool_pairs import (
    PairProblem,
    Round,
    check_pairs,
    cut_after,
    cut_before,
    repair_pairs,
    rounds,
)

__all__ = [
    "PairProblem",
    "Round",
    "check_pairs",
    "cut_after",
    "cut_before",
    "repair_pairs",
    "rounds",
]
