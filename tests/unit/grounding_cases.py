"""Facts that were said and facts that were not, each with the conversation (a line a turn, ``A:`` the assistant).

Written along with the rules, so they hold the rules where they are; they do not measure them on new conversations.
"""

GROUNDED: list[tuple[str, str, int]] = [
    # as said, and with other forms of the words
    ("User lives in Porto.", "I live in Porto.", 0),
    ("User is living in Porto", "i've lived in porto for years", 0),
    ("User has a peanut allergy.", "I'm allergic to peanuts", 0),
    ("User is allergic to peanuts.", "I can't eat peanuts.", 0),
    ("User moved to Malmö last month.", "I'm moving! Well, moved to Malmo last month.", 0),
    ("User studies law in Bologna.", "I'm a law student in Bologna, studying hard.", 0),
    ("User's favorite color is teal.", "My favourite colour is teal.", 0),
    ("User bought a house in Kent.", "Just bought our first house, in Kent.", 0),
    ("User is married.", "My wife and I love Porto.", 0),
    ("User does not eat meat.", "I don't eat meat.", 0),
    ("User dislikes jazz.", "I don't like jazz.", 0),
    ("User is based in New York City.", "I live in NYC.", 0),
    # numbers, dates, codes
    ("User has 2 kids.", "We have two kids.", 0),
    ("User has three children.", "I have 3 kids.", 0),
    ("User is 25 years old.", "I am twenty-five years old", 0),
    ("User's budget is 15,000 euros.", "Our budget is 15k euros.", 0),
    ("User's flight TP1234 leaves at 14:30.", "My flight TP1234 leaves at 2:30 pm", 0),
    ("User's birthday is on May 3.", "my birthday is on 3 may", 0),
    ("User's birthday is 3 May.", "My birthday is 3.5., by the way", 0),
    ("User's email is ana@example.com.", "Write to Ana@Example.com, that is my mail.", 0),
    ("User flies to Boston on 2026-11-25.", "My flight to Boston is tomorrow.", 0),
    ("User was promoted to team lead around March 3, 2025.", "My boss promoted me to team lead last week.", 0),
    ("User is getting married on 12 June 2027.", "I'm getting married on 12 June!", 0),
    ("User takes pottery classes on Tuesdays.", "I started pottery classes every tuesday", 0),
    # more than one turn
    ("User lives in Porto.", "A: Where do you live?\nPorto", 1),
    ("User is allergic to peanuts.", "A: Are you allergic to anything?\nYes\nA: To what?\npeanuts", 3),
    ("User has a dog named Rex.", "I have a dog.\nA: Lovely! Name?\nRex", 0),
    ("User is vegan.", "A: Are you vegan?\nYes, exactly.", 1),
    ("User lives in Porto.", "A: So you live in Porto?\nThat's right!", 1),
    ("User lives in Köln.", "A: Sie wohnen also in Köln?\nGenau.", 1),
    ("User works in Lille.", "A: Vous travaillez à Lille ?\nOui.", 1),
    ("User does not smoke.", "A: Do you smoke?\nNo.", 1),
    ("User loves jazz.", "A: Do you like jazz?\nI love it", 1),
    ("User hates jazz.", "A: What about jazz?\nI hate it", 1),
    # longer facts, as models write them
    (
        "User adopted a beagle mix puppy named Max around March 1-2, 2025",
        "I adopted a puppy named Max last weekend! He's a beagle mix.",
        0,
    ),
    (
        "User is a software engineer who recently moved from Porto to Berlin and prefers working at night.",
        "Hi!\nI moved from Porto to Berlin, I'm a software engineer. Night work suits me.",
        1,
    ),
    # somebody else, when the fact says so
    ("User's brother lives in Rome.", "My brother lives in Rome.", 0),
    ("User has a brother who lives in Rome.", "My brother lives in Rome.", 0),
    ("User's son is allergic to eggs.", "My son is allergic to eggs.", 0),
    ("User and their husband live in Rome.", "My husband and I live in Rome.", 0),
    ("User has a dog named Rex who is 3.", "Rex is my dog. He is 3.", 0),
    ("User was told by a doctor to avoid salt.", "My doctor told me to avoid salt.", 0),
    ("User likes Paris.", "Paris is what I like most.", 0),
    # other languages
    ("User lives in Cologne.", "Ich wohne in Köln.", 0),
    ("User speaks German.", "Ich spreche Deutsch mit den Kindern.", 0),
    ("User ist allergisch gegen Nüsse.", "Ich bin allergisch gegen Nüsse.", 0),
    ("El usuario vive en Sevilla.", "Vivo en Sevilla.", 0),
    ("L'utilisateur habite à Lille.", "J'habite à Lille.", 0),
    ("O usuário mora em Lisboa.", "Moro em Lisboa.", 0),
    ("ユーザーは東京に住んでいます", "私は東京に住んでいます", 0),
    ("用户住在北京", "我住在北京", 0),
]

