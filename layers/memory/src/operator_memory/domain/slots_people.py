"""Slots of a person that hold one value at a time: home, name, age, work, relationship, diet, addresses, favourites.

Every pattern reads one statement in plain words (``meaning_words.reworded``) with its adverbs taken out.
"""

import re
from dataclasses import dataclass

from operator_memory.domain.meaning_words import content


@dataclass(frozen=True, slots=True)
class Filled:
    """A slot as a pattern found it, in plain words."""

    who: str
    slot: str
    value: str
    rest: str = ""
    past: bool = False
    update: bool = False
    ended: bool = False


# ---- where they live --------------------------------------------------------------------------------------------

_HOME = re.compile(
    r"^(?P<who>.{1,60}?) (?:has )?(?:(?P<state>lives|live|living|resides|residing|is (?:based|located|settled)|based)"
    r"|(?P<move>moved|relocated|settled)(?: back| over)?(?: from .{1,60}?)?) (?:in|to|at|near) (?P<value>.+)$"
)
_PLACE_END = re.compile(
    r" (?=(?:with|for|since|to|because|after|as|when|during|last|this|next|where|who|from|in|on|at|\d{4}-\d\d)\b)"
)
_FURNISHED = re.compile(r"^(?:a|an|the|user 's|their|his|her|new)\b.*? in (?=\S)")
_ARTICLE = re.compile(
    r"^(?:a|an|the|their|his|her|new|another|my|this)\b|^\d|^(?:mon|tues|wednes|thurs|fri|satur|sun)day"
)
_BARE_YEAR = re.compile(r"\bin (?:19|20)\d\d\b")
_MONTH = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december|last|this|\d{4}-\d\d)\b"
)


def _home(text: str) -> Filled | None:
    match = _HOME.match(text)
    if match is None:
        return None
    place = _FURNISHED.sub("", match["value"])
    if _ARTICLE.match(place):
        return None
    value, _, rest = _cut(place, _PLACE_END)
    # "moved to Rome in 2015" tells of the past; "in March 2026" or "last month" is how news is dated
    past = match["move"] is not None and _BARE_YEAR.search(rest) is not None and _MONTH.search(rest) is None
    return Filled(match["who"], "home", value, rest, past=past)


def _cut(text: str, end: re.Pattern[str]) -> tuple[str, str, str]:
    match = end.search(text)
    return (text, "", "") if match is None else (text[: match.start()], " ", text[match.end() :])


# ---- names and ages ---------------------------------------------------------------------------------------------

_NAME = re.compile(
    r"^(?P<who>.{1,60}?) (?:'s (?:full |real |legal |current )?(?P<part>first |last |middle |family )?name is(?: spelled)?"
    r"|(?:is|has been) (?:called|named)|goes by(?: the name)?(?: of)?|changed (?:their|his|her) name(?: from .+?)? to"
    r"|'s name changed to) (?P<value>\S+(?: \S+){0,3})$"
)
_MANY = re.compile(
    r"\b(?:sons?|daughters?|child|children|kids?|brothers?|sisters?|siblings?|friends?|colleagues?|cousins?|aunts?|uncles?"
    r"|nephews?|nieces?|neighbou?rs?|students?|classmates?|roommates?|clients?|customers?|projects?|companies)$"
)
_AGE = re.compile(
    r"^(?P<who>.{1,60}?) (?:is|(?P<turned>(?:has )?turned)|'s age is) (?P<value>\d{1,3})(?: years?(?: old| of age)?)?(?: today)?$"
)


def _name(text: str) -> Filled | None:
    match = _NAME.match(text)
    if match is None:
        return None
    slot = f"{match['part'] or ''}name" if not _MANY.search(match["who"]) else "one of the names"
    return Filled(match["who"], slot, match["value"])


def _age(text: str) -> Filled | None:
    match = _AGE.match(text)
    if match is None or (_MANY.search(match["who"]) and not match["turned"]):
        return None
    return Filled(match["who"], "age", match["value"], update=match["turned"] is not None)


# ---- work -------------------------------------------------------------------------------------------------------

