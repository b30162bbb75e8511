"""What instruction-like and trivial texts look like, in English, German, Spanish, French and Portuguese.

The patterns run on folded text: lower case, no accents, plain apostrophes, single spaces. Gaps are bounded, so the
time is linear. A wish about style or habits ("answer in German", "never call me before 9") matches none of them.
"""
# ruff: noqa: E501 - one pattern a line

import re

_USER = r"(?:(?:the |this |our |my )?(?:end[- ]?)?(?:users?|humans?|customers?|clients?|account owners?)\b(?!['’]s? |s['’] ))"
_NUTZER = r"(?:nutzer|benutzer|anwender|user|kunde)(?:in|innen|n)?\b"
_USUARIO = r"(?:usuari[oa]s?|clientes?|utilizador(?:es)?)\b"
_UTILISATEUR = r"(?:utilisat(?:eur|rice)s?|clients?|clientes?)\b"
_ADDRESS = (
    r"(?:https?:|hxxps?:|ftp:|www\.|\S@\S|webhook|\b(?:\d{1,3}\.){3}\d{1,3}\b"
    r"|\b[a-z0-9-]{2,40}\.(?:com|net|org|io|ru|cn|example|test|info|biz|xyz|top|site|co|me|app|dev|ai|ly|gg|link|click|shop|store|online|page|cloud|uk|eu|nl|it|tv|de|fr|es|br|pt)\b)"
)
# Where a command begins: at the start, after a mark or "and", "please", "always"; or after "the assistant should".
_AGENT = r"(?:you|assistant|agent|ai|bot|model|assistent|asistente|assistente|agente)"
_START = (
    r"(?:(?:^|[.!?:;,\"'(\n-] ?)(?:(?:and|then|also|please|always|now|first|und|dann|bitte|immer|y|luego|siempre"
    r"|por favor|et|puis|toujours|e|depois|sempre|remember to|be sure to|make sure to|kindly|silently|secretly),? ){0,3}"
    rf"|\b(?:please|always|and|then|und|dann|bitte|immer|siempre|toujours|sempre|silently|secretly|{_AGENT} (?:must|should|shall"
    r"|will|can|may|has to|have to|needs to|is to|are to|to|soll|sollte|muss|debe|deberia|tiene que|doit|deve)"
    r"|asked to|instructed to|told to|configured to|that (?:the )?(?:assistant|agent|ai|bot|model)|asked from now on to|now on,?|now on to|when(?:ever)? \w+ asks?,) (?:always |also |then )?)"
)
_SPOILS = (
    r"(?:instructions?|prompts?|rules?|guidelines?|polic(?:y|ies)|restrictions?|constraints?|safeguards?|guardrails?"
    r"|filters?|programming|directives?|orders|limitations|safety (?:rules|measures|checks|settings))"
)
_EARLIER = r"(?:your|its|all (?:of )?(?:your|the|previous|prior|its)|any|previous|prior|earlier|preceding|above|existing|original|initial|system|safety|content|these|(?:the )?(?:developer|operator|system|provider)(?:'?s)?)"
_SECRETS = (
    r"(?:data|memor(?:y|ies)|conversations?|chats?|messages|history|passwords?|credentials?|(?:api )?keys?|tokens?|files"
    r"|secrets|personal information|contacts|contents?|transcripts?|documents|profile)"
)
_DATEN = r"(?:daten|nachrichten|gesprache|erinnerungen|passworter|dateien|kontakte|verlaufe?)"
_DATOS = r"(?:datos|mensajes|conversaciones|recuerdos|memorias|contrasenas|archivos|dados|mensagens|conversas|senhas|arquivos|donnees|messages|conversations|souvenirs|mots de passe|fichiers)"

