"""What is true of the user, from one first-person clause: who they are, what they have, do, did, plan and like.

Each rule knows one shape of sentence and asks for what makes it last: an "I am" for a state that is no mood, an "I'm
doing" for an occupation, a verb for an object, an event for its time. The words are in `vocabulary`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from operator_memory.domain.rules import vocabulary as words
from operator_memory.domain.rules.dates import Tense, names_a_time, without_times
from operator_memory.domain.rules.languages import foreign_clauses
from operator_memory.domain.rules.lasting import core, finished, says_something, stands_alone
from operator_memory.domain.rules.names import NAME, is_origin
from operator_memory.domain.rules.text import clauses, conjugated, third_person, time_first
from operator_memory.domain.text import MONTHS


@dataclass(frozen=True, slots=True)
class Statement:
    """A fact about the user, and the tense that its dates are read in."""

    text: str
    tense: Tense = Tense.PRESENT


def statements_in(sentence: str) -> Iterator[tuple[str, Statement]]:
    """The statements of ``sentence``, each with the clause that makes it."""
    for part, foreign in foreign_clauses(sentence) or [(sentence, None)]:
        if foreign:
            yield part, Statement(foreign)
        else:
            yield from ((clause, made) for clause in clauses(part) if (made := statement(clause)))


def statement(clause: str) -> Statement | None:
    """The clause as a fact about the user, or ``None`` if it says nothing lasting."""
    if not _OF_ONESELF.search(clause):
        return None
    time, rest = time_first(clause)
    kept = f"{finished(core(rest))} {time[:1].lower()}{time[1:]}".strip()
    if any(map(words.OF_THIS_PLACE.search, (clause, kept))) or not stands_alone(kept):
        return None
    for rule in (_together, _favourite, _planning, _being, _having, _wanting, _not_doing, _doing, _able, _owning):
        if (fact := rule(kept)) is not None:
            return fact
    return None


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_OF_ONESELF = _rule(r"\b(?:i|im|we|my|our)\b")

# ---- being ------------------------------------------------------------------------------------------------------

_I_AM = _rule(rf"^(?:i am|i'm|im|we are|we're) (?P<adverb>{words.ADVERB})(?P<not>not )?(?P<rest>.+)$")
_STATE = _rule(rf"^(?:{words.STATES})\b(?!-)(?P<behind>$|[ ,].*$)")
_STATE_OF = _rule(rf"^(?:{words.STATES_OF}) (?!(?:that|how|what|if)\b)(?P<of>.+)$")
_OCCUPATION = _rule(rf"^(?:(?:also|still|currently|now) )?(?:{words.OCCUPATIONS})\b.*$")
_DOING = _rule(rf"^(?!(?:{words.MOOD_VERBS})\b)\w+ing\b")
_UPCOMING = _rule(
    rf"\b(?:tomorrow|(?:next|this(?: coming)?) (?:week|weekend|month|year|spring|summer|autumn|fall|winter)|later this"
    rf"|next (?:{words.WEEKDAYS}|{MONTHS})|on (?:{words.WEEKDAYS}|\d)|in (?:{MONTHS}|\w+ (?:days|weeks|months))"
    rf"|\d\w* (?:of )?(?:{MONTHS})|(?:{MONTHS}) \d|in the (?:spring|summer|autumn|fall))\b"
)
_TODAY = _rule(r"\b(?:today|tonight|this (?:morning|afternoon|evening))\b")
_ROLE = _rule(r"^(?:an?|the|one of) (?P<noun>(?!(?:bit|little|tad)\b).+)$")
_NOT_A = _rule(r"\b(?:fan of|person|drinker|smoker|citizen|native|resident|member|student|parent)\b")
_HEAD_OF = _rule(rf"^(?:{words.HEADS}) (?:of|at) .+$")
_MEASURE = _rule(
    r"^(?:almost |nearly |about )?\d[\d.,]* ?(?:years? old|m|cm|metres?|meters?|ft|feet|kg|pounds)?(?: tall)?$"
)


def _being(clause: str) -> Statement | None:
    match = _I_AM.match(clause)
    if match is None or not _lasts(rest := match["rest"]):
        return None
    if match["not"] and _ROLE.match(rest) and not _NOT_A.search(rest):
        return None
    if not match["not"] and not match["adverb"] and (name := _named(rest)):
        return Statement(f"User's name is {name}")
    tense = Tense.FUTURE if _OCCUPATION.match(rest) or _DOING.match(rest) else Tense.PRESENT
    state = third_person(_all_conjugated(match["rest"]))
    return Statement(f"User is {match['adverb'] or ''}{match['not'] or ''}{state}", tense)


def _lasts(state: str) -> bool:
    """Whether what stands behind "I am" is a role, an origin, an occupation or another state that is no mood."""
    if _STATE.match(state) or _HEAD_OF.match(state) or _MEASURE.match(state) or NAME.match(state):
        return True
    if found := _STATE_OF.match(state):
        return says_something(found["of"])
    if _OCCUPATION.match(state) or (_DOING.match(state) and _UPCOMING.search(state)):
        doing = state.partition(" ")[2]
        return says_something(without_times(doing)) and not words.ABSTRACT.match(doing)
    found = _ROLE.match(state)
    return found is not None and says_something(found["noun"]) and not words.ABSTRACT.match(found["noun"])


def _named(state: str) -> str | None:
    """The name, where somebody says who they are by nothing else."""
    match = NAME.match(state)
    if match is None or is_origin(match[0]) or not re.match(r"$|,| (?:from|and)\b", state[match.end() :]):
        return None
    return match[0]


# ---- having -----------------------------------------------------------------------------------------------------

_NEVER = r"never (?:been|smoked|eaten|drunk|driven|flown|owned|lived|worked|had(?! to))"
_I_HAVE_BEEN = _rule(rf"^(?:i've|i have|we've|we have) (?:been (?P<rest>.+)|(?P<never>{_NEVER}\b ?(?P<what>.*)))$")
_I_HAVE_ALWAYS = _rule(
    r"^(?:i've|i have|we've|we have) always (?:been (?P<been>.+)"
    r"|(?P<verb>loved|liked|enjoyed|hated|lived|worked|wanted)(?P<rest> .+))$"
)
_I_HAVE = _rule(
    rf"^(?:(?:i|we) (?P<adverb>{words.ADVERB})(?:have|'ve got|have got)|(?:i've|we've) (?P<got>got)) (?P<rest>.+)$"
)
_HOW_LONG = _rule(rf" (?=since\b|for {words.PERIOD})")
_POSSESSED = _rule(
    r"^(?:(?:an?|no|not|one|two|three|four|five|six|seven|eight|nine|ten|twelve|\d[\d.,]*|several|many|(?-i:[A-Z])\S*"
    r"|my own|never|over|about|around|at least)\b.+|(?!(?:the|some|all|any|our|such)\b)[\w'-]+(?: [\w'-]+){0,2})$"
)


def _having(clause: str) -> Statement | None:
    if been := _I_HAVE_BEEN.match(clause):
        if not been["never"]:
            return _having_been(been["rest"])
        return None if words.ABSTRACT.match(been["what"]) else Statement(f"User has {third_person(been['never'])}")
    if always := _I_HAVE_ALWAYS.match(clause):
        return _having_always(always)
    match = _I_HAVE.match(clause)
    if match is None or _TODAY.search(match["rest"]):
        return None
    if words.NOT_POSSESSED.match(match["rest"]):
        return _past(clause)
    if not _is_had(match["rest"]):
        return None
    return Statement(f"User {match['adverb'] or ''}has {third_person(match['rest'])}")


def _is_had(what: str) -> bool:
    return bool(_POSSESSED.match(what)) and says_something(what) and not words.ABSTRACT.match(what)


def _having_been(state: str) -> Statement | None:
    """A state or occupation up to now; a state with how long, for else it may be over."""
    doing, *how_long = _HOW_LONG.split(state, maxsplit=1)
    lasts = _lasts(doing) if how_long else _OCCUPATION.match(doing) and says_something(doing.partition(" ")[2])
    return Statement(f"User has been {third_person(state)}") if lasts else None


def _having_always(match: re.Match[str]) -> Statement | None:
    if match["been"]:
        return Statement(f"User has always been {third_person(match['been'])}") if _lasts(match["been"]) else None
    if not _is_object(match["rest"]):
        return None
    return Statement(f"User has always {match['verb']}{third_person(match['rest'])}")


# ---- doing ------------------------------------------------------------------------------------------------------

_I_DO = _rule(rf"^(?:i|we) (?P<adverb>{words.ADVERB})(?!use to\b)(?P<verb>{words.PRESENT})\b(?P<rest>.*)$")
_I_DO_NOT = _rule(
    r"^(?:i|we) (?:really |just )?(?:(?P<not>don't|do not|won't|will not) (?P<verb>(?:really |even )?"
    rf"(?:{words.PRESENT}|have(?! to\b))\b)|(?P<cannot>can't|cannot) (?P<unable>{words.UNABLE})\b)(?P<rest>.*)$"
)
_I_CAN = _rule(
    r"^(?:i|we) can (?P<rest>(?:only |also )?(?:spend|afford|speak|drive|swim|eat|read|play|travel|work)\b.+)$"
    r"|^(?:i'd|i would) (?P<rather>rather .+)$"
)
_AT_ONCE = _rule(r"\b(?:just|recently|finally|already|once)\b")
_SECOND_VERB = _rule(
    rf"(?P<link>,? (?:and|but) {words.ADVERB})(?P<verb>(?:{words.PRESENT})\b"
    r"(?=,| (?:as|at|in|for|on|with|from|my|our|the|an?|about|to|every|alone|remotely)\b)|have\b)"
)
_LONG_NEGATION = {
    "don't": "does not", "do not": "does not", "can't": "cannot", "cannot": "cannot", "won't": "will not",
    "will not": "will not",
}  # fmt: skip


def _is_object(rest: str, *, definite: bool = False, timed: bool = False) -> bool:
    """Whether what stands behind a verb is something in particular, and not of this conversation only.

    ``definite``: "the ..." may be new, as in "I always take the aisle seat". ``timed``: a time or "every day" is enough.
    """
    if not says_something(rest if timed else without_times(rest)):
        return False
    if _UNSAID.match(rest) or words.ABOUT_THIS_TALK.match(rest):
        return False
    return definite or names_a_time(rest) or not words.DEFINITE.match(rest)


_UNSAID = _rule(r"^ (?:to )?(?:play|watch|tak|us|own|wear|mak|do|hav|gett?|practi[cs])(?:e|ing)?(?: \w+ly)?$")
_HABIT = _rule(r"\b(?:always|usually|never|often)\b")


def _doing(clause: str) -> Statement | None:
    if past := _past(clause):
        return past
    match = _I_DO.match(clause)
    if match is None or _TODAY.search(match["rest"]):
        return None
    habit, needy = _HABIT.search(match["adverb"] or ""), words.TRANSITIVE.fullmatch(match["verb"])
    if not _is_object(match["rest"], definite=habit is not None, timed=needy is None):
        return None
    if match["verb"].lower() == "read" and _AT_ONCE.search(match["adverb"] or ""):
        return None  # the past
    verb, _, tail = match["verb"].partition(" ")
    doing = match["verb"] if verb.lower() in ("can't", "cannot") else " ".join(filter(None, (conjugated(verb), tail)))
    return Statement(f"User {match['adverb'] or ''}{doing}{third_person(_all_conjugated(match['rest']))}")


def _all_conjugated(rest: str) -> str:
    """What stands behind a verb, with the verbs joined to that one in the third person too; no infinitives."""
    objects, to, infinitive = rest.partition(" to ")
    return f"{_SECOND_VERB.sub(_conjugated_too, objects)}{to}{infinitive}"


def _conjugated_too(match: re.Match[str]) -> str:
    verb, space, tail = match["verb"].partition(" ")
    return f"{match['link']}{conjugated(verb)}{space}{tail}"


def _not_doing(clause: str) -> Statement | None:
    match = _I_DO_NOT.match(clause)
    if match is None:
        return None
    verb = match["verb"] or match["unable"]
    at_all = not match["rest"] and words.INTRANSITIVE.fullmatch(verb)
    if not at_all and not _is_object(match["rest"]):
        return None
    if verb.lower() == "have" and words.ABSTRACT.match(match["rest"].strip()):
        return None
    does_not = _LONG_NEGATION[(match["not"] or match["cannot"]).lower()]
    return Statement(f"User {does_not} {verb}{third_person(match['rest'])}")


def _able(clause: str) -> Statement | None:
    match = _I_CAN.match(clause)
    if match is None:
        return None
    able = f"can {match['rest']}" if match["rest"] else f"would {match['rather']}"
    return Statement(f"User {third_person(able)}")


# ---- what happened, and what is planned -------------------------------------------------------------------------

_I_DID = _rule(
    rf"^(?:i|we)(?:'ve| have)? (?P<adverb>{words.ADVERB})(?P<verb>{words.PAST}|(?P<event>{words.EVENTS}))\b(?!')(?P<rest>.*)$"
)
_GERUND = _rule(r"^ \w+ing\b")
_OUTING = _rule(words.OUTINGS)
_COMPLETE = _rule(r"graduated|retired|moved|married|quit|.+ .+")
_TOGETHER = _rule(
    rf"^(?P<who>(?:my|our) [\w' -]{{2,40}}|(?-i:[A-Z][a-z]+)) and i (?P<adverb>{words.ADVERB})"
    rf"(?P<verb>have|{words.PRESENT}|{words.PAST}|(?P<event>{words.EVENTS}))\b(?P<rest>.+)$"
)
_I_WILL = _rule(
    rf"^(?:i'll|i will|we'll|we will|(?:i'm|i am|we're|we are) {words.ADVERB}(?:going to|gonna)) "
    rf"(?P<rest>(?:be )?(?:(?P<plan>{words.PLANS})\b|(?!(?:an?|the|my|our|{words.MOOD_VERBS})\b|(?-i:[A-Z]))\w+)(?P<what>.*))$"
)
_I_WANT = _rule(
    r"^i(?:'d like| would like| want|'d love| would love| hope|'m hoping| am hoping| plan|'m planning) to "
    rf"(?P<rest>(?:{words.DURABLE_WISHES})\b(?P<what>.+))$"
)


def _past(clause: str) -> Statement | None:
    match = _I_DID.match(clause)
    if match is None or not _is_worth_keeping(match):
        return None
    did = f"{match['adverb'] or ''}{third_person(match['verb'])}{third_person(match['rest'])}"
    return Statement(f"User {did}", Tense.PAST)


def _together(clause: str) -> Statement | None:
    match = _TOGETHER.match(clause)
    if match is None or not _is_worth_keeping(match):
        return None
    who, verb = third_person(match["who"]), match["verb"].lower()
    tense = Tense.PAST if match["event"] else Tense.PRESENT
    return Statement(f"User and {who} {match['adverb'] or ''}{verb}{third_person(match['rest'])}", tense)


def _is_worth_keeping(match: re.Match[str]) -> bool:
    """Whether it is said what was done, and, where the verb itself says little, when."""
    rest = match["rest"]
    if words.ABSTRACT.match(rest.strip()):
        return False
    if match["event"] and not (names_a_time(rest) and _is_told_of(match["event"], rest)):
        return False
    if _COMPLETE.fullmatch(match["verb"]) and not without_times(rest).strip(" ,"):
        return True
    return _is_object(rest, definite=match["verb"].lower() == "sold" or " " in match["verb"])


def _is_told_of(verb: str, rest: str) -> bool:
    if verb.lower() == "started" and _GERUND.match(rest) and not _TODAY.search(rest):
        return True
    return bool(words.NOTEWORTHY.search(rest) or (_OUTING.fullmatch(verb) and words.NAMED.search(rest)))


def _planning(clause: str) -> Statement | None:
    match = _I_WILL.match(clause)
    if match is None or not says_something(match["what"]) or not (match["plan"] or _UPCOMING.search(match["what"])):
        return None
    return Statement(f"User will {third_person(match['rest'])}", Tense.FUTURE)


def _wanting(clause: str) -> Statement | None:
    match = _I_WANT.match(clause)
    if match is None or not says_something(match["what"]):
        return None
    return Statement(f"User wants to {third_person(match['rest'])}", Tense.FUTURE)


# ---- what is the user's -----------------------------------------------------------------------------------------

# What a thing of the user's is, where that is more than an opinion of it.
_FIXED = (
    r"(?:an?|the|on|at|from|in|by|to|called|named|spelled|based|due|moved|postponed|rescheduled|changed to|cancel+ed"
    r"|tomorrow|today|next|this)\b|[\u20ac$\u00a3\d]"
    r"|(?-i:[A-Z])|\S+[@/]\w"
)
_NOUN = r"(?!(?:and|or|i|we|me|us|it|you|them|him|that|who|which|where|not|no|to (?-i:[^A-Z])\w*)\b)"
_MY = _rule(
    rf"^(?:my|our) (?P<what>(?:{_NOUN}[\w'&-]+ ){{0,5}}?{_NOUN}[\w&-]+?)"
    rf"(?P<verb>'s(?= (?:{_FIXED}))| (?:{words.MY_VERBS}|(?P<event>{words.EVENTS}))\b)(?P<rest>.+)$"
)
_COMPLEMENT = _rule(rf"^(?:not |now |only |just |both |also |currently |still )*(?:{_FIXED})")
_ANY_VALUE = _rule(r"^favou?rite \w|^(?:\w+ )?name$")
_IS_FAVOURITE = _rule(
    r"^(?!(?:it|that|this|he|she|which|there|one)\b)(?P<value>[\w' -]{2,40}?)(?: is|'s) my "
    r"(?P<what>(?:absolute )?favou?rite(?: (?!(?:and|but|i|because)\b)[\w-]+)+)$"
)


def _owning(clause: str) -> Statement | None:
    match = _MY.match(clause)
    if match is None or words.SKIPPED_MY.match(match["what"]) or not _is_fact_of_it(match):
        return None
    verb = match["verb"].strip().lower()
    tense = Tense.PAST if match["event"] or verb.endswith("ed") or verb in ("was", "were") else Tense.PRESENT
    return Statement(f"User's {third_person(match['what'])}{match['verb']}{third_person(match['rest'])}", tense)


def _is_fact_of_it(match: re.Match[str]) -> bool:
    """Whether something is said of the thing, and not what the user thinks of it."""
    verb, rest = match["verb"].strip().lower(), match["rest"].strip()
    if match["event"] and not names_a_time(rest):
        return False
    if verb in ("has", "have"):
        return _is_had(rest)
    if not says_something(rest) or words.ABSTRACT.match(rest):
        return False
    if verb in ("was", "were") and rest.startswith("to "):
        return False
    is_what = verb in ("'s", "is", "are", "was", "were")
    return not is_what or bool(_COMPLEMENT.match(rest) or _lasts(rest) or _ANY_VALUE.match(match["what"]))


def _favourite(clause: str) -> Statement | None:
    match = _IS_FAVOURITE.match(clause)
    return None if match is None else Statement(f"User's {match['what']} is {third_person(match['value'])}")
