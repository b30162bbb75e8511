"""Whether a new memory says the same as an existing one, replaces it, or neither. Pure.

How it decides, so that nothing is lost by mistake:

- SAME: word for word after folding (``meaning_words``), or the same slots with the same values, or almost equal
  vectors of long texts of which one has a word or two more, none of them a number, a name, a negation or a word of
  contrast. In shorter texts an addition must be filler: "User likes green tea" is not "User likes tea", both are kept.
- REPLACES: every statement of the old memory is either repeated or contradicted by the new one, and at least one is
  contradicted. An old memory that also says something else stays, since archiving it would lose that.
  Contradicted is a single-valued slot with another value (``slots``), the same words with other polarity, or the same
  state with other numbers. More specific is no contradiction ("Berlin" and "Berlin, Germany").
- The past ("used to", "until 2019", "moved to Rome in 2015") replaces nothing and is replaced by nothing; wishes,
  plans and possibilities fill no slot.
- A model's proposal that the new replaces the old is believed if both have the same subject and either a slot or
  most of their topic in common.

Slots, synonyms and stems are English. In other languages only spelling is folded.
"""

import re
from enum import StrEnum

from operator_memory.domain.learning.meaning_words import (
    MAX_COMPARED,
    content,
    names,
    negations,
    numbers,
    plain,
    reworded,
    stem,
    words,
)
from operator_memory.domain.learning.slots import Statement, statements
from operator_memory.domain.learning.slots_people import MANY


class Relation(StrEnum):
    """What a new memory is to an existing one."""

    SAME = "same"
    REPLACES = "replaces"
    NEITHER = "neither"


def relate(new: str, old: str, *, similarity: float, proposed: bool = False) -> Relation:
    """What ``new`` is to ``old``, which is the earlier one. ``similarity``: the cosine of their embeddings, -1..1.

    ``proposed``: the language model said that ``new`` replaces ``old``. SAME is symmetric and does not depend on it.
    """
    if new == old:
        return Relation.SAME
    if max(len(new), len(old)) > MAX_COMPARED:  # no fact is as long: only the very same text is the same
        return Relation.SAME if new.casefold().split() == old.casefold().split() else Relation.NEITHER
    found_new, found_old = statements(new), statements(old)
    if _same(new, old, found_new, found_old) or _paraphrase(new, old, similarity):
        return Relation.SAME
    if _replaces(found_new, found_old) or (proposed and _plausible(found_new, found_old, similarity)):
        return Relation.REPLACES
    return Relation.NEITHER


def _folded(raw: str) -> frozenset[str]:
    return frozenset(word for single in raw.split() for word in content(single))


# ---- the same ---------------------------------------------------------------------------------------------------


def _same(new: str, old: str, found_new: list[Statement], found_old: list[Statement]) -> bool:
    plain_new, plain_old = plain(new), plain(old)
    if not _names_agree(new, old, plain_new, plain_old):
        return False
    said_new, said_old = content(reworded(plain_new)), content(reworded(plain_old))
    if said_new == said_old:
        return bool(said_new)
    return bool(found_new) and sorted(map(_key, found_new)) == sorted(map(_key, found_old))


def _key(statement: Statement) -> tuple[object, ...]:
    if statement.slot:
        about, value, rest = statement.about, statement.value, statement.rest
        return (statement.slot, about, value, rest, statement.history, statement.ended)
    return ("", statement.said, (), (), statement.history, False)


def _names_agree(new: str, old: str, plain_new: str, plain_old: str) -> bool:
    """Stems must not make one of Jan and Jane: what either text writes as a name stands in the other as it is."""
    words_new, words_old = words(reworded(plain_new)), words(reworded(plain_old))
    first_new, first_old = "".join(words_new[:1]), "".join(words_old[:1])
    if first_new != first_old and stem(first_new) == stem(first_old):
        return False
    return names(new) <= {*words_old, *words(plain_old)} and names(old) <= {*words_new, *words(plain_new)}


