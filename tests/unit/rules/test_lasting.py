"""What is worth keeping next month, and what is only of the moment."""

import pytest
from operator_memory.domain.rules.statements import statement


@pytest.mark.parametrize(
    ("clause", "fact"),
    [
        ("I love jazz - it's so relaxing!", "User loves jazz"),
        ("I play the cello and it helps me unwind", "User plays the cello"),
        ("I joined a choir, which was scary", "User joined a choir"),
        ("My dream is to open a bakery, so wish me luck", "User's dream is to open a bakery"),
        ("I'm learning Danish now - tough but fun", "User is learning Danish"),
        ("I enjoy sailing too", "User enjoys sailing too"),
        ("I work nights, so mornings are bad", "User works nights"),
        ("I'm a huge fan of opera", "User is a huge fan of opera"),
        ("We went hiking in Wales last weekend", "User went hiking in Wales last weekend"),
        ("I'm hosting a dinner next Saturday", "User is hosting a dinner next Saturday"),
        ("My wife and I run a kennel", "User and their wife run a kennel"),
        ("Autumn is my favourite season", "User's favourite season is Autumn"),
        ("I've always loved maps", "User has always loved maps"),
        ("I've never smoked", "User has never smoked"),
        ("I don't drink", "User does not drink"),
        ("I started climbing two years ago", "User started climbing two years ago"),
        ("I lost my job last month", "User lost their job last month"),
        ("My aunt passed away in May", "User's aunt passed away in May"),
        ("My sister Nora has twins", "User's sister Nora has twins"),
        ("I teach maths and work at a school", "User teaches maths and works at a school"),
        ("I live with my partner and her dog", "User lives with their partner and her dog"),
    ],
)
def test_what_lasts_is_kept_without_the_remarks_around_it(clause: str, fact: str) -> None:
    found = statement(clause)
    assert found is not None
    assert found.text == fact


@pytest.mark.parametrize(
    "clause",
    [
        # of the moment
        "I'm listening", "I'm so happy for us", "I'm feeling better", "I'm staying positive", "I'm doing fine",
        "I'm off to the shops", "I'm over the moon", "I'm swamped with work", "I'm proud of the team",
        "I'm up for a challenge", "I'm in awe", "We're almost there", "I'm thrilled to start", "I'm here to help",
        # points back at something
        "I love it", "I love that", "I like this series", "I started it last week", "I visited them", "I read those",
        "I enjoyed being there", "I'm a fan of hers", "I'm obsessed with these", "I love the colours",
        "I like the structure of the language", "I have one too", "I support him", "I joined them last year",
        # speaks to the listener
        "I'm lucky to have you", "I love your idea", "My team is proud of you",
        # says nothing in particular
        "I'm a bit tired", "I have a lot of time", "I have people who help", "I have something special",
        "I worked hard", "I learned a lot", "We work well together", "I had a great time last week",
        "I won", "I go often", "My favourite is vanilla", "I keep going", "I'm part of it", "I'm planning a few",
        # an opinion of it
        "My kids are so excited", "My family is amazing", "My writing is going well", "My trip was a blast",
        "My kids are our future", "Our actions can change the world",
        # says nothing without an object, or has one of the moment only
        "I won't quit", "I finished eating", "I don't have to fight", "I use to run a lot", "I just like playing",
        "I have a headache right now", "I'm going to have to go tomorrow", "I tried one last week",
        "I started practising", "I stopped and had lunch", "I'm leaving the day after tomorrow", "I play every weekend",
        "I've never had a problem with it", "I have work to do today", "I'm not an expert on this",
        # what happened, and nobody says when, or nobody will ask
        "I went to a parade", "I saw a film", "I made dinner", "I met some people",
        "I watched a film last night", "I made soup yesterday",
    ],
)  # fmt: skip
def test_moods_remarks_and_dangling_words_are_not(clause: str) -> None:
    assert statement(clause) is None