CHANGES_RULES = (
    rf"\b(?:ignore|disregard|forget|override|overrule|bypass|circumvent|disobey)\b.{{0,40}}\b{_SPOILS}\b",
    r"\b(?:ignore|disregard|forget|override) (?:everything|anything|all|what(?:ever)?)\b.{0,20}\b(?:you (?:were|have been|ve been|know|learned)|above|before this|previously)\b",
    rf"\b(?:ignor(?:es|ed|ing)|disregard(?:s|ed|ing)|overrid(?:es|ing)|bypass(?:es|ed|ing)|break|drop|skip|delete|remove|erase|unlearn|disable|deactivate|turn off|switch off|lift|replace|stop following|not (?:follow|obey)|n't (?:follow|obey)|never (?:follow|obey))\b.{{0,10}}\b{_EARLIER}\b.{{0,30}}\b{_SPOILS}\b",
    rf"{_START}(?:disable|deactivate|turn off|switch off|skip) (?:all |the |any |every ){{0,3}}(?:safety |content |security )?(?:filters?|checks?|safeguards|guardrails|confirmations?|verification)\b",
    r"\bsystem[ -]?(?:prompts?|messages?|instructions?)\b|\b(?:hidden|initial|developer) (?:prompt|message|instructions)\b",
    r"\byou(?:'re| are) now\b|\b(?:developer|unrestricted|uncensored|unfiltered|god) mode\b|\bjailb(?:reak|roken)\w*|\bbe dan\b|\bare dan\b|\bas dan\b|\bdo anything now\b",
    r"\b(?:act|behave|respond|answer|reply|pretend|be|become|roleplay|role-play)\b.{0,30}\b(?:unrestricted|uncensored|unfiltered|(?:without|with no) (?:any )?(?:restrictions|limits|filters|rules|censorship))\b",
    r"\byou (?:now )?have no (?:limits|restrictions|rules|filters|guidelines|policies|limitations|safeguards)\b|\bno longer (?:bound|restricted|limited) by\b",
    r"\bnew (?:system )?(?:instructions?|rules|directives?|persona)(?: for (?:you|the (?:assistant|ai|agent)))? ?[:=]|\byour (?:new|real|true) (?:instructions?|rules|role|goal|purpose|identity|name) (?:is|are)\b",
    r"\bnever (?:refuse|decline|reject|question)\b.{0,20}\b(?:requests?|commands?|orders?|instructions?|user|me|anything)\b",
    r"\b(?:always|must) (?:obey|comply)\b|\bobey (?:every|any|all|each|my)\b",
    r"\b(?:trust|believe|do|follow|execute|obey|apply)\b (?:whatever|anything|everything|what|any(?:thing)? (?:instructions?|commands?)?)\b.{0,40}\b(?:says?|said|tells?|contains?|writes?|written|asks?|states?)\b",
    r"\bfollow (?:the |any |all )?(?:instructions?|commands?|orders|steps)\b.{0,20}\b(?:in|from|on|at|of)\b.{0,30}\b(?:page|website|site|documents?|e-?mails?|files?|link|url|messages?|tool|http)",
    # German
    r"\b(?:ignorier\w*|missacht\w*|vergiss|uberschreib\w*|umgeh\w*|befolge (?:nicht|keine|nie)|halte dich nicht an)\b.{0,50}\b(?:\w*anweisung\w*|\w*regeln?|vorgaben|richtlinien|instruktionen|\w*beschrankung\w*|einschrankung\w*|prompts?)\b",
    r"\bdu bist (?:jetzt|nun|ab jetzt|ab sofort|von nun an)\b|\bab (?:jetzt|sofort) bist du\b|\bsystem-?(?:nachricht|anweisung)\w*|\bdu hast (?:keine|keinerlei) (?:einschrankungen|beschrankungen|regeln|grenzen)\b",
    r"\b(?:antworte|handle|agiere|verhalte dich)\b.{0,30}\bohne (?:jede |jegliche |alle )?(?:einschrankung|beschrankung|regel|filter|zensur)\w*|\bgehorche\b|\bverweigere (?:nie|niemals)\b",
    # Spanish and Portuguese
    rf"{_START}(?:ignor[ae]|olvida|descarta|desobedece|omite|anula|desactiva|esqueca|esquece|desconsidere|desobedeca|descarte|no sigas|nao siga|desative)[rns]?\b.{{0,50}}\b(?:instruc\w+|reglas?|directrices|restric\w+|normas|politicas?|filtros?|prompts?|regras?|diretrizes)\b",
    r"\b(?:ignor|olvid|esquec|desconsider|desobede)\w+\b.{0,30}\b(?:instruc\w+|reglas|directrices|restric\w+|regras|diretrizes)\b.{0,20}\b(?:anterior\w*|previas?|del sistema|do sistema|recibidas)\b",
    r"\b(?:ahora eres|eres ahora|a partir de ahora eres|agora voce e|voce agora e|a partir de agora voce e)\b|\b(?:prompt|mensaje|mensagem|instrucciones|instrucoes) d(?:el|o|e) sistema\b",
    r"\b(?:responde|actua|contesta|habla|responda|aja|atue|fale)\b.{0,30}\b(?:sin|sem) (?:ningun\w* |nenhum\w* |qualquer )?(?:restric\w+|limites|filtros?|censura|reglas|regras)\b|\bobedece\b|\bobedeca\b|\bno tienes (?:limites|restricciones)\b|\bvoce nao tem (?:limites|restricoes)\b",
    # French
    r"\b(?:ignore[zr]?|oublie[zr]?|neglige[zr]?|contourne[zr]?|desobeis|outrepasse[zr]?|ne (?:suis|suivez|respecte[zs]?|tiens|tenez)(?: plus| pas)?)\b.{0,20}\b(?:tes|vos|ses|toutes? (?:les|tes|vos)|ces)\b.{0,20}\b(?:instructions?|regles?|consignes?|directives?|restrictions?|limites|filtres?|prompts?)\b",
    r"\b(?:ignore[zr]?|oublie[zr]?|contourne[zr]?)\b.{0,30}\b(?:instructions?|regles?|consignes?|directives?)\b.{0,10}\b(?:precedent\w*|anterieur\w*|du systeme)",
    r"\b(?:tu es|vous etes) (?:maintenant|desormais)\b|\b(?:prompt|invite|message|instructions) (?:du )?systeme\b|\btu n'as (?:plus |pas )?(?:aucune |de )?(?:limites?|restrictions?|regles)\b",
    r"\b(?:reponds|repondez|agis|agissez|parle)\b.{0,30}\bsans (?:aucune )?(?:restriction|limite|censure|filtre|regle)s?\b|\bobeis\b",
)

