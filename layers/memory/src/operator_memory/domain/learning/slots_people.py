"""Slots of a person that hold one value at a time: home, name, age, work, relationship, diet, addresses, favourites.

Every pattern reads one statement in plain words (``meaning_words.reworded``) with its adverbs taken out.
"""

import re
from dataclasses import dataclass

from operator_memory.domain.learning.meaning_words import content


@dataclass(frozen=True, slots=True)
class Filled:
    """A slot as a pattern found it, in plain words. ``named``: only a value with a capitalised word fills it."""

    who: str
    slot: str
    value: str
    rest: str = ""
    past: bool = False
    update: bool = False
    ended: bool = False
    named: bool = False


# ---- where they live --------------------------------------------------------------------------------------------

_HOME = re.compile(
    r"^(?P<who>.{1,60}?) (?:has )?(?:(?P<state>lives|live|living|resides|residing|is (?:based|located|settled)"
    r"|based)(?: alone| together)?"
    r"|(?P<move>moved|relocated|settled)(?: back| over)?(?: from .{1,60}?)?) (?:in|to|at|near) (?P<value>.+)$"
)
_HOME_IS = re.compile(
    r"^(?P<who>.{1,60}?) 's (?:(?:current )?(?:city|place) of residence|residence|home|current (?:city|town"
    r"|location|home))"
    r" is(?P<move>(?!))?(?: in)? (?P<value>.+)$"
)
_PLACE_END = re.compile(
    r" (?=(?:with|for|since|to|because|after|as|when|during|last|this|next|where|who|from|in|on|at|\d{4}-\d\d)\b)"
)
_FURNISHED = re.compile(r"^(?:a|an|the|user 's|their|his|her|new)\b.*? in (?=\S)")
_ARTICLE = re.compile(
    r"^(?:a|an|the|their|his|her|new|another|my|this)\b|^\d|^(?:mon|tues|wednes|thurs|fri|satur|sun)day"
)
_NO_PLACE = re.compile(  # what else one moves to: tools and departments
    r"(?:react|vue|angular|svelte|next|linux|ubuntu|windows|mac|ios|android|aws|azure|gcp|google cloud"
    r"|kubernetes|docker"
    r"|python|rust|go|java|kotlin|typescript|javascript|postgres\w*|mysql|sqlite|mongodb|notion|obsidian|vim"
    r"|neovim|emacs"
    r"|vs code|github|gitlab|slack|teams|chrome|firefox|gmail|outlook|marketing|sales|engineering|finance"
    r"|support|product"
    r"|design|operations|hr|research)\b"
)
_BARE_YEAR = re.compile(r"\bin (?:19|20)\d\d\b")
MONTH = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december|last|this"
    r"|\d{4}-\d\d)\b"
)


def _home(text: str) -> Filled | None:
    match = _HOME.match(text) or _HOME_IS.match(text)
    if match is None:
        return None
    place = _FURNISHED.sub("", match["value"])
    if _ARTICLE.match(place) or (match["move"] and _NO_PLACE.match(place)):
        return None
    value, _, rest = _cut(place, _PLACE_END)
    # "moved to Rome in 2015" tells of the past; "in March 2026" or "last month" is how news is dated
    past = match["move"] is not None and _BARE_YEAR.search(rest) is not None and MONTH.search(rest) is None
    who = re.sub(r"^user and .+$", "user", match["who"])
    return Filled(who, "home", value, rest, past=past, named=True)


def _cut(text: str, end: re.Pattern[str]) -> tuple[str, str, str]:
    match = end.search(text)
    return (text, "", "") if match is None else (text[: match.start()], " ", text[match.end() :])


# ---- names and ages ---------------------------------------------------------------------------------------------

_NAME = re.compile(
    r"^(?P<who>.{1,60}?) (?:'s (?:full |real |legal |current )?(?P<part>first |last |middle |family )?name"
    r" is(?: spelled)?"
    r"|(?:is|has been) (?:called|named)|goes by(?: the name)?(?: of)?|changed (?:their|his|her) name(?: from .+?)? to"
    r"|'s name changed to) (?P<value>\S+(?: \S+){0,3}?)(?: (?:after|since|because|following|for|at|by) .+)?$"
)
MANY = re.compile(
    r"\b(?:sons?|daughters?|child|children|kids?|brothers?|sisters?|siblings?|friends?|colleagues?|cousins?"
    r"|aunts?|uncles?"
    r"|nephews?|nieces?|neighbou?rs?|students?|classmates?|roommates?|clients?|customers?|projects?|companies)$"
)
_AGE = re.compile(
    r"^(?P<who>.{1,60}?) (?:is|(?P<turned>(?:has )?turned)|'s age is) (?P<value>\d{1,3})(?: years?(?: old| of"
    r" age)?)?(?: today)?$"
)


def _name(text: str) -> Filled | None:
    match = _NAME.match(text)
    if match is None or _WHERE.match(match["value"]):
        return None
    slot = f"{match['part'] or ''}name" if not MANY.search(match["who"]) else "one of the names"
    return Filled(match["who"], slot, match["value"], named=True)


