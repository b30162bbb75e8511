"""A short answer and the question before it, as the sentence that they come to: "Do you eat meat?" - "No." """

import re

_QUESTION = r"^(?:(?:and|so|ok|okay|great|nice|thanks|by the way)[,.!]? )?"
_YES_NO = re.compile(
    rf"{_QUESTION}(?:(?P<verb>do) you (?:still |also |usually )?|(?P<be>are) you (?:still |also )?)(?P<what>[^?]+)\?$",
    re.IGNORECASE,
)
_YES = re.compile(
    r"^(?:yes|yeah|yep|yup|correct|right|exactly|i do|i am|i sure do)(?:[ ,]+(?:i do|i am|please))?$", re.IGNORECASE
)
_NO = re.compile(
    r"^(?:no|nope|nah|i don't|i'm not|never|not any ?more|no longer)?(?:[ ,]+(?:i don't|i'm not|not any ?more))?"
    r"(?:(?:^|[ ,]+)(?:not )?(?P<since>since [\w ]{3,30}))?$",
    re.IGNORECASE,
)
_ASKED_FOR = tuple(
    (re.compile(rf"{_QUESTION}{pattern}\?$", re.IGNORECASE), said)
    for pattern, said in (
        (r"what(?:'s| is| are) your (?P<what>[^?]{2,40})", "My {what} is {answer}"),
        (r"what(?:'s| is) the (?P<what>\w+'s name)", "My {what} is {answer}"),
        (r"when(?:'s| is) your (?P<what>[^?]{2,40})", "My {what} is on {answer}"),
        (r"where do you (?P<what>live|work|study)(?: now)?", "I {what} in {answer}"),
        (r"where are you (?P<what>from|based)", "I am {what} {answer}"),
        (r"what do you do(?P<what>)(?: for (?:a living|work))?", "I work as {answer}"),
        (r"(?:and )?how old are you(?P<what>)", "I am {answer} years old"),
    )
)  # fmt: skip
_SHORT = re.compile(
    r"^(?:it's |it is |in |on |at |from )?(?P<answer>(?!(?:i|i'm|my|we|no|yes|yeah|why|what|it|that)\b)[\w'-]+(?: [\w',-]+){0,4})$",
    re.IGNORECASE,
)
_YOURS = re.compile(r"\byour\b", re.IGNORECASE)


def declared(question: str, answer: str) -> str | None:
    """What the user says by ``answer``, in the first person; ``None`` where it does not follow from the two.

    Both are single sentences; the answer may lack its subject and verb, as answers do.
    """
    answer = answer.rstrip(".! ")
    if match := _YES_NO.match(question):
        what = _YOURS.sub("my", match["what"]).strip()
        if re.search(r"\bor\b", what):
            return None
        return _yes_or_no(match["be"] is not None, what, answer)
    short = _SHORT.match(answer)
    if short is None:
        return None
    for pattern, said in _ASKED_FOR:
        if match := pattern.match(question):
            return said.format(what=match["what"], answer=short["answer"])
    return None


def _yes_or_no(is_state: bool, what: str, answer: str) -> str | None:
    if _YES.match(answer):
        return f"I am {what}" if is_state else f"I {what}"
    no = _NO.match(answer) if answer else None
    if no is None:
        return None
    since = f" {no['since']}" if no["since"] else ""
    return f"I am not {what}{since}" if is_state else f"I don't {what}{since}"