_PROFESSION = (
    r"(?:[\w-]+ ){0,4}?(?:\w{2,}(?:eer|ologist|icist|ician|ographer)|developer|programmer|designer|manager|lead|nurse|teacher|doctor|lawyer"
    r"|writer|editor|researcher|scientist|analyst|consultant|architect|accountant|chef|cook|baker|carpenter|plumber|driver"
    r"|pilot|professor|lecturer|student|intern|director|officer|founder|freelancer|artist|journalist|translator|therapist"
    r"|pharmacist|dentist|farmer|waiter|waitress|barista|paramedic|firefighter|assistant|administrator|admin|tutor|coach"
    r"|principal|owner|trainer|recruiter|head of \w+|c[eft]o|tester|painter|surgeon|vet|technician|clerk|cashier)"
)
_WORKS = re.compile(
    r"^(?P<who>.{1,60}?) (?:works?|working|is employed|employed)(?: full time)?(?: as (?:(?:an?|the) )?(?P<role>.+?))?"
    r"(?: (?:for|at|by|with) (?P<employer>.+))?$"
)
_HIRED = re.compile(
    r"^(?P<who>.{1,60}?) (?:has )?(?:joined|(?:got|started|took|accepted|has|landed)(?: an?)?(?: new)? (?:job|position|role)"
    r"(?: as (?:an? )?(?P<role>.+?))? (?:at|with|for)|switched jobs to) (?P<employer>.+?)(?: as (?:an? )?(?P<role2>.+))?$"
)
_IS_A = re.compile(rf"^(?P<who>.{{1,60}}?) is (?:an? )?(?P<role>{_PROFESSION})(?: (?:at|for|with) (?P<employer>.+))?$")
_BECAME = re.compile(
    r"^(?P<who>.{1,60}?) (?:has )?(?:became|become|(?:is |was |got )?promoted to|'s (?:job|role|position|title|job title) is)"
    rf" (?:(?:an?|the) )?(?P<role>{_PROFESSION})(?: (?:at|for|with) (?P<employer>.+))?$"
)
_LEFT = re.compile(
    r"^(?P<who>.{1,60}?) (?:has |was |is )?(?:(?:quit|left|lost|resigned from)(?: (?:their|his|her|the) (?:job|work|position))?"
    r"|(?P<out>resigned|laid off|fired|retired|unemployed|out of work|made redundant))(?: (?:at|from|as an?) )?(?P<value>.*)$"
)
_JOB_END = re.compile(r" (?=(?:in|on|since|where|who|because|after|when|during|part|last|this|from|\d{4}-\d\d)\b)")


def _job(text: str) -> Filled | None:
    for pattern in (_HIRED, _BECAME, _WORKS, _IS_A):
        if match := pattern.match(text):
            groups = match.groupdict()
            role = _cut(groups.get("role") or groups.get("role2") or "", _JOB_END)[0]
            employer, _, rest = _cut(groups.get("employer") or "", _JOB_END)
            if not (role or employer) or re.match(r"(?:home|night|least|the (?:office|moment|weekend))\b", employer):
                return None
            fresh = pattern in (_HIRED, _BECAME) and "'s" not in text
            return Filled(match["who"], "job", f"{role} | {employer}", rest, update=fresh)
    return None


def _job_left(text: str) -> Filled | None:
    match = _LEFT.match(text)
    if match is None:
        return None
    where = _cut(match["value"].strip(), _JOB_END)[0]
    everything = match["out"] is not None or re.search(r"\b(?:quit|left|lost) (?:their|his|her|the) (?:job|work|position)\b", text)  # fmt: skip  # noqa: E501
    if not (where or everything):
        return None
    return Filled(match["who"], "job" if everything else "job or home", where, update=True, ended=True)


# ---- people, health, preferences --------------------------------------------------------------------------------

