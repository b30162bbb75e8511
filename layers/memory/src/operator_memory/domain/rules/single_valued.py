"""Which of the rules' statements have one value at a time, and so what a new fact makes untrue.

A person lives in one place and has one favourite colour; a liking turns into its opposite. A fact is read as claims:
whose, which slot, which value. Two claims of one slot with different values cannot both hold. English, as the rules'
own facts are; what is in no row of the table contradicts nothing.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from operator_memory.domain.memory.quantities import numbers_of
from operator_memory.domain.memory.wording import Words, words_of
from operator_memory.domain.rules.text import conjugated
from operator_memory.domain.rules.vocabulary import PLAIN_VERBS
from operator_memory.domain.text import MONTHS


@dataclass(frozen=True, slots=True)
class Claim:
    """One value of one slot. ``whole``: the statement says nothing else. ``ended``: it has this value no more."""

    person: str
    slot: str
    value: frozenset[str]
    whole: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What a fact does to memories, by their index: ``replaces`` makes them untrue, ``same_as`` is the one that says
    the same, ``remains`` is what stays true of a replaced one."""

    replaces: tuple[int, ...] = ()
    same_as: int | None = None
    remains: Mapping[int, str] = field(default_factory=dict)


def change_by(fact: str, memories: Sequence[str], *, names: Collection[str] = ()) -> Change:
    """What ``fact`` does to ``memories``. ``names``: of the user, where a text has them in place of "User"."""
    fact = _of_user(fact, names)
    texts = [_of_user(text, names) for text in memories]
    replaced = [index for index, text in enumerate(texts) if contradicts(fact, text)]
    same = (index for index, text in enumerate(texts) if index not in replaced and repeats(fact, text))
    remains = {index: rest for index in replaced if (rest := _rest(fact, memories[index], names))}
    return Change(tuple(replaced), next(same, None), remains)


def contradicts(fact: str, older: str) -> bool:
    """Whether ``older`` cannot be true any more once ``fact`` is."""
    if _ADDS.search(fact):
        return False
    return any(_ousts(new, old) for new in _claims(fact) for old in _claims(older)) or _does_away(fact, older)


def _ousts(new: Claim, old: Claim) -> bool:
    if (new.person, new.slot) != (old.person, old.slot) or old.ended:
        return False
    alike = new.value <= old.value or old.value <= new.value
    return (alike and bool(old.value)) if new.ended else not alike


def _rest(fact: str, older: str, names: Collection[str]) -> str | None:
    """What ``fact`` leaves of a memory of several statements."""
    parts = _statements(older.rstrip(" ."))
    kept = [part for part in parts if not contradicts(fact, _of_user(part, names))]
    return f"{' and '.join(kept)}." if len(parts) > 1 and len(kept) == 1 else None


def _of_user(text: str, names: Collection[str]) -> str:
    text = " ".join(text.split())
    for name in names:
        if name and text.startswith(name) and not text[len(name) : len(name) + 1].isalnum():
            return f"User{text[len(name) :]}"
    return text


# ---- one statement ----------------------------------------------------------------------------------------------

_ADDS = re.compile(r"\b(?:also|as well|too|another|second|additionally|part-time|besides)\b", re.IGNORECASE)
_ADVERBS = re.compile(
    r",? from now on\b| (?:now|currently|just|recently|again|still|really|actually|always|usually|mostly|officially|finally|absolutely"
    r"|anymore|any more|instead|temporarily|permanently)(?= |$)"
)
_BRACKETS = re.compile(r" ?\([^()]*\)")
_VERBS = "|".join(
    (
        "is|are|was|has|goes|meets|reads|keeps|moved|relocated|started|joined|turned|got|became|had|does|did|cannot|will|wants|quit|left|sold",
        "lost|stopped|gave|cancelled|canceled|retired|divorced|married|no longer|never|asked|adopted|switched|resigned",
        *map(conjugated, PLAIN_VERBS.split("|")),
    )
)
_SUBJECT = re.compile(
    r"^(?:[Tt]he )?(?P<person>[\w-]+(?: [A-Z][\w-]+){0,2}(?:'s? [\w' &-]{1,60}?)?)"
    rf" (?P<predicate>(?:{_VERBS})\b.*)$"
)
_TAIL = (
    r"(?P<tail>(?:,| (?:since|last|next|this|today|yesterday|on|with|for|near|because|after|when|and|from|until|as|at"
    rf"|in (?:\d|[a-z]+ \d|(?i:{MONTHS})))\b).*)?$"
)
_COUNTS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_DIETS = r"vegan|vegetarian|pescatarian|flexitarian|omnivore|keto|paleo|carnivore"
_UNIONS = r"single|engaged|married|divorced|widowed|separated"

_SLOTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (slot, re.compile(rf"^{pattern}{_TAIL}"))
    for slot, pattern in (
        ("home", r"(?:lives|is living|resides|is based|has lived|settled|has settled) (?:in|at|near|on) (?P<value>.+?)"),
        ("home", r"(?:moved|has moved|relocated)(?: back| over)? (?:from .+? )?to (?P<value>.+?)"),
        ("role", r"works as (?:an? |the )?(?P<value>.+?)"),
        ("role", r"(?:was|got) promoted to (?P<value>.+?)"),
        ("employer", r"(?:works|is working|is employed) (?:at|for|with) (?P<value>.+?)"),
        ("employer", r"started (?:their|an?) (?:new )?(?:job|position|role) (?:at|with|for) (?P<value>.+?)"),
        ("employer", r"is (?:an? |the )?(?:[\w-]+ ){1,5}at (?P<value>.+?)"),
        ("diet", rf"(?:is|became|went|has been|has become|turned) (?:an? )?(?P<value>{_DIETS})"),
        ("union", rf"(?:is|got|was|became) (?P<value>{_UNIONS})(?: to .+?)?"),
        ("age", r"(?:is|turned) (?P<value>\d{1,3})(?: years old)?"),
        ("called", r"asked to be called (?P<value>.+?)"),
        ("language", r"asked (?:to )?(?:\w+ )?(?:answer|reply|respond|write|speak|talk)(?: to them| them| back)?(?: only)? in (?P<value>[A-Z]\w+)"),
    )
)  # fmt: skip
_COUNTED = re.compile(rf"^has (?P<value>\d+|{'|'.join(_COUNTS)}) (?P<what>\w+)$")
_PREFERS = re.compile(r"^prefers (?P<value>.+? ?(?P<what>[\w-]+))(?: (?:to|over|when|in|for|at|on|than|rather)\b.*)?$")
_WISH = re.compile(
    r"^asked (?:to (?P<no>stop |never |not )|(?P<never>not )to )?(?:to )?(?:always )?(?P<verb>\w+) (?P<rest>.+)$"
)
_KEPT = re.compile(r"^(?:the |their |all |your )*(?P<what>\w+)(?: to| under| at| below)? (?P<value>.+)$")
_DOES = re.compile(r"^(?P<no>(?:does not|did not|no longer|cannot|never) )?(?P<verb>\w+)(?P<rest>(?: \S.*)?)$")
_LIKES = {"love": True, "like": True, "enjoy": True, "adore": True, "hate": False, "dislike": False, "stand": True}
_ATTRIBUTE = re.compile(
    r"^(?P<person>.+?)'s? (?:(?:new|current|actual|main|own) )*(?P<what>[^']+?) (?:is|are|was|got)"
    r"(?: (?:now|actually|moved|changed|spelled|postponed|rescheduled|to|on|at))* (?P<value>.+)$"
)
_HAS_NEW = re.compile(r"^(?P<person>.+?) has (?:an? )?new (?P<what>[^:,]+)[:,] (?P<value>.+)$")
_NEGATED = re.compile(r"(?:no longer|does not|did not) ")
_MONTH = re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b")


@lru_cache(maxsize=4096)
def _claims(text: str) -> tuple[Claim, ...]:
    """The claims of a text; of a compound one those of its parts."""
    return tuple(claim for part in _statements(_plain(text)) for claim in _claims_of(part))


