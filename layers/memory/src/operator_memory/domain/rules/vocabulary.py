"""The words of the English rules, by what they are for: verbs, states that are no moods, occupations, abstractions."""

import re

WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
ADVERB = r"(?:(?:never|always|often|also|only|still|now|sometimes|just|both|once|already|no longer|[a-z]{3,}ly) )*"
PLAIN_VERBS = (
    "live|work|study|prefer|like|love|hate|dislike|enjoy|own|use|drive|play|speak|eat|drink|cook|run|teach|wear|follow"
    "|support|collect|train|volunteer|suffer|fly|travel|commute|cycle|swim|hike|manage|lead|practise|practice|attend"
    "|celebrate|avoid|rent|take|wake|sleep|smoke|watch|listen|write|paint|sing|dance|garden|code|coach|breed|raise|vote"
    "|belong|mentor|grow|adore|pay|split|spend|bake|fish|ski|invest|sell"
)
PRESENT = (
    rf"{PLAIN_VERBS}|keep (?:an?|my|our|bees|chickens|kosher|halal)|go (?:to|by|on|out|\w+ing)|come from|work out"
    r"|can't stand|cannot stand|meet(?=.*\d)|tend to|read(?! \")"
)
"""What somebody does again and again."""
DURABLE_WISHES = (
    r"learn|become|visit|move|retire|start|lose|run|travel|buy|build|write|study|climb|open|save|get better|improve"
    r"|switch|work (?:as|at|for|with|on)|be an?|have (?:kids|children|a)|adopt|own|live|get into"
)
_KIN = (
    r"mother|father|mom|mum|dad|parents?|wife|husband|partner|brother|sister|son|daughter|grand\w+|aunt|uncle|cousin"
    r"|friend|dog|cat"
)
OCCUPATIONS = (
    r"learning|studying|training (?:for|to)|working (?:as|at|for|in|with|part|full|from|night|remote)"
    rf"|planning (?:an?|my|our|to (?:{DURABLE_WISHES}))|expecting"
    r"|volunteering|mentoring|teaching|coaching|writing an? (?:book|novel|thesis|memoir|screenplay)|building an?"
    r"|renovating|remodel+ing|saving (?:up )?(?:for|to)|running for|running an?|moving|relocating"
    r"|getting (?:married|divorced|engaged|a (?:dog|cat|puppy|kitten|divorce))|having (?:a baby|twins|surgery)"
    r"|taking (?:an?|up|part in|\w+ (?:classes|lessons|courses?))|organi[sz]ing|hosting|attending|travell?ing|dating"
    r"|adopting|raising|applying (?:to|for)|recovering from|quitting|retiring|turning|becoming|visiting|flying to"
    r"|starting an?|opening an?|launching an?|leaving (?:for|my|the company)|switching to|playing (?:the|in|\w+ (?:in|for))"
    r"|practi[cs]ing|growing (?:my|our|vegetables|tomatoes)|going to (?:an?|the|(?-i:[A-Z]))|competing in"
    r"|looking for (?:an? )?(?:new )?(?:job|house|home|apartment|flat)|trying to (?:lose|quit|stop|learn|save|eat)"
    r"|reading (?:\"|(?-i:[A-Z]))|(?:thinking (?:of|about)|considering) \w+ing|trying out"
)
PAST = (
    r"moved|grew up|was born|graduated|studied|worked (?:as|at|for|in|with)|lived (?:in|with|at|on|near|abroad|alone)|bought"
    r"|sold|adopted|married|quit|retired|joined|founded|booked|broke|switched|became|won|published|gave up|served"
    r"|cancelled|canceled|named|visited|volunteered|launched|opened|signed up"
    r"|left(?= (?:my (?:job|husband|wife|home|country|parents)\b|for\b|(?-i:[A-Z])))"
    rf"|started(?= (?:an?|my|our|to learn|{OCCUPATIONS})\b)"
    r"|finished(?= (?:an?\b|(?:my|our) (?:\w+ )?(?:studies|degree|thesis|training|book|novel|course)|school"
    r"|\w+ing (?:\"|(?-i:[A-Z]))))"
    r"|stopped(?= (?:(?:smok|drink|gambl|vap)ing|\w+ing (?!(?:at|in|for|on|when|while|towards|halfway|by|after)\b)\w))"
    r"|got (?:married|divorced|engaged|promoted|hired|accepted)|changed (?:jobs|my name|careers)"
    r"|got an? (?:new )?(?:job|dog|cat|puppy|kitten|car|house|degree|tattoo)"
    r"|was (?:diagnosed|promoted)|had (?:surgery|a baby|twins)"
    rf"|decided (?:on|against|that|to (?:name|{DURABLE_WISHES}))"
    rf"|lost my (?:job|home|house|licen[sc]e|sight|hearing|(?:\w+ )?(?:{_KIN}))"
)
OUTINGS = (
    r"went|took|ran|met|attended|celebrated|hosted|organi[sz]ed|performed|hiked|camped|travel+ed|flew|drove|passed|failed"
    r"|completed|participated|competed|presented|donated|applied|interviewed|submitted|injured|hurt|held"
)
EVENTS = (
    rf"{OUTINGS}|had|saw|got|gave|made|spent|tried|began|played|helped|painted|wrote|read|watched|cooked|baked|built"
    r"|planted|found|caught|learned|learnt|started|finished"
)
"""Of the past, worth keeping only with their date, and where they are more than the day's business."""
NOTEWORTHY = re.compile(
    r"\b(?:conference|convention|parade|race|marathon|triathlon|trip|vacation|holidays?|honeymoon|wedding|ceremony|funeral"
    r"|birthday|anniversary|graduation|tournament|tourney|competition|contest|championship|festival|concert|exhibition"
    r"|workshop|seminar|classes|class|course|meeting|interview|exam|surgery|operation|hospital|clinic|doctor|check-?up"
    r"|accident|injur\w+|diagnosis|scare|camping|mountaineering|expedition|retreat|support group|council|church|shelter"
    r"|charity|fundraiser|benefit|award|prize|medal|promotion|raise|jobs?|house|apartment|flat|puppy|kitten|baby|twins"
    r"|married|engaged|reunion|picnic|community|protest|performance|show|recital|call-out)\b",
    re.IGNORECASE,
)
"""What people tell of years later."""
NAMED = re.compile(r"(?<=\w )(?!I\b)[A-Z]\w")
"""A name inside a sentence; an outing to it is told of, too."""
PLANS = (
    r"mov(?:e|ing)|travel(?:l?ing)?|fly(?:ing)?|start(?:ing)?(?! by\b)|retir(?:e|ing)|visit(?:ing)?|marry"
    r"|get married|turn(?:ing)?|have (?:a baby|twins|surgery|an? (?:interview|appointment|exam|operation))"
    r"|in (?-i:[A-Z])|away|attend(?:ing)?|graduat(?:e|ing)|adopt(?:ing)?|buy(?:ing)?|run(?:ning)? for"
)
MY_VERBS = (
    r"is|are|was|were|has|have|lives?|works?|(?:like|love|hate|prefer|eat|drink|play|start|turn|own|speak|cost|attend"
    r"|use|expire|end|pay)s?|studies|goes|moved|died|passed away|graduated|raised|birthday"
    r"|got (?:an?|married|engaged|divorced|promoted)"
)

