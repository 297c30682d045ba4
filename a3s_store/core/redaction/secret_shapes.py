"""Shapes by which keys are recognised in text: prefixes of providers, tokens, private keys.

Keys without a prefix (forty hex digits may be a commit as well) are not recognised: their values
are given to `SecretRedactor`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple


class Shape(NamedTuple):
    """A kind of key. A text without any of `hints` has none, which is quick to check.

    The secret is the group of the pattern, if it has one, otherwise the whole match.
    """

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def _shape(name: str, hints: str, pattern: str, *, alone: bool = True) -> Shape:
    # Before the key there is no letter or digit, except the letter of an escape of JSON.
    before = r"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt]))" if alone else ""
    return Shape(name, tuple(hints.split()), re.compile(before + pattern))


# The characters between two lines of a key: blanks, line ends, plain or escaped, and the characters
# that listings, quotes, diffs, comments and sources put around each line. Possessive, as all
# repetitions of the pattern, so that nothing is tried twice: a place where no key begins costs a
# bounded number of steps, and a key as many as it has characters.
_BREAK: Final = (
    r"(?:\s|\\{1,8}(?:[nrt]|u[0-9A-Fa-f]{4}|(?=\s))"
    # The name of a file and a number, as grep prints them.
    r"|(?<=[\nn])(?:[\w@/-]{0,60}+\.){1,4}+\w{1,10}+(?:[:-]\d{1,7})?[:-]"
    # The number of a line, and the characters after it.
    r"|\d{1,7}+(?![A-Za-z0-9+/=])|[>|+:;,)#*!~/\"'`\u2192\u2502]|\x1b\[[0-9;]{0,12}+m"
    r"|-(?!-{4}(?:BEGIN|END)))"
    r"{1,64}+"
)
# After the first line: in `grep "-----BEGIN PRIVATE KEY-----" /path/of/a/folder` no key follows.
_LINE_END: Final = r"(?=[^\w\\\n]{0,16}(?:\n|\\{1,8}[nr])|\s)"
_BASE64: Final = r"(?:[A-Za-z0-9+/=]|\\{1,3}/)"
# A character of a field such as `Proc-Type: 4,ENCRYPTED`.
_FIELD: Final = r"(?:[^\n\\\"]|\"(?!, ))"
_PRIVATE: Final = r"(?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----"

SHAPES: Final = (
    _shape("sk- key", "sk-", r"sk-(?=[A-Za-z_-]{0,100}[0-9])[A-Za-z0-9_-]{20,}"),
    _shape(
        "Stripe key", "_live_ _test_ whsec_", r"(?:[rsp]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}"
    ),
    _shape("GitHub token", "gh github_pat_", r"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})"),
    _shape("GitLab token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    _shape("AWS key id", "AKIA ASIA", r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("Slack token", "xox xapp-", r"(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}"),
    _shape("Slack webhook", "hooks.slack.com", r"hooks\.slack\.com/services/([A-Za-z0-9/]{20,})"),
    _shape("Google key", "AIza GOCSPX-", r"(?:AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{20,})"),
    _shape("Google token", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    _shape("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    _shape("npm token", "npm_", r"npm_[A-Za-z0-9]{36,}"),
    _shape("PyPI token", "pypi-", r"pypi-[A-Za-z0-9_-]{50,}"),
    _shape("provider key", "gsk_ xai- r8_", r"(?:gsk_|xai-|r8_)[A-Za-z0-9]{30,}"),
    _shape("SendGrid key", "SG.", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _shape("DigitalOcean token", "_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    _shape("Telegram token", ":AA", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    _shape("JWT", "eyJ", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    _shape(
        "private key",
        "PRIVATE",
        rf"-----BEGIN {_PRIVATE}(?:{_BREAK}[A-Za-z-]{{4,20}}+: {_FIELD}{{1,100}}+){{0,4}}+"
        rf"(?:{_LINE_END}{_BREAK}{_BASE64}{{16,}}+|{_BREAK}{_BASE64}{{40,}}+)"
        rf"(?:{_BREAK}{_BASE64}{{16,}}+)*+"
        rf"(?:{_BREAK}{_BASE64}{{1,16}}+)?+(?:{_BREAK}-----END {_PRIVATE})?+",
        alone=False,
    ),
    _shape(
        "bearer token",
        "earer EARER",
        r"(?:[Bb]earer|BEARER) {1,4}((?=[A-Za-z._~+/=-]{0,100}[0-9])[A-Za-z0-9._~+/=-]{20,})",
    ),
    _shape("password in an address", "://", r"://[^\s/?#\"'<>@:]*:([^\s/?#\"'<>@]+)@", alone=False),
)


class Found(NamedTuple):
    """A secret in a text: the name of its shape, and where it begins and ends."""

    name: str
    start: int
    end: int


def find(text: str) -> Iterator[Found]:
    """Yield the keys in a text, shape by shape; two may overlap."""
    for shape in SHAPES:
        if any(hint in text for hint in shape.hints):
            group = shape.pattern.groups
            for found in shape.pattern.finditer(text):
                yield Found(shape.name, *found.span(group))