LONG = 8
"""Words of content from which a text's vector says enough about it to let one text have a word or two more."""
ALMOST_EQUAL = 0.95
"""Cosine of such texts. It never excuses another word: all-MiniLM-L6-v2 gives 0.98 to "failed" and "succeeded" in a
long sentence, 0.99 to "better" and "worse", more than to most honest paraphrases."""
_LOOSE = """of their his her them they user 's there all both hers theirs on in at it its well regularly
el la los las un una le les l un une des du der die das den dem des ein eine einen einem"""
_LOOSE_WORDS = frozenset(_LOOSE.split())
_CONTRASTS = """monday tuesday wednesday thursday friday saturday sunday january february march april may june july
august september october november december spring summer autumn fall winter morning afternoon evening night noon
before after first last next previous older younger old new big small left right north south east west up down
brother sister son daughter mother father wife husband uncle aunt cousin friend boss grandmother grandfather
black white red green blue yellow brown pink orange purple grey hot cold early late more less most least only
daily weekly monthly yearly from to with without in out over under above below inside outside day week month year
buy sell open close win lose arrive leave start begin stop end finish love hate like dislike borrow lend son cat dog
best worst good bad high low long short always sometimes often rarely every other can must may should will would"""
_CONTRASTING = _folded(_CONTRASTS)


def _paraphrase(new: str, old: str, similarity: float) -> bool:
    if similarity < ALMOST_EQUAL:
        return False
    plain_new, plain_old = plain(new), plain(old)
    if numbers(plain_new) != numbers(plain_old) or negations(plain_new) != negations(plain_old):
        return False
    said_new, said_old = content(reworded(plain_new)), content(reworded(plain_old))
    if not _names_agree(new, old, plain_new, plain_old) or not _same_order(said_new, said_old):
        return False
    only_new, only_old = set(said_new) - set(said_old), set(said_old) - set(said_new)
    if (only_new | only_old) <= _LOOSE_WORDS:
        return True
    if (only_new | only_old) & _CONTRASTING or min(len(said_new), len(said_old)) < LONG:
        return False
    return not (only_new and only_old) and len(only_new | only_old) <= 1 + min(len(said_new), len(said_old)) // 12


def _same_order(said_new: tuple[str, ...], said_old: tuple[str, ...]) -> bool:
    """Whether the shared words come in the same order: "from Berlin to Oslo" is not "from Oslo to Berlin"."""
    shared = set(said_new) & set(said_old) - _LOOSE_WORDS
    return [word for word in said_new if word in shared] == [word for word in said_old if word in shared]


# ---- replaced ---------------------------------------------------------------------------------------------------


def _replaces(new: list[Statement], old: list[Statement]) -> bool:
    """Whether each old statement is repeated or contradicted, and at least one contradicted."""
    contradicted = [any(_contradicts(n, o) for n in new) for o in old]
    repeated = [any(_key(n) == _key(o) for n in new) for o in old]
    return any(contradicted) and all(c or r for c, r in zip(contradicted, repeated, strict=True))


def _contradicts(new: Statement, old: Statement) -> bool:
    if new.history or old.history or new.also or _dated_before(new, old):
        return False
    if _polarity_flipped(new.said, old.said):
        return True
    if new.ended or old.ended:
        return new.ended and not old.ended and _ends(new, old)
    if new.slot == "switched" and new.about == old.about:
        return bool(new.rest) and old.said[-len(new.rest) :] == new.rest
    if new.slot and new.slot == old.slot:
        return new.about == old.about and _another_value(new, old)
    return _other_numbers(new, old)


_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def _dated_before(new: Statement, old: Statement) -> bool:
    years_new, years_old = _YEAR.findall(new.text), _YEAR.findall(old.text)
    return bool(years_new and years_old) and max(years_new) < max(years_old)


def _another_value(new: Statement, old: Statement) -> bool:
    if new.slot == "one of the names" or new.slot.startswith("perhaps "):
        return new.update and _differ(new.value, old.value)
    if new.slot == "job":
        return _another_job(new, old)
    if new.slot == "preference":
        return bool(set(new.value) & set(old.rest)) or (not old.rest and set(old.value) <= set(new.rest))
    return _differ(new.value, old.value)


def _differ(new: tuple[str, ...], old: tuple[str, ...]) -> bool:
    """Other values, of which none is the other with more detail."""
    return bool(new and old) and not (set(new) <= set(old) or set(old) <= set(new))


