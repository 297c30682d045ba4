"""Merges of two conversations with a common beginning, and the reasons to refuse one."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from a3s_store.core.merging.history import (
    History,
    HistoryConflictError,
    begins_with,
    is_summary,
    kind_of,
    merge_history,
)
from a3s_store.core.tool_pairs import check_pairs, repair_pairs
from a3s_store.models import Message, TextBlock
from tests.unit.core.conversations import CONVERSATIONS, call, result, said, summary

SPOKEN = CONVERSATIONS.filter(bool)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Return a conversation continued by messages and compactions in any order."""
    ours = History(draw(CONVERSATIONS))
    for step in draw(st.lists(st.sampled_from(["say", "compact", "trim"]), max_size=3)):
        view = ours.view
        if step == "say":
            ours = ours.now(view + draw(CONVERSATIONS))
        elif step == "compact":
            cut = draw(st.integers(0, len(view)))
            ours = ours.now((summary("ours"), *view[cut:]))
        elif len(view) > 1:
            ours = ours.now(view[draw(st.integers(1, len(view) - 1)) :])
    # Of equal messages it cannot be told whether they were trimmed or taken back.
    assume(ours.kind != "changed")
    return ours


def refused(ours: History, theirs: tuple[Message, ...]) -> str:
    """Return the reason for which the two are not merged."""
    with pytest.raises(HistoryConflictError) as caught:
        merge_history(ours, theirs)
    return caught.value.reason


def merged(ours: History, theirs: tuple[Message, ...]) -> tuple[Message, ...] | None:
    """Return the merged messages; None where calls and results would be separated."""
    try:
        return merge_history(ours, theirs).view
    except HistoryConflictError as conflict:
        if conflict.reason != "tool_pairs":
            raise
        return None


def problems(messages: tuple[Message, ...]) -> set[tuple[str, str]]:
    found = check_pairs(messages)
    return {(one.kind, one.call_id) for one in found if one.kind != "open_call"}


# -- Kinds of changes to a conversation ------------------------------------------------------------

ABC = said("a", "b", "c")
KINDS = {
    "same": (ABC, ABC),
    "nothing from nothing": ((), ()),
    "extended": (ABC, (*ABC, *said("d"))),
    "extended from nothing": ((), ABC),
    "compacted to a summary": (ABC, (summary(),)),
    "compacted to a summary and the last": (ABC, (summary(), ABC[2])),
    "compacted behind the first": (ABC, (ABC[0], summary(), ABC[2])),
    "compacted by dropping the front": (ABC, ABC[1:]),
    "compacted by dropping the front, then more": (ABC, (*ABC[1:], *said("d"))),
    "changed to nothing": (ABC, ()),
    "changed by taking back": (ABC, ABC[:2]),
    "changed in the middle": (ABC, (ABC[0], *said("x"), ABC[2])),
    "changed to another": (ABC, said("x")),
    # Equal messages: taken back or trimmed, it cannot be told.
    "changed, though it may be trimmed": (said("a", "a"), said("a")),
}


@pytest.mark.parametrize("what", KINDS)
def test_what_was_done_is_told_by_content(what: str) -> None:
    kind = kind_of(*KINDS[what])
    assert what.startswith(kind) or (what.startswith("nothing") and kind == "same")


def test_a_summary_is_a_message_that_begins_as_one() -> None:
    assert is_summary(summary())
    assert not is_summary(Message.user("Summary of nothing"))
    assert not is_summary(Message(role="user", content=()))
    assert not is_summary(result("a"))
    behind = Message(role="user", content=(TextBlock(text="x"), *summary().content))
    assert not is_summary(behind)


def test_a_conversation_begins_with_what_it_goes_on_from() -> None:
    assert begins_with(ABC, ABC[:2])
    assert begins_with(ABC, ())
    assert not begins_with(ABC[:2], ABC)
    assert not begins_with(said("x", "b"), ABC[:1])


# -- What a history takes in -----------------------------------------------------------------------


@given(histories(), CONVERSATIONS)
def test_a_history_shows_the_conversation_it_was_given_last(
    ours: History, messages: tuple[Message, ...]
) -> None:
    after = ours.now(messages)
    assert after.view == messages
    assert after.base is ours.base
    assert after.is_changed == (messages != ours.base or ours.is_changed)


