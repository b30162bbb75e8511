"""The words that grounding knows, and how it compares words: folded, stemmed a little, synonyms as one.

English, German, Spanish, French and Portuguese, without accents. No grammar is claimed: a stem is what is left of a
word when common endings are gone, good enough to find "allergic" in "allergy" and "lives" in "living".
"""
# ruff: noqa: E501 - word lists

import re
import unicodedata


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS: dict[str, frozenset[str]] = {
    "en": _words(
        "the a an and or but of to in on at for with from by as is are was were be been being am do does did it its this"
        " that these those there here i me my mine we us our you your he him his she her they them their theirs who"
        " whom whose which what when where how why not no if so than then too very can could would should will shall"
        " may might must have has had having about into over up out off also some any all both each more most other"
        " such only just own same dont doesnt didnt cant cannot wont isnt im ive id ill while because during around"
        " after before since until"
    ),
    "de": _words(
        "der die das den dem des ein eine einen einem einer eines und oder aber von zu im ins am auf fur mit aus bei"
        " nach ist sind war waren sein bin bist hat habe haben ich mich mir mein meine meinen meinem meiner wir uns"
        " unser du dein er sie ihr ihre es nicht kein keine keinen wenn dann auch sehr wird werden kann muss soll"
        " dass als wie was wo wer gegen uber um gerne"
    ),
    "es": _words(
        "el la los las un una unos unas y o pero de del al en con por para como es son era soy eres esta estoy ser"
        " yo me mi mis nosotros nos tu tus su sus se lo le les no si que muy tambien mas hay ha he tengo tiene"
        " cuando donde ya desde hace mucho mucha usted estan"
    ),
    "fr": _words(
        "le la les un une des et ou mais de du au aux en dans avec par pour comme est sont etait suis es etre je"
        " j l d m s c n qu moi mon ma mes nous notre tu ton ta tes il elle ils elles se ce cette ne pas que qui tres"
        " aussi plus ai as ont avons quand chez sur vous votre vos depuis toujours"
    ),
    "pt": _words(
        "o a os as um uma e ou mas de do da dos das no na nos nas em com por para como sao era sou ser estou esta eu"
        " me meu minha meus minhas nos voce seu sua se lhe nao sim que muito tambem mais tenho tem quando onde ao"
    ),
}
ALL_STOP_WORDS = frozenset().union(*STOP_WORDS.values())
_NOT_TELLING = _words("ai war hat son ton os pour par sur")  # English words, or names, as well
TELLING_WORDS = {
    language: {
        word
        for word in words.difference(_NOT_TELLING, *(others for name, others in STOP_WORDS.items() if name != language))
        if len(word) > 1
    }
    for language, words in STOP_WORDS.items()
}
"""Small words by which a language can be told, because the others here do not have them."""

FRAME_WORDS = _words(
    "user users assistant agent customer human person nutzer benutzer usuario usuaria utilisateur utilisatrice"
    " prefer like love enjoy hate dislike want need ask say tell mention state inform learn note share express report"
    " describe go get make take use know think feel try keep plan intend find include name call current currently"
    " recent recently usually often always never sometimes really particularly especially specifically personal new"
    " thing one become begin start interested interest regarding related favourite like mag moch gefall prefier gust"
    " aim prefer quer gost year old age turn"
)
"""What extractors put around a fact; it need not have been said."""