def _plain(text: str) -> str:
    return _ADVERBS.sub("", _BRACKETS.sub("", text.replace("\u2019", "'").rstrip(" .!")))


def _statements(text: str) -> list[str]:
    """ "User is single and lives alone" as two statements, where both can stand by themselves."""
    first, found, second = text.partition(" and ")
    match = _SUBJECT.match(first)
    if not found or match is None or " and " in second:
        return [text]
    person, verb = match["person"], match["predicate"].partition(" ")[0]
    if _SUBJECT.match(f"{person} {second}") and " " in second:
        return [first, f"{person} {second}"]
    return [first, f"{person} is {second}"] if verb == "is" else [text]


def _claims_of(text: str) -> Iterator[Claim]:
    match = _SUBJECT.match(text)
    if match is None:
        return
    person, predicate = match["person"].lower(), match["predicate"]
    negated = _NEGATED.match(predicate)
    positive = _positive(predicate) if negated else predicate
    for slot, pattern in _SLOTS:
        if found := pattern.match(positive):
            yield Claim(person, slot, _words(found["value"]), not found["tail"], ended=negated is not None)
    if found := _COUNTED.match(positive):
        yield Claim(person, f"number of {found['what']}", frozenset([found["value"]]), whole=True)
    if (found := _PREFERS.match(positive)) and " " in found["value"]:
        yield Claim(person, f"prefers {found['what']}", _words(found["value"]), whole=True)
    yield from _attribute(text)
    yield from _wish(person, predicate) if predicate.startswith("asked ") else _does(person, predicate)


def _positive(predicate: str) -> str:
    """ "no longer works at X" and "does not live in X" as "works at X" and "lives in X"."""
    rest = predicate.split(" ", 2)[2]
    verb, space, objects = rest.partition(" ")
    return f"{verb if verb.endswith('s') else conjugated(verb)}{space}{objects}"


def _attribute(text: str) -> Iterator[Claim]:
    """What a thing of somebody's is. Only a name, number or date excludes another, and a favourite always does."""
    found = _HAS_NEW.match(text) or _ATTRIBUTE.match(text)
    if found is None:
        return
    what, value = found["what"].lower(), found["value"]
    if not re.match(r"(?:favou?rite|name$)", what):
        kind = _kind(value)
        if kind is None:
            return
        what = f"{what}: {kind}"
    yield Claim(found["person"].lower(), what.replace("favorite", "favourite"), _words(value), whole=True)


def _kind(value: str) -> str | None:
    if _MONTH.search(value.lower()) or re.search(r"\b\d{4}-\d\d-\d\d\b", value):
        return "date"
    if numbers_of(value) or value.lower() in _COUNTS:
        return "number"
    return "name" if re.match(r"(?:called |named )?[A-Z]", value) else None


def _does(person: str, predicate: str) -> Iterator[Claim]:
    """That somebody does or does not do something: likings are of one kind, whatever the verb."""
    found = _DOES.match(predicate)
    if found is None or found["verb"] in ("is", "are", "was", "has", "asked", "will", "wants"):
        return
    verb = _stem(found["verb"])
    does = _LIKES.get(verb, True) is (found["no"] is None)
    objects = " ".join(sorted(_words(found["rest"])))
    if objects:
        yield Claim(person, f"{'like' if verb in _LIKES else verb} {objects}", frozenset([str(does)]), whole=True)


def _wish(person: str, predicate: str) -> Iterator[Claim]:
    """How the assistant is to work: the same thing done or not, or kept in another measure."""
    found = _WISH.match(predicate)
    if found is None:
        return
    no = (found["no"] or found["never"]) is not None
    verb = _stem(found["verb"].removesuffix("ing") + ("e" if found["verb"] == "using" else ""))
    yield Claim(person, f"asked {verb} {' '.join(sorted(_words(found['rest'])))}", frozenset([str(no)]), whole=True)
    if no:
        return
    if verb in ("keep", "make") and (kept := _KEPT.match(found["rest"])):
        yield Claim(person, f"asked keep {kept['what']}", _words(kept["value"]), whole=True)
    head = re.match(r"(?P<value>(?:[\w-]+ ){1,3}(?P<what>[\w-]+))$", found["rest"])
    if verb == "use" and head:
        yield Claim(person, f"asked use {head['what']}", _words(head["value"]), whole=True)


