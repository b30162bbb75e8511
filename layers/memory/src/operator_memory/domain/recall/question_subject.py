"""Whether a question is about anybody: "Why is the sky blue?" is not, "Why is my boat blue?" is. A pure function.

What people store is about people, so a question that speaks of none is mostly one to which no memory belongs, and the
relevance gate asks more of it. Only languages whose sentences name their subject can show that none is there: English,
German, French and Dutch. In Spanish or Polish the verb says "I"; such a question counts as somebody's, as does every
one in which no word of the four languages is seen.
"""

from operator_memory.domain.text import word_set, words

# In lower case and without accents. A word that another language also has with another meaning is left out of the
# first set ("to", "a", "on", "les", "quel", "die", "wo"): it would call that language's questions nobody's.
_LANGUAGE = word_set(
    """and are between can define does explain from how into is its of summarise summarize that the there these this
    calculate compute convert fix implement of refactor rewrite solve
    translate was were what when where which who whom whose why with write you your
    eine einen fur ist nicht sind uber und warum welche welchen welcher welches wer wieviel
    avec dans des est ou pourquoi quelles quels sont une
    een het hoe hoeveel waar waarom wat welke zijn"""
)
_OURS = word_set(
    """i me mine my myself our ours ourselves us user we
    dad daddy grandma grandpa granny mom mommy mum mummy
    ich mein meine meinem meinen meiner meines mich mir uns unser unsere unserem unseren unserer unseres
    mama oma opa papa
    j je m ma maman mes mien mienne moi mon nos notre nous
    ik mij mijn ons onze wij"""
)
"""The first person, and how one calls one's own parents."""
_THEIRS = word_set(
    """he her hers herself him himself his she their theirs them they
    er ihm ihn seine seinem seinen seiner
    leur leurs lui
    haar hem hij hun zij"""
)
"""Whoever is spoken of was named before."""
_RULE = word_set(
    """may must ought shall should
    darf durfen muss mussen soll sollen
    dois doit doivent peut
    mag moet moeten mogen"""
)
"""How something ought to be done asks for somebody's ways: "How should a date be written?"."""
_DAY = word_set(
    """today tomorrow tonight yesterday
    gestern heute
    aujourd demain hier
    gisteren vandaag"""
)
"""The calendar that is meant is somebody's."""
_SOMEBODYS = _OURS | _THEIRS | _RULE | _DAY
_ERRANDS = word_set(
    """arrange book buy call cancel email invite order plan remind reserve schedule send
    bestelle buche plane reserviere schicke sende
    envoie envoyez reserve reservez
    bestel boek stuur"""
)
"""A request that begins with one is to be done for somebody, the way they like it."""
_SAYS = word_set(
    """give help let show tell
    erklare gib nenne sag zeig
    dis donne explique montre
    geef laat leg vertel zeg"""
)
"""In "tell me" the person is who asks, as always."""
_TO_ME = frozenset({"me", "mir", "moi", "mij"})
_HOW_TO = frozenset(
    (how, can)
    for how, verbs in {"how": "do can could would", "wie": "kann konnte", "comment": "puis", "hoe": "kan"}.items()
    for can in verbs.split()
)
"""Who begins so asks for the way that anybody does it: "How do I undo a commit?"."""
_ANYBODY = frozenset({"i", "we", "ich", "wir", "je", "ik", "wij"})


def is_impersonal(query: str) -> bool:
    """Whether ``query`` is about nobody: no first person and no third, no rule, no day, no errand, in a language where
    it would show. Names are not looked for: whose name it is, only the memories know."""
    asked = words(query)
    if tuple(asked[:2]) in _HOW_TO and asked[2:3] and asked[2] in _ANYBODY:
        asked = ["how", *asked[3:]]
    said = {
        word for before, word in zip(("", *asked), asked, strict=False) if word not in _TO_ME or before not in _SAYS
    }
    if said.isdisjoint(_LANGUAGE) or asked[0] in _ERRANDS:
        return False
    return said.isdisjoint(_SOMEBODYS)


def is_little(word: str) -> bool:
    """Whether ``word`` belongs to the grammar of one of the four languages: written large it is still no name."""
    return not _LANGUAGE.isdisjoint(words(word))