HIDES = (
    rf"\b(?:do not|don't|never|not to|must not|should not|without|no need to) (?:ever )?(?:tell|telling|inform|informing|notify|notifying|alert|alerting|warn|warning|let|letting|ask|asking) {_USER}",
    rf"\b(?:do not|don't|never|not to|must not|should not|without) (?:ever )?(?:mention|reveal|disclos|show|say|admit|report|explain|expos)(?:e|ing)?\b.{{0,50}}\bto {_USER}",
    rf"\b(?:hide|hiding|conceal|concealing|withhold|withholding|keep|keeping)\b.{{0,50}}\bfrom {_USER}",
    r"\bwithout (?:the )?(?:users?|customers?|client'?s?|account owner)(?:'s?)? (?:knowing|knowledge|noticing|consent|awareness|permission|approval|seeing|confirmation)\b|\bbehind the user's back\b",
    r"\b(?:secretly|silently|covertly) (?:send|forward|add|copy|record|log|share|install|run|execute|include|insert|upload|collect|store|change|delete|book|buy)\b",
    # German
    rf"\b(?:sag|sage|erzahle?|verrate|zeige?|teile|informiere|melde|erwahne)\b.{{0,40}}\b(?:dem|der|den|die) {_NUTZER}.{{0,40}}\b(?:nicht|nichts|nie|niemals|kein\w*)\b",
    rf"\b(?:sag|sage|erzahle?|verrate|zeige?|teile|informiere|melde|erwahne)\b.{{0,30}}\b(?:nicht|nichts|nie|niemals|kein\w*)\b.{{0,30}}\b(?:dem|der|den|gegenuber|die) (?:dem |der |den )?{_NUTZER}",
    rf"\bvor (?:dem|der|den) {_NUTZER}.{{0,40}}\b(?:geheim\w*|verberg\w*|verbirg|versteck\w*|verschweig\w*|verheimlich\w*)",
    rf"\b(?:verheimliche|verschweige|verbirg|verberge|verstecke|halte)\b.{{0,50}}\b(?:dem|der|den) {_NUTZER}|\bohne (?:das )?(?:wissen|zustimmung|erlaubnis) (?:des|der) {_NUTZER}",
    # Spanish and Portuguese
    rf"\b(?:no|nunca|jamas|nao) (?:le |les |se lo |lo |o |lhe )?(?:digas|cuentes|informes|menciones|reveles|muestres|avises|diga|conte|informe|mencione|revele|mostre|avise)\b.{{0,50}}\b(?:al|a los|a las|a la|ao|aos|o|a) {_USUARIO}",
    rf"\b(?:oculta|ocultale|esconde|esconda|oculte|ocultar|esconder)\b.{{0,50}}\b(?:al|a los|del|a la|do|dos|da|ao) {_USUARIO}|\b(?:sin que|sem que) (?:el|la|o|a) {_USUARIO}|\b(?:sin|sem) (?:el |o )?(?:conocimiento|consentimiento|permiso|conhecimento|consentimento) (?:del|do|da|de la) {_USUARIO}",
    # French
    rf"\bn(?:e |')(?:le |la |les |lui |en )?(?:dis|dites|revele|mentionne|montre|informe|previens|parle|signale|avertis)[zr]?\b.{{0,40}}\b(?:a |aux? )?(?:l'|les |aux? )?{_UTILISATEUR}",
    rf"\b(?:cache|dissimule|masque)[zr]?\b.{{0,50}}\b(?:a l'|aux |l'|les ){_UTILISATEUR}|\ba l'insu (?:de l'|des ){_UTILISATEUR}|\bsans (?:que l'|l'accord de l'|en informer l'|prevenir l'){_UTILISATEUR}",
)