def _stem(verb: str) -> str:
    lowered = verb.lower()
    if lowered.endswith("ies"):
        return f"{lowered[:-3]}y"
    return lowered[:-2] if lowered.endswith(("shes", "ches", "sses", "xes", "oes")) else lowered.removesuffix("s")


_GRAMMAR = frozenset(
    ["a", "an", "the", "their", "his", "her", "its", "of", "to", "in", "at", "on", "for", "all", "very", "much"]
)


def _words(text: str) -> frozenset[str]:
    return frozenset({*words_of(text), *numbers_of(text)} - _GRAMMAR)


# ---- what ends without a new value ------------------------------------------------------------------------------

_NO_WORK = re.compile(r"^(?:quit|left|lost|resigned from) their (?:old )?job\b|^(?:is |has )?(?:retired|unemployed)\b")
_LEFT = re.compile(rf"^(?:quit|left|resigned from) (?P<value>[A-Z].*?){_TAIL}")
_OF_US = ("team", "company", "family", "household", "office", "department")  # "we" is told as "User"
_GAVE_UP = re.compile(
    r"^(?:sold|lost|cancelled|canceled|gave up|got rid of|stopped|quit|broke up with|left) (?:their |the |an? )?"
    r"(?P<verb>\w+ing\b ?)?(?P<what>.*)$"
)


def _does_away(fact: str, older: str) -> bool:
    """Whether ``fact`` ends what ``older`` says without putting anything in its place."""
    new, old = _SUBJECT.match(_plain(fact)), _SUBJECT.match(_plain(older))
    if new is None or old is None:
        return False
    person, predicate = new["person"].lower(), new["predicate"]
    work = [c for c in _claims(older) if c.slot in ("role", "employer") and c.person == person and not c.ended]
    if _NO_WORK.match(predicate):
        return bool(work)
    if (left := _LEFT.match(predicate)) and any(_words(left["value"]) <= claim.value for claim in work):
        return True
    given_up = _GAVE_UP.match(predicate)
    if given_up is None or _GAVE_UP.match(old["predicate"]) or _NEGATED.match(old["predicate"]):
        return False
    ended = _words(f"{_base_of(given_up['verb'])} {re.sub(f'{_TAIL}', '', given_up['what'], count=1)}")
    whose, _, thing = old["person"].lower().partition("'s ")
    mine = whose == person and (not thing or thing in _OF_US or bool(_words(thing) & ended))
    said = Words([older])
    stems = {_stem(word) for word in _words(older)}
    return mine and bool(ended) and all(word in stems or said.akin(word) for word in ended)


def _base_of(verb: str | None) -> str:
    """ "using" as "use", as far as spelling tells."""
    if not verb:
        return ""
    base = verb.strip().removesuffix("ing")
    known = PLAIN_VERBS.split("|")
    return next((word for word in (base, f"{base}e", base[:-1]) if word in known), base)


# ---- what says the same -----------------------------------------------------------------------------------------


def repeats(fact: str, older: str) -> bool:
    """Whether ``fact`` says nothing that ``older`` does not."""
    new, old = (re.findall(r"[^\s,;]+", _plain(text).casefold()) for text in (fact, older))
    if len(new) > 2 and new[:2] == old[:2] and set(numbers_of(fact)) <= set(numbers_of(older)):
        rest = iter(old)
        if all(word in rest for word in new):
            return True
    held = {(c.person, c.slot): c.value for c in _claims(older) if not c.ended}
    claims = _claims(fact)
    return bool(claims) and all(c.whole and not c.ended and held.get((c.person, c.slot)) == c.value for c in claims)