YES = re.compile(
    r"^\W*(?:oh |well |ah )?(?:yes|yeah|yep|yup|correct|exactly|right|that'?s (?:it|right|correct|true)|true|indeed|absolutely|definitely"
    r"|of course|sure|precisely|you(?:'re| are) right|i do|i am|i did|ja|jawohl|genau|stimmt|richtig|klar|si|sí|claro|correcto"
    r"|exacto|asi es|así es|eso es|oui|exactement|tout a fait|tout à fait|c'est (?:ça|ca|exact|juste|vrai)|d'accord|sim|isso|exato|certo"
    r"|esatto|da|はい|そうです|是的|对|да|כן|نعم)\b",
    re.IGNORECASE,
)
DENIAL = re.compile(
    r"\b(?:no|nope|not|never|\w+n't|cannot|wrong|nein|nicht|kein\w*|nie|falsch|nunca|non|pas|jamais|não|nao|nada)\b",
    re.IGNORECASE,
)
OPEN_QUESTION = re.compile(
    r"\b(?:what|where|which|who|whom|whose|how|when|why|was|wo|wer|wie|wann|welche\w*|woher|wohin|qué|que|quién|quien|dónde|donde"
    r"|cuál|cual|cómo|como|cuándo|cuando|où|ou|quel\w*|qui|comment|quand|onde|qual|quem|quando)\b",
    re.IGNORECASE,
)
NEGATORS = _words(
    "dont doesnt didnt cant cannot wont isnt arent wasnt not never nicht nie kein keine keinen nunca no jamas ne pas"
    " jamais nao"
)
NEGATIVE_WORDS = NEGATORS | _words(
    "without stop stopp avoid dislike hate quit refuse longer former formerly lack mangel ohne sin sans sem non"
    " cease avers"
)
RELATIVE_TIME = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|now|just|recently|lately|soon|ago|currently|weekend|earlier|later|already|nowadays"
    r"|(?:this|last|next|past|coming|previous|following|every|each) (?:\w+ )?(?:\w+day|week|month|year|morning|evening|night|afternoon|spring|summer|autumn|fall|winter)s?"
    r"|in (?:a|an|one|two|three|four|five|six|\d+|several|a few|a couple of) (?:day|week|month|year|hour)s?|since|for \w+ (?:day|week|month|year)s"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
    r"|heute|morgen|gestern|übermorgen|vorgestern|kürzlich|gerade|jetzt|bald|vor \w+ \w+|seit|(?:nächste|letzte|diese|kommende)\w* \w+|wochenende|\w+tags?"
    r"|hoy|mañana|ayer|anoche|ahora|pronto|hace|recientemente|(?:próxim|pasad)[oa]|que viene|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
    r"|aujourd'hui|demain|hier|maintenant|bientôt|récemment|il y a|prochaine?|dernière?|depuis|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    r"|hoje|amanhã|ontem|agora|em breve|há|recentemente|desde|que vem|segunda|terça|quarta|quinta|sexta)\b",
    re.IGNORECASE,
)
FIRST_PERSON = _words(
    "i im ive id ill me we us myself were ich mich mir wir uns yo nosotros conmigo je moi nous eu comigo j m"
)
PRONOUNS_OF_OTHERS = _words("he she hes shes er sie ella elle ele ela il")

PERSON_WORDS = _words(
    "brother sister mother father mom mum dad parent son daughter child kid wife husband partner spouse boyfriend"
    " girlfriend fiance fiancee friend boss manager colleague coworker neighbour neighbor roommate flatmate uncle aunt"
    " cousin nephew niece grandmother grandfather grandma grandpa landlord teacher doctor baby twin"
    " bruder schwester mutter vater eltern sohn tochter kind kinder frau ehefrau mann ehemann freund freundin chef kollege"
    " kollegin nachbar oma opa tante onkel"
    " hermano hermana madre padre hijo hija esposa esposo marido mujer amigo amiga jefe vecino abuela abuelo tio tia"
    " frere soeur mere pere fils fille femme mari ami amie copain copine patron voisin"
    " irmao irma mae pai filho filha esposa vizinho"
)
VERBS_OF_OTHERS = _words(
    "is was has had lives lived works worked likes loves hates prefers moved wants needs studies plays goes owns drives"
    " speaks eats drinks got bought started ist war hat wohnt lebt arbeitet mag spielt isst es era vive trabaja tiene"
    " prefiere est etait habite travaille aime prefere mora trabalha tem gosta"
)

