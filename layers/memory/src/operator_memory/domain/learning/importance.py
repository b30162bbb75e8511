"""How much a memory matters, 0..1, by what it is about. Pure, and set once: when the memory is written.

`TABLE` is the rule and its documentation. The highest row with a word in the text counts, so a text never loses
importance by saying something important as well. The words are those of English, German, Spanish, French and
Portuguese, without accents; ``*`` ends a stem. A fact in which none of them occurs is of middling importance.
"""

import re
from dataclasses import dataclass

from operator_memory.domain.memory.scopes import Kind, Scope
from operator_memory.domain.text import words

DEFAULT_IMPORTANCE = 0.5
"""Of a fact about which the table says nothing."""

AGENT_IMPORTANCE = 0.6
"""Likewise, in an agent's memory: what was decided with the agent shapes how it works."""

TURN_IMPORTANCE = 0.2
"""Of a verbatim turn that holds little; see `importance_of` for what lifts it."""

MAX_TURN_IMPORTANCE = 0.35

_FULL_TURN_WORDS = 60
_FULL_TURN_DETAILS = 6
_LENGTH_SHARE = 0.05
_MAX_LOOKED_AT = 4_000  # characters; what makes a turn rich shows long before


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what a memory is about, its importance, and the words that show it."""

    about: str
    importance: float
    words: str


TABLE: tuple[Row, ...] = (
    Row(
        "health, allergies, safety, accessibility",
        0.9,
        # one line a language: English, German, Spanish, French, Portuguese (shared stems stand under the first)
        """allerg*, alerg*, intoleran*, anaphyl*, epipen, diabet*, asthma*, asma, epilep*, celiac*, coeliac*, disease*,
        illness*, diagnos*, medication*, medicine*, prescri*, insulin*, metformin, penicillin*, disab*, wheelchair*,
        blind, blindness, deaf, deafness, impaired, screen reader*, dyslex*, autis*, adhd, depress*, anxiety, cancer,
        surgery, pregnan*, blood type, blood pressure, heart condition, heart attack, pacemaker, emergency, migraine*,
        chronic*, suffers from, safety, unsafe, phobi*, bad knees, knees are bad, back pain,
        krank*, medikament*, rollstuhl*, schwanger*, blutgruppe, blutdruck, krebs, behinder*, gehorlos, taub, notfall*,
        enfermedad*, medicamento*, silla de ruedas, embaraz*, ciego, ciega, sordo, sorda, discapaci*, cancer,
        maladie*, medicament*, fauteuil roulant, enceinte, aveugle, sourd, sourde, handicap*,
        doenca*, cadeira de rodas, gravida, cego, cega, surdo, surda, deficiencia*, remedio*""",
    ),
    Row(
        "identity and names",
        0.8,
        """name, names, named, called, nickname*, birthday, born, pronoun*, nationality, citizen*, native speaker,
        mother tongue, years old, religio*, goes by,
        heisst, geburtstag*, geboren, jahre alt, muttersprache, staatsangehor*,
        nombre, llama, llamo, cumpleanos, nacio, nacido, nacida, anos, nacionalidad,
        nom, prenom, appelle, anniversaire, nationalite,
        nome, chama, chamo, aniversario, nasceu, nascido, nascida, nacionalidade""",
    ),
    Row(
        "standing instructions to the agent",
        0.8,
        """asked to, asked not to, asked for no, asked that, asked the assistant, asked from now on, from now on,
        wants the assistant, wants answers, wants responses, wants replies, assistant should, agent should,
        agent must, assistant must, always answer*, always use, always repl*, always respond*, always show, never use,
        never mention, answer in, reply in, respond in, whenever,
        ab jetzt, von nun an, antworte*,
        a partir de ahora, responde*,
        desormais, dorenavant, repond*,
        a partir de agora""",
    ),
    Row(
        "family and partner",
        0.8,
        """wife, husband, spouse, partner, fiance, fiancee, boyfriend, girlfriend, daughter*, child, children, kid,
        kids, baby, twins, mother, father, mom, mum, dad, parent, parents, sister*, brother*, sibling*, grandmother*,
        grandfather*, grandparent*, nephew*, niece*, aunt, uncle, family, marri*, divorc*, widow*, sons,
        my son, a son, their son, his son, her son, our son, s son, users son, one son,
        ehefrau, ehemann, sohn, tochter, kinder, mutter, vater, eltern, schwester*, bruder, geschwister, familie,
        verheiratet, geschieden, freundin, verlobt*,
        esposa, esposo, marido, hijo, hija, hijos, hijas, madre, padre, padres, hermano*, hermana*, abuelo, abuela,
        familia, casado, casada, novio, novia,
        mari, epoux, epouse, fils, fille, filles, enfant*, mere, pere, soeur*, frere*, famille, divorce*,
        filho*, filha*, mae, pai, irmao*, irma, avo, namorado, namorada""",
    ),
    Row(
        "constraints: law, money, diet",
        0.8,
        """budget*, afford, at most, debt*, loan*, mortgage*, tax, taxes, visa, court, lawsuit*, legal, legally,
        contract*, salary, income, bankrupt*, insurance, custody, immigration, nda, gdpr, rent, vegan*, vegetarian*,
        halal, kosher, gluten*, lactose, pescatarian*, keto,
        schulden, kredit*, steuer*, vertrag*, gehalt, versicher*, gericht*, anwalt*, miete,
        presupuesto, deuda*, hipoteca, impuesto*, contrato*, sueldo, salario, alquiler,
        dette*, impot*, contrat*, salaire, loyer, vegetalien*,
        orcamento, divida*, imposto*, aluguel, renda""",
    ),
    Row(
        "home, work, contact, projects, lasting relations",
        0.7,
        """lives in, lives at, lives with, lives on, lived in, living in, live in, based in, resides, moved to,
        relocat*, address, timezone, time zone, home, house, flat, apartment, work, works, worked, working, job, jobs,
        career, employ*, colleague*, boss, manager, company, office, profession*, engineer*, developer*, teacher*,
        nurse*, student*, studies, studied, school, university, owns, runs a, founded, startup, promoted, email, e mail,
        phone number, project, projects, deadline*, friend, friends, neighbour*, neighbor*, landlord*, dog, cat, pet,
        we agreed, agreed to, agreed that, decided,
        wohn*, lebt in, lebe in, arbeit*, beruf*, firma, chef, kolleg*, adresse, zuhause, projekt*, freund, schule,
        student*, hund, katze,
        vive en, vivo en, trabaj*, empleo, empresa, oficina, direccion, correo, proyecto*, amigo*, amiga*, jefe, perro,
        habit*, vit a, travail*, emploi, entreprise, bureau, projet*, ami, amie, amis, chien, un chat, son chat,
        mora em, moro em, vive em, trabalh*, emprego, escritorio, endereco, projeto*, chefe, cachorro, gato""",
    ),
    Row(
        "preferences",
        0.6,
        """prefer*, like, likes, love, loves, hate, hates, dislike*, enjoy*, favourite*, favorite*, fan of, avoid*,
        rather, interested in, hobby, hobbies, wants to,
        mag, liebt, liebe, hasst, bevorzug*, lieblings*, lieber, gern, gerne, hobbys,
        prefier*, gusta, gustan, encanta, odia, odio, favorit*, aficion*,
        aime*, adore*, deteste*,
        gosta, gosto, adora, odeia, prefir*""",
    ),
    Row(
        "plans with a date, events",
        0.5,
        """tomorrow, yesterday, next week, next month, next year, last week, last month, last year, plans, planning,
        flight*, trip, travel*, appointment*, meeting*, wedding*, concert*, booked, bought, sold, adopted, will,
        morgen, gestern, termin*, reise*, flug*, hochzeit*, plant,
        manana, ayer, viaje*, cita, vuelo*, boda,
        demain, hier, voyage*, rendez vous, vol, mariage,
        amanha, ontem, viagem, voo, casamento, consulta""",
    ),
    Row(
        "passing states",
        0.3,
        """tired, sleepy, exhausted, hungry, thirsty, bored, headache, weather, raining, rainy, sunny, snowing, mood,
        in a hurry, stuck in traffic, feeling, feels, right now, at the moment,
        mude, hungrig, wetter, regnet, gerade, kopfschmerzen,
        cansado, cansada, hambre, llueve, aburrid*,
        fatigue, fatiguee, faim, pleut, meteo,
        com fome, com sono, chove, chovendo""",
    ),
)
"""What a fact is about, the most important first."""


def _pattern(words: str) -> re.Pattern[str]:
    stems = sorted({" ".join(word.split()) for word in words.split(",")})
    return re.compile(rf"\b(?:{'|'.join(re.escape(stem).replace(chr(92) + '*', chr(92) + 'w*') for stem in stems)})\b")


_ROWS = tuple((row.importance, _pattern(row.words)) for row in TABLE)
_DETAIL = re.compile(r"\d+(?:[.,:]\d+)*|(?<=[a-z,;] )[A-Z\u00c0-\u00de]\w+")


def importance_of(text: str, *, kind: Kind, scope: Scope) -> float:
    """The importance of a memory that says ``text``.

    A fact takes the importance of the highest row of `TABLE` it has a word of, else `DEFAULT_IMPORTANCE`
    (`AGENT_IMPORTANCE` at least in an agent's memory). A verbatim turn takes `TURN_IMPORTANCE`, more the
    longer it is (up to 60 words) and the more numbers and names it holds (up to 6), at most
    `MAX_TURN_IMPORTANCE`: what matters in it has a fact of its own.

    Returns:
        0..1, rounded to three places.
    """
    if kind is Kind.TURN:
        return _turn_importance(text[:_MAX_LOOKED_AT])
    said = " ".join(words(text[:_MAX_LOOKED_AT]))
    found = next((importance for importance, pattern in _ROWS if pattern.search(said)), DEFAULT_IMPORTANCE)
    return max(found, AGENT_IMPORTANCE) if scope is Scope.AGENT else found


def _turn_importance(text: str) -> float:
    long = min(1.0, len(text.split()) / _FULL_TURN_WORDS)
    rich = min(1.0, len(_DETAIL.findall(text)) / _FULL_TURN_DETAILS)
    span = MAX_TURN_IMPORTANCE - TURN_IMPORTANCE
    return round(TURN_IMPORTANCE + _LENGTH_SHARE * long + (span - _LENGTH_SHARE) * rich, 3)
