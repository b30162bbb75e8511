"""How people say days, months and distances in time, language by language, as data. See `question_dates`.

All in lower case and without accents, as `folded` leaves them. In a pattern ``{name}`` stands for the words of that
name; each pattern is of the rule that reads it. Chinese has patterns of its own: it puts no spaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from operator_memory.domain.text import MONTHS, word_set


@dataclass(frozen=True, slots=True)
class CalendarWords:
    """One language. ``marks``: words by which it is known. ``months`` from January, ``weekdays`` from Monday."""

    marks: frozenset[str]
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    days: Mapping[str, int]
    numbers: Mapping[str, int]
    units: tuple[str, str, str, str]
    """Day, week, month, year."""
    weekend: str
    last: str
    this: str
    next: str
    patterns: tuple[tuple[str, str], ...]


def _numbers(listed: str) -> dict[str, int]:
    """The words of each number from one on; between them ``/``, between words of the same number a space."""
    return {word: number for number, words in enumerate(listed.split("/"), start=1) for word in words.split()}


_EN_MONTHS = tuple(f"{name}|{name[:3]}" for name in MONTHS.lower().split("|"))
ENGLISH = CalendarWords(
    marks=word_set(
        "a about and are at been did do does for from had have how i in is it me my of on our say said talk tell the to"
        " us was we were what when where which who with you"
    ),
    months=(*_EN_MONTHS[:8], "september|sept|sep", *_EN_MONTHS[9:]),
    weekdays=("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    days={
        "day before yesterday": -2, "yesterday": -1, "last night": -1, "today": 0, "tonight": 0, "this morning": 0,
        "this afternoon": 0, "this evening": 0, "tomorrow": 1, "day after tomorrow": 2,
    },
    numbers=_numbers("a an one/two/three/four/five/six/seven/eight/nine/ten/eleven/twelve"),
    units=("days?", "weeks?", "months?", "years?"),
    weekend="weekend",
    last="last|past|previous",
    this="this|current",
    next="next|coming|upcoming",
    patterns=(
        ("day", r"{days}"),
        ("ago", r"{count} {unit} ago"),
        ("within", r"(?:in|during|over|within) the (?:last|past) {count} {unit}"),
        ("span", r"{which} (?:{unit}|{weekend})"),
        ("span", r"{unit} (?P<before_last>before last)"),
        ("span", r"(?:at|on|over|during) the {weekend}"),
        ("weekday", r"(?:(?:on )?(?:this )?{which} |on )?{weekday}"),
        ("date", r"{day}(?:st|nd|rd|th)?(?: of)? {month}\b\.?(?:,? {year})?"),
        ("date", r"{month}\b\.? (?:the )?{day}(?:st|nd|rd|th)?(?:,? {year})?"),
        ("month", r"(?:in|during|of|since|{which}) (?:early |mid |late )?{month}(?:,? (?:of )?{year})?"),
        ("month", r"{month},? {year}"),
        ("of_month", r"on the {day}(?:st|nd|rd|th)?(?! (?:of )?{month})(?! (?:birthday|floor|page|row|try))"),
        ("of_month", r"the {day}(?:st|nd|rd|th)(?=\s*(?:[?.!,;]|$))"),
        ("year", r"(?:in|during|of) {year}"),
    ),
)  # fmt: skip

GERMAN = CalendarWords(
    marks=word_set(
        "am an auf bei das dem den der die du ein eine haben hast habe hat ich im in ist mein meine mir mit mich sagte"
        " sagten sind uber und uns unser von vor wann war waren was welche welchen wer wie wir wo zu"
    ),
    months=(
        "januar|janner|jan", "februar|feber|feb", "marz|mar", "april|apr", "mai", "juni|jun", "juli|jul", "august|aug",
        "september|sept|sep", "oktober|okt", "november|nov", "dezember|dez",
    ),
    weekdays=("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag|sonnabend", "sonntag"),
    days={
        "vorgestern": -2, "gestern": -1, "letzte nacht": -1, "heute": 0, "ubermorgen": 2, "uebermorgen": 2,
        "(?<!am )(?<!jeden )(?<!guten )(?<!heute )(?<!gestern )morgen": 1,
    },
    numbers=_numbers(
        "ein eine einem einer einen/zwei/drei/vier/funf fuenf/sechs/sieben/acht/neun/zehn/elf/zwolf zwoelf"
    ),
    units=("tag(?:en?)?", "wochen?", "monat(?:en?|s)?", "jahr(?:en?|s)?"),
    weekend="wochenende",
    last="(?:letzt|vergangen|vorig)e[nmrs]?",
    this="diese[nmrs]?",
    next="(?:nachst|naechst|kommend)e[nmrs]?",
    patterns=(
        ("day", r"{days}"),
        ("ago", r"vor {count} {unit}"),
        ("within", r"in den (?:letzten|vergangenen) {count} {unit}"),
        ("span", r"{which} (?:{unit}|{weekend})"),
        ("span", r"(?P<before_last>vorletzte[nmrs]?) (?:{unit}|{weekend})"),
        ("span", r"(?:am|ubers|uebers) {weekend}"),
        ("weekday", r"(?:(?:am )?{which} |am )?{weekday}"),
        ("date", r"{day}\.? ?{month}\b\.?(?:,? {year})?"),
        ("month", r"(?:im|in|seit|vom|{which}) {month}(?: {year})?"),
        ("month", r"{month} {year}"),
        ("of_month", r"(?:am|vom|den|der) {day}\.(?!\d)(?! ?{month})(?! (?:geburtstag|jahrestag|platz|stock))"),
        ("year", r"(?:in|im jahr|im jahre|seit) {year}"),
    ),
)  # fmt: skip

FRENCH = CalendarWords(
    marks=word_set(
        "a ai as au avec avions avons avez c comment de des dit du elle en est et etait etais fait il j je l la le les"
        " ma mes mon nous on ou parle pour qu quand que quel quelle quelles quels quoi se sur t tu un une"
    ),
    months=(
        "janvier|janv", "fevrier|fevr", "mars", "avril|avr", "mai", "juin", "juillet|juil", "aout", "septembre|sept",
        "octobre|oct", "novembre|nov", "decembre|dec",
    ),
    weekdays=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    days={
        "avant-hier": -2, "avant hier": -2, "hier": -1, "cette nuit": -1, "aujourd'hui": 0, "ce matin": 0, "ce soir": 0,
        "apres-demain": 2, "demain": 1,
    },
    numbers=_numbers("un une/deux/trois/quatre/cinq/six/sept/huit/neuf/dix/onze/douze"),
    units=("jours?", "semaines?", "mois", "an(?:nee)?s?"),
    weekend="week-?end",
    last="(?:dernier|passe)e?s?",
    this="cet?(?:te)?",
    next="prochaine?",
    patterns=(
        ("day", r"{days}"),
        ("ago", r"il y a {count} {unit}"),
        ("within", r"(?:ces|les) {count} derni(?:er|ere)s {unit}"),
        ("span", r"(?:{unit}|{weekend}) {which}"),
        ("span", r"{which} (?:{unit}|{weekend})(?:-ci)?"),
        ("span", r"(?P<before_last>avant-derniere?) {unit}"),
        ("span", r"(?:le|du) {weekend}"),
        ("weekday", r"(?:ce )?{weekday}(?: {which})?"),
        ("date", r"{day}(?:er)? {month}\b\.?(?: {year})?"),
        ("month", r"(?:en|au mois de|au mois d'|depuis) ?{month}(?: {year})?"),
        ("month", r"{month} (?:{year}|{which})"),
        ("of_month", r"(?:le|du) {day}(?:er)?(?=\s*(?:[?.!,;]|$))"),
        ("year", r"en {year}"),
    ),
)  # fmt: skip

SPANISH = CalendarWords(
    marks=word_set(
        "a al cual cuando como con de del dije dijo donde el en era es esta estuve fue fui hablamos hice hicimos hizo"
        " la las los me mi mis nos para por que quien se sobre su un una yo y"
    ),
    months=(
        "enero|ene", "febrero|feb", "marzo", "abril|abr", "mayo", "junio|jun", "julio|jul", "agosto|ago",
        "septiembre|setiembre|sept", "octubre|oct", "noviembre|nov", "diciembre|dic",
    ),
    weekdays=("lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"),
    days={
        "anteayer": -2, "antes de ayer": -2, "antier": -2, "ayer": -1, "anoche": -1, "hoy": 0, "esta manana": 0,
        "esta noche": 0, "esta tarde": 0, "pasado manana": 2, "(?<!la )(?<!por )(?<!una )manana": 1,
    },
    numbers=_numbers("un una uno/dos/tres/cuatro/cinco/seis/siete/ocho/nueve/diez/once/doce"),
    units=("dias?", "semanas?", "mes(?:es)?", "anos?"),
    weekend="fin de semana",
    last="(?:pasad|ultim)[oa]s?",
    this="est[ea]",
    next="proxim[oa]|que viene|siguiente",
    patterns=(
        ("day", r"{days}"),
        ("ago", r"hace {count} {unit}"),
        ("within", r"(?:en )?los ultimos {count} {unit}"),
        ("span", r"(?:{unit}|{weekend}) {which}"),
        ("span", r"{which} (?:{unit}|{weekend})"),
        ("span", r"{unit} (?P<before_last>antepasad[oa])"),
        ("span", r"(?:el|en) {weekend}"),
        ("weekday", r"(?:{which} )?{weekday}"),
        ("weekday", r"{weekday} {which}"),
        ("date", r"{day}(?: de)? {month}(?: de| del)?(?: {year})?"),
        ("month", r"(?:en|desde|durante)(?: el mes de)? {month}(?:(?: de| del)? {year})?"),
        ("month", r"{month} (?:{which}|(?:de |del )?{year})"),
        ("of_month", r"(?:el|del)(?: dia)? {day}(?=\s*(?:[?.!,;]|$))"),
        ("of_month", r"dia {day}(?! de {month})"),
        ("year", r"en {year}"),
    ),
)  # fmt: skip

PORTUGUESE = CalendarWords(
    marks=word_set(
        "a ao as com como da das de disse do dos e em era esta eu falamos fiz fizemos foi fomos fui me meu meus minha"
        " na nas no nos o onde os para por qual quando que quem se sobre um uma"
    ),
    months=(
        "janeiro|jan", "fevereiro|fev", "marco", "abril|abr", "maio", "junho|jun", "julho|jul", "agosto|ago",
        "setembro|set", "outubro|out", "novembro|nov", "dezembro|dez",
    ),
    weekdays=(
        "segunda(?:-| )?(?:feira)?", "terca(?:-| )?(?:feira)?", "quarta(?:-| )?(?:feira)?", "quinta(?:-| )?(?:feira)?",
        "sexta(?:-| )?(?:feira)?", "sabado", "domingo",
    ),
    days={
        "anteontem": -2, "antes de ontem": -2, "ontem": -1, "hoje": 0, "esta noite": 0, "esta manha": 0,
        "depois de amanha": 2, "amanha": 1,
    },
    numbers=_numbers("um uma/dois duas/tres/quatro/cinco/seis/sete/oito/nove/dez/onze/doze"),
    units=("dias?", "semanas?", "mes(?:es)?", "anos?"),
    weekend="fi(?:m|nal) de semana",
    last="(?:passad|ultim)[oa]s?",
    this="n?est[ea]",
    next="proxim[oa]|que vem|seguinte",
    patterns=(
        ("day", r"{days}"),
        ("ago", r"(?:ha|faz) {count} {unit}(?: atras)?"),
        ("ago", r"{count} {unit} atras"),
        ("within", r"nos ultimos {count} {unit}"),
        ("span", r"(?:{unit}|{weekend}) {which}"),
        ("span", r"{which} (?:{unit}|{weekend})"),
        ("span", r"{unit} (?P<before_last>retrasad[oa])"),
        ("span", r"n?o {weekend}"),
        ("weekday", r"(?:n[oa] |o |de |desde )(?:{which} )?{weekday}"),
        ("weekday", r"{which} {weekday}"),
        ("weekday", r"{weekday} {which}"),
        ("date", r"{day}(?: de)? {month}(?: de)?(?: {year})?"),
        ("month", r"(?:em|desde|durante)(?: o mes de)? {month}(?:(?: de)? {year})?"),
        ("month", r"{month} (?:{which}|(?:de )?{year})"),
        ("of_month", r"dia {day}(?! de {month})"),
        ("year", r"em {year}"),
    ),
)  # fmt: skip

LANGUAGES = (ENGLISH, GERMAN, FRENCH, SPANISH, PORTUGUESE)

CHINESE_DAYS = {
    "大前": -3, "前": -2, "昨": -1, "今": 0, "明": 1, "后": 2, "後": 2, "大后": 3, "大後": 3,
}  # fmt: skip
CHINESE_UNITS = ("天|日", "周|週|个?星期|個?星期|个?礼拜|個?禮拜", "个?月|個?月", "年")
_CHINESE_WEEK = "(?:个|個)?(?:周|週|星期|礼拜|禮拜)"
_CHINESE_COUNT = "[0-9一二两兩三四五六七八九十]{1,3}"
_CHINESE_WHICH = "(?P<which>上上|上|这|這|本|下)"
_CHINESE_UNIT = "|".join(f"(?P<unit{n}>{unit})" for n, unit in enumerate(CHINESE_UNITS))
CHINESE: tuple[tuple[str, str], ...] = (
    ("chinese_day", rf"(?P<days>{'|'.join(sorted(CHINESE_DAYS, key=len, reverse=True))})(?:天|日|晚)"),
    (
        "chinese_ago",
        rf"(?P<count>{_CHINESE_COUNT}|半)(?:{_CHINESE_UNIT})(?:之|以)?前",
    ),
    ("chinese_weekday", rf"{_CHINESE_WHICH}?{_CHINESE_WEEK}(?P<weekday>[一二三四五六日天末])"),
    (
        "chinese_span",
        rf"{_CHINESE_WHICH}(?:{_CHINESE_WEEK}|(?P<month>(?:个|個)?月))(?![一二三四五六日天末])",
    ),
    ("chinese_year", r"(?P<named>去|今|明|前)年(?!\d)"),
    (
        "chinese_date",
        rf"(?:(?P<year>\d{{4}})年)?(?P<month>{_CHINESE_COUNT})月(?:份|(?P<day>{_CHINESE_COUNT})(?:日|号|號))?",
    ),
    ("chinese_of_month", rf"(?P<day>{_CHINESE_COUNT})(?:日|号|號)(?![院楼樓线線店])"),
)
"""Rules and their patterns, the longer before the shorter where two begin alike."""
CHINESE_DIGITS = {
    "一": 1, "二": 2, "两": 2, "兩": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9,
}  # fmt: skip