_MONTHS = (
    "january januar janvier enero janeiro jan|february februar fevrier febrero fevereiro feb|march marz mars marzo marco mar"
    "|april avril abril apr|may mai mayo maio|june juni juin junio junho jun|july juli juillet julio julho jul"
    "|august aout agosto aug|september septembre septiembre setembro sep sept|october oktober octobre octubre outubro oct okt"
    "|november novembre noviembre novembro nov|december dezember decembre diciembre dezembro dec dez"
)
_WEEKDAYS = (
    "monday montag lundi lunes|tuesday dienstag mardi martes|wednesday mittwoch mercredi miercoles|thursday donnerstag jeudi"
    " jueves|friday freitag vendredi viernes|saturday samstag samedi sabado|sunday sonntag dimanche domingo"
)
CALENDAR = {
    word: f"{kind}:{number}"
    for kind, names in (("month", _MONTHS), ("weekday", _WEEKDAYS))
    for number, group in enumerate(names.split("|"), 1)
    for word in group.split()
}
"""Names of months and days of the week, each as ``month:5`` or ``weekday:2`` in whatever language."""

_UNITS = (
    "zero null cero|one eins uno un|two zwei dos deux dois duas|three drei tres trois|four vier cuatro quatre quatro"
    "|five funf cinco cinq|six sechs seis|seven sieben siete sept sete|eight acht ocho huit oito|nine neun nueve neuf nove"
    "|ten zehn diez dix dez|eleven elf once onze|twelve zwolf doce douze doze|thirteen dreizehn trece treize treze"
    "|fourteen vierzehn catorce quatorze|fifteen funfzehn quince quinze|sixteen sechzehn seize|seventeen siebzehn"
    "|eighteen achtzehn|nineteen neunzehn|twenty zwanzig veinte vingt vinte"
)
NUMBER_WORDS = {word: number for number, group in enumerate(_UNITS.split("|")) for word in group.split()} | {
    word: number
    for number, group in (
        (30, "thirty dreissig treinta trente trinta"), (40, "forty vierzig cuarenta quarante quarenta"),
        (50, "fifty funfzig cincuenta cinquante cinquenta"), (60, "sixty sechzig sesenta soixante sessenta"),
        (70, "seventy siebzig setenta"), (80, "eighty achtzig ochenta oitenta"), (90, "ninety neunzig noventa"),
        (1, "first erste"), (2, "second twice zweite"), (3, "third dritte"),
    )
    for word in group.split()
}  # fmt: skip
SCALES = {"hundred": 100, "hundert": 100, "cien": 100, "cent": 100, "cem": 100, "thousand": 1000, "tausend": 1000,
          "mil": 1000, "mille": 1000, "million": 1_000_000, "k": 1000}  # fmt: skip

