"""Folding makes texts equal that people read as the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.core.folding import folded

ALIKE = [
    ("case", "GRÜSSE", "grüße"),
    ("a final sigma", "ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
    ("decomposed", "cafe\u0301", "café"),
    ("decomposed Hangul", unicodedata.normalize("NFD", "한국어"), "한국어"),
    ("ligature", "of\ufb01cial", "official"),
    ("full width", "ＡＢＣ１２３", "abc123"),
    ("half-width kana", "ﾊﾟｿｺﾝ", "パソコン"),
    ("dotted capital I", "İSTANBUL", "istanbul"),
    ("order of marks", "a\u0301\u0323", "a\u0323\u0301"),
    ("circled", "①", "1"),
    ("Cherokee", "\u13a0", "\uab70"),
]


@pytest.mark.parametrize(("of", "one", "other"), ALIKE, ids=[row[0] for row in ALIKE])
def test_these_are_the_same(of: str, one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("cafe", "café"), ("ı", "i"), ("сор", "cop")])
def test_accents_and_scripts_differ(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@given(st.text())
def test_every_form_and_case_of_a_text_is_the_same_and_folding_again_changes_nothing(
    text: str,
) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert folded(unicodedata.normalize(form, text)) == folded(text)
    assert folded(text.casefold()) == folded(text)
    assert folded(folded(text)) == folded(text)
