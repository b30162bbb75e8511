"""What people say to have something forgotten or not remembered, in five languages, and what they say else.

A request: the words, ``forget`` or ``do_not_remember``, and which of `MEMORIES` it means.
"""

MEMORIES = [
    "User lives in Porto.",
    "User's salary is 90000 euros.",
    "User is a member of the Alpine Club.",
    "User's mother lives in Porto.",
    "User lives in K\u00f6ln.",
    "User is allergic to nueces.",
    "User has a dog named Rex.",
    "User's address is Elm Street 4.",
    "User likes Porto wine.",
    "Nutzer wohnt in Wien.",
    "User's ex Tom lives in Leeds.",
]

REQUESTS: list[tuple[str, str, list[str]]] = [
    ("Please do not remember this: my salary is 90000 euros.", "forget", ["User's salary is 90000 euros."]),
    ("Please do not remember this: my rent is 900 euros.", "do_not_remember", []),
    ("Don't save that my dentist is Dr. Hall.", "do_not_remember", []),
    ("Off the record: I hate my job.", "do_not_remember", []),
    ("Never store anything about my health.", "do_not_remember", []),
    ("Forget that I live in Porto.", "forget", ["User lives in Porto."]),
    ("Forget my address.", "forget", ["User's address is Elm Street 4."]),
    ("Can you forget everything about my ex Tom?", "forget", ["User's ex Tom lives in Leeds."]),
    ("Please forget what I said about my dog.", "forget", ["User has a dog named Rex."]),
    ("Delete my address from your memory.", "forget", ["User's address is Elm Street 4."]),
    ("I cancelled my Alpine Club membership, please forget that I'm in it.", "forget",
     ["User is a member of the Alpine Club."]),
    ("My salary is 90000 euros. Don't remember that.", "forget", ["User's salary is 90000 euros."]),
    ("Vergiss bitte, dass ich in K\u00f6ln wohne.", "forget", ["User lives in K\u00f6ln."]),
    ("Vergiss, dass ich in Wien wohne.", "forget", ["Nutzer wohnt in Wien."]),
    ("Speichere meine Nummer bitte nicht.", "do_not_remember", []),
    ("Olvida que soy al\u00e9rgica a las nueces.", "forget", ["User is allergic to nueces."]),
    ("No guardes esto: gano 3000 euros.", "do_not_remember", []),
    ("Oublie que j'habite \u00e0 Porto.", "forget", ["User lives in Porto."]),
    ("Ne note pas mon adresse.", "do_not_remember", []),
    ("Esquece que moro em Porto.", "forget", ["User lives in Porto."]),
    ("Esque\u00e7a que eu moro no Porto.", "forget", ["User lives in Porto."]),
    ("N\u00e3o guardes o meu sal\u00e1rio.", "forget", ["User's salary is 90000 euros."]),
    ("N\u00e3o guardes o meu telefone.", "do_not_remember", []),
]  # fmt: skip

POINTING = [
    "Don't save that.",
    "Please don't remember this.",
    "Forget that.",
    "Please erase that from memory.",
    "Merk dir das bitte nicht.",
    "No lo guardes.",
    "Ne retiens pas \u00e7a.",
    "Ne garde pas \u00e7a en m\u00e9moire.",
    "N\u00e3o guardes isto.",
]
"""Requests that are about what was said before."""

NO_REQUESTS = [
    "Don't forget that I live in Porto.",
    "Forget it.",
    "Forget about it, let's move on.",
    "Forget the cake, let's make pie.",
    "I'll never forget that I lived there.",
    "I don't remember that.",
    "I forgot my address book.",
    "Don't save the file yet.",
    "Delete my last row from the table.",
    "Vergiss nicht, dass ich in Wien wohne.",
    "No olvides que vivo en Madrid.",
    "N'oublie pas que j'habite \u00e0 Lyon.",
    "N\u00e3o esque\u00e7as que moro em Faro.",
    "Remember that my salary is 90000 euros.",
]