@given(SPOKEN, CONVERSATIONS)
def test_what_is_said_behind_is_appended(
    base: tuple[Message, ...], more: tuple[Message, ...]
) -> None:
    assert History(base).now(base + more) == History(base, more)
    assert History(base).now(base) == History(base)


def test_what_was_said_behind_a_summary_in_one_step_is_appended_too() -> None:
    """An agent may compact and go on before it gives the conversation back."""
    ours = History(ABC).now((summary("ours"), ABC[2], *said("d", "e")))
    assert ours.appended == said("d", "e")
    assert ours.replacement == (summary("ours"), ABC[2])
    compacted = (summary("theirs"), ABC[2])
    assert merged(ours, compacted) == (*compacted, *said("d", "e"))
    extended = (*ABC, *said("x"))
    assert merged(ours, extended) == (summary("ours"), ABC[2], *said("x", "d", "e"))


def test_what_was_said_behind_a_summary_of_everything_is_appended() -> None:
    ours = History(ABC).now((summary("ours"), *said("d")))
    assert ours.appended == said("d")
    assert merged(ours, (summary("theirs"),)) == (summary("theirs"), *said("d"))


def test_messages_kept_with_shorter_outputs_are_not_taken_for_new_ones() -> None:
    base = (*said("a"), call("k"), result("k"), *said("z"))
    pruned = Message(role="user", content=(TextBlock(text="[pruned]"),))
    ours = History(base).now((summary("ours"), call("k"), pruned, base[3], *said("d")))
    assert ours.appended == said("d")
    assert merged(ours, (summary("theirs"), base[3])) == (
        summary("theirs"),
        base[3],
        *said("d"),
    )


def test_what_was_said_behind_a_trimmed_front_in_one_step_is_appended_too() -> None:
    ours = History(ABC).now((*ABC[1:], *said("d")))
    assert (ours.replacement, ours.appended) == (ABC[1:], said("d"))


def test_what_was_taken_back_stays_taken_back_when_it_is_compacted() -> None:
    ours = History(ABC).now(ABC[:1]).now((summary(), *said("x")))
    assert ours.kind == "changed"
    assert refused(ours, (*ABC, *said("d"))) == "rewritten"


# -- Laws ------------------------------------------------------------------------------------------


@given(CONVERSATIONS, CONVERSATIONS)
def test_nothing_of_ours_is_theirs(base: tuple[Message, ...], theirs: tuple[Message, ...]) -> None:
    assert merge_history(History(base), theirs) == History(theirs)


@given(histories(), CONVERSATIONS)
def test_nothing_of_theirs_is_ours(ours: History, rewritten: tuple[Message, ...]) -> None:
    assert merge_history(ours, ours.base) == ours
    changed = ours.now(rewritten)
    assert merge_history(changed, ours.base) == changed


@given(CONVERSATIONS, CONVERSATIONS, CONVERSATIONS)
def test_what_both_appended_is_there_in_order(
    base: tuple[Message, ...], mine: tuple[Message, ...], added: tuple[Message, ...]
) -> None:
    """Also when both have the same text: equal turns are two turns."""
    ours = History(base, mine)
    if (found := merged(ours, base + added)) is not None:
        assert found == base + added + mine
        assert merge_history(ours, base + added) == History(base + added, mine)


@given(SPOKEN, CONVERSATIONS, CONVERSATIONS, CONVERSATIONS, st.integers(1, 8))
def test_compaction_beside_anything_loses_no_turn(
    base: tuple[Message, ...],
    before: tuple[Message, ...],
    after: tuple[Message, ...],
    added: tuple[Message, ...],
    cut: int,
) -> None:
    """`before` are our messages before our compaction, `after` those behind; `added` are theirs."""
    cut = min(cut, len(base))
    view = base + before
    ours = History(base).now(view).now((summary("ours"), *view[cut:]))
    ours = ours.now(ours.view + after)
    assume(ours.kind != "changed")
    extended = base + added
    if (found := merged(ours, extended)) is not None and added:
        assert found == (summary("ours"), *view[cut:], *added, *after)
    compacted = (summary("theirs"), *base[cut:], *added)
    if (found := merged(ours, compacted)) is not None and kind_of(base, compacted) == "compacted":
        assert found == compacted + before + after


