"""Texts that no memory may be: what says nothing, and what tries to command whoever reads it. Pure, linear in length.

A memory is data about a person or about how they want to be served. A text that would change the reader's rules, hide
things, lead data away, run something or speak for other users is not, whoever wrote it; it waits for a person.
"""

import re

from operator_memory.domain.characters import hides_something, without_ignored
from operator_memory.domain.shared.screening_patterns import REASONS, TRIVIAL, WHO_SAID
from operator_memory.domain.text import bare, without_look_alikes, word_set, words

COMMAND = "instruction_like"
"""Why something waits for a person, or is withheld: it reads like a command."""

# ---- instruction-like -------------------------------------------------------------------------------------------

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{60,}={0,2}")
_DIGIT_LETTERS = str.maketrans("013457@$!", "oieastasi")
_SPELT_WITH_DIGITS = re.compile(r"[a-z][013457@$!]{1,2}[a-z]|\b[013457@$]{1,2}[a-z]{2}")
_SPACES = re.compile(r"[^\S\n]+")
# What code and transcripts look like. A context has every memory on one line, where these do nothing.
_SHOWN = re.compile(
    r"`{3,}|~{3,}|\{[{%#]|[}%#]\}|[$#]\{|^[ \t]*#{1,6}(?=[ \t])|^[ \t]*(?:user|assistant|human)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


def command_reason(text: str) -> str | None:
    """Why ``text`` may not be remembered because it reads like a command, or ``None`` if it does not.

    Returns:
        One of ``escapes_fence``, ``encoded_payload``, ``changes_rules``, ``claims_authority``,
        ``affects_others``, ``hides_from_user``, ``sends_data_away``, ``runs_tools`` and ``adds_links``.
    """
    if hides_something(text) or _holds_base64(text):
        return "encoded_payload"
    plain = _plain(text)
    spellings = [plain]
    if _SPELT_WITH_DIGITS.search(plain):
        spellings.append(plain.translate(_DIGIT_LETTERS))
    for reason, pattern in REASONS:
        if any(pattern.search(spelling) for spelling in spellings):
            return reason
    return None


def turn_reason(text: str) -> str | None:
    """Why other sessions may not recall a turn that says ``text``, or ``None``: as `command_reason`.

    People talk about code: its fences, placeholders and headings count only in what is to become a memory of its own.
    """
    return command_reason(_SHOWN.sub(" ", text))


def _plain(text: str) -> str:
    """``text`` without case, hidden characters, marks and look-alikes; line breaks stay."""
    return _SPACES.sub(" ", without_look_alikes(bare(without_ignored(text)[0]))).strip()


def _holds_base64(text: str) -> bool:
    """Whether a run of 60 or more characters mixes cases and digits as encoded text does (words and paths do not)."""
    return any(
        re.search("[a-z]", run) and re.search("[A-Z]", run) and re.search("[0-9]", run) for run in _BASE64.findall(text)
    )


# ---- trivial ----------------------------------------------------------------------------------------------------

_FILLER = word_set(
    "hi hello hey hiya greetings good morning afternoon evening night day bye goodbye see you later soon "
    "welcome thanks thank thx ty much so very a lot many please ok okay k yes yeah yep yup no nope sure right "
    "alright fine great cool nice perfect awesome lovely wonderful got it understood exactly indeed maybe hmm "
    "hm uh um oh ah wow lol haha sorry none nothing null nil na unknown test testing the there everyone again "
    "all well for help your how are doing today is that what up this an and to i n hallo guten tag morgen "
    "abend gute nacht moin servus tschuss danke schon sehr vielen dank bitte ja nein genau hola buenos buenas "
    "dias tardes noches adios gracias muchas por favor si vale claro de nada que tal bonjour bonsoir salut "
    "coucou au revoir merci beaucoup oui non bien sur d accord s il vous plait te ola bom dia boa tarde noite "
    "tchau obrigado obrigada muito sim nao ciao buongiorno grazie prego"
)
_MAX_TRIVIAL_WORDS = 16


def is_trivial(text: str) -> bool:
    """Whether ``text`` says nothing worth remembering.

    Greetings, thanks, bare filler and sentences about the conversation itself ("User asked a question", "The
    assistant will help") say nothing; a short fact ("User is vegan.") does.
    """
    said = words(_plain(text))
    if len(said) > _MAX_TRIVIAL_WORDS:
        return False
    sentence = " ".join(said)
    return TRIVIAL.fullmatch(sentence) is not None or _FILLER.issuperset(WHO_SAID.sub("", sentence).split())
