"""How the agent is to work for this person, from one sentence: a standing wish, no command of the moment."""

import re

from operator_memory.domain.rules.text import third_person

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
    rf"^(?:[^,]{{1,40}}, )?(?:from now on|going forward|in (?:the )?future|from here on|for (?:all )?future \w+),? {_POLITE}"
    rf"(?P<what>(?:(?:always|never|only|don't|do not|stop) )?(?:(?:{_WORKS})(?:ing)?\b|{_BE}|using\b|no ).*)$",
    re.IGNORECASE,
)
_FROM_NOW_LAST = re.compile(
    rf"^{_POLITE}(?P<what>(?:(?:{_WORKS})\b|{_BE}).+?),? (?:from now on|going forward)$", re.IGNORECASE
)
_MANNER = re.compile(
    rf"^{_POLITE}(?P<what>(?:answer|reply|respond|write|speak|talk)(?: to me| back)? (?:only )?in (?!this|the|a\b|an\b|one|which)"
    r"[\w -]{3,40}|(?:keep|make) (?:your |all |the )*(?:answers?|replies|responses?|summaries|explanations|reports?|emails?|messages)\b.+"
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
_CALL_ME = re.compile(
    rf"^(?i:{_POLITE}(?:just )?call me )(?P<name>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)(?:,? from now on)?(?:, .*)?$"
)
_I_PREFER_YOU = re.compile(
    rf"^i (?:prefer|like) (?:that |it (?:if|when) )you (?P<what>(?:{_WORKS})\b.+)$", re.IGNORECASE
)
_WHENEVER = re.compile(
    rf"^(?P<when>(?:(?:whenever|every time|each time) i|when(?:ever)? you (?:{_WORKS})\b) [^,]{{3,80}}), {_POLITE}(?P<what>(?:{_WORKS})\b.+)$",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?:|\bwww\.|\S@\S", re.IGNORECASE)  # "send every answer to ..." is how data is led away
_OF_THE_MOMENT = re.compile(
    r"\b(?:this (?:one|time|text|email|file)|right now|for now|just this once)\b", re.IGNORECASE
)


def standing_instruction(sentence: str) -> str | None:
    """The wish in ``sentence`` as a fact, or ``None``."""
    sentence = _PLEASE.sub("", sentence.rstrip(".! "))
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