@given(SPOKEN, CONVERSATIONS, CONVERSATIONS, st.integers(0, 8))
def test_a_dropped_front_is_no_conflict_and_a_rewind_is(
    base: tuple[Message, ...], mine: tuple[Message, ...], added: tuple[Message, ...], cut: int
) -> None:
    base = (*said("the first of all"), *base)
    cut = min(cut, len(base) - 2)
    trimmed = base[1 + cut :] + added
    if (found := merged(History(base, mine), trimmed)) is not None:
        assert found == trimmed + mine
    if mine:
        assert refused(History(base, mine), base[: cut + 1]) == "rewritten"


@given(histories(), CONVERSATIONS, st.booleans())
def test_a_merge_makes_no_new_problem(
    ours: History, added: tuple[Message, ...], compacts: bool
) -> None:
    """And is refused only where it would."""
    theirs = (summary("theirs"), *added) if compacts else ours.base + added
    before = problems(ours.view) | problems(theirs)
    if (found := merged(ours, theirs)) is not None:
        assert problems(found) <= before
    elif not compacts and ours.replacement is None:
        assert not problems(theirs + ours.appended) <= before


@given(histories(), CONVERSATIONS, CONVERSATIONS)
def test_two_steps_are_one(
    ours: History, first: tuple[Message, ...], second: tuple[Message, ...]
) -> None:
    """Merging with an older state and then with a newer one equals merging with the newer one."""
    middle, last = ours.base + first, ours.base + first + second
    try:
        stepwise = merge_history(merge_history(ours, middle), last)
        assert stepwise.view == merge_history(ours, last).view
    except HistoryConflictError:
        pass


@given(histories(), CONVERSATIONS, CONVERSATIONS, st.integers(0, 9))
def test_two_steps_are_one_also_where_theirs_is_compacted_then(
    ours: History, first: tuple[Message, ...], second: tuple[Message, ...], cut: int
) -> None:
    """No message that our summary replaced is lost, though the first step has the summary."""
    middle = ours.base + first
    last = (summary("theirs"), *middle[cut:], *second)
    assume(kind_of(ours.base, last) == kind_of(middle, last) == "compacted")
    if merged(ours, middle) is None:
        return
    # A call that ours left open may be answered in the first step and made again in the second.
    stepwise, at_once = merged(merge_history(ours, middle), last), merged(ours, last)
    if stepwise is not None and at_once is not None:
        assert stepwise == at_once


@given(histories(), CONVERSATIONS)
def test_nothing_said_on_either_side_is_missing(ours: History, added: tuple[Message, ...]) -> None:
    """Also where theirs is compacted: their summary has none of our messages."""
    for theirs in (ours.base + added, (summary("theirs"), *added)):
        if theirs != ours.base and (found := merged(ours, theirs)) is not None:
            for message in (*ours.appended, *added):
                covered = message in (ours.base + ours.appended)[: ours.covered]
                assert message in found or covered


@given(histories(), CONVERSATIONS)
def test_merging_changes_nothing_and_comes_to_the_same_again(
    ours: History, theirs: tuple[Message, ...]
) -> None:
    before = attrs.evolve(ours)
    try:
        assert merge_history(ours, theirs) == merge_history(ours, theirs)
    except HistoryConflictError as conflict:
        assert refused(ours, theirs) == conflict.reason  # noqa: PT017 - of another attempt
    assert ours == before


# -- Table 2.1, row by row, with the smallest input ------------------------------------------------

