"""JSON text: parsed as strictly as by serde_json, written with the same bytes (1.1)."""

from __future__ import annotations

import json
import math
import struct
import tracemalloc
from typing import Any

import orjson
import pytest

from a3s_store.errors import DecodeError, EncodeError
from a3s_store.wire import canonical, compact, freeze, own_text, parse, parse_own, pretty
from a3s_store.wire.text import MAX_NESTING, exact

REFUSED: list[tuple[bytes, str, str]] = [
    (b"", "", "the text is empty"),
    (b" \r\n\t", "", "the text is empty"),
    (b'{"a": 1', "", "not JSON"),
    (b'{"a":', "", "not JSON"),
    (b'["abc', "", "not JSON"),
    (b"tru", "", "not JSON"),
    (b"{} {}", "", "Extra data at line 1 column 4"),
    (b"{}\n\n x", "", "Extra data at line 3 column 2"),
    (b"{}\x00", "", "not JSON"),
    (b"[1,]", "", "not JSON"),
    (b'{"a":1,}', "", "not JSON"),
    (b"{a:1}", "", "not JSON"),
    (b"{'a':1}", "", "not JSON"),
    (b"[1 // one\n]", "", "not JSON"),
    (b"/* c */ []", "", "not JSON"),
    (b"[01]", "", "not JSON"),
    (b"[+1]", "", "not JSON"),
    (b"[.5]", "", "not JSON"),
    (b"[1.]", "", "not JSON"),
    (b"[1e]", "", "not JSON"),
    (b"[0x1]", "", "not JSON"),
    (b"[-]", "", "not JSON"),
    (b"[NaN]", "", "NaN is not a JSON number"),
    (b"[Infinity]", "", "Infinity is not a JSON number"),
    (b'{"a":-Infinity}', "", "-Infinity is not a JSON number"),
    (b'"a\tb"', "", "not JSON"),
    (b'"a\nb"', "", "not JSON"),
    (b'"a\x00b"', "", "not JSON"),
    (b'{"a\x1f":1}', "", "not JSON"),
    (rb'"\x41"', "", "not JSON"),
    (rb'"\u12"', "", "not JSON"),
    ("\ufeff{}".encode(), "", "the JSON begins with a byte order mark"),
    ("{}".encode("utf-16"), "", "byte 0 is not UTF-8"),
    (b'{"a":"\xff"}', "", "byte 6 is not UTF-8"),
    (b'["\xed\xa0\x80"]', "", "byte 2 is not UTF-8"),
    (b'["\xc0\xaf"]', "", "byte 2 is not UTF-8"),
    (b"[1, 1e400]", "[1]", "a number beyond the range of a 64-bit float"),
    (b'{"a":{"b":-1e309}}', "a.b", "a number beyond the range of a 64-bit float"),
    (b"[" + b"9" * 400 + b".5]", "[0]", "a number beyond the range of a 64-bit float"),
    (b'{"n":[1,' + b"9" * 5000 + b"]}", "n[1]", "an integer of 5000 digits, too long for Python"),
    (rb'{"a":["x","\ud800"]}', "a[1]", "a lone surrogate is not Unicode text"),
    (rb'"\udc00"', "", "a lone surrogate is not Unicode text"),
    (rb'["\ude00\ud83d"]', "[0]", "a lone surrogate is not Unicode text"),
    (rb'["\uD800x"]', "[0]", "a lone surrogate is not Unicode text"),
    (b'{"a":1,"a":2}', "", "the key 'a' is repeated"),
    (b'{"x":[{"a":1},{"b":1,"c":2,"b":1}]}', "x[1]", "the key 'b' is repeated"),
    (rb'{"a":1,"\u0061":2}', "", "the key 'a' is repeated"),
]