SENDS_AWAY = (
    rf"\bb?cc\b.{{0,20}}{_ADDRESS}",
    rf"{_START}(?:share|disclose|reveal|give|pass)\b.{{0,10}}\b(?:the user's|users'|user's|their|his|her)\b.{{0,30}}\b(?:address|location|{_SECRETS[3:-1]})\b.{{0,10}}\b(?:with|to) (?!me\b|the user\b|them\b)",
    r"\b(?:reveal|dump|output|print|repeat|disclose|expose)\b.{0,30}\byour (?:memory|memories|prompt|context|instructions|rules|configuration)\b",
    rf"{_START}(?:send|forward|post|e-?mail|mail|upload|transmit|exfiltrate|leak|share|copy|report|submit|deliver|cc|bcc|publish|relay|push|dump|export|transfer)\b.{{0,100}}{_ADDRESS}",
    rf"{_START}(?:send|forward|post|e-?mail|mail|upload|transmit|exfiltrate|leak|copy|submit|publish|relay|dump|transfer)\b.{{0,30}}\b(?:all|every|the user's|user's|users'|their|his|her|my|this|full|complete)\b.{{0,20}}\b{_SECRETS}\b.{{0,40}}\bto (?!me\b|the user\b|user\b|them\b|us\b)",
    rf"\bexfiltrat\w+|\bleak (?:all|the|any)\b.{{0,20}}\b{_SECRETS}",
    r"\b(?:reveal|show|print|output|repeat|display|list)\b.{0,20}\b(?:all|other|everyone's|hidden|stored|your)\b.{0,15}\b(?:memories|system|passwords|secrets|credentials|instructions)\b",
    # German
    rf"{_START}(?:schicke?|sende|leite|ubermittle|maile|poste|lade|kopiere|teile)\b.{{0,100}}{_ADDRESS}",
    rf"{_START}(?:schicke?|sende|leite|ubermittle|maile|poste|lade|kopiere)\b.{{0,20}}\b(?:alle|samtliche|jede|meine|seine|ihre|die)\b.{{0,20}}\b{_DATEN}\b.{{0,20}}\b(?:an|auf|zu|weiter)\b(?! mich| den nutzer| ihn)",
    rf"\bsoll(?:te|en)?\b.{{0,80}}{_ADDRESS}.{{0,30}}\b(?:senden|schicken|weiterleiten|ubermitteln|hochladen|weiterzuleiten)\b",
    # Spanish, Portuguese, French
    rf"{_START}(?:envi[ae]r?|enviale|mand[ae]r?|reenvi[ae]r?|encaminh[ae]r?|public[a]r?|publique|sube|subir|compart[aei]r?|transfier[ae]|copi[ae]r?|poste?|envoie[zr]?|envoyer|transmets|transmettez|transmettre|transfere[zr]?|publie[zr]?|partage[zr]?)\b.{{0,100}}{_ADDRESS}",
    rf"{_START}(?:envi[ae]r?|enviale|mand[ae]r?|reenvi[ae]r?|encaminh[ae]r?|sube|compart[aei]r?|envoie[zr]?|envoyer|transmets|transmettez|transfere[zr]?|publie[zr]?)\b.{{0,20}}\b(?:todos?|todas?|tous|toutes?)\b.{{0,20}}\b{_DATOS}\b.{{0,30}}\b(?:a|al|para|au|aux|ao)\b(?! mi\b| moi\b| mim\b| usuario\b)",
)

_CODE = r"(?:(?:shell|system|terminal|bash|sql|following|this|these|the|any|every|all) ){0,3}(?:commands?|shell|scripts?|code|terminal|payload|binary|macros?|tools?|functions?|bash|powershell)\b"
RUNS_TOOLS = (
    rf"{_START}(?:run|execute|invoke|launch|eval|exec|start|trigger)\b.{{0,25}}\b{_CODE}",
    rf"{_START}(?:use|call|trigger|invoke)\b (?:the |your |a )?(?:\w+_\w+|shell|terminal|bash|e-?mail|payment|admin|delete|sql|code(?: interpreter)?|file) (?:tool|function|api|plugin|endpoint)\b|{_START}(?:call|invoke|use) \w{{2,40}}\(",
    rf"{_START}(?:visit|open|fetch|browse|navigate|download|curl|wget|load|install|access|request)\b.{{0,60}}{_ADDRESS}",
    r"\brm -rf\b|\bsudo (?:rm|apt|bash|sh|su|chmod|cat|curl|-)|\b(?:curl|wget) (?:-|https?:)|\bchmod [+0-7]|\bos\.system\b|\bsubprocess\b|\b(?:eval|exec)\(|\bdrop table\b|\bdelete from \w+ where\b|<script\b|\bjavascript:|;--",
    rf"{_START}(?:delete|erase|wipe|destroy|drop)\b (?:all|every|the|any)\b.{{0,30}}\b(?:files?|accounts?|memories|data|messages|database|tables?|backups?|agents?)\b",
    rf"{_START}(?:transfer|wire|send|pay)\b.{{0,30}}\b(?:money|euros?|dollars?|bitcoins?|btc|funds|\$|usd|eur)\b.{{0,30}}\bto\b.{{0,30}}\b(?:account|iban|wallet|address|number)\b",
    # German
    rf"{_START}fuhre?\b.{{0,40}}\b(?:befehle?|code|skripte?|kommandos?|programme?|werkzeuge?|tools?)\b.{{0,30}}\baus\b|\bsoll(?:te)?\b.{{0,30}}\b(?:befehle?|code|skripte?|kommandos?)\b.{{0,20}}\bausfuhren\b",
    rf"{_START}losche\b.{{0,20}}\b(?:alle|samtliche|die|das)\b.{{0,20}}\b(?:dateien|daten|konten|konto|erinnerungen|datenbank|nachrichten)\b",
    # Spanish, Portuguese, French
    rf"{_START}(?:ejecut[ae]r?|lanza|execut[aeo]r?[zr]?|rode|rodar|lance[zr]?)\b.{{0,40}}\b(?:comandos?|codigo|scripts?|herramientas?|ferramentas?|terminal|shell|programas?|commandes?|code|outils?)\b",
    rf"{_START}(?:borr[ae]r?|elimin[ae]r?|apagu?[ae]r?|exclua|supprime[zr]?|efface[zr]?)\b.{{0,15}}\b(?:todos?|todas?|tous|toutes?|la base|les comptes|las cuentas|as contas)\b.{{0,30}}\b(?:{_DATOS}|base|comptes|cuentas|contas|memoires)",
)