BASE = said("b1", "b2")
T, O = said("t"), said("o")  # noqa: E741 - the letters of the table
OURS = {
    "nothing new": History(BASE),
    "appended": History(BASE).now(BASE + O),
    "compacted, then appended": History(BASE).now((summary("R"),)).now((summary("R"), *O)),
    "appended, then compacted": History(BASE).now(BASE + O).now((summary("R"), *O)),
    "taken back": History(BASE).now(BASE[:1]),
    "cleared": History(BASE).now(()),
}
THEIRS = {
    "same": BASE,
    "extended": BASE + T,
    "compacted": (summary("S"), BASE[1]),
    "compacted, then more": (summary("S"), BASE[1], *T),
    "trimmed": BASE[1:],
    "changed": BASE[:1],
}
R, S = summary("R"), summary("S")
ROWS: dict[tuple[str, str], tuple[Message, ...] | str] = {
    **{("nothing new", theirs): THEIRS[theirs] for theirs in THEIRS},
    **{("appended", theirs): THEIRS[theirs] + O for theirs in THEIRS if theirs != "changed"},
    ("appended", "changed"): "rewritten",
    ("compacted, then appended", "same"): (R, *O),
    ("compacted, then appended", "extended"): (R, *T, *O),
    ("compacted, then appended", "compacted"): (S, BASE[1], *O),
    ("compacted, then appended", "compacted, then more"): (S, BASE[1], *T, *O),
    ("compacted, then appended", "trimmed"): (BASE[1], *O),
    ("compacted, then appended", "changed"): "rewritten",
    ("appended, then compacted", "same"): (R, *O),
    ("appended, then compacted", "extended"): (R, *O, *T),
    ("appended, then compacted", "compacted"): (S, BASE[1], *O),
    ("appended, then compacted", "compacted, then more"): (S, BASE[1], *T, *O),
    ("appended, then compacted", "trimmed"): (BASE[1], *O),
    ("appended, then compacted", "changed"): "rewritten",
    ("taken back", "same"): BASE[:1],
    ("cleared", "same"): (),
    **{
        (ours, theirs): "rewritten"
        for ours in ("taken back", "cleared")
        for theirs in THEIRS
        if theirs != "same"
    },
}


def test_the_table_has_every_row() -> None:
    assert ROWS.keys() == {(ours, theirs) for ours in OURS for theirs in THEIRS}


@pytest.mark.parametrize(("ours", "theirs"), ROWS)
def test_a_row_of_the_table(ours: str, theirs: str) -> None:
    expected = ROWS[ours, theirs]
    if isinstance(expected, str):
        assert refused(OURS[ours], THEIRS[theirs]) == expected
    else:
        assert merge_history(OURS[ours], THEIRS[theirs]).view == expected


def test_our_own_messages_are_the_same_objects_after_a_merge() -> None:
    found = merge_history(OURS["appended"], BASE + T).view
    assert found[-1] is O[0]
    assert found[2] is T[0]


# -- Scenes that chance meets seldom ---------------------------------------------------------------


def test_a_call_that_waits_elsewhere_is_not_separated_from_its_result() -> None:
    base = said("p")
    assert refused(History(base, said("q")), (*base, call("k"))) == "tool_pairs"


def test_two_answers_to_one_call_are_refused() -> None:
    base = (*said("p"), call("k"))
    assert refused(History(base, (result("k"),)), (*base, result("k"))) == "tool_pairs"


def test_what_was_taken_back_elsewhere_is_refused() -> None:
    base = said("p", "a", "q")
    assert refused(History(base, said("b")), base[:1]) == "rewritten"
    assert refused(History(base).now(base[:1]), (*base, *said("b"))) == "rewritten"


def test_two_equal_turns_are_two() -> None:
    turn = (Message.user("continue"), Message.assistant("done"))
    assert merge_history(History((), turn), turn).view == turn + turn


def test_a_round_that_we_compacted_while_they_answered_it_is_refused() -> None:
    """Behind our summary their result has no call."""
    base = (*said("p"), call("k"))
    ours = History(base).now((summary("R"),))
    assert ours.kind == "compacted"
    assert refused(ours, (*base, result("k"))) == "tool_pairs"


def test_what_only_our_summary_has_is_not_lost_when_theirs_is_kept_in_its_place() -> None:
    """It was never stored: the first merge was not, and the second one drops our summary."""
    ours = History(BASE).now(BASE + O).now((R,))
    first = merge_history(ours, BASE + T)
    assert first.view == (R, *T)
    last = (S, *T)
    assert merge_history(first, last).view == merge_history(ours, last).view == (S, *T, *O)


def test_what_was_broken_before_is_no_conflict() -> None:
    base = (call("k"), *said("p"))
    assert merge_history(History(base, said("q")), (*base, *T)).view == (*base, *T, *said("q"))


@given(CONVERSATIONS, CONVERSATIONS)
@example((call("a"), result("a")), (call("a"), result("a")))
def test_whole_conversations_stay_whole(
    mine: tuple[Message, ...], added: tuple[Message, ...]
) -> None:
    mine, added = repair_pairs(mine), repair_pairs(added)
    assert merge_history(History((), mine), added).view == added + mine
    assert not check_pairs(added + mine)