@pytest.mark.parametrize(("text", "path", "what"), REFUSED)
def test_what_serde_refuses_is_refused_with_its_place(text: bytes, path: str, what: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse(text, model="SessionData")
    assert what in caught.value.what
    assert caught.value.path == path
    assert caught.value.model == "SessionData"


def test_a_lone_surrogate_in_a_key_is_refused_with_its_path() -> None:
    with pytest.raises(DecodeError) as caught:
        parse(rb'{"a":[{"\ud800":1}]}')
    assert caught.value.path == "a[0]"


@pytest.mark.parametrize("text", ['["\ud800"]', '{"a":{"\udfff":1}}', '"' + "é" * 50 + '\ud83d"'])
def test_a_str_that_holds_a_surrogate_itself_is_refused(text: str) -> None:
    with pytest.raises(DecodeError, match="lone surrogate"):
        parse(text)


def test_a_surrogate_pair_is_one_character() -> None:
    assert parse(rb'["\ud83d\ude00"]') == ["\U0001f600"]
    assert parse(rb'["\uD83D\uDE00"]') == ["\U0001f600"]


def test_an_escaped_backslash_before_u_is_no_surrogate() -> None:
    assert parse(rb'["\\ud800"]') == ["\\ud800"]


def test_the_error_of_a_repeated_key_names_the_outermost_object_with_one() -> None:
    """The inner object is no longer in the tree, so the error cannot have its path."""
    with pytest.raises(DecodeError) as caught:
        parse('{"a":{"x":1,"x":2},"a":3}')
    assert (caught.value.path, caught.value.what) == ("", "the key 'a' is repeated")


def nested(levels: int, inside: str = "") -> str:
    half = levels // 2
    return '{"a":' * half + "[" * (levels - half) + inside + "]" * (levels - half) + "}" * half


def test_127_levels_are_read_and_128_are_not() -> None:
    assert parse(nested(MAX_NESTING))
    with pytest.raises(DecodeError, match="nested more than 127 levels deep"):
        parse(nested(MAX_NESTING + 1))


def test_brackets_in_strings_are_no_levels() -> None:
    assert parse(json.dumps(["[{" * 500, '\\"[' * 200, {"[" * 300: 1}]))
    with pytest.raises(DecodeError, match="nested"):
        parse(nested(MAX_NESTING + 1, '"]]]]"'))


@pytest.mark.parametrize("levels", [500, 950, 100_000])
@pytest.mark.parametrize("inside", ["", '{"a":1,"a":2}', '"\\ud800"', "1e400"])
def test_far_too_many_levels_are_an_error_like_any_other(levels: int, inside: str) -> None:
    """The walk that looks for the path of an error must not overflow the stack."""
    with pytest.raises(DecodeError, match="nested more than 127 levels deep"):
        parse(nested(levels, inside))


def test_long_strings_are_measured_without_backtracking() -> None:
    """With backtracking, counting levels took a hundred times the size of the text."""
    text = '["' + "\\n[" * 300_000 + '"]'
    tracemalloc.start()
    try:
        assert parse(text) == ["\n[" * 300_000]
        assert tracemalloc.get_traced_memory()[1] < 10 * len(text)
    finally:
        tracemalloc.stop()


READ: list[tuple[str, Any]] = [
    ("18446744073709551615", 2**64 - 1),
    ("18446744073709551616", 2**64),
    ("-9223372036854775809", -(2**63) - 1),
    ("1" + "0" * 100, 10**100),
    ("-0", -0.0),
    ("[0, -0, -0.0]", [0, -0.0, -0.0]),
    ('{"a":-0}', {"a": -0.0}),
    ("1e2", 100.0),
    ("1E+2", 100.0),
    ("1e-400", 0.0),
    ("-1e-400", -0.0),
    ("1.0", 1.0),
    ("130.65331632653061", 130.65331632653061),
    ("97.45365320034685", 97.45365320034685),
    ("1.7976931348623157e308", 1.7976931348623157e308),
    (' \t\r\n{ "a" : [ ] } ', {"a": []}),
    (r'"\"\\\/\b\f\n\r\t\u0000\u001f"', '"\\/\b\f\n\r\t\x00\x1f'),
    ('"\x7f\u2028\u2029\ufeff\uffff"', "\x7f\u2028\u2029\ufeff\uffff"),
    ('{"":{"":null}}', {"": {"": None}}),
    ('"-0"', "-0"),
]


def exactly(value: Any) -> Any:
    """Return the value with types and bits of floats, so that == sees every difference."""
    if isinstance(value, dict):
        return [(key, exactly(item)) for key, item in value.items()]
    if isinstance(value, list):
        return list(map(exactly, value))
    return type(value), struct.pack("<d", value) if type(value) is float else value


@pytest.mark.parametrize(("text", "value"), READ)
def test_a_text_is_read_exactly(text: str, value: Any) -> None:
    assert exactly(parse(text)) == exactly(value)
    assert exactly(parse(text.encode())) == exactly(value)


OWN = [
    0,
    -0.0,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63),
    -(2**63) - 1,
    -(2**63) - 5000,
    10**40,
    2.0**63,
    -(2.0**63),
    2.0**64,
    1e300,
    5e-324,
    1e16,
    True,
    1,
    1.0,
]


