"""Slots of things and of the agent's way of working: what is owned, when an event is, how to answer.

Every pattern reads one statement in plain words (``meaning_words.reworded``) with its adverbs taken out.
"""

import re

from operator_memory.domain.learning.meaning_words import content
from operator_memory.domain.learning.slots_people import MONTH, Filled

# ---- what they own ----------------------------------------------------------------------------------------------

_DRIVES = re.compile(
    r"^(?P<who>.{1,60}?) (?:drives|driving) an? (?P<value>(?:(?! (?:at|for|on|in|to|when)\b).){2,40})$"
)  # a car driven at work is another one
_KIND = r"(?P<kind>car|phone|laptop|computer|tablet|watch|camera)"
_NEW_THING = re.compile(
    rf"^(?P<who>.{{1,60}}?) (?:has )?(?:bought|got|has|purchased|leased|drives|uses)(?: an?)? new {_KIND}(?: ?[,:(] ?| which is | \. )?(?:an? )?(?P<value>.{{2,40}})$"  # noqa: E501
)
_PHONE = re.compile(
    r"^(?P<who>.{1,60}?) (?:uses|using|has|owns|switched to|upgraded to|switched from .{1,40}? to|got"
    r"|bought)(?: an?| the)?(?: new)?"
    r" (?P<value>(?:apple )?(?:iphone|(?:google )?pixel|(?:samsung )?galaxy|oneplus|xiaomi|fairphone|nokia"
    r"|motorola)\b.{0,30})$"
)
_SWITCHED = re.compile(
    r"^(?P<who>.{1,60}?) (?:has )?(?:switched|changed|moved|migrated|upgraded) from (?P<rest>.{1,60}?) to"
    r" (?P<value>.{1,60})$"
)
_COUNT = re.compile(r"^(?P<who>.{1,60}?) has (?P<value>\d{1,3}) (?P<of>[^\d,]{2,80})$")


def _thing(text: str) -> Filled | None:
    if match := _DRIVES.match(text):
        return Filled(match["who"], "car", match["value"], named=True)
    if match := _NEW_THING.match(text):
        return Filled(match["who"], " ".join(content(match["kind"])), match["value"], update=True, named=True)
    if match := _PHONE.match(text):
        return Filled(match["who"], "phone", match["value"])
    if match := _COUNT.match(text):
        return Filled(match["who"], f"count of {' '.join(content(match['of']))}", match["value"])
    return None


def _switch(text: str) -> Filled | None:
    match = _SWITCHED.match(text)
    return Filled(match["who"], "switched", match["value"], match["rest"], update=True) if match else None


# ---- events, plans and projects ---------------------------------------------------------------------------------

_DAY = (
    r"(?:\d(?!\S* (?:eur|usd|percent|kg|km|years?|days?|weeks?|hours?|minutes?)\b)|january|february|march|april"
    r"|may|june|july|august|september|october|november|december|(?:mon|tues|wednes|thurs"
    r"|fri|satur|sun)days?\b|tomorrow|today|tonight|next|noon|midnight|early|late|mid)"
)
_EVENT = re.compile(
    r"^(?P<who>.{2,80}?) (?:(?:is|was|will be|has been) )?(?:(?P<moved>moved|rescheduled|postponed|pushed(?:"
    r" back)?|brought forward|delayed|changed|shifted|extended)"
    rf"(?: from .{{1,40}}?)?|scheduled|planned|set|due|takes place|starts|begins|departs|leaves|happens|is)?"
    rf"(?P<at> ?\b(?:on|at|to|for|until|by|in))? (?P<value>{_DAY}(?:(?! (?:is|was|has) ).)*)$"
)
_MOVED_BY_USER = re.compile(
    rf"^.{{1,40}}? (?:moved|rescheduled|postponed|pushed(?: back)?|shifted) (?P<who>.{{2,80}}?)(?: from"
    rf" .{{1,40}}?)? (?:to|until) (?P<value>{_DAY}.*)$"
)
_CANCELLED = re.compile(r"^(?P<who>.{2,80}?) (?:is|was|got) (?:cancell?ed|called off|dropped)(?: .*)?$")
_CANCELLED_BY_USER = re.compile(
    r"^(?:user|we|they) (?:has )?(?:cancell?ed|called off|dropped|gave up on|abandoned) (?P<who>.{2,80})$"
)
_OURS = re.compile(r"^(?:(?:the|a|an|user 's|their|his|her|our|project|status of|upcoming|planned|next) )+")
_PERSON = re.compile(r"^(?:user|they|he|she)(?: (?!'s).*)?$")
_STATUS = re.compile(
    r"^(?P<who>.{2,80}?) (?:is|was|got|went|entered|has)(?: (?:in|on|at|to|into))?(?: the)? (?P<value>(?:\w+"
    r" )?(?:beta|alpha|development|progress|hold|testing"
    r"|production|review|planning|staging)(?: phase| stage)?|cancell?ed|launched|shipped|released|finished"
    r"|completed|complete|paused|live"
    r"|delayed|blocked|done|archived|planned|started|deployed|closed|ready|late)$"
)
_PROJECT = re.compile(
    r"\b(?:project|app|product|release|feature|migration|website|site|thesis|rollout|redesign|launch|campaign"
    r"|status)\b"
)


