"""Texts that no memory may be: what says nothing, and what tries to command whoever reads it. Pure, linear in length.

A memory is data about a person or about how they want to be served. A text that would change the reader's rules, hide
things, lead data away, run something or speak for other users is not, whoever wrote it; it waits for a person.
"""

import re
import unicodedata

from operator_memory.domain.screening_patterns import REASONS

# ---- instruction-like -------------------------------------------------------------------------------------------

# Marks that reorder or hide text. Tag characters carry whole sentences that a model reads and a person does not see;
# they are also how the flags of England, Scotland and Wales are written, six or seven of them after a black flag.
_HIDDEN = re.compile(r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]+")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]{3,7}")
_TAGS = re.compile("[\U000e0000-\U000e007f]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{60,}={0,2}")
_LOOK_ALIKES = str.maketrans("асеіорхуѕјԁ" + "αοενικρτυ" + "’‘‛ʼ`´“”", "aceiopxysjd" + "aoevikptu" + "''''''\"\"")
_DIGIT_LETTERS = str.maketrans("013457@$!", "oieastasi")
_SPELT_WITH_DIGITS = re.compile(r"[a-z][013457@$!]{1,2}[a-z]|\b[013457@$]{1,2}[a-z]{2}")
_SPACES = re.compile(r"[^\S\n]+")


def command_reason(text: str) -> str | None:
    """Why ``text`` may not be remembered because it reads like a command, or ``None`` if it does not.

    Returns:
        One of ``escapes_fence``, ``encoded_payload``, ``changes_rules``, ``claims_authority``,
        ``affects_others``, ``hides_from_user``, ``sends_data_away``, ``runs_tools`` and ``adds_links``.
    """
    if _TAGS.search(_FLAG.sub("", text)) or _holds_base64(text):
        return "encoded_payload"
    folded = _folded(text)
    spellings = [folded]
    if _SPELT_WITH_DIGITS.search(folded):
        spellings.append(folded.translate(_DIGIT_LETTERS))
    for reason, pattern in REASONS:
        if any(pattern.search(spelling) for spelling in spellings):
            return reason
    return None


def _folded(text: str) -> str:
    """Lower case without accents, hidden marks and look-alike letters; spaces single, line breaks kept."""
    decomposed = unicodedata.normalize("NFKD", _HIDDEN.sub("", text)).casefold()
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _SPACES.sub(" ", plain.translate(_LOOK_ALIKES)).strip()


def _holds_base64(text: str) -> bool:
    """Whether a run of 60 or more characters mixes cases and digits as encoded text does (words and paths do not)."""
    return any(
        re.search("[a-z]", run) and re.search("[A-Z]", run) and re.search("[0-9]", run) for run in _BASE64.findall(text)
    )


# ---- trivial ----------------------------------------------------------------------------------------------------