_RELATION = re.compile(
    r"^(?P<who>.{1,60}?) (?:has )?(?:is|got|(?:be)?came)? ?(?:(?:happily|newly) )?"
    r"(?P<value>single|married|engaged|divorced|widowed|separated|dating|in a (?:committed |long distance )?relationship"
    r"|broke up)(?: (?:to|with|from) (?P<rest>.+))?$"
)
_DIET = re.compile(
    r"^(?P<who>.{1,60}?) (?:(?:is|became|turned|has become|has gone|went)(?: (?:a|an|on a))?|follows an?|eats(?: an?| only)?)"
    r" (?:strict(?:ly)? |fully )?(?P<value>vegan|vegetarian|pescatarian|pescetarian|flexitarian|omnivore|carnivore|keto"
    r"|ketogenic|paleo|meat)(?: diet)?(?P<rest>(?: (?:since|for) .+)?)$"
)
_FAVOURITE = re.compile(
    r"^(?P<who>.{1,60}?) 's (?P<slot>favou?rite .{2,40}?) (?:is|are|changed to|changed from .+? to) (?P<value>.+)$"
)
_PREFERENCE = re.compile(r"^(?P<who>.{1,60}?) prefers? (?P<value>.{1,60}?)(?: (?:over|to|instead of) (?P<rest>.+))?$")
_ATTRIBUTE = re.compile(
    r"^(?:(?P<who>.{1,60}?) 's )?(?P<slot>(?:[\w-]+ ){0,2}?(?:e ?mail(?: address)?|phone number|number|address|time ?zone|birthday|blood type|salary"
    r"|income|rent|budget|weight|height|phone|laptop|computer|car|postcode|zip code|native language|mother tongue|deadline"
    r"|operating system|nickname|nationality|citizenship|shoe size|hourly rate|rate|iban|username|price|bank))"
    r"(?P<of> (?:for|of) .{1,40}?)? (?:is|changed to|changed from .+? to|is set to|went up to|(?:was |is )?(?:raised|lowered|increased|reduced|cut|updated) to) (?P<value>.+)$"  # fmt: skip  # noqa: E501
)
_IN_ZONE = re.compile(r"^(?P<who>.{1,60}?) is in (?:the )?(?P<value>\S+) time ?zone$")
_PERSON_OF = re.compile(
    r"^(?P<who>user|[\w-]+) 's (?P<slot>(?:new )?(?:boss|manager|supervisor|wife|husband|partner|spouse|girlfriend|boyfriend"
    r"|doctor|dentist|therapist|team lead|mentor|landlord|accountant|lawyer)) is (?P<value>\w+(?: \w+)?)$"
)


def _relation(text: str) -> Filled | None:
    match = _RELATION.match(text)
    if match is None or match["who"].endswith(" not"):
        return None
    value = {"broke up": "single"}.get(match["value"], match["value"])
    return Filled(match["who"], "relationship", value, match["rest"] or "", update=" got " in text)


def _diet(text: str) -> Filled | None:
    match = _DIET.match(text)
    return Filled(match["who"], "diet", match["value"], match["rest"]) if match else None


def _attribute(text: str) -> Filled | None:
    if match := _IN_ZONE.match(text):
        return Filled(match["who"], "timezone", match["value"])
    if match := _FAVOURITE.match(text):
        return Filled(match["who"], " ".join(content(match["slot"])), match["value"])
    if match := _PERSON_OF.match(text):
        return Filled(match["who"], f"person: {match['slot'].removeprefix('new ')}", match["value"])
    match = _ATTRIBUTE.match(text)
    if match is None:
        return None
    slot = " ".join(content(f"{match['slot']}{match['of'] or ''}"))
    slot = re.sub(r"^(?:new|current) |(?<=email) address$", "", slot).strip()
    return Filled(match["who"] or "user", {"time zone": "timezone"}.get(slot, slot), match["value"])


def _preference(text: str) -> Filled | None:
    match = _PREFERENCE.match(text)
    if match is None or match["rest"] is None:
        return None
    return Filled(match["who"], "preference", match["value"], match["rest"])


PEOPLE = (_home, _name, _age, _attribute, _diet, _relation, _job, _job_left)
"""In the order in which they are tried. Each takes a statement and gives the slot it fills, or ``None``."""

LAST = (_preference,)
"""Tried when nothing more particular fits."""
