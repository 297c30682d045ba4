"""The JSON codec: attrs values to JSON and back, exactly as upstream's serde writes and reads it.

The package has the rules and no model. The JSON form of a field is declared beside the field
(`rules.field`), its permitted values by its annotation (`kinds`); `python -m tools.generate` writes
the functions of each class from both (`codec`). `text` reads and writes JSON text, `values` freezes
opaque JSON, `numbers` formats floats, `timestamp` normalises RFC 3339 times.

Reading is text -> parse -> decode -> value; writing is value -> encode -> compact, pretty or
canonical.
"""

from a3s_store.wire.annotations import F32, I32, I64, U32, U64, Timestamp, USize, Value, later
from a3s_store.wire.codec import (
    Codec,
    codec_for,
    decode,
    decode_many,
    encode,
    encode_without,
)
from a3s_store.wire.limits import DEFAULT_LIMITS, Limits
from a3s_store.wire.model_kinds import Wired
from a3s_store.wire.rules import Model, dropped_field, evolved, field, model
from a3s_store.wire.text import (
    canonical,
    check_opaque,
    check_size,
    compact,
    own_text,
    parse,
    parse_each,
    parse_own,
    pretty,
    row_text,
)
from a3s_store.wire.timestamp import timestamp_of
from a3s_store.wire.values import (
    EMPTY,
    FrozenDict,
    FrozenList,
    Json,
    UnknownVariant,
    freeze,
    thaw,
)

__all__ = [
    "DEFAULT_LIMITS",
    "EMPTY",
    "F32",
    "I32",
    "I64",
    "U32",
    "U64",
    "Codec",
    "FrozenDict",
    "FrozenList",
    "Json",
    "Limits",
    "Model",
    "Timestamp",
    "USize",
    "UnknownVariant",
    "Value",
    "Wired",
    "canonical",
    "check_opaque",
    "check_size",
    "codec_for",
    "compact",
    "decode",
    "decode_many",
    "dropped_field",
    "encode",
    "encode_without",
    "evolved",
    "field",
    "freeze",
    "later",
    "model",
    "own_text",
    "parse",
    "parse_each",
    "parse_own",
    "pretty",
    "row_text",
    "thaw",
    "timestamp_of",
]