ADDS_LINKS = (
    rf"{_START}(?:mention|name|praise|thank|recommend|include)\b.{{0,10}}\bour sponsors?\b",
    rf"{_START}(?:include|insert|add|append|embed|put|place|attach|link|mention|recommend|promote|end|begin|start|finish|close|show|give|write|cite|quote|render|suggest|advise|share|reference)\b.{{0,80}}(?:{_ADDRESS}|\b(?:affiliate|referral|sponsored|tracking|promo code|discount code|coupon|(?<!no )(?<!not )advert\w*|ads\b))",
    r"!\[[^\]]{0,200}\]\(|\[[^\]]{0,200}\]\(https?:",
    r"\b(?:always|in (?:every|each|all) (?:answers?|repl(?:y|ies)|responses?|messages?)|whenever possible|at every opportunity)\b.{0,40}\b(?:promote|advertise|praise|endorse|upsell)\b|\b(?:promote|advertise|praise|endorse|plug)\b.{0,60}\bin (?:every|each|all|your) (?:answers?|repl(?:y|ies)|responses?|messages?)\b",
    r"\brecommend\b.{0,60}\b(?:over|instead of|rather than|before) (?:any |all |its |the |their )*competit\w+",
    rf"\b(?:tell|advise|convince|persuade|urge|encourage|instruct|get|trick|ask) {_USER} (?:to|that they (?:must|should)|into) (?:buy|visit|click|invest|install|download|call|pay|send|sign up|enter|buying|clicking|share|give|provide|disclose|reveal)",
    # German
    rf"{_START}(?:fuge|baue|setze|hange|erwahne|empfiehl|bewirb|verlinke|schreibe?|beende)\b.{{0,80}}(?:{_ADDRESS}|(?<!keine )\bwerb(?:ung|elink\w*|eanzeige\w*)|\baffiliate)|\b(?:bewirb|bewerbe)\b.{{0,60}}\bin jeder (?:antwort|nachricht)\b",
    # Spanish, Portuguese, French
    rf"{_START}(?:incluye|inclu[aei]r?|insert[ae]r?|anade|agrega|pon|recomiend[ae]|recomende|promocion[ae]|adicione|coloque|mencion[ae]|inclus|incluez|insere[zr]?|ajoute[zr]?|mets|mettez|recommande[zr]?|termina|termine[zr]?)\b.{{0,80}}(?:{_ADDRESS}|\bafiliad\w*|\baffili\w*|\bpublici\w*|\banuncios?\b|\bpropagandas?\b|\bsponsoris\w*|\bpatrocinad\w*)",
    r"\b(?:promociona|promueve|promova|divulgue|fais la promotion d\w*|promeus)\b.{0,60}\b(?:en cada|em cada|em todas|en todas|dans chaque|dans toutes)\b",
)

