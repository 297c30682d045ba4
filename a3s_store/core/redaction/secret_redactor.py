"""A ready function for `redact=`: masks known values, and keys of known shapes."""

from __future__ import annotations

import base64
import json
import os
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Final

from a3s_store.core.redaction import secret_shapes
from a3s_store.errors import InvalidArgumentError

MASK: Final = "[redacted]"
# A shorter value would be found in ordinary words.
_SHORTEST: Final = 6


class SecretRedactor:
    """A function that masks secrets in a text; pass an instance as `redact=` of `open()`.

    `values` are texts to mask; so are the present values of the environment variables in
    `environment` (a variable that is not set is ignored). Each is found in plain text, in base64
    (also inside a longer one), URL-encoded and escaped in JSON. With `shapes`, keys of common
    shapes are masked as well, such as `sk-...`, `ghp_...`, `AKIA...`, JSON web tokens and private
    keys: see `secret_shapes`. A part of a secret is not found.

    Equal texts are masked alike, and masking twice changes nothing more. The `repr` shows no value.

    Raises:
        InvalidArgumentError: a value has fewer than 6 characters (the error has the name of the
            variable, not the value), or `values` or `environment` is a str, not several.
    """

    def __init__(
        self,
        values: Iterable[str] = (),
        *,
        environment: Iterable[str] = (),
        shapes: bool = True,
        mask: str = MASK,
    ) -> None:
        if isinstance(values, str) or isinstance(environment, str):
            raise InvalidArgumentError(
                "expected several texts, found one str",
                argument="values" if isinstance(values, str) else "environment",
                op="SecretRedactor",
                hint="Give a tuple: ('NAME',)",
            )
        known = dict.fromkeys(values, "a value")
        known |= {value: name for name in environment if (value := os.environ.get(name))}
        for value, name in known.items():
            if len(value) < _SHORTEST:
                raise InvalidArgumentError(
                    f"{name} has fewer than {_SHORTEST} characters, too few to be masked safely",
                    argument="values" if name == "a value" else "environment",
                    op="SecretRedactor",
                    hint="Leave it out, or choose a longer secret",
                )
        forms = {form for value in known for form in _forms(value)}
        # The longest first, since one form may contain another.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._shapes = shapes
        self._mask = mask
        self._count = len(known)

    def __repr__(self) -> str:
        return f"<SecretRedactor of {self._count} values{' and shapes' if self._shapes else ''}>"

    def __call__(self, text: str) -> str:
        """Return the text with a mask in place of each secret; the text itself if it has none."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, self._mask)
        return self._without_shapes(text) if self._shapes else text

    def _without_shapes(self, text: str) -> str:
        places: list[tuple[int, int]] = []
        for start, end in sorted((one.start, one.end) for one in secret_shapes.find(text)):
            if places and start < places[-1][1]:
                places[-1] = (places[-1][0], max(end, places[-1][1]))
            elif text[start:end] != self._mask:
                places.append((start, end))
        for start, end in reversed(places):
            text = text[:start] + self._mask + text[end:]
        return text


def _forms(value: str) -> Iterator[str]:
    """Yield the encodings in which a value may be written."""
    yield value
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield from (once, once.replace("/", "\\/"), json.dumps(once)[1:-1])
    for safe in ("", "/"):
        quoted = urllib.parse.quote(value, safe=safe)
        yield from (quoted, quoted.replace("%20", "+"), _lower(quoted))
    data = value.encode("utf-8", "surrogatepass")
    for before in range(3):
        # The characters that depend on the value alone, whatever bytes are around it.
        bits = 8 * (before + len(data))
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + data).decode("ascii")
            yield text[-(-8 * before // 6) : bits // 6]


def _lower(quoted: str) -> str:
    parts = quoted.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])