def _age(text: str) -> Filled | None:
    match = _AGE.match(text)
    if match is None or (MANY.search(match["who"]) and not match["turned"]):
        return None
    return Filled(match["who"], "age", match["value"], update=match["turned"] is not None)


# ---- work -------------------------------------------------------------------------------------------------------

_PROFESSION = (
    r"(?:[\w-]+ ){0,4}?(?:\w{2,}(?:eer|ologist|icist|ician|ographer)|developer|programmer|designer|manager|lead|nurse"
    r"|teacher|doctor|lawyer|writer|editor|researcher|scientist|analyst|consultant|architect|accountant|chef"
    r"|cook|baker"
    r"|carpenter|plumber|driver|pilot|professor|lecturer|student|intern|director|officer|founder|freelancer|artist"
    r"|journalist|translator|therapist|pharmacist|dentist|farmer|waiter|waitress|barista|paramedic|firefighter"
    r"|assistant"
    r"|administrator|admin|tutor|coach|principal|owner|trainer|recruiter|head of \w+|c[eft]o|tester|painter"
    r"|surgeon|vet"
    r"|technician|clerk|cashier)"
)
_WORKS = re.compile(
    r"^(?P<who>.{1,60}?) (?:works?|working|is employed|employed)(?: full time)?(?: as (?:(?:an?|the)"
    r" )?(?P<role>.+?))?"
    r"(?: (?:for|at|by) (?P<employer>.+?))?(?: as (?:(?:an?|the) )?(?P<role2>.+))?$"
)
_HIRED = re.compile(
    r"^(?P<who>.{1,60}?) (?:has )?(?:joined"
    r"|(?:got|started|took|accepted|has|landed)(?: an?)?(?: new)? (?:job|position|role)(?: as (?:an?"
    r" )?(?P<role>.+?))?"
    r" (?:at|with|for)|switched jobs to) (?P<employer>.+?)(?: as (?:an? )?(?P<role2>.+))?$"
)
_EMPLOYER_IS = re.compile(
    r"^(?P<who>.{1,60}?) 's (?:employer|company|workplace) is (?P<employer>.+?)(?P<role>(?!))?(?P<role2>(?!))?$"
)
_IS_A = re.compile(rf"^(?P<who>.{{1,60}}?) is (?:an? )?(?P<role>{_PROFESSION})(?: (?:at|for|with) (?P<employer>.+))?$")
_BECAME = re.compile(
    r"^(?P<who>.{1,60}?) (?:has )?(?:became|become|(?:is |was |got )?promoted to|'s (?:job|role|position|title"
    r"|job title) is)"
    rf" (?:(?:an?|the) )?(?P<role>{_PROFESSION})(?: (?:at|for|with) (?P<employer>.+))?$"
)
_LEFT = re.compile(
    r"^(?P<who>.{1,60}?) (?:has |was |is )?(?:(?:quit|left|lost|resigned from)(?: (?:their|his|her|the) (?:job"
    r"|work|position))?"
    r"|(?P<out>resigned|laid off|fired|retired|unemployed|out of work|made redundant))(?: (?:at|from|as an?)"
    r" )?(?P<value>.*)$"
)
_NO_EMPLOYER = re.compile(
    r"^(?:home|night|least|the (?:office|moment|weekend)|\d.*)\b|\b(?:party|club|gym|team|class|group|course"
    r"|choir|band"
    r"|church|program\w*|beta|newsletter|waitlist|forum|server|channel|community|league|society|hours?|days?|meeting|call)\b"
)
_JOB_END = re.compile(r" (?=(?:in|on|since|where|who|because|after|when|during|part|last|this|from|\d{4}-\d\d)\b)")