def _event(text: str) -> Filled | None:
    if match := _MOVED_BY_USER.match(text):
        who, moved = match["who"], True
    elif match := _EVENT.match(text):
        who, moved = match["who"], match["moved"] is not None
        if not match["at"] and not MONTH.search(match["value"]):
            return None
    else:
        return None
    if _PERSON.match(who) or (re.search(r"\b\w+days\b", match["value"]) and not moved):
        return None  # a person is no event; a class on Mondays may be on Thursdays too
    time = sorted(re.sub(r"\b(?:on|at|in|of)\b", "", match["value"]).split())
    return Filled(_OURS.sub("", who), "when", " ".join(time), update=moved)


def _cancelled(text: str) -> Filled | None:
    match = _CANCELLED_BY_USER.match(text) or _CANCELLED.match(text)
    if match is None or _PERSON.match(match["who"]):
        return None
    return Filled(_OURS.sub("", match["who"]), "when", "", update=True, ended=True)


def _status(text: str) -> Filled | None:
    match = _STATUS.match(text)
    if match is None or not _PROJECT.search(match["who"]):
        return None
    who = re.sub(r" (?:project|'s status)$", "", _OURS.sub("", match["who"]))
    return Filled(who, "status", match["value"])


# ---- how the agent is to answer ---------------------------------------------------------------------------------

REQUEST = re.compile(
    r"^(?:user (?:has )?(?:(?P<asked>asked(?! (?:whether|if|how|why|what|where|who|about)\b)|requested|told"
    r"|instructed)|wants|would like|prefers|expects|likes?|needs)"
    r"|(?:the )?(?:assistant|agent) (?:should|must|is to|has to|will))(?: (?:(?:the )?(?:assistant|agent)|you|it))?"
    r"(?: (?:to|for|that|if|when))? (?P<what>.+)$"
)
_ANSWERS = (
    r"(?:answer|reply|replie|respond|response|write|speak|talk|communicate|conversation|message|explanation|chat|be"
    r"|keep|call|address|summarie|summary|email|format|use|give)s?\b"
)
_LANGUAGES = """english german french spanish portuguese italian dutch polish czech slovak swedish norwegian danish
finnish icelandic russian ukrainian greek turkish arabic hebrew persian farsi hindi urdu bengali tamil chinese mandarin
cantonese japanese korean vietnamese thai indonesian malay hungarian romanian bulgarian croatian serbian slovenian
catalan basque galician estonian latvian lithuanian swahili afrikaans welsh irish albanian"""
_LANGUAGE = re.compile(
    rf"\b{_ANSWERS}(?P<before>.{{0,40}}?) in (?:(?:brazilian|british|american|simple|plain|swiss)"
    rf" )?(?P<value>{'|'.join(_LANGUAGES.split())})\b(?P<after>.*)$"
)
_CONDITION = re.compile(
    r"\b(?:when|whenever|if|unless|while|in (?:emails?|code|chats?|meetings?)|for|about|on|during)\b.*$"
)
_INSTEAD = re.compile(r"\b(?:without|not|no|instead of|rather than)\b.*$")
_MANNERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("length", {"short": r"short(?:er)?|brief(?:ly)?|concise(?:ly)?|terse|succinct|compact|to the point",
                "long": r"long(?:er)?|detailed|thorough|in depth|elaborate|comprehensive|(?:more|in) detail"}),
    ("format", {"bullets": r"bullets?(?: points?)?|bulleted|lists", "prose": r"paragraphs?|prose|full sentences",
                "tables": r"tables?", "plain": r"plain text"}),
    ("units", {"metric": r"metric", "imperial": r"imperial"}),
    ("temperature", {"celsius": r"celsius", "fahrenheit": r"fahrenheit"}),
    ("clock", {"24": r"24 ?h(?:our)?", "12": r"12 ?h(?:our)?"}),
    ("tone", {"formal": r"formal(?:ly)?", "informal": r"informal(?:ly)?|casual(?:ly)?"}),
)  # fmt: skip
_MANNER_PATTERNS = tuple(
    (slot, value, re.compile(rf"\b(?:{words})\b")) for slot, values in _MANNERS for value, words in values.items()
)
_CALLED = re.compile(
    r"^(?:be (?:called|named|addressed as)|call (?:them|him|her|user)|address (?:them|him|her) as)"
    r" (?P<value>\S+(?: \S+)?)$"
)


def requested(text: str) -> str | None:
    """What the agent was asked to do, if ``text`` tells of a request."""
    match = REQUEST.match(text)
    if match is None or not (match["asked"] or re.search(rf"\b{_ANSWERS}", match["what"])):
        return None
    return match["what"]


def _request(text: str) -> Filled | None:
    what = requested(text)
    if what is None:
        return None
    if match := _CALLED.match(what):
        return Filled("assistant", "form of address", match["value"])
    if match := _LANGUAGE.search(what):
        around = re.sub(r"\b(?:to (?:them|user)|only|back|all|everything)\b", "", f"{match['before']} {match['after']}")
        return Filled("assistant", f"language {' '.join(content(around))}".strip(), match["value"])
    if not re.search(rf"\b{_ANSWERS}", what):
        return None
    condition = _CONDITION.search(what)
    positive = _INSTEAD.sub("", _CONDITION.sub("", what))
    for slot, value, pattern in _MANNER_PATTERNS:
        if pattern.search(positive):
            key = f"{slot} {' '.join(content(condition[0]))}" if condition else slot
            return Filled("assistant", key, value, rest=what)
    return None


REQUESTS = (_request,)
THINGS = (_cancelled, _status, _event, _thing, _switch)
"""In the order in which they are tried. Each takes a statement and gives the slot it fills, or ``None``."""