STATES = (
    r"vegan|vegetarian|pescatarian|keto|kosher|halal|gluten-free|lactose[ -]intolerant|gluten[ -]intolerant"
    r"|allergic|(?:type [12] )?diabetic|asthmatic|autistic|dyslexic|epileptic|celiac|coeliac|disabled|deaf|blind"
    r"|colou?r-?blind|pregnant|left-handed|right-handed|\w+-sighted|single|married|divorced|widowed|separated|engaged"
    r"|retired|unemployed|self-employed|bilingual|trans|transgender|non-?binary|gay|lesbian|straight|bisexual|queer"
    r"|on (?:an?|the) (?:\w+ )?(?:diet|pill|team|board|committee|visa)|religious|atheist|agnostic"
    r"|(?-i:[A-Z])\w*(?:ese|ish|ian|ean|ican|nch|tch)|(?-i:German|Greek|Swiss|Thai|Czech|Arab|Muslim|Catholic|Hindu|Buddhist|Sikh)"
)
STATES_OF = (
    r"from|based in|born (?:in|on)|living (?:in|with|on|alone)|located in|married to|engaged to|allergic to|intolerant"
    r" (?:to|of)|afraid of|scared of|terrified of|addicted to|passionate about|interested in|fond of|keen on|good at"
    r"|bad at|fluent in|used to|responsible for|in charge of|part of|in my|into|on medication"
)
HEADS = r"head|director|captain|president|chair\w*|member|founder|co-founder|owner|parent|mother|father"
PERIOD = (
    r"(?:(?:about|over|around|just|under|almost|nearly|more|less|than|the|last|past|at least) )*"
    r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|several|many|some|a few|a couple of)"
    r" (?:days?|weeks?|months?|years?|decades?)"
)