def _job(text: str) -> Filled | None:
    for pattern in (_HIRED, _BECAME, _WORKS, _IS_A, _EMPLOYER_IS):
        match = pattern.match(text)
        if match and not _NO_EMPLOYER.search(match["employer"] or ""):
            groups = match.groupdict()
            role = _cut(groups.get("role") or groups.get("role2") or "", _JOB_END)[0]
            employer, _, rest = _cut(groups.get("employer") or "", _JOB_END)
            if not (role or employer):
                return None
            fresh = pattern in (_HIRED, _BECAME) and "'s" not in text
            named = pattern is _EMPLOYER_IS or text.startswith(f"{match['who']} joined")
            return Filled(match["who"], "job", f"{role} | {employer}", rest, update=fresh, named=named)
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
    r"(?P<value>single|married|engaged|divorced|widowed|separated(?! from (?!(?:their|his|her) (?:wife|husband"
    r"|partner)))|dating|in a (?:committed |long distance )?relationship"
    r"|broke up)(?: (?:to|with|from) (?P<rest>.+))?$"
)
_DIET = re.compile(
    r"^(?P<who>.{1,60}?) (?:(?:is|became|turned|has become|has gone|went)(?: (?:a|an|on a))?|follows an?"
    r"|adopted an?|eats(?: an?| only)?)"
    r" (?:strict(?:ly)? |fully )?(?P<value>vegan|vegetarian|pescatarian|pescetarian|flexitarian|omnivore"
    r"|carnivore|keto"
    r"|ketogenic|paleo|meat)(?: diet)?(?P<rest>(?: (?:since|for) .+)?)$"
)
_FAVOURITE = re.compile(
    r"^(?P<who>.{1,60}?) 's (?P<slot>favou?rite .{2,40}?) (?:is|are|changed to|changed from .+? to) (?P<value>.+)$"
)
_PREFERENCE = re.compile(r"^(?P<who>.{1,60}?) prefers? (?P<value>.{1,60}?)(?: (?:over|to|instead of) (?P<rest>.+))?$")
_NUMBERED = (
    r"(?:phone )?number|salary|income|rent|budget|weight|height|postcode|zip code|size|rate|price|birthday|address"
)
_NAMED = (
    r"preferred language|phone|laptop|computer|car|bank"
    r"|nationality|citizenship|native language|mother tongue|operating system|nickname"
)
_FREE = r"e ?mail(?: address)?|time ?zone|blood type|username|iban"
_SET_TO = (
    r"(?:is(?: set to)?|(?:is )?changed to|changed from .{1,60}? to|went up to|went down to"
    r"|(?:was |is )?(?:raised|lowered|increased|reduced|cut|updated) to)"
)
_ATTRIBUTE = re.compile(
    rf"^(?:(?P<who>.{{1,60}}?) 's )?(?P<slot>(?:[\w-]+ ){{0,2}}?(?:(?P<free>{_FREE})|(?P<numbered>{_NUMBERED})"
    rf"|(?P<named>{_NAMED})))(?P<of> (?:for|of) .{{1,40}}?)? {_SET_TO} (?P<value>.+)$"
)
_MEASURED = re.compile(r"^(?P<who>.{1,60}?) (?P<verb>weighs|earns) (?P<value>\d.*)$")
_ANY_NAMED = re.compile(r"^(?P<who>user) 's (?P<slot>[^,]{2,40}?) is (?P<value>\S+(?: \S+)?)$")
_WHERE = re.compile(r"^(?:called|named|by|in|on|at|from|with|under|near|due|being|not)\b")
_PEOPLES = """american canadian australian indian brazilian mexican austrian belgian israeli pakistani egyptian african
asian european british scottish colombian english german french spanish portuguese italian dutch polish czech swedish
norwegian danish finnish russian ukrainian greek turkish chinese japanese korean irish swiss jewish catholic muslim"""
_OF_PEOPLES = frozenset(_PEOPLES.split())
_IN_ZONE = re.compile(r"^(?P<who>.{1,60}?) is in (?:the )?(?P<value>\S+) time ?zone$")
_PERSON_OF = re.compile(
    r"^(?P<who>user|[\w-]+) 's (?P<slot>(?:new )?(?:boss|manager|supervisor|wife|husband|partner|spouse"
    r"|girlfriend|boyfriend"
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
    if match := _MEASURED.match(text):
        return Filled(match["who"], {"weighs": "weight", "earns": "salary"}[match["verb"]], match["value"])
    match = _FAVOURITE.match(text) or _PERSON_OF.match(text) or _ATTRIBUTE.match(text)
    if match is None or _WHERE.match(match["value"]):
        return None
    if match.re is _FAVOURITE:
        return Filled(match["who"], " ".join(content(match["slot"])), match["value"])
    if match.re is _PERSON_OF:
        named = match["value"] not in _OF_PEOPLES
        return (
            Filled(match["who"], f"person: {match['slot'].removeprefix('new ')}", match["value"], named=True)
            if named
            else None
        )
    if match["numbered"] and not re.search(r"\d", match["value"]):
        return None
    slot = " ".join(content(f"{match['slot']}{match['of'] or ''}"))
    slot = re.sub(r"^(?:new|current) |(?<=email) address$", "", slot).replace("time zone", "timezone")
    return Filled(match["who"] or "user", slot, match["value"], named=match["named"] is not None)


def _preference(text: str) -> Filled | None:
    match = _PREFERENCE.match(text)
    if match is None or match["rest"] is None:
        return None
    return Filled(match["who"], "preference", match["value"], match["rest"])


ATTRIBUTES = (_attribute,)
PEOPLE = (_home, _name, _age, _diet, _relation, _job, _job_left)
"""In the order in which they are tried. Each takes a statement and gives the slot it fills, or ``None``."""


def _perhaps(text: str) -> Filled | None:
    """An attribute that is not known to have one value at a time: only a word of change makes it one."""
    match = _ANY_NAMED.match(text)
    if match is None or _WHERE.match(match["value"]) or match["value"] in _OF_PEOPLES or MANY.search(match["slot"]):
        return None
    return Filled("user", f"perhaps {' '.join(content(match['slot']))}", match["value"], named=True)


LAST = (_preference, _perhaps)
"""Tried when nothing more particular fits."""
