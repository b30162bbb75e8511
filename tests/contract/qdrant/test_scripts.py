"""Words of scripts that join them are found, in a list and in a search, and other scripts as before."""

from dataclasses import replace

import pytest
from operator_memory.adapters.qdrant.index_fields import keyword
from operator_memory.domain.shared.memory_filter import MemoryFilter
from operator_memory.domain.shared.search_plan import Search, SearchMode, SearchPlan
from qdrant_client import models

from tests.support.builders import ACCOUNT, NOW, USER_KEY, a_memory
from tests.support.qdrant.shelves import Shelf
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.qdrant.library_fixtures"]

INSIDE = [
    ("我住在北京。", "北京"),
    ("我用iPhone手机。", "iPhone手机"),
    ("我用iPhone手机。", "iphone"),
    ("我用iPhone手机。", "手机 iphone"),
    ("私は東京に住んでいます。", "東京"),
    ("ฉันอาศัยอยู่ที่กรุงเทพ", "กรุงเทพ"),
    ("ฉันแพ้ถั่วลิสง", "ถั่วลิสง"),
    ("אני גר בתל אביב.", "תל אביב"),
    ("אני עובד כאח בבית החולים.", "בית"),
    ("저는 서울에 살아요.", "서울"),
    ("أعمل في القاهرة.", "قاهرة"),
    ("मैं दिल्ली में रहता हूँ।", "दिल्ली"),
    ("Ich wohne in Köln.", "koln"),
]
ELSEWHERE = [
    ("我住在北京。", "上海"),
    ("我住在北京。", "京北"),
    ("私は東京に住んでいます。", "京都"),
    ("אני גר בתל אביב.", "לאב"),
    ("I live in Lund.", "Lun"),
    ("I live in Lund.", "北京"),
    ("我用iPhone手机。", "phone"),
]


@pytest.mark.parametrize(("text", "sought"), INSIDE)
def test_a_word_is_found_in_a_list_wherever_its_script_lets_it_stand(shelf: Shelf, text: str, sought: str) -> None:
    shelf.put(a_memory(text), a_memory("Something else."))
    assert shelf.texts(MemoryFilter(text=sought)) == {text}


@pytest.mark.parametrize(("text", "sought"), ELSEWHERE)
def test_what_a_text_does_not_say_is_not_found_in_it(shelf: Shelf, text: str, sought: str) -> None:
    shelf.put(a_memory(text))
    assert shelf.texts(MemoryFilter(text=sought)) == set()


def test_all_words_must_occur_and_signs_do_not_count(shelf: Shelf) -> None:
    shelf.put(a_memory("我住在北京，工作在上海。"))
    found = shelf.texts(MemoryFilter(text="上海 北京"))
    assert len(found) == 1
    assert shelf.texts(MemoryFilter(text="上海。 !")) == found
    assert shelf.texts(MemoryFilter(text="上海 广州")) == set()


def test_a_correction_is_found_by_its_new_words(shelf: Shelf) -> None:
    memory = a_memory("我住在北京。")
    shelf.put(memory)
    changed = replace(memory, text="我住在上海。", version=2)
    assert shelf.library.replace(changed, [0.1] * 32, expected_version=1)
    assert (shelf.texts(MemoryFilter(text="北京")), shelf.texts(MemoryFilter(text="上海"))) == (set(), {changed.text})


QUESTIONS = [
    ("用户对花生严重过敏。", "我吃饭要避开什么？花生吗"),
    ("私は札幌に住んでいます。", "札幌のどこに住んでいますか"),
    ("ผู้ใช้ทำงานเป็นพยาบาลที่เชียงใหม่", "พยาบาลทำงานที่ไหน"),
    ("أسكن في الإسكندرية بالقرب من البحر.", "هل البيت بعيد عن بحر"),
    ("저는 서울에서 살아요.", "서울 날씨"),
    ("I live in Lund.", "Where is Lund?"),
]


@pytest.mark.parametrize(("text", "question"), QUESTIONS)
def test_a_question_finds_by_words_what_shares_one(qdrant_shelf: Shelf, text: str, question: str) -> None:
    qdrant_shelf.put(a_memory(text), a_memory("Something else."))
    plan = SearchPlan((Search(USER_KEY, SearchMode.KEYWORD, 10),), text=question)
    [hits] = qdrant_shelf.search.search(ACCOUNT, plan, now=NOW, timeout=AMPLE)
    assert [hit.memory.text for hit in hits] == [text]


def test_only_scripts_that_join_words_go_to_the_multilingual_tokenizer() -> None:
    assert keyword("I live in Lund.") == {"text": "I live in Lund.", "model": "qdrant/bm25"}
    chinese = keyword("我住在北京。")
    assert chinese["options"] == {"tokenizer": "multilingual"}
    assert models.Document.model_validate(chinese).model_dump(exclude_none=True) == chinese
