"""`SecretRedactor` masks known values in every form, and keys of common shapes; nothing else."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import SecretRedactor, SqliteSessionStore
from a3s_store.core.redaction import secret_shapes
from a3s_store.models import Message
from tests.support import session

VALUE = 'p4ss/"wörd"+9 x'


def joined(*parts: str) -> str:
    """A key, put together here so that this file has none."""
    return "".join(parts)


KEYS = {
    "sk- key": joined("sk-", "proj-Ab12Cd34Ef56Gh78Ij90"),
    "Stripe key": joined("sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"),
    "GitHub token": joined("ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"),
    "GitLab token": joined("glpat", "-x7T_aVqb3kUzY9wPqRst"),
    "AWS key id": joined("AKIA", "IOSFODNN7EXAMPLE"),
    "Slack token": joined("xoxb", "-123456789012-abcdefABCDEF"),
    "Slack webhook": joined("https://hooks.slack.com/services/", "T00000000/B00000000/XXXXXXXX"),
    "Google key": joined("AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"),
    "Google token": joined("ya29", ".a0AfH6SMBx3kP9qLmN2zT8vW"),
    "Hugging Face token": joined("hf", "_abcdefghijklmnopqrstuvwxyzABCDEFGH"),
    "npm token": joined("npm", "_abcdefghijklmnopqrstuvwxyz0123456789"),
    "PyPI token": joined("pypi", "-AgEIcHlwaS5vcmcCJDU3Y2Y4ZTc5LWJjNGQtNDc5NS04YjQ4LWFi"),
    "provider key": joined("gsk", "_abcdefghijklmnopqrstuvwxyz012345"),
    "SendGrid key": joined("SG", ".ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc"),
    "DigitalOcean token": joined("dop", "_v1_", "0123456789abcdef" * 4),
    "Telegram token": joined("110201543", ":AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawx"),
    "JWT": joined("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0In0", ".dozjgNryP4J3jVmN"),
    "private key": joined(
        "-----BEGIN RSA PRIVATE", " KEY-----\n", "MIIEpAIBAAKCAQEA7\n" * 3, "Zx9=\n-----END RSA ",
        "PRIVATE KEY-----",
    ),
    "bearer token": joined("Bearer", " abcdef0123456789.ABCDEF-xyz"),
    "password in an address": joined("postgres://me:", "hunter2hunter2@db.example/app"),
}  # fmt: skip


def test_every_shape_has_an_example() -> None:
    assert set(KEYS) == {shape.name for shape in secret_shapes.SHAPES}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_told_by_its_shape(name: str) -> None:
    mask = SecretRedactor()
    key = KEYS[name]
    (found,) = (one for one in secret_shapes.find(key) if one.name == name)
    secret = key[found.start : found.end]
    for text in (f"use {key} now", f'{{"k": "{key}"}}', f"X={key}", json.dumps(f"a\n{key}\n")):
        masked = mask(text)
        assert secret not in masked
        assert "[redacted]" in masked
        assert masked.startswith(text[:2])
        assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-fading-circle sk-learn and task-0123456789abcdefghijkl",
        "risk-1234567890abcdefghijklmnop and disk-usage-of-the-whole-volume-1",
        "the variable ghp_TOKEN, AKIA, xoxb-, AIza and hf_hub_download",
        "commit 3e23063a9fc71641239544b9fd4ca0454c77dd0f",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "https://host:8080/a@b and git@github.com:a/b and http://[::1]:80/@",
        "eyJhbGciOiJIUzI1NiJ9 alone",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQ\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY----- begins such a file",
        "grep -rn '-----BEGIN PRIVATE KEY-----' /home/someone/projects/keys",
        "     7\t-----BEGIN PRIVATE KEY-----\n     8\tis looked for, then the body",
        "a Bearer authentication-of-the-simplest-kind",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    ],
)
def test_no_other_text_is_changed(text: str) -> None:
    assert SecretRedactor()(text) is text


BODY = [
    joined("MIIEpAIBAAKCAQEA7bq2", "Zx" * 22),
    joined("9/abcdefghijklmnop+r", "Qy" * 22),
    "1234567/abcdefghijklmnopqrstuv==",
]
PEM = [
    joined("-----BEGIN RSA PRIVATE", " KEY-----"),
    *BODY,
    joined("-----END RSA ", "PRIVATE KEY-----"),
]
WITH_FIELDS = [PEM[0], "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0A1B", "", *PEM[1:]]


def prefixed(prefix: str, lines: list[str]) -> str:
    """The lines as a tool shows them; `%n` is the number of the line."""
    return "\n".join(
        prefix.replace("%n", str(number)) + line for number, line in enumerate(lines, 1)
    )


LISTINGS = {
    "cat -n": lambda lines: prefixed("    %n\t", lines),
    "numbers and arrows": lambda lines: prefixed("    %n→", lines),
    "grep -n": lambda lines: prefixed("%n:", lines),
    "grep -n with names": lambda lines: prefixed("../conf/my-key.pem-%n-", lines),
    "grep with names": lambda lines: prefixed("conf/key.pem-", lines),
    "quotes": lambda lines: prefixed("> ", lines),
    "quotes of quotes": lambda lines: prefixed(">> > ", lines),
    "a table": lambda lines: prefixed("| ", lines),
    "a frame": lambda lines: prefixed("  %n │ ", lines),
    "lines added": lambda lines: prefixed("+", lines),
    "lines removed": lambda lines: prefixed("-", lines),
    "a coloured diff": lambda lines: prefixed("\x1b[32m+", [f"{x}\x1b[m" for x in lines]),
    "a comment": lambda lines: prefixed("# ", lines),
    "an indented comment": lambda lines: prefixed("    // ", lines),
    "lines that end with CR LF": lambda lines: "\r\n".join(lines),
    "a source": lambda lines: prefixed('    "', [f'{x}\\n" +' for x in lines]),
    "a shell's continuation": lambda lines: prefixed("", [f"{x} \\" for x in lines]),
    "JSON": lambda lines: json.dumps("\n".join(lines)),
    "JSON with escaped slashes": lambda lines: json.dumps("\n".join(lines)).replace("/", "\\/"),
    "JSON in JSON": lambda lines: json.dumps(json.dumps("\r\n".join(lines))),
    "JSON in JSON in JSON": lambda lines: json.dumps(json.dumps(json.dumps("\n".join(lines)))),
    "a list of lines": lambda lines: json.dumps(lines),
    "a listing in JSON": lambda lines: json.dumps(prefixed("    %n\t", lines)),
    "arrows in JSON": lambda lines: json.dumps(prefixed("    %n→", lines)),
    "a quoted listing of an added file": lambda lines: prefixed("> %n  +", lines),
}  # fmt: skip


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("lines", [PEM, WITH_FIELDS], ids=["plain", "with fields"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "cut off"])
def test_a_private_key_is_masked_in_a_listing(listing: str, lines: list[str], whole: bool) -> None:
    shown = LISTINGS[listing](lines if whole else lines[:-1])
    text = f"before\n{shown}\nafter"
    mask = SecretRedactor()
    masked = mask(text)
    for line in BODY:
        assert line[2:12] not in masked
        assert line[-12:-3] not in masked
    assert masked.count("[redacted]") == 1
    assert mask(masked) == masked
    assert masked.startswith("before")
    if whole:
        assert "PRIVATE KEY" not in masked
        assert masked.endswith("after")


def test_two_keys_in_one_listing_are_two_and_what_is_between_stays() -> None:
    text = prefixed("    %n\t", [*PEM, "between", *PEM, *PEM, "after"])
    masked = SecretRedactor()(text)
    assert masked.count("[redacted]") == 3
    assert "between" in masked
    assert "after" in masked


HOSTILE = (
    *(PEM[0], f"{PEM[0]}\n", f"{PEM[0]}\nabc: ", f"{PEM[0]}\nA-b-c-d: x: y, z: ", f"{PEM[0]}\\n"),
    *(f"{PEM[0]}\n1.", f"{PEM[0]}\na.b.c.d-1-", f"{PEM[0]}\n12 |+> ", f"{PEM[0]}\n{'A' * 15} "),
    *("-----BEGIN ", "A PRIVATE KEY----- ", f"{PEM[0]}\n{'a' * 60}"),
)


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("tail", ["", *(" ", "\n", "\\", "1", "a", "-", "x: ", "\\n12\t> +")])
def test_twice_the_text_costs_twice_the_search_for_private_keys(unit: str, tail: str) -> None:
    """CPU time of a text and of one four times as long: a square would be sixteen times."""
    (shape,) = (one for one in secret_shapes.SHAPES if one.name == "private key")

    def cost(length: int) -> float:
        text = (unit + tail * 20) * (length // len(unit + tail * 20))
        text += PEM[0] + "\n" + tail * (length // max(len(tail), 1))
        best = 1e9
        for _ in range(3):
            before = time.process_time()
            for _ in shape.pattern.finditer(text):
                pass
            best = min(best, time.process_time() - before)
        return best

    assert cost(40_000) < 10 * cost(10_000) + 0.005


def in_base64(value: str, before: bytes, after: bytes) -> str:
    return base64.b64encode(before + value.encode() + after).decode()


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(VALUE)),
        json.dumps(VALUE).replace("/", "\\/"),
        urllib.parse.quote(VALUE),
        urllib.parse.quote(VALUE, safe=""),
        urllib.parse.quote_plus(VALUE),
        urllib.parse.quote(VALUE, safe="").replace("%2F", "%2f").replace("%C3%B6", "%c3%b6")
        .replace("%2B", "%2b"),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
    ],
)  # fmt: skip
def test_a_known_value_is_found_in_each_of_its_forms(form: str) -> None:
    masked = SecretRedactor([VALUE], shapes=False)(f"before {form} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert "[redacted]" in masked
    assert "p4ss" not in masked
    assert form[4:12] not in masked


@given(st.text(min_size=6, max_size=40), st.binary(max_size=7), st.binary(max_size=7))
def test_a_known_value_is_found_in_the_middle_of_base64(
    value: str, before: bytes, after: bytes
) -> None:
    """Also beside other text, such as a user's name in an Authorization header."""
    coded = in_base64(value, before, after)
    masked = SecretRedactor([value], shapes=False)(coded)
    assert "[redacted]" in masked
    left = masked.replace("[redacted]", "").rstrip("=")
    assert len(left) <= len(base64.b64encode(before)) + len(base64.b64encode(after)) + 4


