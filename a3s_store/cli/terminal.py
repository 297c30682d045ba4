"""What may reach a terminal: stored text is somebody else's, and an escape sequence is a command.

A text written by a model, or read by one from the web, can hold sequences that rename windows,
write to the clipboard or hide what follows. So control characters are shown, not sent.
"""

from __future__ import annotations

import re
from typing import Final

# C0 but for tab and newline, DEL, C1, and the marks that reorder what stands around them.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_BEYOND_JSON: Final = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")


def clean(text: str) -> str:
    """The text with its control characters written out, as in Python: ESC becomes \\x1b."""
    return _CONTROLS.sub(_written_out, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The same on one line: newlines and tabs are written out too."""
    return clean(text).replace("\n", "\\n").replace("\t", "\\t")


def json_safe(text: str) -> str:
    """A JSON text that means the same, without the controls JSON lets stand as they are."""
    return _BEYOND_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