@pytest.mark.parametrize("value", OWN, ids=repr)
def test_a_number_written_here_is_read_back_exactly(value: Any) -> None:
    tree = exact(freeze([value, {"a": value}]))
    for text in (own_text(tree), own_text(tree).encode()):
        assert exactly(parse_own(text)) == exactly([value, {"a": value}])
        assert exactly(parse(text)) == exactly([value, {"a": value}])


@pytest.mark.parametrize("text", [b"", b"{", b"[1] x", b'"\xff"', b"[NaN]", b"[1e400]"])
def test_a_damaged_text_of_our_own_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_own(text)


def test_pretty_text_is_laid_out_as_upstream_lays_it_out() -> None:
    tree = {"a": [], "b": {}, "c": [1, {"d": None}], "e": {"f": True}}
    assert pretty(tree) == (
        b'{\n  "a": [],\n  "b": {},\n  "c": [\n    1,\n    {\n      "d": null\n    }\n  ],\n'
        b'  "e": {\n    "f": true\n  }\n}'
    )
    assert pretty([]) == b"[]"
    assert pretty({}) == b"{}"


def test_pretty_text_is_that_of_pythons_encoder_but_for_floats() -> None:
    tree = {"a": ["é\u2028\x7f/", "\U0001f600"], "": {"\x00\x1f\x0b": '"\\'}, "n": -(2**63)}
    assert pretty(tree) == json.dumps(tree, indent=2, ensure_ascii=False).encode()


def test_only_what_must_be_escaped_is() -> None:
    controls = "".join(map(chr, range(0x20)))
    names = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
    escapes = "".join(names.get(code, f"\\u{code:04x}") for code in range(0x20))
    plain = "/\x7f\u2028\u2029\ufeffé\U0001f600"
    assert compact(controls + '"\\' + plain) == f'"{escapes}\\"\\\\{plain}"'.encode()


def test_canonical_text_sorts_keys_by_code_point_at_every_depth() -> None:
    tree = {"b": [{"d": 1, "c": 2}], "a": 1, "é": 2, "\U0001f600": 3, "\uffff": 4, "B": 5, "": 6}
    assert canonical(tree) == (
        '{"":6,"B":5,"a":1,"b":[{"c":2,"d":1}],"é":2,"\uffff":4,"\U0001f600":3}'.encode()
    )


def test_canonical_text_sorts_keys_of_objects_with_unusual_numbers_too() -> None:
    one, other = freeze({"b": 1e16, "a": {"d": 2**64, "c": 1}}), freeze({"b": 1e16, "a": {}})
    assert canonical(exact(one)) == b'{"a":{"c":1,"d":18446744073709551616},"b":1e16}'
    assert canonical(exact(other)) == b'{"a":{},"b":1e16}'


def test_floats_in_opaque_values_are_laid_out_as_serde_does() -> None:
    value = freeze([1e16, 1e-6, -0.0, 1.0, 5e-324, 1e-5, 123456789012345680.0])
    assert compact(exact(value)) == b"[1e16,1e-6,-0.0,1.0,5e-324,0.00001,1.2345678901234568e17]"


@pytest.mark.parametrize("write", [compact, pretty, canonical])
def test_a_surrogate_that_slipped_through_is_refused_with_its_path(write: Any) -> None:
    with pytest.raises(EncodeError) as caught:
        write({"a": [{"b": "x\ud800"}]})
    assert caught.value.path == "a[0].b"


def test_what_orjson_cannot_write_is_an_encode_error() -> None:
    with pytest.raises(EncodeError, match="not JSON serializable"):
        compact({"a": object()})


def test_orjson_still_turns_huge_integers_into_floats() -> None:
    """own_text() marks texts only because of these; if orjson changes, it can be removed."""
    assert type(orjson.loads(str(2**64))) is float
    assert type(orjson.loads(str(-(2**63) - 1))) is float
    assert math.isclose(orjson.loads(str(2**64)), 2.0**64)


def test_a_repeated_key_at_the_end_of_a_large_object_is_found_in_one_pass() -> None:
    # Counting each key apart, this took two minutes.
    keys = "".join(f'"k{number}":1,' for number in range(50_000))
    with pytest.raises(DecodeError, match="the key 'k49999' is repeated"):
        parse(f'{{{keys}"k49999":2}}')