_OF_ABSTRACT = (
    r"to|for|with|that|who|about|on|in|at|from|and|when|where|so|i|we|out|too|as|coming|together|like|once|again|while"
    r"|because|after|before|since|during|next|last|yesterday|today|this|ago|really|right|now|left|either|though"
    r"|tomorrow|tonight|yet|at all"
)
ABSTRACT = re.compile(
    r"^(?:a (?:lot|bunch|couple|ton|few) of )?"
    r"(?:(?!(?:\d|(?:to|in|at|from|with|on|for|of|by|and|last|next|this)\b))[\w'-]+ ){0,3}?"
    r"(?:(?:questions?|problems?|issues?|bugs?|errors?|ideas?|doubts?|requests?|concerns?|times?|file|document|code|link"
    r"|feelings?|chances?|opportunit\w+|blast|ball|fun|day|week|weekend|month|moments?|minutes?|look|talk|chats?"
    r"|conversations?|say|point|clue|ways?|reasons?|choice|options?|updates?|news|faith|hopes?|respect|memor\w+|energy"
    r"|reminders?|support|motivation|impact|favou?rites?|events?|pictures?|photos?|pics?|screenshots?|copy|videos?"
    r"|recipe|stor(?:y|ies)|connections?|bonds?|desire|mind|regrets|people|mess|luck|work in progress|difference|step"
    r"|journey|ride|challenges?|experiences?|perspectives?|lessons?|break|rest|skills?|knowledge|plans"
    r"|headache|thirst|cold|schedule|errands|accomplishments?|achievements?|success"
    rf"|milestones?|setbacks?|wins?|struggles?|battle|tad|lucky|lots?)(?=$|[^\w\s]| (?:{_OF_ABSTRACT}|of)\b)"
    rf"|(?:fan|supporter|believer|part|power|bit)(?=$|[^\w\s]| (?:{_OF_ABSTRACT}|of (?:it|them|us|him|her))\b))",
    re.IGNORECASE,
)
"""Objects that say nothing in particular."""
NOT_POSSESSED = re.compile(r"^(?:to|been|\w+ed|seen|read|heard|gotten|had|done|gone|made)\b", re.IGNORECASE)
SKIPPED_MY = re.compile(
    r"^(?:(?:next|last|first|second|other|main|only|current|actual) )?(?:questions?|problem|issue|point|guess|bad|mistake"
    r"|apologies|code|error|understanding|idea|thinking|request|turn|goodness|god|input|prompt|message|script|function"
    r"|file|build|tests?|query|draft|output|heart|mind|life|thoughts?|day|week|weekend|trip|time|journey|bond|actions?"
    r"|feelings?|hopes?|favou?rites?(?=$| (?:ones?|parts?|things?|bits?|moments?)\b))\b",
    re.IGNORECASE,
)
_GENERIC = (
    r"ocean|sea|seaside|beach|lake|mountains?|outdoors|countryside|city|rain|snow|cold|heat|sun|night|piano|violin|guitar"
    r"|drums|cello|flute|saxophone|trumpet|harp|gym|theat(?:re|er)|opera|cinema|movies|arts|news|train|bus|subway|metro|tube"
)
ABOUT_THIS_TALK = re.compile(
    r" (?:(?:on|with|for|at|through|over|to) )?(?:it(?! when)|that|this|to know|you|your|how|what|these|those|them|him|her"
    r"|the (?:following|above|tests?|script|code|command|program|article|file|document|page|build|link|list|server"
    r"|draft|report|text|installer|instructions|title|idea|answer|way))\b"
    r"|^ (?:getting|seeing|having|hitting|running into|well|off|back|ahead|over|through|up)\b",
    re.IGNORECASE,
)
"""Behind a verb: an object that only this conversation knows."""
DEFINITE = re.compile(rf" (?:to \w+ |\w+ing )?the (?!(?:{_GENERIC})\b|(?-i:[A-Z]))", re.IGNORECASE)
"""Behind a verb: an object that was spoken of before."""
TRANSITIVE = re.compile(
    r"play|watch|take|use|own|wear|meet|follow|support|manage|lead|attend|celebrate|avoid|collect|like|love|hate|prefer"
    r"|enjoy|dislike|adore|buy|sell|rent|keep.*",
    re.IGNORECASE,
)
"""Which say nothing without an object, however often."""
UNABLE = r"eat|drink|stand|tolerate|digest|drive|swim|fly|walk|see|hear|smell|taste|speak|read|cook|dance|sing|take|use|afford"
INTRANSITIVE = re.compile(r"drink|smoke|drive|swim|cook|fly|vote|gamble", re.IGNORECASE)
"""Which somebody does not do at all."""
MOOD_VERBS = (
    r"looking|feeling|thinking|hoping|wondering|having|trying|sending|going|doing|being|getting|keeping|loving|enjoying"
    r"|seeing|talking|asking|saying|try|check|see|let|have|think|send|do|ask|tell|get|need|keep|look|call|be|give|remember"
    r"|never|always|definitely"
)
"""With a time they still say nothing that lasts."""
OF_THIS_PLACE = re.compile(
    r"\b(?:here|there)$|^my .{1,80}\b(?:failing|broken|crash(?:ing|es)|blank|stuck|hang(?:ing|s)|frozen)\b",
    re.IGNORECASE,
)