_FILLER = frozenset(
    """hi hello hey hiya greetings good morning afternoon evening night day bye goodbye see you later soon welcome
    thanks thank thx ty much so very a lot many please ok okay k yes yeah yep yup no nope sure right alright fine great
    cool nice perfect awesome lovely wonderful got it understood exactly indeed maybe hmm hm uh um oh ah wow lol haha
    sorry none nothing null nil na unknown test testing the there everyone again all well for help your how are doing
    today is that what up is this an and to i see
    hallo guten tag morgen abend gute nacht moin servus tschuss danke schon sehr vielen dank bitte ja nein genau
    hola buenos buenas dias tardes noches adios gracias muchas por favor si vale claro de nada que tal
    bonjour bonsoir salut coucou au revoir merci beaucoup oui non bien sur d accord s il vous plait te
    ola bom dia boa tarde noite tchau obrigado obrigada muito sim nao
    ciao buongiorno grazie prego""".split()
)
_WHO = r"(?:the |der |die |el |la |o |a |l )?(?:user|human|customer|person|speaker|nutzer|nutzerin|benutzer|benutzerin|usuario|usuaria|utilisateur|utilisatrice|utilizador|utilizadora)"
_AGENT = r"(?:the |an? )?(?:ai |virtual )?(?:assistant|agent|ai|bot|chatbot|model)"
_TOLD = rf"(?: (?:to )?(?:the )?(?:{_AGENT}|them|it))?"
_CLOSE = r"(?: (?:to|with|in|at|from|during|again|today|the|an?|this|start|begin|beginning|of|conversation|chat|session|assistant|ai|agent|message|way))*"
_META = re.compile(
    rf"""(?:
    {_WHO}\ (?:has\ |have\ |had\ |is\ |was\ |just\ |simply\ |only\ )*(?:
        (?:said|says|saying|sent|wrote|typed)\ (?:hi|hello|hey|bye|goodbye|thanks|thank\ you|yes|no|ok|okay|a\ greeting|greetings|good\ (?:morning|evening|night|afternoon))
      | (?:ask|asked|asks|asking|posed|has)\ (?:{_AGENT}\ )?(?:a|an|the|some|another|many|several|multiple|follow\ up)\ (?:\w+\ )?questions?(?:\ about\ (?:it|this|that|something))?
      | (?:asked|asks|asking|looking|wants|requested|requests|seeking|needs|wanted)\ (?:{_AGENT}\ )?(?:for\ )?(?:some\ )?(?:help|assistance|advice|information|clarification|a\ response|an\ answer)
      | (?:greeted|greets|greeting|thanked|thanks|thanking|acknowledged|acknowledges|replied|responded|answered|confirmed|agreed|apologi[sz]ed|appreciates|appreciated)
      | (?:started|starts|began|initiated|having|ended|continued|engaged|engaging|interacting|talking|chatting|speaking|communicating|using|testing)\ (?:in\ |with\ )?(?:a\ |an\ |the\ |this\ )*(?:conversation|chat|session|dialogue|{_AGENT})
      | (?:shared|provided|gave|sent|made|submitted)\ (?:a|an|some|the|no|any)?\ ?(?:\w+\ )?(?:message|messages|information|input|feedback|statement|request|text|prompt|query|details)
      | (?:did\ not|didn\ t|does\ not|hasn\ t|has\ not|have\ not|not)\ (?:share|shared|provide|provided|mention|mentioned|give|given|say|said|ask|asked|state|stated)\ .{{0,60}}
      | (?:understands|understood|interested\ in\ (?:the\ )?(?:conversation|answer))
      | (?:in\ need\ of|looking\ for)\ (?:help|assistance|information|answers?)
      )(?:\ for\ (?:the\ )?(?:help|answer|response|assistance|information))?{_TOLD}{_CLOSE}
    | (?:the\ )?(?:assistant|ai|agent|bot|chatbot)\ (?:has\ |will\ |can\ |is\ |was\ |would\ |could\ |and\ )*(?:help|helped|helps|helping|assist|assisted|assists|assisting
        |offered|offers|ready|happy|able|available|here|respond|responded|responds|answer|answered|answers|reply|replied|greeted|greets|thanked|provide|provided|provides
        |acknowledged|confirmed|apologi[sz]ed|asked|understood|said\ (?:hi|hello)|explained|willing|glad|be\ happy|be\ able|unable)
        (?:\ (?:to|the|user|with|a|an|in|on|by|for|help|assist|assistance|response|answer|question|questions|information|any|anything|more|needed|request|task|of|hello|and|it|that|this|further|provide|them|him|her))*
    | (?:this|the)\ (?:conversation|chat|dialogue|discussion|exchange|interaction|message)\ (?:is|was|has|had|began|started|ended|contains|includes|does|did)\b.{{0,80}}
    | (?:the\ user\ and\ )?(?:there\ (?:is|are|was|were)\ )?(?:no|nothing|not)\ (?:new\ |relevant\ |memorable\ |specific\ |personal\ |further\ |to\ |important\ )*(?:facts?|information|memor(?:y|ies)|details|preferences|remember|extract|report|store)
        (?:\ (?:was|were|is|are|to|found|shared|provided|mentioned|extract|extracted|remember|about|the|user|in|this|conversation|here|available|stated))*
    | {_WHO}\ (?:hat\ )?(?:(?:eine|einige|mehrere)\ fragen?\ (?:gestellt)?|stellt\ (?:eine\ )?fragen?|stellte\ (?:eine\ )?fragen?|begrusst\w*|gegrusst|bedankt\w*(?:\ sich)?|sich\ bedankt|sagt\w*\ (?:hallo|danke)|(?:hallo|danke)\ gesagt|um\ hilfe\ gebeten)(?:\ (?:den|die|bei|dem)\ (?:assistent\w*))?
    | {_WHO}\ (?:ha\ |a\ )?(?:hizo|hace|hecho|fez|faz|pose|posa|posee)\ (?:una|uma|une)\ (?:pregunta|pergunta|question)
    | {_WHO}\ (?:ha\ |a\ |l\ )*(?:saludo|saluda|saludado|agradecio|agradece|agradeceu|salue|remercie|cumprimentou|dijo\ (?:hola|gracias)|dit\ (?:bonjour|merci)|disse\ (?:ola|obrigad[oa])|pidio\ ayuda|pediu\ ajuda|demande\ de\ l\ aide)(?:\ (?:al|a|o|l|ao|le)\ (?:asistente|assistant|assistente))?
    )""",
    re.VERBOSE,
)
_NOT_A_WORD = re.compile(r"[\W_]+")
_SAID = re.compile(rf"^{_WHO} (?:said|says|replied|answered|responded|wrote|sagte?|dijo|dit|disse) ")
_MAX_TRIVIAL_WORDS = 16


def is_trivial(text: str) -> bool:
    """Whether ``text`` says nothing worth remembering.

    Greetings, thanks, bare filler and sentences about the conversation itself ("User asked a question", "The
    assistant will help") say nothing; a short fact ("User is vegan.") does.
    """
    words = _NOT_A_WORD.sub(" ", _folded(text)).strip()
    if not words:
        return True
    if words.count(" ") >= _MAX_TRIVIAL_WORDS:
        return False
    return _META.fullmatch(words) is not None or _FILLER.issuperset(_SAID.sub("", words).split())
