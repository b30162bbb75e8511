"""The rule extractor: facts from plain first-person statements, without any model.

It knows what people commonly say of themselves and how they ask an agent to work. It errs on the side of learning
nothing: what is uncertain, hypothetical, asked, quoted or secret is left out. Pure and linear in the text's length.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from operator_memory.domain.conversation import Turn
from operator_memory.domain.learning.screening import command_reason
from operator_memory.domain.rules.languages import foreign_facts
from operator_memory.domain.rules.text import (
    clauses,
    conjugated,
    dated,
    statements,
    third_person,
    time_last,
    without_opener,
)

MAX_FACTS_PER_TURN = 40


@dataclass(frozen=True, slots=True)
class RuleFact:
    """A fact, whom it is about (``user`` or ``assistant``), and the index of the turn it comes from."""

    text: str
    attributed_to: str
    turn_index: int


def extract_facts(turns: Sequence[Turn], *, observed_on: date | None = None) -> list[RuleFact]:
    """The facts in ``turns``, in order, each text once. ``observed_on`` dates words like "yesterday"."""
    facts: dict[str, RuleFact] = {}
    for index, turn in enumerate(turns):
        found = _user_facts(turn.text) if turn.role == "user" else _agreements(turn.text)
        for _, (text, about) in zip(range(MAX_FACTS_PER_TURN), found, strict=False):
            finished = f"{dated(text, observed_on).rstrip(' .,;:!')}."
            facts.setdefault(finished.casefold(), RuleFact(finished, about, index))
    return list(facts.values())


_SECRET = re.compile(
    r"\b(?:password|passcode|passphrase|pin(?: code)?|api[ -]?key|secret|token|cvv|iban|ssn|credit card|card number)\b"
    r"|\b(?:sk|pk|ghp|xox[bp])[-_][A-Za-z0-9_-]{8,}|\bAKIA[A-Z0-9]{8,}|\b(?:\d[ -]?){12,}",
    re.IGNORECASE,
)
_CLAIM_OF_POWER = re.compile(
    r"\b(?:am|i'm) (?:(?:an?|the|your) (?:system )?(?:admin\w*|developer of|creator|owner of this|root)"
    r"|your (?:new )?(?:developer|owner|maker|operator|master|supervisor)|(?:an?|the) account owner|(?:an? |the )?(?:superuser|root|sudo))\b"
    r"|\b(?:admin\w*|root|full|unlimited|unrestricted|special) (?:access|permissions?|rights|privileges)\b"
    r"|\badmin(?:istrator)?s? (?:allow|permit|authori[sz]e|approve|said|want)",
    re.IGNORECASE,
)
_UNCERTAIN = re.compile(
    r"^(?:if|suppose|imagine|let's say|what if|maybe|perhaps|assuming|pretend)\b"
    r"|\b(?:might|i wish|i would have|hypothetically|for example|e\.g\.|role-?play)\b",
    re.IGNORECASE,
)
_QUOTED_SPEECH = re.compile(
    r"[\"\u201c][^\"\u201d]*\bI\b|\b(?:said|says|wrote|writes|told me)\b\s*[:,\"]", re.IGNORECASE
)


def _unfit(sentence: str) -> bool:
    return (
        sentence.endswith("?")
        or _UNCERTAIN.search(sentence) is not None
        or _QUOTED_SPEECH.search(sentence) is not None
        or _SECRET.search(sentence) is not None
        or _CLAIM_OF_POWER.search(sentence) is not None
        or command_reason(sentence) is not None
    )


def _user_facts(text: str) -> Iterator[tuple[str, str]]:
    for raw in statements(text):
        sentence = without_opener(raw)
        if _unfit(sentence):
            continue
        instruction = _standing_instruction(_PLEASE.sub("", sentence.rstrip(".! ")))
        if instruction:
            yield instruction, "assistant"
            continue
        if foreign := foreign_facts(sentence):
            yield from ((fact, "user") for fact in foreign)
            continue
        statement = _REMEMBER.sub("", sentence)
        facts = list(filter(None, map(_statement, clauses(time_last(statement)))))
        yield from ((fact, "user") for fact in facts)
        if not facts and statement != sentence and len(statement.split()) > 2:
            yield f"{statement[0].upper()}{third_person(statement[1:])}", "user"


_REMEMBER = re.compile(
    r"^(?:please )?(?:remember|note|keep in mind|don't forget|do not forget)(?: that)?[,:]? ", re.IGNORECASE
)

# ---- how the agent is to work -----------------------------------------------------------------------------------

_PLEASE = re.compile(r",? (?:please|thanks|thank you)$", re.IGNORECASE)
_POLITE = (
    r"(?:please |kindly |could you |can you |i(?:'d| would) (?:like|prefer) (?:it if )?you (?:to )?|i want you to )*"
)
_WORKS = (
    r"answer|reply|respond|write|speak|talk|use|give|format|keep|include|add|send|show|start|end|sign|address|explain"
    r"|cite|summari[sz]e|translate|ask|check|mention|avoid|convert|quote|list|provide|put|call|round|confirm"
    r"|remind|assume|prefer|mark|skip|leave|suggest|recommend|limit|stick|double-check|begin|make|tell|refer|book"
)
_BE = r"be (?!(?-i:[A-Z])|an?\b|my\b|the\b)"  # "be brief", but no other identity
_ALWAYS = re.compile(rf"^{_POLITE}(?P<how>always|never) (?P<what>(?:(?:{_WORKS})\b|{_BE}).+)$", re.IGNORECASE)
_FROM_NOW = re.compile(
    rf"^(?:from now on|going forward|in (?:the )?future|from here on|for (?:all )?future \w+),? {_POLITE}"
    rf"(?P<what>(?:(?:always|never|only|don't|do not|stop) )?(?:(?:{_WORKS})(?:ing)?\b|{_BE}|using\b|no ).*)$",
    re.IGNORECASE,
)
_FROM_NOW_LAST = re.compile(
    rf"^{_POLITE}(?P<what>(?:(?:{_WORKS})\b|{_BE}).+?),? (?:from now on|going forward)$", re.IGNORECASE
)
_MANNER = re.compile(
    rf"^{_POLITE}(?P<what>(?:answer|reply|respond|write|speak|talk)(?: to me| back)? (?:only )?in (?!this|the|a\b|an\b|one|which)"
    r"[\w -]{3,40}|(?:keep|make) (?:your |all |the )*(?:answers?|replies|responses?|summaries|explanations|emails?|messages)\b.+"
    r"|use (?:the )?(?:metric|imperial|celsius|fahrenheit|24-hour|british|american|simple|formal|informal)\b.{0,60})$",
    re.IGNORECASE,
)
_NOT = re.compile(
    rf"^{_POLITE}(?:don't|do not|stop|avoid|no more) (?P<what>(?:use|using|add|adding|send|sending|include|including|call|calling"
    r"|write|writing|apologi[sz]e|apologi[sz]ing|ask|asking|repeat|repeating)\b.{2,100})$",
    re.IGNORECASE,
)
_DOING = re.compile(r"\w+ing\b")
_NO_MORE = re.compile(
    r"^no (?P<what>(?:more )?(?:emojis?|bullet points|tables|jargon|small talk|apologies|markdown|disclaimers|links)\b.{0,40})$",
    re.IGNORECASE,
)
_CALL_ME = re.compile(rf"^(?i:{_POLITE}(?:just )?call me )(?P<name>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)$")
_I_PREFER_YOU = re.compile(
    rf"^i (?:prefer|like) (?:that |it (?:if|when) )you (?P<what>(?:{_WORKS})\b.+)$", re.IGNORECASE
)
_WHENEVER = re.compile(
    rf"^(?P<when>(?:whenever|every time|each time) i [^,]{{3,80}}), {_POLITE}(?P<what>(?:{_WORKS})\b.+)$", re.IGNORECASE
)
_ADDRESS = re.compile(r"https?:|\bwww\.|\S@\S", re.IGNORECASE)  # "send every answer to ..." is how data is led away
_OF_THE_MOMENT = re.compile(
    r"\b(?:this (?:one|time|text|email|file)|right now|for now|just this once)\b", re.IGNORECASE
)


def _standing_instruction(sentence: str) -> str | None:
    if _OF_THE_MOMENT.search(sentence) or _ADDRESS.search(sentence):
        return None
    if match := _CALL_ME.match(sentence):
        return f"The user asked to be called {match['name']}"
    if match := _ALWAYS.match(sentence):
        return f"The user asked to {match['how'].lower()} {_said(match['what'])}"
    if match := _FROM_NOW.match(sentence) or _FROM_NOW_LAST.match(sentence):
        return f"The user asked from now on to {_said(match['what'])}"
    if match := _WHENEVER.match(sentence):
        return f"The user asked to {_said(match['what'])} {_said(match['when'])}"
    if match := _MANNER.match(sentence) or _I_PREFER_YOU.match(sentence):
        return f"The user asked to {_said(match['what'])}"
    if match := _NO_MORE.match(sentence):
        return f"The user asked for no {_said(match['what'])}"
    if match := _NOT.match(sentence):
        what = _said(match["what"])
        return f"The user asked {'to stop' if _DOING.match(what) else 'not to'} {what}"
    return None


def _said(what: str) -> str:
    return third_person(re.sub(r"^(?:don't|do not) ", "not ", f"{what[0].lower()}{what[1:]}"))


_AGREED = re.compile(
    r"^(?:as )?(?:we(?:'ve| have)? )(?P<verb>agreed|decided|settled)(?P<what> (?:to|that|on)\b.{3,200})$", re.IGNORECASE
)


def _agreements(text: str) -> Iterator[tuple[str, str]]:
    """Of what an assistant says, only what was decided together; its guesses are not facts."""
    for raw in statements(text):
        sentence = without_opener(raw).rstrip(".! ")
        match = _AGREED.match(sentence)
        if match and not _unfit(raw):
            yield f"The user and the assistant {match['verb'].lower()}{third_person(match['what'])}", "assistant"


# ---- what is true of the user -----------------------------------------------------------------------------------

_SKIPPED_STATES = re.compile(
    r"^(?:not (?:sure|certain|happy|interested)|sorry|fine|good|well|ok|okay|great|here|back|done|ready|just|only|glad|happy"
    r"|looking for|looking to|looking at|wondering|trying|asking|having (?:trouble|problems|issues)|confused|curious|stuck"
    r"|getting (?!married|divorced|engaged)|having (?!a baby|twins|surgery)|typing|sending|attaching|using (?:the|this|version)|going to (?!(?-i:[A-Z])|an?\b|the\b|my\b|our\b)|seeing|talking|saying|afraid (?:that|i|you)|thinking|guessing|hoping|sure|aware|still|about to"
    r"|writing (?:to|a|an)|calling|reading your|in a hurry|so|very|really|too|all|also here|new here|lost|bored|tired"
    r"|almost|nearly|halfway|\w+ing the (?!(?-i:[A-Z]))|worried|excited|surprised|impressed|grateful|thankful|following up)\b",
    re.IGNORECASE,
)
_SKIPPED_POSSESSIONS = re.compile(
    r"^(?:an? |some |another |no |one |any |two |a few |more |other |got )*(?:quick |simple |small |follow-?up |different )*"
    r"(?:questions?|problems?|issues?|bugs?|errors?|ideas?|doubts?|requests?|concerns?|time|to|been|seen|read|tried|heard"
    r"|noticed|checked|attached|pasted|no idea|this|that|the (?:file|document|code|error|link|same|following|feeling))\b",
    re.IGNORECASE,
)
_SKIPPED_MY = re.compile(
    r"^(?:(?:next|last|first|second|other|main|only|current|actual) )?(?:questions?|problem|issue|point|guess|bad|mistake"
    r"|apologies|code|error|understanding|idea|thinking|request|turn|goodness|god|input|prompt|message|script|function|file|build|tests?|query|draft|output)\b",
    re.IGNORECASE,
)
_ADVERB = r"(?:(?:never|always|usually|often|really|mostly|currently|also|only|still|now|sometimes|rarely|generally|normally|recently|just|finally|both|absolutely|actually|mainly|strongly|typically|once|already|no longer) )*"
_PRESENT = (
    r"live|work|study|prefer|like|love|hate|dislike|enjoy|own|use|drive|play|speak|eat|drink|cook|run|teach|wear|follow"
    r"|support|collect|train|volunteer|suffer|fly|travel|commute|cycle|swim|hike|manage|lead|practi[cs]e|attend|celebrate|avoid"
    r"|keep|plan|rent|take|go|wake|sleep|smoke|watch|listen|read|write|paint|sing|dance|garden|code|coach|breed|raise|vote"
    r"|belong|come|grow|adore|can't stand|cannot stand|work out|pay|leave|split|meet|tend to|spend|bake|fish|ski|invest"
)
_PAST = (
    r"moved|grew up|was born|graduated|studied|worked|lived|bought|sold|adopted|got (?:married|divorced|engaged|a (?:new )?(?:job|dog|cat|puppy|kitten))"
    r"|married|started|quit|retired|joined|founded|booked|broke|learned|learnt|changed (?:jobs|my name)|switched|became"
    r"|won|finished|published|signed up|decided|stopped|gave up|was diagnosed|was promoted|lost my|had (?:surgery|a baby)|served"
)
_DURABLE_WISH = r"learn|become|visit|move|retire|start|lose|run|travel|buy|build|write|study|climb|open|save|get better|improve|switch"

_I_AM = re.compile(rf"^(?:i am|i'm|im|we are|we're) (?P<what>(?P<adverb>{_ADVERB})(?P<rest>.+))$", re.IGNORECASE)
_I_HAVE_BEEN = re.compile(
    r"^(?:i've|i have|we've|we have) (?P<never>never )?been (?P<rest>.+ (?:since|for) .+|(?<=never been )to .+)$",
    re.IGNORECASE,
)
_I_HAVE = re.compile(
    rf"^(?:i|we) (?P<adverb>{_ADVERB})(?:have|'ve got|have got) (?P<rest>.+)$|^(?:i've|we've) got (?P<got>.+)$",
    re.IGNORECASE,
)
_I_DO = re.compile(rf"^(?:i|we) (?P<adverb>{_ADVERB})(?P<verb>{_PRESENT})\b(?P<rest>.*)$", re.IGNORECASE)
_I_DID = re.compile(rf"^(?:i|we)(?:'ve| have)? (?P<adverb>{_ADVERB})(?P<verb>{_PAST})\b(?P<rest>.*)$", re.IGNORECASE)
_I_DO_NOT = re.compile(
    rf"^(?:i|we) (?P<not>don't|do not|can't|cannot|won't|didn't) (?P<rest>(?:{_PRESENT}|have|tolerate|digest)\b.*)$",
    re.IGNORECASE,
)
_I_WILL = re.compile(
    r"^(?:(?:i|we) will|i'll be|i'm going to|i am going to|we're going to) (?P<rest>(?:be )?(?:move|travel|fly|start|retire|visit|marry|get married|turn|turning|have a|be in|be away)\b.*)$",
    re.IGNORECASE,
)
_I_WANT = re.compile(
    rf"^i(?:'d like| would like| want|'d love| would love| hope| plan) to (?P<rest>(?:{_DURABLE_WISH})\b.+)$",
    re.IGNORECASE,
)
_MY = re.compile(
    r"^(?:my|our) (?P<what>.{1,80}?)(?P<verb>(?:'s| is| are| was| were| has| have| lives?| works?| (?:like|love|hate|prefer|eat|drink|play|start|turn|need|want|own|speak|cost|attend|use|expire|end|pay)s?| studies| goes| moved| died| passed away| graduated| raised| got| birthday)\b)(?P<rest>.+)$",
    re.IGNORECASE,
)
_I_CAN = re.compile(
    r"^(?:i|we) can (?P<rest>(?:only |also )?(?:spend|afford|speak|drive|swim|eat|read|play|travel|work)\b.+)$"
    r"|^(?:i'd|i would) (?P<rather>rather .+)$",
    re.IGNORECASE,
)
_ABOUT_THIS_TALK = re.compile(
    r" (?:(?:on|with|for|at|through|over) )?(?:it(?! when)|that|this|to know|your|how (?:you|this|it|that)|the (?:idea|answer|way you)|you|these|those"
    r"|the (?:following|above|tests?|script|code|command|program|article|file|document|page|build|link|list|server|draft|report|text|installer|instructions))\b"
    r"|^ (?:getting|seeing|having|hitting|running into)\b",
    re.IGNORECASE,
)
_OF_THIS_PLACE = re.compile(
    r"\b(?:here|there)$|^my .{1,80}\b(?:failing|broken|crash(?:ing|es)|blank|stuck|hang(?:ing|s)|frozen)\b",
    re.IGNORECASE,
)
_WORK_AT_HAND = re.compile(r"^(?:started|finished|stopped|changed|published) the$", re.IGNORECASE)
_TOGETHER = re.compile(
    rf"^(?P<who>(?:my|our) [\w' -]{{2,40}}) and i (?P<verb>have|{_PRESENT}|{_PAST})\b(?P<rest>.+)$", re.IGNORECASE
)
_LONG_NEGATION = {"don't": "does not", "do not": "does not", "can't": "cannot", "cannot": "cannot", "won't": "will not", "didn't": "did not"}  # fmt: skip


def _statement(clause: str) -> str | None:
    """The clause as a fact about the user, or ``None`` if it says nothing lasting."""
    clause = clause.rstrip(".! ")
    if _OF_THIS_PLACE.search(clause):
        return None
    for rule in (_together, _being, _having, _wanting, _not_doing, _doing, _able, _planning, _owning):
        fact = rule(clause)
        if fact is not None:
            return fact
    return None


def _together(clause: str) -> str | None:
    match = _TOGETHER.match(clause)
    if match is None or _ABOUT_THIS_TALK.match(match["rest"]):
        return None
    return f"User and {third_person(match['who']).lower()} {match['verb'].lower()}{third_person(match['rest'])}"


def _being(clause: str) -> str | None:
    match = _I_AM.match(clause)
    if match is None or _SKIPPED_STATES.match(match["rest"]) or _I_WILL.match(clause):
        return None
    return f"User is {third_person(match['what'])}"


def _having(clause: str) -> str | None:
    if (been := _I_HAVE_BEEN.match(clause)) and not _SKIPPED_STATES.match(been["rest"]):
        return f"User has {(been['never'] or '').lower()}been {third_person(been['rest'])}"
    match = _I_HAVE.match(clause)
    if match is None:
        return None
    what = match["rest"] or match["got"]
    if _SKIPPED_POSSESSIONS.match(what):
        return _past_perfect(clause)
    return f"User {match['adverb'] or ''}has {third_person(what)}"


def _past_perfect(clause: str) -> str | None:
    match = _I_DID.match(clause)
    return None if match is None else _past(match)


def _past(match: re.Match[str]) -> str:
    return f"User {match['adverb'] or ''}{third_person(match['verb'])}{third_person(match['rest'])}"


def _doing(clause: str) -> str | None:
    if match := _I_DID.match(clause):
        return None if _WORK_AT_HAND.match(f"{match['verb']}{match['rest'][:4]}") else _past(match)
    match = _I_DO.match(clause)
    if match is None or not match["rest"].strip():
        return None
    if _ABOUT_THIS_TALK.match(match["rest"]):
        return None
    verb, _, tail = match["verb"].partition(" ")
    doing = match["verb"] if verb.lower() in ("can't", "cannot") else " ".join(filter(None, (conjugated(verb), tail)))
    return f"User {match['adverb'] or ''}{doing}{third_person(match['rest'])}"


def _not_doing(clause: str) -> str | None:
    match = _I_DO_NOT.match(clause)
    if match is None or _SKIPPED_POSSESSIONS.match(match["rest"].removeprefix("have ")):
        return None
    return f"User {_LONG_NEGATION[match['not'].lower()]} {third_person(match['rest'])}"


def _able(clause: str) -> str | None:
    match = _I_CAN.match(clause)
    if match is None:
        return None
    able = f"can {match['rest']}" if match["rest"] else f"would {match['rather']}"
    return None if re.search(r"\byou\b", able) else f"User {third_person(able)}"


def _planning(clause: str) -> str | None:
    match = _I_WILL.match(clause)
    return None if match is None else f"User will {third_person(match['rest'])}"


def _wanting(clause: str) -> str | None:
    match = _I_WANT.match(clause)
    return None if match is None else f"User wants to {third_person(match['rest'])}"


def _owning(clause: str) -> str | None:
    match = _MY.match(clause)
    if match is None or _SKIPPED_MY.match(match["what"]):
        return None
    return f"User's {third_person(match['what'])}{match['verb']}{third_person(match['rest'])}"