_OTHERS = r"(?:every|all|any|each|other|all other|all the other|the other|another)(?: of the| the| other)? (?:users?|customers?|people|accounts?|tenants?|visitors?|members?|clients?|persons?)\b"
AFFECTS_OTHERS = (
    r"\bother (?:users?|customers?|tenants?) (?:said|say|wrote|asked|stored|told)\b",
    rf"{_START}(?:all|every) users? (?:of (?:this|the) (?:system|service|assistant) )?(?:gets?|must|should|has to|have to|receives?|pays?|is entitled|are entitled)\b",
    rf"{_START}(?:tell|inform|show|give|send|convince|message|notify|warn|answer|refuse|deny|greet|charge|treat|block|ask|apply|e-?mail|lie to|address)\b.{{0,40}}\b{_OTHERS}",
    rf"\b(?:applies|apply|valid|remember(?: this)?|store(?: this)?|save(?: this)?) (?:to|for|in) {_OTHERS}|(?:^|[.!?\n] ?)(?:for|to|with) {_OTHERS} ?,",
    r"\b(?:other|another|all|every) (?:users?|customers?|accounts?|tenants?|people)(?:'s?|s')? (?:private )?(?:data|memor|conversation|messages?|password|secrets?|files)",
    rf"{_START}(?:tell|inform|show|convince|treat|answer|give|charge)\b.{{0,10}}\b(?:everyone|everybody|anyone|anybody|whoever)\b (?:who|that|asks?|else|using)",
    rf"{_START}(?:sag|sage|erzahle?|zeige?|gib|schicke?|teile|informiere|antworte|empfiehl)\b.{{0,30}}\b(?:allen?|jedem|jeder|jeden|anderen|den anderen)(?: anderen)? (?:nutzer\w*|benutzer\w*|kund\w*|user\w*|anwender\w*)",
    rf"{_START}(?:di|dile|diles|informa|muestra|cuenta|responde|envia|recomienda|diga|informe|mostre|conte|responda|envie|recomende)\b.{{0,40}}\ba(?:os?)? ?(?:todos|todas|todos los|todas las|todos os|todas as|cada|otros|outros|los demas|los otros|qualquer|cualquier)(?: demas| otros| outros| os| as| los| las)? {_USUARIO}",
    rf"{_START}(?:dis|dites|informe[zr]?|montre[zr]?|reponds|repondez|envoie[zr]?|recommande[zr]?)\b.{{0,40}}\b(?:tous les|toutes les|chaque|d'autres|aux|les)(?: autres)? {_UTILISATEUR}",
)

_POWER = r"(?:admin(?:istrator)?s?|root|super-?user|sudo(?:er)?|moderator)"
_WHOSE = (
    r"(?:this|the|your) (?:system|assistant|agent|bot|platform|model|service|ai|application|account|workspace|chat)"
)
CLAIMS_AUTHORITY = (
    r"\b(?:is|am|are|i'm) (?:an?|the) (?:system|platform|workspace|tenant) (?:owner|operator)\b",
    rf"\b(?:user|i|he|she|they|customer|person|speaker|who|account)(?:'s| is| am| are|'m|'re| was made| became| has become)(?: now| also| actually| really){{0,2}} (?:an?|the|your|our)? ?(?:system |platform |site |chief |account |verified |real ){{0,3}}{_POWER}\b(?! (?:at|in|for|by|from|assistant)\b)",
    rf"\b(?:user|i|he|she|they)(?:'s| is| am| are|'m)(?: now| also){{0,2}} (?:the |an? )?(?:developer|creator|owner|maker|operator|administrator|maintainer|author|ceo|boss|controller) of {_WHOSE}\b",
    r"\b(?:is|am|are|i'm) (?:now )?(?:your|the assistant's|the agent's|the ai's) (?:new |real |true )?(?:developer|creator|owner|maker|operator|master|supervisor|administrator|boss|programmer)\b",
    r"\b(?:is|am|i'm) (?:an? |the )?account owner\b.{0,20}\b(?:full|all|every|permission)",
    rf"\b{_POWER} (?:access|permissions?|rights|privileges|mode|status)\b|\b(?:full|unlimited|unrestricted|special|elevated|complete|all) (?:access|permissions?|rights|privileges) (?:to|over|for) (?:everything|all|any|every|delete|{_WHOSE})\b|\bwith (?:full|all|unlimited) (?:permissions|privileges)\b",
    rf"\bas (?:the|your|this system's) (?:system |lead |chief )?(?:developer|admin\w*|creator|operator|supervisor|owner(?: of {_WHOSE})?),? (?:i|we|you|please|the user)\b|\bas an? admin(?:istrator)?,? (?:i|you|the user)\b|\btreat (?:me|the user|user|him|her|them) (?:as|like) (?:an? |the )?(?:{_POWER}|developer|owner|staff)",
    r"\b(?:admin(?:istrator)?s?|openai|anthropic|the developers?|security team|system owner|support team|management) (?:has |have |had )?(?:said|says|allow\w*|authori[sz]e\w*|approve\w*|permit\w*|instruct\w*|order\w*|told)\b.{0,30}\b(?:you|assistant|agent|skip|bypass|ignore|override|user|full|access)",
    r"\b(?:is|am|are|i'm) (?:fully )?(?:authori[sz]ed|permitted|allowed|entitled|cleared) to (?:override|bypass|access (?:all|any|every|other)|do anything|see (?:all|any|other)|skip|ignore|read (?:all|any|other))|\b(?:is|am|are) exempt from (?:all |the |any |your ){0,2}(?:rules|restrictions|limits|polic\w+|safety|filters|guidelines)",
    # German
    rf"\b(?:{_NUTZER}|ich|er|sie) (?:ist|bin) (?:jetzt |auch )?(?:der |die |ein |eine |dein |deine )?(?:system-?)?admin(?:istrator)?(?:in)?\b(?! (?:bei|in|fur|an)\b)|\b(?:ist|bin) dein[e]? (?:entwickler|schopfer|besitzer|betreiber|chef|herr|administrator)\w*|\b(?:admin(?:istrator)?|root)-?(?:rechte|zugriff|zugang)\w*|\bals (?:dein|der|deine|die) (?:entwickler|administrator|betreiber|chef|admin)\w*",
    # Spanish, Portuguese, French
    rf"\b(?:{_USUARIO}|yo|ella|el|eu|ele|ela) (?:es|soy|e|sou) (?:ahora |agora )?(?:el |la |un |una |o |a |um |uma |tu |seu )?(?:administrador[ae]?|superusuari[oa]|root|admin)\b(?! (?:de empresas?|de fincas|en|em|da empresa)\b)|\b(?:soy|sou|es|e) (?:tu|el|la|o|a|seu|sua) (?:desarrollador[a]?|creador[a]?|dueno|duena|desenvolvedor[a]?|criador[a]?|dono|dona) (?:de este|deste|del sistema|do sistema)|\b(?:soy tu|sou (?:o )?seu) (?:desarrollador|creador|duen|desenvolvedor|criador|dono)\w*",
    r"\b(?:permisos|acceso|derechos|privilegios|permissoes|acesso|direitos) de (?:administrador\w*|root|superusuario)|\bcomo (?:tu|el|la|seu|o) (?:desarrollador|administrador|creador|dueno|desenvolvedor|criador|dono)[a]?,? ",
    rf"\b(?:{_UTILISATEUR}|je|il|elle) (?:est|suis) (?:maintenant |aussi )?(?:l'|un |une |le |la |ton |votre )?(?:administrat(?:eur|rice)|admin|root|super-?utilisat\w+)\b(?! (?:chez|a|de biens|judiciaire)\b)|\bje suis (?:ton|votre) (?:developp|createur|creatrice|administrat|proprietaire|maitre)\w*|\ben tant que (?:ton |votre |le |la |l'|qu')(?:developp|createur|creatrice|administrat|proprietaire)\w*|\b(?:droits?|acces|privileges) (?:d'|de |)(?:administrat\w+|root|super-?utilisat\w+)",
)