@given(st.lists(st.text(min_size=6, max_size=20), max_size=3), st.text(max_size=60))
def test_masking_twice_is_masking_once(values: list[str], text: str) -> None:
    values = [value for value in values if value not in "[redacted]"]
    mask = SecretRedactor(values)
    text = text + "".join(values) + KEYS["JWT"]
    assert mask(mask(text)) == mask(text)
    assert not any(value in mask(text) for value in values if "[" not in value and "]" not in value)


def test_values_come_from_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", "correct horse")
    monkeypatch.delenv("NOT_SET", raising=False)
    mask = SecretRedactor(environment=("MY_PASSWORD", "NOT_SET"), mask="***")
    assert mask("a correct horse b") == "a *** b"
    assert "horse" not in repr(mask)


def test_what_would_mask_half_of_every_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PIN", "1234")
    with pytest.raises(ValueError, match="MY_PIN has fewer") as caught:
        SecretRedactor(environment=("MY_PIN",))
    assert "1234" not in str(caught.value)
    with pytest.raises(ValueError, match="a value has fewer"):
        SecretRedactor([""])
    with pytest.raises(TypeError, match="tuple"):
        SecretRedactor("a single text")


def test_hostile_texts_take_one_pass() -> None:
    mask = SecretRedactor([VALUE])
    pieces = ("sk-", "sk-a", "eyJa", "eyJaaaaaaaaa.", "://a:", "Bearer ", "xox", ":AA", "SG.a")
    begin = "-----BEGIN PRIVATE KEY-----\n"
    for piece in (*pieces, begin, begin + "A" * 64 + "\n", "a-" * 40, "sk-" + "a" * 99, "0" * 50):
        mask(piece * (200_000 // len(piece)))


def test_as_a_hook_of_a_store(tmp_path: Path) -> None:
    hook = SecretRedactor([VALUE])

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "s.a3s", redact=hook) as store:
            texts = (f"I use {KEYS['sk- key']}", f"and {VALUE}")
            await store.save(session(messages=tuple(map(Message.user, texts))))
            loaded = await store.load("fix-login")
            assert loaded is not None
            assert [message.text for message in loaded.messages] == [
                "I use [redacted]", "and [redacted]"
            ]  # fmt: skip

    asyncio.run(main())
