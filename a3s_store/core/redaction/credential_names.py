"""The names under which configuration has credentials; all lists of words are in this module.

A name is compared by its words: `apiKey`, `API_KEY`, `x-api-key` and `openai.api.key` all end with
the words api, key. The end of a name decides: `token_count` is a count, `api_key_env` the name of a
variable. docs/secrets.md has the same lists.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import attrs

from a3s_store.errors import InvalidArgumentError

# Names that end with one of these words, also when it is part of a longer word.
SECRETS: Final = frozenset(
    {"password", "passwd", "passphrase", "passcode", "secret", "credential", "authorization"}
    | {"cookie", "apikey", "authtoken", "accesstoken", "refreshtoken", "sessiontoken", "apitoken"}
    | {"accesskey", "secretkey", "privatekey", "connectionstring"}
)
# The plurals: every text under such a name is a secret, whatever its own name.
MANY: Final = frozenset(f"{word}s" for word in SECRETS - {"authorization"})
# `X token` is a credential except for these X: from a model's vocabulary, counting, paging.
OTHER_TOKENS: Final = frozenset(
    {"bos", "cls", "eos", "mask", "pad", "sep", "special", "stop", "unk", "start", "end"}
    | {"first", "last", "max", "min", "per", "input", "output", "prompt", "completion", "image"}
    | {"next", "page", "continuation", "cursor", "sync", "cancel", "cancellation"}
)
# `X tokens` are credentials only for these X; otherwise it is a number of tokens.
TOKENS: Final = frozenset(
    {"access", "api", "auth", "bearer", "bot", "csrf", "id", "jwt", "oauth", "refresh", "session"}
)
# `X key` and `X keys` are credentials for these X; in headers and environments for every X except
# OTHER_KEYS.
KEYS: Final = frozenset(
    {"access", "account", "admin", "api", "auth", "client", "decryption", "deploy", "encryption"}
    | {"license", "master", "private", "secret", "service", "shared", "signing", "ssh", "storage"}
    | {"subscription", "webhook"}
    | {"anthropic", "aws", "azure", "cohere", "deepseek", "gemini", "github", "gitlab", "google"}
    | {"groq", "hf", "huggingface", "mistral", "openai", "openrouter", "replicate", "sendgrid"}
    | {"slack", "stripe", "together", "twilio", "xai"}
)
OTHER_KEYS: Final = frozenset(
    {"public", "primary", "foreign", "cache", "sort", "partition", "routing", "idempotency", "host"}
)
# Other endings of two words.
PAIRS: Final = frozenset(
    {("connection", "string"), ("connection", "str"), ("conn", "string"), ("conn", "str")}
    | {(of, word) for of in ("db", "user", "admin", "root", "smtp") for word in ("pass", "pwd")}
)
# Last words of names with several words, in headers and environments only.
IN_HEADERS: Final = frozenset({"pass", "pwd", "auth", "pat", "jwt"})
# Parameters of an address, beside the names above.
IN_ADDRESSES: Final = frozenset({"key", "sig", "signature", "auth", "jwt", "pwd", "pass"})
# Objects and lists with such a last word are headers or an environment.
HEADERS: Final = frozenset(
    {"header", "headers", "env", "envs", "environ", "environment", "envvars", "dotenv"}
    | {"environmentvariables"}
)
# Before `vars` or `variables`: the same.
ENVIRONMENTS: Final = frozenset({"env", "environ", "environment"})
# Last words that are ignored: the encoding of a value, or which of several it is.
_QUALIFIERS: Final = frozenset(
    {"value", "raw", "plain", "plaintext", "text", "data", "pem", "base64", "b64", "hex"}
    | {"live", "prod", "production", "dev", "staging", "test", "default"}
)
# First words of settings.
_FLAGS: Final = frozenset(
    {"no", "use", "with", "without", "skip", "enable", "disable", "require", "requires", "has"}
    | {"is", "needs", "allow", "show", "hide"}
)
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")
_NUMBER: Final = re.compile(r"v?\d+")
# Longer keys of an object are not names.
_LONGEST: Final = 200


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: `xApiKey` and `X-API-KEY` have the same three."""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    return tuple(word.lower() for word in _WORDS.findall(name[:_LONGEST]))


class Match(NamedTuple):
    """The match of a name with those of credentials.

    `many`: all texts in the value are credentials. `numbers`: a number is a credential, too.
    """

    many: bool = False
    numbers: bool = True


_ONE: Final = Match()
_TOKEN: Final = Match(numbers=False)
_SEVERAL: Final = Match(many=True, numbers=False)


def _as_words(names: Iterable[str]) -> frozenset[tuple[str, ...]]:
    if isinstance(names, str):
        raise InvalidArgumentError(
            "expected several names, found one str",
            op="CredentialNames",
            hint="Give a tuple: ('pin',)",
        )
    return frozenset(map(words, names))


@attrs.frozen(kw_only=True)
class CredentialNames:
    """The names of configuration values that are credentials.

    `add` are names in addition to the built-in ones; `allow` are names whose values are stored,
    even if `add` or a built-in rule has them. Both compare whole names by their words: `"pin"` is
    not `"pin_code"`, `"authToken"` is also `"auth_token"`.

    Raises:
        InvalidArgumentError: `add` or `allow` is a str, not several names.
    """

    add: frozenset[tuple[str, ...]] = attrs.field(default=(), converter=_as_words)
    allow: frozenset[tuple[str, ...]] = attrs.field(default=(), converter=_as_words)

    def match(self, name: Any, *, headers: bool = False) -> Match | None:
        """Return the match of a name, or None for a name that is not of a credential.

        `headers`: the name is in headers or in an environment.
        """
        if not isinstance(name, str):
            return None
        found = words(name)
        if not found or found in self.allow:
            return None
        return _ONE if found in self.add else _built_in(found, headers)

    def allows(self, name: Any) -> bool:
        """Return whether `allow` has this name."""
        return isinstance(name, str) and words(name) in self.allow

    def in_address(self, name: str) -> bool:
        """Return whether a parameter of this name in an address is a credential."""
        if self.match(name, headers=True) is not None:
            return True
        found = words(name)
        return bool(found) and found[-1] in IN_ADDRESSES and found not in self.allow


def is_headers(name: Any) -> bool:
    """Return whether an object or list of this name has headers or environment variables."""
    found = words(name) if isinstance(name, str) else ()
    if len(found) > 1 and found[-1] in ("vars", "variables"):
        return found[-2] in ENVIRONMENTS
    return bool(found) and found[-1] in HEADERS


@functools.lru_cache(maxsize=4096)
def _built_in(found: tuple[str, ...], headers: bool) -> Match | None:
    while len(found) > 1 and (found[-1] in _QUALIFIERS or _NUMBER.fullmatch(found[-1])):
        found = found[:-1]
    last = found[-1]
    before = found[-2] if len(found) > 1 else ""
    if found[0] in _FLAGS and before:
        return None
    if last == "token":
        return None if before in OTHER_TOKENS else _TOKEN
    if last == "tokens":
        return _SEVERAL if before in TOKENS else None
    if last in ("key", "keys"):
        named = before in KEYS or (headers and bool(before) and before not in OTHER_KEYS)
        return (_ONE if last == "key" else _SEVERAL) if named else None
    if (before, last) in PAIRS or last.endswith(tuple(SECRETS)):
        return _ONE
    if last.endswith(tuple(MANY)):
        return _SEVERAL
    # PWD and OLDPWD are folders.
    return _ONE if headers and before and before != "old" and last in IN_HEADERS else None
