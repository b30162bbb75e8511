"""Which scripts let words be told by their spaces, and how the others are looked for."""

import unicodedata

import pytest
from operator_memory.domain.scripts import BETWEEN_WORDS, korean_in_pairs, needs_a_dictionary, spelled

WITHOUT_SPACES = {
    "Chinese": "我住在北京。",
    "Japanese": "札幌に住んでいます。",
    "kana alone": "おはよう",
    "Thai": "ฉันอยู่ที่เชียงใหม่",
    "Lao": "ຂ້ອຍຢູ່ວຽງຈັນ",
    "Khmer": "ខ្ញុំរស់នៅភ្នំពេញ",
    "Burmese": "ကျွန်တော်ရန်ကုန်မှာနေတယ်",
    "Arabic": "أسكن في القاهرة",
    "mixed": "我的iPhone",
}
WITH_SPACES = {
    "English": "I live in Lund.",
    "German": "Köln",
    "Russian": "Я живу в Омске",
    "Greek": "Αθήνα",
    "Hindi": "मैं दिल्ली में रहता हूँ",
    "Korean": "저는 서울에 살아요",
    "Hebrew": "אני גר בתל אביב",
}


@pytest.mark.parametrize("text", WITHOUT_SPACES.values(), ids=WITHOUT_SPACES)
def test_scripts_that_join_words_need_a_dictionary(text: str) -> None:
    assert needs_a_dictionary(text)


@pytest.mark.parametrize("text", WITH_SPACES.values(), ids=WITH_SPACES)
def test_scripts_with_spaces_need_none(text: str) -> None:
    assert not needs_a_dictionary(text)


def test_a_korean_word_shares_a_pair_with_the_word_without_its_particle() -> None:
    assert korean_in_pairs("저는 서울에서 살아요") == "저는 서울 울에 에서 살아 아요"
    assert korean_in_pairs(unicodedata.normalize("NFD", "서울에서")) == "서울 울에 에서"
    assert korean_in_pairs("I live in Lund. 我住在北京。") == "I live in Lund. 我住在北京。"


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("北京iPhone", "北 京 iphone"),
        ("תל אביב", f"ת ל {BETWEEN_WORDS} א ב י ב"),
        ("서울", "서 울"),
        ("ที่", "ท"),
        ("plain", None),
        ("Köln", None),
    ],
)
def test_a_text_is_spelled_where_a_word_may_stand_inside_another(text: str, letters: str | None) -> None:
    assert spelled(text) == letters


def test_marks_and_forms_do_not_count() -> None:
    assert spelled("أ") == spelled("ا")
    assert spelled(unicodedata.normalize("NFD", "서울")) == spelled("서울")