ESCAPES = (
    r"<\s?/?\s?(?:operator_memory|system|instructions?|assistant|user|prompt|context|memory|memories|tool\w*|function\w*|human|developer|inst|sys|antml\w*)\b",
    r"<\|[a-z_]{2,30}\|>|\[/?inst\]|<</?sys>>|\{\{|\{%|%\}|\$\{|\{#|#\}|#\{",
    r"(?:^|\n) ?#{1,6} ?(?:system|instructions?|custom instructions?|new rules|rules|output|summary|new messages|observation date|existing memories|language requirement)\b",
    r"(?:^|\n) ?(?:system|developer) ?:|\n ?(?:assistant|human|user) ?:",
    r"\b(?:end|begin) of (?:system |the )?(?:prompt|instructions|memory|memories|context|user data)\b|--- ?(?:end|begin|system)\b|```",
)

ENCODED = (
    r"\b(?:decode|decrypt|deobfuscate|dekodiere|decodifica|decode[zr]?)\b.{0,40}\b(?:base ?64|hex|rot ?13|following|string|and (?:follow|run|execute))",
    r"(?:\\x[0-9a-f]{2}){6,}|(?:%[0-9a-f]{2}){8,}|(?:\\u[0-9a-f]{4}){5,}|(?:&#x?[0-9a-f]{2,5};){5,}",
    r"\b[0-9a-f]{80,}\b",
    r"\b(?:[a-z][ ._-]){11,}[a-z]\b",
)


def _one(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.DOTALL)


REASONS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("escapes_fence", _one(ESCAPES)),
    ("encoded_payload", _one(ENCODED)),
    ("changes_rules", _one(CHANGES_RULES)),
    ("claims_authority", _one(CLAIMS_AUTHORITY)),
    ("affects_others", _one(AFFECTS_OTHERS)),
    ("hides_from_user", _one(HIDES)),
    ("sends_data_away", _one(SENDS_AWAY)),
    ("runs_tools", _one(RUNS_TOOLS)),
    ("adds_links", _one(ADDS_LINKS)),
)
"""Reasons in the order they are tried, each with the pattern of folded text that gives it."""

# ---- trivial: these run on words only, marks and apostrophes are spaces -------------------------------------------

_WHO = (
    r"(?:the |der |die |el |la |o |a |l )?(?:user|human|customer|person|speaker|nutzer|nutzerin|benutzer|benutzerin|usuario"
    r"|usuaria|utilisateur|utilisatrice|utilizador|utilizadora)"
)
WHO_SAID = re.compile(rf"^{_WHO} (?:said|says|replied|answered|responded|wrote|sagte?|dijo|dit|disse) ")
"""What stands before reported speech; the rest may be filler."""