_SYNONYMS = (
    "live reside residence based home move relocate settle wohnen wohne lebe vivo vive vivir habite habiter moro mora living",
    "work job employ employed occupation profession career arbeite arbeit trabajo travaille trabalho",
    "kid child children kinder", "wife spouse husband married marry partner marriage wedding anniversary",
    "mother mom mum mama", "father dad papa", "grandmother grandma nana", "grandfather grandpa",
    "go went gone travel trip fly flight journey flew", "buy bought purchase", "sell sold", "teach taught teacher",
    "eat ate eaten food meal diet", "drink drank", "wear wore", "speak spoke spoken talk", "write wrote written",
    "drive drove driven", "run ran", "swim swam", "grow grew", "leave left", "meet met meeting", "break broke broken",
    "lose lost", "win won", "sleep slept", "take took taken", "give gave given", "birthday born birth",
    "car vehicle auto", "film movie", "phone mobile telephone", "doctor physician", "photo picture photograph",
    "university college uni", "holiday vacation", "flat apartment", "favourite favorite", "colour color", "grey gray",
    "email mail", "company firm employer business startup", "sick ill illness disease",
    "answer reply respond response antworte responde reponds responda", "short brief concise briefly kurz corto court curto",
    "meat fleisch carne viande", "peanut erdnuss cacahuete", "nut nuss nuces nueces noix nozes", "allergic allergy intolerance intolerant tolerate allergisch alergico alergica allergique",
    "germany german deutschland deutsch aleman alemania allemand allemagne alemao alemanha",
    "spain spanish spanien spanisch espana espanol espagne espagnol espanha espanhol",
    "france french frankreich franzosisch francia frances francais franca",
    "italy italian italien italienisch italia italiano italie", "portugal portuguese portugiesisch portugues portugais",
    "england english englisch ingles anglais british britain uk", "netherlands dutch holland niederlande niederlandisch holandes",
    "poland polish polen polnisch polonia", "japan japanese japon japones japonais japanisch", "china chinese chino chinois",
    "usa us america american states", "switzerland swiss schweiz suiza suisse", "austria austrian osterreich",
    "cologne koln", "munich munchen", "vienna wien vienne viena", "rome roma rom", "lisbon lisboa lissabon lisbonne", "milan milano mailand milao",
    "florence firenze florenz", "venice venezia venedig", "naples napoli neapel", "turin torino", "geneva genf geneve ginebra",
    "zurich zuerich", "prague prag praha", "warsaw warschau warszawa", "copenhagen kopenhagen kobenhavn", "brussels brussel bruxelles brussels",
    "antwerp antwerpen anvers", "ghent gent gand", "seville sevilla", "athens athen atenas", "moscow moskau moscu", "london londres",
    "nuremberg nurnberg", "hanover hannover",
)  # fmt: skip


def fold(text: str) -> str:
    """``text`` in lower case, without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


_IES = re.compile(r"(?<=..)(?:ies|ied)$")
_ENDINGS = re.compile(r"(?<=..)(?:ingly|edly|ings?|ed|es|ly|s|e)$")
_DOUBLED = re.compile(r"([b-df-hj-km-np-rtv-xz])\1$")


def stripped(word: str) -> str:
    """A folded ``word`` without its common endings: "living" and "lives" are "liv", "studies" and "study" "studi"."""
    word = _IES.sub("i", word)
    shorter = _ENDINGS.sub("", word) if len(word) > 3 and not word.endswith("ss") else word
    if shorter != word:
        shorter = _DOUBLED.sub(r"\1", shorter)
    return f"{shorter[:-1]}i" if len(shorter) > 2 and shorter.endswith("y") else shorter


_CANONICAL = {stripped(fold(word)): stripped(group.split()[0]) for group in _SYNONYMS for word in group.split()}
FRAME_STEMS = frozenset(stripped(word) for word in FRAME_WORDS)


def stem(word: str) -> str:
    """What stands for a folded ``word`` and its synonyms when words are compared."""
    if word in CALENDAR:
        return CALENDAR[word]
    if (singular := word.removesuffix("s")) in CALENDAR and len(word) > 5:
        return CALENDAR[singular]
    shorter = stripped(word)
    return _CANONICAL.get(shorter, shorter)


PERSONS = frozenset(stem(word) for word in PERSON_WORDS)
POSSESSIVES = _words("my our his her their mein meine unser unsere mi mis su mon ma mes sa ses meu minha")
RELATED = _words("who whose named called his her")
"""Words of a fact that tie the user to somebody else in it: "a brother who lives in Rome"."""

_NO_ADVERBS = _words("family early daily weekly monthly elderly reply supply belly jelly lily fly assembly italy july")


def alike(one: str, other: str) -> bool:
    """Whether two stems are forms of a word: a common beginning of four letters and three fifths of the longer."""
    longest = max(len(one), len(other))
    need = max(4, -(-longest * 3 // 5))
    return one[:need] == other[:need] and len(one) >= need and len(other) >= need


def is_adverb(folded: str) -> bool:
    """Whether an English word only says in what manner: "regularly"."""
    return len(folded) > 4 and folded.endswith("ly") and folded not in _NO_ADVERBS
