"""Secrets that only the words around them give away: "my password is ...", ``API_KEY=...``, "the door code: ...".

A label is looked for first, then the text behind it is read as `[for a place] is|:|= value`. What counts as a value
depends on the label: a password may be any word, so a plain one is taken only where the sentence ends with it; a key
must look random; a code is digits. Every pattern is bounded, so the time is linear in the text.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from operator_memory.adapters.secrets.formats import Found
from operator_memory.adapters.secrets.not_passwords import NOT_PASSWORDS, SENTENCE_WORDS

# Distinctive words are found inside longer ones, too (WLAN-Passwort, dbPassword, 我的密码); short ones stand alone.
_PASSWORD = re.compile(
    r"pass ?wor[td]s?|pass ?codes?|pass-?phrases?|passwd|kennwort|zugangswort|wachtwoord(?:en)?|contrase[ñn]as?"
    r"|mots? de passe|palavra-passe|parola d'ordine|has[łl]o|парол[ья]"
    r"|(?:wlan|wi-?fi)[- ]?(?:schlüssel|key)|lösenord|adgangskode|salasana|şifre"
    r"|密码|密碼|口令|パスワード|비밀번호|סיסמ[הא]|كلمة (?:المرور|السر)"
    r"|(?<![^\W_])(?:pwd?|mdp|senhas?|clave|pass|parola)(?![^\W_])",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"(?P<token>(?<![^\W\d_])(?:access|auth|refresh|bearer|api|bot|deploy|session)?[ _-]?(?:auth)?token(?![^\W_])"
    r"|jeton d'accès|zugriffstoken|令牌)"
    r"|api[ _-]?(?:keys?|secret|schlüssel)|(?:secret|access|client|consumer|signing|encryption|master|auth|account)"
    r"[ _-]?(?:access[ _-]?)?(?:key|secret)|(?:clave|clé|chave|chiave|ключ)(?: de| d'| da)? ?api|api[ -]?密钥"
    r"|(?<![^\W\d])secret(?![^\W_])",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"(?<![^\W\d_])(?:"
    r"(?P<pin>pin(?:[ -]?(?:code|number|nummer))?|geheimzahl|code pin)"
    r"|(?P<cvv>cv[vc]2?|card security code|prüfziffer|kartenprüfnummer)"
    r"|(?:verification|security|one-?time|log-?in|sign-?in|authentication|auth|2fa|mfa|otp|sms|two[- ]factor|recovery"
    r"|access|entry|entrance|door|gate|garage|alarm|lock(?:box)?|safe|building|house)"
    r"(?: (?:verification|authentication|security|access|entry|door))?[ -](?:pass)?code"
    r"|code (?:for|to|of) (?:the|my|our) (?:front )?(?:door|gate|garage|alarm|lock|lockbox|safe|building|house|office)"
    r"|safe combination|combination (?:to|of|for) (?:the|my|our) (?:safe|lock|locker)"
    r"|otp|tan|(?:bestätigungs|sicherheits|einmal|tür|tor|alarm|zugangs|safe)-?code"
    r"|código de (?:verificación|seguridad|acceso|la puerta|la alarma|verificação|segurança)|digicode"
    r"|code (?:de vérification|de sécurité|d'accès|d'entrée|de la porte|de l'alarme)|codice di (?:verifica|sicurezza)"
    r")(?![^\W_])|验证码|驗證碼|認証コード|暗証番号|인증번호",
    re.IGNORECASE,
)

_IS = (
    r"is now|are now|is|was|are|will be|ist|lautet|war|heißt|es|era|está|est|c['’]est|était|é|è|être|jest|to|är|er"
    r"|היא|هي"
)
_ADVERB = r"(?:(?:literally|just|simply|actually|still|now|currently|jetzt|noch|ahora)\s{1,3})?"
_IS_CJK = r"[是为為は가는은][:：]?"
_PLACE = (  # "for the staging server", "(upstairs)", "del wifi"
    r"(?:\s{1,2}(?:for|to|of|on|at|in|from|with|für|zum|zur|vom|von|im|de|del|para|pour|du|do|da|per|di|voor|van|till|för"
    r"|от|для|к|на|that|you|i|we|he|she|they)(?:\s[^\s.,;:!?=\0]{1,24}){1,5}?|\s?\([^()\n\0]{1,40}\)|\s(?:שלי|code|number|id|key))?"
)
_MARKS = r"[\\\"'`*_)\]]{0,4}"  # what may close the label: a quote, a bracket, Markdown
_SEPARATOR = re.compile(
    rf"{_MARKS}{_PLACE}(?:(?P<assign>{_MARKS}\s{{0,3}}(?::=|=>|=(?!=)|[:：＝])[*_]{{0,2}}\s{{0,5}})"
    rf"|(?P<says>(?:\s{{1,3}}(?:{_IS})(?!\w)|['’]s\s)[:：]?\s{{0,3}}{_ADVERB}|{_IS_CJK}\s{{0,3}}))",
    re.IGNORECASE,
)
_NEXT = re.compile(r"['’]?\s{1,3}(?:(?:to|with|auf|[-–—])\s{1,3})?", re.IGNORECASE)
_FLAG = re.compile(r"--[\w-]{0,20}\Z")
_QUOTED = re.compile(r"\\{0,3}[\"'`“”„«‘「]([^\"'`“”»«‘’「」\n\\\0]{1,128})\\{0,3}[\"'`“”»‘’」]")
_BARE = re.compile(r"\(?([^\s\"'`<>;。，、）」\0]{1,160})")
_ASCII_ONLY = re.compile(r"([!#-~]{4,64})")  # behind a label in a script without spaces
_NEXT_FIELD = re.compile(r"[&,;]\w{1,40}[=:]")
_FIRST_CJK = 0x2E80
_TRAILING = ".,:?)]}…»*"
_MANY_PLAIN_WORDS = re.compile(r"[a-z]{3,10}(?:[ -][a-z]{3,10}){3,9}(?=\s*(?:$|[\n.,;!?)]))")

_PLACEHOLDER = re.compile(
    r"[<$%{\[(&]|([*xX•._#-])\1*$|(?:your|my|the|enter|insert|some)[-_ ]|https?://|\\", re.IGNORECASE
)
_EXPRESSION = re.compile(
    r"[A-Za-z_][\w.]*[(\[{]|[a-z_]*(?:password|passwd|pwd|secret)[a-z_]*$|(?:self|this|req|request|os|process|settings|config|user|env)\."
)
_PLAIN = re.compile(r"[^\W\d_]+(?:[.'’/-][^\W\d_]+)*!*")
_PARTICIPLE = re.compile(r"[a-zäöü]{3,}(?:ed|ing|able|ible)")
_CLAUSE_END = re.compile(
    r"[\"'`*_]{0,3}(?:\s*(?:$|[\n.,;!?&)\]}…—–(])|\s+(?:and|but|und|aber|y|et|e|en|i|if|since|thanks|please)\b)"
)
_UNITS = re.compile(
    r"\s*+(?:(?:-|to|or)\s*+)?(?:characters?|chars?|letters?|digits?|words?|bits?|days?|weeks?|months?|years?|times|minutes?"
    r"|hours?|zeichen|ziffern|tage|caracteres|caractères|of|out)\b",
    re.IGNORECASE,
)
_NO_LABEL = re.compile(r"[ -]?(?:manager|hint|reset|policy|generator|field|length)", re.IGNORECASE)
_WEAK_LABELS = ("clave", "pass", "parola")  # also any key, also a verb, also any word
_ANOTHER = re.compile(r"[^\n]{0,40}?\b(?:one|other|second)\s{1,3}(?:is|was)\s{1,3}(?:now\s{1,3})?", re.IGNORECASE)
_BEFORE = re.compile(
    r"(?:^|[\s\"'`(])([^\s\"'`<>(\0]{4,64})[\"'`]?\s+(?:is|was|as|ist|es|est|als)\s+(?:my|the|our|your|his|her|their|mein"
    r"|dein|ihr|unser|das|der|mi|tu|su|la|el|mon|ton|votre|le)e?\s+(?:[\w-]{1,20}\s+){0,2}(?:wi-?fi )?\Z",
    re.IGNORECASE,
)
_BEFORE_CHARACTERS = 140
_RANDOM = re.compile(
    r"(?!0x[0-9a-fA-F]{40}$)(?!.*[a-z]{13})"  # an account of a blockchain is public; words are no key
    r"(?:(?=.*[A-Za-z])(?=.*[0-9].*[0-9])|(?=(?:[^A-Z]{0,4}[A-Z]){5})(?=(?:[^a-z]{0,4}[a-z]){5}))[\w+/=.~!-]{16,512}",
    re.ASCII,
)
_DIGITS = re.compile(
    r"[\"'`]?((?:G-)?[0-9]{3}[ -][0-9]{3}|[#*]?[0-9]{3,8}[#*]?|[0-9]{1,4}[A-F][0-9]{1,4})(?![\w-]|[.,:/][0-9])"
)
_COMBINATION = re.compile(r"([0-9]{1,2}(?:[ -][0-9]{1,2}){2,3})(?![\w-])")
_CODE_BEFORE = re.compile(r"(?:G-)?[0-9]{3}[ -]?[0-9]{1,5}")


class _Value(NamedTuple):
    """What stands behind a label, and how it is connected: ``assign``, ``says``, ``next`` or ``flag``."""

    start: int
    end: int
    how: str
    quoted: bool = False


def said_secrets(text: str) -> Iterator[Found]:
    """Passwords, keys, tokens and codes that a label announces, or that a label follows."""
    return chain(_passwords(text), _keys(text), _codes(text))


def _values(text: str, label: re.Match[str]) -> Iterator[_Value]:
    """The places behind a label that may hold its value."""
    flag = _FLAG.search(text, max(0, label.start() - 24), label.start())
    next_to_it = _NEXT.match(text, label.end())
    if next_to_it and (value := _value_at(text, next_to_it.end(), "flag" if flag else "next", label)):
        yield value
    separator = _SEPARATOR.match(text, label.end())
    if separator and (value := _value_at(text, separator.end(), separator.lastgroup or "", label)):
        yield value


def _value_at(text: str, start: int, how: str, label: re.Match[str]) -> _Value | None:
    if quoted := _QUOTED.match(text, start):
        return _Value(*quoted.span(1), how, quoted=True)
    script_without_spaces = ord(label[0][-1]) > _FIRST_CJK
    bare = (_ASCII_ONLY if script_without_spaces else _BARE).match(text, start)
    if not bare:
        return None
    value = bare[1]
    if field := _NEXT_FIELD.search(value):
        value = value[: field.start()]
    return _Value(bare.start(1), bare.start(1) + len(value.rstrip(_TRAILING)), how)


def _passwords(text: str) -> Iterator[Found]:
    for label in _PASSWORD.finditer(text):
        for value in _values(text, label):
            if _is_password(text, value, weak=label[0].lower() in _WEAK_LABELS):
                yield Found(value.start, value.end, "password")
                yield from _another(text, value.end)
            elif "phrase" in label[0].lower() and value.how != "next" and (words := _passphrase(text, value.start)):
                yield Found(*words.span(), "password")
        if (before := _before(text, label)) and _has_letter_and_digit(before[1]):
            yield Found(*before.span(1), "password")


def _another(text: str, start: int) -> Iterator[Found]:
    """The second of "my old password was ... and the new one is ..."."""
    match = _ANOTHER.match(text, start)
    bare = _BARE.match(text, match.end()) if match else None
    if bare and _has_letter_and_digit(bare[1]):
        yield Found(bare.start(1), bare.start(1) + len(bare[1].rstrip(_TRAILING)), "password")


def _is_password(text: str, value: _Value, *, weak: bool) -> bool:
    word = text[value.start : value.end]
    if (
        len(word) < 3
        or _PLACEHOLDER.match(word)
        or (value.how == "assign" and not value.quoted and _EXPRESSION.match(word))
    ):
        return False
    if value.quoted and " " in word.strip():
        return not _is_sentence(word)
    plain = word.lower().strip("!")
    if plain in NOT_PASSWORDS or _PARTICIPLE.fullmatch(word):
        return False
    if _has_letter_and_digit(word):
        return len(word) > 4 or (len(word) == 4 and value.how != "next")
    if word.isdigit() and (value.how != "next" or (len(word) > 5 and text[value.start - 1] != "\n")):
        return len(word) >= 4 and not weak and not _UNITS.match(text, value.end)
    if value.how == "next":
        return value.quoted and not weak
    if _PLAIN.fullmatch(word):
        ends = value.quoted or value.how == "flag" or _CLAUSE_END.match(text, value.end)
        return len(plain) >= 4 and not weak and bool(ends)
    return bool(re.search(r"[^\W\d_]", word)) and not word.startswith(("-", "/", "."))


def _has_letter_and_digit(word: str) -> bool:
    return any(map(str.isalpha, word)) and any(map(str.isdigit, word)) and word.lower() not in NOT_PASSWORDS


def _passphrase(text: str, start: int) -> re.Match[str] | None:
    words = _MANY_PLAIN_WORDS.match(text, start)
    return words if words and not _is_sentence(words[0]) else None


def _is_sentence(words: str) -> bool:
    return not SENTENCE_WORDS.isdisjoint(word.strip(".,:;!?") for word in words.lower().split())


def _before(text: str, label: re.Match[str]) -> re.Match[str] | None:
    """What is said to be the label's: "X is my password", "X is your verification code"."""
    if _NO_LABEL.match(text, label.end()):
        return None
    return _BEFORE.search(text, max(0, label.start() - _BEFORE_CHARACTERS), label.start())


