"""Names by which people introduce themselves, and which name a fact says the user has.

English, German, Spanish, French and Portuguese.
"""

import re

from operator_memory.domain.rules.text import sentences

_PART = r"[A-Z\u00c0-\u00de](?:[\w'-]*\w|\.)?(?!'\w)"
_PARTICLE = r"(?:de|del|della|da|do|dos|das|di|van|von|der|den|la|le|bin|al|el)"
NAME = re.compile(rf"{_PART}(?: (?:{_PARTICLE} )*{_PART}){{0,3}}")
"""A name at the place where it is looked for, with capitals."""

_ORIGIN = re.compile(r"\w+(?:ese|ish|nch|tch|ian|ean|can|man)$|(?:Greek|Swiss|Thai|Czech|Arab|Muslim|Catholic|Hindu|Buddhist|Sikh)$")  # fmt: skip

_INTRODUCED = re.compile(
    r"\bmy (?:(?:full|first|last|real|own) )?name(?:'s| is)(?: spelled)?"
    r"|(?:^|[,;:!] |\band )(?:hi |hello |hey )?(?:i'm|i am)(?: called| named)?"
    r"|^(?:hi|hello|hey)[, !]+(?:it's|this is)|\b(?:i go by|calls? me|i was named)"
    r"|\bich hei(?:\u00dfe|sse)|\bmein name ist|\b(?:nenn(?:t|en sie)?) mich|^ich bin(?: (?:der|die))?"
    r"|\bme llamo|\bmi nombre es|^(?:yo )?soy|\bll\u00e1m[ae]me"
    r"|\bje m'appelle|\bje me nomme|\bmon nom est|^(?:moi,? )?(?:je suis|c'est)|\bappell?e[sz]?-moi"
    r"|\bmeu nome \u00e9|\bo meu nome \u00e9|\bme chamo|\bchamo-me|^(?:eu )?sou(?: [ao])?|\bchame-me|\bme chame(?: de)?",
    re.IGNORECASE,
)
_SAID_NAME = re.compile(r"[ :]+(?P<name>[^,.;:!?()\"]{2,60})")
_NOT_SAID_OF_ONESELF = re.compile(
    r"[\"\u201c\u201e\u00ab]|\b(?:suppose|imagine|pretend|if|said|says|wrote)\b", re.IGNORECASE
)

_USER = r"(?:(?:the|der|die|el|la|o|a|l')? ?(?:user|utente|nutzer(?:in)?|benutzer(?:in)?|usu[a\u00e1]ri[oa]|utilisateur|utilisatrice|utilizadora?)s?)"
_CLAIMED = re.compile(
    rf"^(?:the )?user(?:'s| has the) (?:(?:full|first|last|given|real|own) )?name (?:is(?: spelled)? )?"
    rf"|^{_USER} (?:(?:is|was|wants to be|prefers to be|likes to be|asked to be) (?:called|named|known as|addressed as)"
    r"|goes by|introduced (?:them|him|her)sel(?:f|ves) as|hei(?:\u00dft|sst)|se llama|s'appelle|se nomme|se chama|chama-se) "
    rf"|^(?:der name (?:des|der)|el nombre (?:del|de la)|le nom de(?: la)?|o nome d[oa]) ?{_USER} (?:ist|es|est|\u00e9) ",
    re.IGNORECASE,
)


def is_origin(word: str) -> bool:
    """Whether a word with a capital may say where somebody comes from or what they believe, and be no name."""
    return _ORIGIN.match(word) is not None


def introduced_names(text: str) -> set[str]:
    """The names by which the speaker introduces themself in ``text``, as written.

    It rather finds one too many ("I'm Italian") than one too few: what is looked up here are names.
    """
    found = set()
    for sentence in sentences(text):
        if _NOT_SAID_OF_ONESELF.search(sentence.text):
            continue
        for match in _INTRODUCED.finditer(sentence.text):
            said = _SAID_NAME.match(sentence.text, match.end())
            if said and (name := _name_at(said["name"], spelled_out="name" in match[0].lower())):
                found.add(name)
    return found


def _name_at(words: str, *, spelled_out: bool) -> str | None:
    """The name that ``words`` begin with. Without capitals only where "name" itself is said."""
    if match := NAME.match(words):
        return None if match[0].endswith("'s") else match[0]
    return words.partition(" ")[0] if spelled_out and words.split(" ")[1:2] in ([], ["and"]) else None


def name_claimed(fact: str) -> str | None:
    """The name that ``fact`` says the user has, or ``None`` if it is about something else."""
    plain = fact.replace("\u2019", "'")
    match = _CLAIMED.match(plain)
    name = NAME.match(plain, match.end()) if match else None
    return name[0] if name else None