def _job_parts(value: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    border = value.index("|")
    return value[:border], value[border + 1 :]


def _another_job(new: Statement, old: Statement) -> bool:
    (role_new, at_new), (role_old, at_old) = _job_parts(new.value), _job_parts(old.value)
    return _differ(at_new, at_old) or _differ(role_new, role_old)


def _ends(new: Statement, old: Statement) -> bool:
    """Whether ``new``, which gives a slot up ("left Bosch", "cancelled the trip"), gives up what ``old`` states."""
    if new.slot == "when" and not new.value:
        return old.about == new.about or (old.about == ("user",) and _planned(new.about, old.said))
    if new.about != old.about or not (
        new.slot == old.slot or (new.slot == "job or home" and old.slot in {"job", "home"})
    ):
        return False
    if old.slot != "job":
        return set(new.value) <= set(old.value)
    role, employer = _job_parts(old.value)
    role_left, left = _job_parts(new.value) if "|" in new.value else ((), new.value)
    return set(role_left) <= set(role) and (left == employer or not left)


_PLANS = _folded("plans planning planned booked going has wants will intends")


def _planned(what: tuple[str, ...], said: tuple[str, ...]) -> bool:
    if not what or len(said) < 2 or not _PLANS & set(said[1:3]):
        return False
    return any(said[i : i + len(what)] == what for i in range(1, len(said)))


_ENDINGS = frozenset(
    ("in", "on", "at", "for", "with", "since", "every", "during", "from", "to", "after", "before", "until", "as")
)
_HABITS = _folded("drinks eats like smokes uses plays watches takes add practices include")


def _polarity_flipped(new: tuple[str, ...], old: tuple[str, ...]) -> bool:
    """The same words with and without a negation; "not * coffee" (quit coffee) is against any habit with coffee."""
    denied_new, denied_old = new.count("not") % 2, old.count("not") % 2
    if denied_new == denied_old:
        return False
    bare_new = tuple(word for word in new if word not in {"not", "with"})
    bare_old = tuple(word for word in old if word not in {"not", "with"})
    if denied_new and "*" in bare_new:
        place = bare_new.index("*")
        if len(bare_old) <= place or bare_old[place] not in _HABITS:
            return False
        bare_new = (*bare_new[:place], bare_old[place], *bare_new[place + 1 :])
    if bare_new == bare_old:
        return True
    rest = bare_old[len(bare_new) :]
    return bool(
        denied_new and len(bare_new) > 1 and bare_old[: len(bare_new)] == bare_new and rest and rest[0] in _ENDINGS
    )


_HABITUAL = _folded("takes pays runs walks sleeps drinks works")
_STATES = _folded("is costs has weighs earns measures wakes gets")


def _other_numbers(new: Statement, old: Statement) -> bool:
    """The same state of the same thing with other numbers: a budget, a price, a weight; never an event."""
    masked_new, masked_old = _masked(new.said), _masked(old.said)
    if masked_new != masked_old or "#" not in masked_new or new.about != old.about:
        return False
    verb = masked_new[len(new.about) : len(new.about) + 1]
    if MANY.search(" ".join(new.about)) and not new.update:
        return False  # another son may have another age
    if new.update and set(verb) & _HABITUAL:
        return True
    return bool(set(verb) & _STATES) and not (new.about == ("user",) and verb == ("be",))


def _masked(said: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("#" if numbers(word) else word for word in said)


# ---- proposed ---------------------------------------------------------------------------------------------------

_MANY_VALUED = _folded("like speaks knows visited allergic plays reads has owns learning prefers")
RELATED, CLOSELY_RELATED = 0.5, 0.75
"""Cosines from which a proposal is believed: with a word of change or much in common, and without."""


def _plausible(new: list[Statement], old: list[Statement], similarity: float) -> bool:
    return any(_on_one_topic(n, o, similarity) for n in new for o in old)


def _on_one_topic(new: Statement, old: Statement, similarity: float) -> bool:
    if new.history or old.history or new.also or _dated_before(new, old):
        return False
    if new.about != old.about:
        event = new.slot == "when" and old.about == ("user",) and _planned(new.about, old.said)
        return event and similarity >= CLOSELY_RELATED
    if new.slot and new.slot == old.slot:
        return new.value != old.value or new.ended
    if set(new.said[1:2]) == set(old.said[1:2]) and set(new.said[1:3]) & _MANY_VALUED:
        return False
    shared = set(new.said) & set(old.said) - set(new.about) - _LOOSE_WORDS
    if similarity >= CLOSELY_RELATED:
        return bool(shared)
    return similarity >= RELATED and (new.update or 2 * len(shared) >= min(len(new.said), len(old.said)) - 1)