FOREIGN: list[tuple[str, str]] = [
    ("User lives in Tokyo.", "私は東京に住んでいます"),
    ("User runs a bakery with her sister.", "Ich habe mit meiner Schwester eine Bäckerei."),
    ("User has suffered from headaches for years.", "Desde hace mucho me duele la cabeza."),
    ("User is afraid of the dark.", "J'ai peur du noir depuis toujours."),
]

UNGROUNDED: list[tuple[str, str]] = [
    ("User lives in Paris.", "I live in Porto."),
    ("User is a pilot.", "I live in Porto."),
    ("User likes jazz.", "Hello!\nA: Hi, how can I help?\nThanks!"),
    ("User has 3 kids.", "We have two kids."),
    ("User's birthday is on May 4.", "My birthday is on May 3."),
    ("User has worked at Klarna since 2015.", "I have worked at Klarna a long time."),
    ("User's email is eve@example.com.", "My email is ana@example.com."),
    ("User's flight is TP9999.", "My flight is TP1234."),
    ("User got married in June 2021.", "I am married."),
    # the assistant's guesses
    ("User would enjoy Lisbon.", "Where should I go?\nA: I think you would enjoy Lisbon.\nHm, no idea."),
    ("User lives in Porto.", "A: You live in Porto and love jazz.\nWhat is the weather?"),
    ("User is allergic to peanuts.", "A: Are you allergic to peanuts?\nNo."),
    ("User likes jazz.", "A: Do you like jazz?\nNo, not at all."),
    ("User lives in Porto.", "A: Do you live in Porto?\nNo, in Lisbon."),
    ("User is vegan.", "A: Are you vegan?\nWhy do you ask?\nYes, later."),
    ("User is allergic to peanuts.", "A: Are you allergic to peanuts?\nI'm allergic to cats, but not those."),
    ("User wants to book Hotel Roma.", "Find me a hotel.\nA: Hotel Roma is nice.\nShow me others."),
    # the examples of an extraction prompt
    ("User's name is Marcus and was promoted to Senior Engineer at Shopify around August 12, 2025", "I live in Porto."),
    ("Marcus has a wife named Elena and they celebrate at Osteria Francescana", "My wife and I love to eat out."),
    ("User started taking pottery classes on Tuesdays", "I have classes tomorrow."),
    ("User has a dog named Poppy, a golden retriever", "I have a dog."),
    ("User listened to the Ready Player One audiobook around early January 2022", "I'm reading a book these days."),
    # somebody else's
    ("User lives in Rome.", "My brother lives in Rome."),
    ("User lives in Rome.", "My brother lives in Rome. I live in Milan."),
    ("User lives in Paris.", "She lives in Paris."),
    ("User has a dog called Rex.", "My sister lives in Oslo and has a dog called Rex."),
    ("User is allergic to eggs.", "My son is allergic to eggs."),
    ("User works at Klarna.", "Ana works at Klarna."),
    ("User wohnt in Rom.", "Mein Bruder wohnt in Rom."),
    ("User vive en Roma.", "Mi hermana vive en Roma."),
    ("User is a lawyer.", "My wife is a lawyer."),
    # the opposite
    ("User smokes.", "I don't smoke."),
    ("User eats pork.", "I never eat pork."),
    ("User is vegan.", "I'm not vegan."),
    ("User likes jazz.", "I don't like jazz."),
    # a name or number that would match in any language
    ("User lives in Madrid.", "Ich wohne in Köln."),
    ("User has 3 dogs.", "Tengo dos perros."),
    ("User has 3 dogs.", "私は犬を2匹飼っています"),
]

OF_THE_AGENT: list[tuple[str, str, int, str]] = [
    ("The user asked to always answer in German.", "Always answer in German.", 0, "user"),
    ("The user asked to always answer in German.", "Antworte immer auf Deutsch.", 0, "user"),
    ("The user and the assistant agreed to ship on Friday.", "Ok.\nA: We agreed to ship on Friday.", 1, "assistant"),
    ("The assistant recommended Hotel Roma.", "Find me a hotel.\nA: I recommend Hotel Roma.", 1, "assistant"),
]