_READER = r"(?:(?:the |an? )?(?:ai |virtual )?(?:assistant|agent|ai|bot|chatbot|model))"
_TAIL = r"(?: (?:to|with|in|at|from|for|during|again|today|the|an?|this|start|begin|beginning|of|conversation|chat|session|assistant|s|ai|agent|message|way|help|answer|response|assistance|information|question))*"
_HELPS = (
    r"help(?:ed|s|ing)?|assist(?:ed|s|ing)?|offer(?:ed|s)?|ready|happy|able|available|here|respond(?:ed|s)?|answer(?:ed|s)?"
    r"|repl(?:y|ied|ies)|greet(?:ed|s)|thank(?:ed|s)|provide[ds]?|acknowledge[ds]|confirmed|apologi[sz]ed|understood|willing|glad|unable"
)
_USER_DOES = (
    r"(?:said|says|saying|sent|wrote|typed) (?:hi|hello|hey|bye|goodbye|thanks|thank you|yes|no|ok|okay|a greeting|greetings|good (?:morning|evening|night|afternoon))",
    rf"(?:ask(?:ed|s|ing)?|posed|has|had) (?:{_READER} )?(?:(?:a|an|the|some|another|many|several|multiple) )?(?:\w+ )?questions?(?: about (?:it|this|that|something))?",
    rf"(?:ask(?:ed|s|ing)?|looking|wants|wanted|request(?:ed|s)|seeking|needs) (?:{_READER} )?(?:for )?(?:some )?(?:help|assistance|advice|information|clarification|a response|an answer)",
    r"greet(?:ed|s|ing)|thank(?:ed|s|ing)|acknowledge[ds]|replied|responded|answered|confirmed|agreed|apologi[sz]ed|appreciate[ds]|understands|understood",
    rf"(?:start(?:ed|s)|began|initiated|having|ended|continued|engaged|engaging|interacting|talking|chatting|speaking|communicating) (?:in |with )?(?:a |an |the |this )*(?:conversation|chat|session|dialogue|{_READER})",
    r"(?:shared|provided|gave|sent|made|submitted) (?:(?:a|an|some|the|no|any) )?(?:\w+ )?(?:message|messages|information|input|feedback|statement|request|text|prompt|query|details)",
    r"(?:calculat|comput|convert|multipli|add)(?:ed|es|s|ing) [0-9 ]+(?:(?:of|by|from|to|and|in|percent) [0-9 ]*)*",
    r"(?:did not|didn t|does not|hasn t|has not|not) (?:share|provide|mention|give|say|state|disclose)d? (?:any(?:thing)?|personal|specific|further|new|relevant|their)\b.{0,60}",
)
TRIVIAL = re.compile(
    "|".join(
        f"(?:{pattern})"
        for pattern in (
            rf"{_WHO} (?:(?:has|have|had|is|was|just|simply|only) )*(?:{'|'.join(_USER_DOES)})(?: (?:to )?{_READER})?{_TAIL}",
            rf"{_READER} (?:(?:has|will|can|is|was|would|could|and|be) )*(?:{_HELPS})(?: (?:to|the|user|with|a|an|in|on|by|for|help|assist|assistance|response|answer|questions?|information|any|anything|more|needed|request|task|of|hello|and|it|that|this|further|provide|them|him|her|s))*",
            r"(?:this|the) (?:conversation|chat|dialogue|discussion|exchange|interaction) (?:is|was|has|had|began|started|ended|contains|includes|does|did)\b.{0,80}",
            r"(?:there (?:is|are|was|were) )?(?:no|nothing|not) (?:(?:new|relevant|memorable|specific|personal|further|to|important) )*(?:facts?|information|memory|memories|details|preferences|remember|extract|report|store)(?: (?:was|were|is|are|to|found|shared|provided|mentioned|extract|extracted|remember|about|the|user|in|this|conversation|here|available|stated))*",
            rf"{_WHO} (?:hat )?(?:(?:eine |einige |mehrere )?fragen? gestellt|stellte? (?:eine )?fragen?|begrusste?|gegrusst|bedankte? sich|sich bedankt|sagte? (?:hallo|danke)|(?:hallo|danke) gesagt|um hilfe gebeten)(?: (?:den|die|bei|dem) assistent\w*)?",
            rf"{_WHO} (?:den assistenten |die assistentin |hat |sich )*(?:begrusst|gegrusst|bedankt)",
            rf"{_WHO} (?:ha |a )?(?:hizo|hace|hecho|fez|faz|pose|posa) (?:una|uma|une) (?:pregunta|pergunta|question)",
            rf"{_WHO} (?:ha |a |l )*(?:saludo|saluda|saludado|agradecio|agradece|agradeceu|salue|remercie|cumprimentou|dijo (?:hola|gracias)|dit (?:bonjour|merci)|disse (?:ola|obrigad[oa])|pidio ayuda|pediu ajuda|demande de l aide)(?: (?:al|a|o|l|ao|le) (?:asistente|assistant|assistente))?",
        )
    )
)
"""Sentences about the conversation itself; to be matched in full."""
