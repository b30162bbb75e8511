"""Takes secrets out of what was said: port ``Redactor`` on the Kingfisher scanner and rules for conversation.

The scanner knows some five hundred vendors' formats but is made for source code; ``secret_formats`` and
``said_secrets`` know what people paste and say. See docs/adr/0013. All of it runs in process: no network, no file.
"""

import re
import threading
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain

from kingfisher_sdk import Rules, Scanner

from operator_memory.adapters.secrets.formats import Found, secrets_by_form
from operator_memory.adapters.secrets.spoken import said_secrets
from operator_memory.domain.characters import without_ignored
from operator_memory.domain.conversation import MAX_MESSAGE_CHARACTERS, Redacted
from operator_memory.domain.errors import TooLargeToRedactError

KINDS = ("private_key", "card_number", "api_key", "token", "password")
_MARKER = re.compile(rf"\[redacted: (?:{'|'.join(KINDS)})\]")
_NOT_REDACTED = re.compile(r"[^\0]+")
_WORD = re.compile(r"\w")
_MAX_PASSES = 8
"""A redaction can uncover the next secret; in practice the second pass finds nothing."""

# The scanner expects a token to end where one ends in code. In a sentence a full stop or a bracket follows.
_PUNCTUATION = re.compile(r"[^\x00-\x7f]|[.,;:!?)\]}>*|_~]{1,8}(?!\S)|(?<!\S)[(\[{<*_~]{1,8}")
# What only names an account or a place opens nothing.
_NO_SECRET = re.compile(
    r"(?:-id|-key-id|-host|-domain|-name|-username|-address|-public-key|-pub-key|-pub-api-key|(?<!webhook)-url)(?:\.\d+)?$"
)
_TOKEN = re.compile(r"token|[-.]pat\b|pat-|jwt|webhook|oauth|bearer|session|auth-header")
_PASSWORD = re.compile(r"password|credential-uri|connection-string|auth-user|passphrase")
_PLAIN_FORMS = re.compile(r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]|(?![0-9])\d")  # one character each
_building = threading.Lock()


class SecretRedactor:
    """Port ``Redactor``. Costs nothing to make: the scanner is compiled at the first text, once a process."""

    def redact(self, text: str) -> Redacted:
        """See the port. Linear time: about 10 ms for 20,000 characters, after the first call's 2.5 s."""
        if len(text) > MAX_MESSAGE_CHARACTERS:
            raise TooLargeToRedactError(len(text), MAX_MESSAGE_CHARACTERS)
        counts: Counter[str] = Counter()
        for _ in range(_MAX_PASSES):
            secrets = _merged(_secrets(text))
            if not secrets:
                break
            counts.update(secret.kind for secret in secrets)
            text = _replaced(text, secrets)
        return Redacted(text, dict(counts))


def _secrets(text: str) -> Iterator[Found]:
    """Every secret of ``text``, in any order; they may overlap. It is read as a person sees it: without what is
    invisible, and full-width letters and other scripts' digits as plain ones.
    """
    seen = text if text.isascii() else _PLAIN_FORMS.sub(_plain_form, text)
    visible, places = without_ignored(seen)
    for found in _visible_secrets(visible):
        yield found if places is None else Found(places[found.start], places[found.end - 1] + 1, found.kind)


def _plain_form(match: re.Match[str]) -> str:
    digit = unicodedata.decimal(match[0], None)
    return unicodedata.normalize("NFKC", match[0]) if digit is None else str(digit)


def _visible_secrets(text: str) -> Iterator[Found]:
    """The secrets of a text without oddities. What was redacted before is left out of them."""
    text = _MARKER.sub(lambda marker: "\0" * len(marker[0]), text)
    ours = list(chain(secrets_by_form(text), said_secrets(text)))
    # Of an address with a password in it only the password goes; the host may be worth remembering.
    passwords = sorted(found.start for found in ours if found.kind == "password")
    scanned = (
        found
        for found in _scanned(text)
        if found.kind != "password" or bisect_left(passwords, found.start) == bisect_left(passwords, found.end)
    )
    for found in chain(ours, scanned):
        for piece in _NOT_REDACTED.finditer(text, found.start, found.end):
            if _WORD.search(text, *piece.span()):
                yield Found(*piece.span(), found.kind)


def _scanned(text: str) -> Iterator[Found]:
    """What the scanner finds. It sees one byte for each character, so that its offsets are ours."""
    text = text.replace("\0", " ")  # it would take a text of many zeros for UTF-16
    plain = text.encode("ascii", "replace")
    spaced = _PUNCTUATION.sub(lambda match: " " * len(match[0]), text).encode("ascii", "replace")
    scanner = _scanner()
    for finding in chain(scanner.scan(plain), scanner.scan(spaced)):
        if finding.visible and not _NO_SECRET.search(finding.rule_id):
            place = finding.location
            yield Found(place["start_offset"], place["end_offset"], _kind(finding.rule_id))


def _scanner() -> Scanner:
    with _building:
        return _built_scanner()


@cache
def _built_scanner() -> Scanner:
    # Without its caches: it would write compiled rules to the disk, and it must not remember what it saw.
    return Scanner(Rules(cache=False), base64=False, dedup=False, redact=True)


def _kind(rule_id: str) -> str:
    if "private-key" in rule_id:
        return "private_key"
    if _PASSWORD.search(rule_id):
        return "password"
    return "token" if _TOKEN.search(rule_id) else "api_key"


def _merged(secrets: Iterable[Found]) -> list[Found]:
    """In order, overlapping ones made one. The longest gives the kind; of equal ones the rarer kind."""
    merged: list[Found] = []
    best = 0
    for found in sorted(secrets, key=lambda f: (f.start, -f.end, KINDS.index(f.kind))):
        length = found.end - found.start
        if not merged or found.start >= merged[-1].end:
            merged.append(found)
            best = length
            continue
        kind = found.kind if length > best else merged[-1].kind
        merged[-1] = Found(merged[-1].start, max(merged[-1].end, found.end), kind)
        best = max(best, length)
    return merged


def _replaced(text: str, secrets: Iterable[Found]) -> str:
    parts: list[str] = []
    position = 0
    for secret in secrets:
        parts += text[position : secret.start], f"[redacted: {secret.kind}]"
        position = secret.end
    return "".join([*parts, text[position:]])