def _keys(text: str) -> Iterator[Found]:
    for label in _KEY.finditer(text):
        for value in _values(text, label):
            word = text[value.start : value.end]
            if _RANDOM.fullmatch(word) and not _PLACEHOLDER.match(word):
                yield Found(value.start, value.end, "token" if label["token"] else "api_key")


def _codes(text: str) -> Iterator[Found]:
    for label in _CODE.finditer(text):
        name = label[0]
        if name.lower() == "tan" and name != "TAN":
            continue
        if code := _code(text, label):
            yield Found(*code.span(1), "password")
        before = _before(text, label)
        if before and not label["pin"] and _CODE_BEFORE.fullmatch(before[1]):
            yield Found(*before.span(1), "password")


def _code(text: str, label: re.Match[str]) -> re.Match[str] | None:
    separator = _SEPARATOR.match(text, label.end())
    # "pin 1234" may be a pin of a chip
    if not separator and label[0] not in ("pin", "Pin"):
        separator = _NEXT.match(text, label.end())
    if not separator:
        return None
    if "combination" in label[0].lower():
        return _COMBINATION.match(text, separator.end())
    code = _DIGITS.match(text, separator.end())
    if not code or _UNITS.match(text, code.end()):
        return None
    length = sum(map(str.isalnum, code[1]))
    if length == 3 and not label["cvv"]:
        return None
    is_postcode = label["pin"] and "code" in label[0].lower() and length == 6  # India's postcodes are PIN codes
    return None if is_postcode else code
