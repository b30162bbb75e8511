"""Secrets leave a text before anyone reads it, and nothing else does."""

import json
import random
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_memory.adapters.secrets.redactor import KINDS, SecretRedactor
from operator_memory.application.ports.learning import Redactor
from operator_memory.domain.conversation import MAX_MESSAGE_CHARACTERS
from operator_memory.domain.errors import TooLargeToRedactError

from tests.cases.redaction import INNOCENT, SECRETS, Secret, made
from tests.cases.redaction_unseen import HARMLESS, NOT_FOUND, SAID
from tests.support.fakes.redaction import FakeRedactor

_BY_NAME = pytest.mark.parametrize("case", SECRETS, ids=lambda case: case.name)
_TELLING_TOKENS = [case for case in SECRETS if case.name.partition(": ")[2] in ("GitHub classic", "GitLab", "Slack bot",
                   "Hugging Face", "npm", "Stripe live", "Groq", "Google API key", "OpenAI old", "JWT")]  # fmt: skip
_WIDE = "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44"  # "password" as a Japanese keyboard may write it
_SENTENCE = "Ada lives in Turin, likes tea and moved there in 2019. "


@pytest.fixture(scope="module")
def redactor() -> SecretRedactor:
    made = SecretRedactor()
    made.redact("the scanner is compiled at the first text")
    return made


@pytest.fixture(params=["real", "fake"])
def any_redactor(request: pytest.FixtureRequest, redactor: SecretRedactor) -> Redactor:
    return redactor if request.param == "real" else FakeRedactor({case.secret: case.kind for case in SECRETS})


class TestThePort:
    """The in-memory fake and the real one."""

    @_BY_NAME
    def test_a_secret_is_replaced_by_its_kind_and_the_rest_stays(self, any_redactor: Redactor, case: Secret) -> None:
        redacted = any_redactor.redact(case.text)
        assert redacted.text == case.redacted
        assert redacted.counts == {case.kind: 1}

    @_BY_NAME
    def test_a_second_look_finds_nothing_more(self, any_redactor: Redactor, case: Secret) -> None:
        once = any_redactor.redact(case.text)
        twice = any_redactor.redact(once.text)
        assert (twice.text, twice.counts) == (once.text, {})

    def test_a_text_that_would_take_minutes_is_refused_with_its_reason(self, any_redactor: Redactor) -> None:
        assert any_redactor.redact("a" * MAX_MESSAGE_CHARACTERS).counts == {}
        with pytest.raises(TooLargeToRedactError, match="2000001 characters") as refused:
            any_redactor.redact("a" * (MAX_MESSAGE_CHARACTERS + 1))
        assert (refused.value.reason, refused.value.retryable) == ("too_large_to_redact", False)

    @pytest.mark.parametrize("text", ["", " \n", "She likes tea.", "naïve 🔑 \u2028 text\r\n", "[redacted: password]"])
    def test_a_text_without_a_secret_comes_back_as_it_is(self, any_redactor: Redactor, text: str) -> None:
        redacted = any_redactor.redact(text)
        assert (redacted.text, redacted.counts) == (text, {})


class TestWhatIsWrittenOddly:
    """A text is read as a person sees it."""

    @pytest.mark.parametrize("invisible", ["\u200b", "\u00ad", "\ufeff", "\u2060", "\u202e"])
    @_BY_NAME
    def test_what_is_invisible_hides_no_secret(self, redactor: SecretRedactor, case: Secret, invisible: str) -> None:
        middle = len(case.secret) // 2
        hidden = f"{case.secret[:middle]}{invisible}{case.secret[middle:]}"
        redacted = redactor.redact(case.text.replace(case.secret, hidden))
        assert redacted.text == case.redacted

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("card \uff14\uff11\uff11\uff11 \uff11\uff11\uff11\uff11 1111 1111.", "card [redacted: card_number]."),
            ("\u0664\u0661\u0661\u0661 \u0661\u0661\u0661\u0661 1111 1111", "[redacted: card_number]"),
            ("\u5361\u53f74111111111111111\u3002", "\u5361\u53f7[redacted: card_number]\u3002"),
            ("4111\u20131111\u20131111\u20131111", "[redacted: card_number]"),
            (f"{_WIDE}: hunter2xyz", f"{_WIDE}: [redacted: password]"),
            ("my pass\u200bword is hunter2xyz \U0001f600", "my pass\u200bword is [redacted: password] \U0001f600"),
            (json.dumps(json.dumps(json.dumps({"password": "hunter2xyz"}))), None),
        ],
    )  # fmt: skip
    def test_other_forms_of_letters_digits_and_quotes_hide_none(
        self, redactor: SecretRedactor, text: str, expected: str | None
    ) -> None:
        redacted = redactor.redact(text)
        assert "hunter2" not in redacted.text
        assert sum(redacted.counts.values()) == 1
        assert expected in (None, redacted.text)

    @pytest.mark.parametrize(
        "text",
        [
            "Zo\u00eb \u2764\ufe0f tea, her family: \U0001f468\u200d\U0001f469\u200d\U0001f467",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0661\u0662\u0663\u0664",
            "\uff21\uff22\uff23 \uff11\uff12\uff13\uff14\u5186",
        ],
    )
    def test_and_what_is_no_secret_stays_as_it_was_written(self, redactor: SecretRedactor, text: str) -> None:
        assert redactor.redact(text).text == text


class TestWhatPeopleSay:
    @pytest.mark.parametrize("text", INNOCENT + HARMLESS)
    def test_what_only_looks_like_a_secret_stays(self, redactor: SecretRedactor, text: str) -> None:
        redacted = redactor.redact(text)
        assert (redacted.text, redacted.counts) == (text, {})

    @pytest.mark.parametrize(("text", "secrets"), SAID)
    def test_a_secret_in_other_words_is_found_as_well(
        self, redactor: SecretRedactor, text: str, secrets: list[str]
    ) -> None:
        redacted = redactor.redact(text)
        assert not [secret for secret in secrets if secret in redacted.text]
        assert sum(redacted.counts.values()) >= len(secrets)

    @pytest.mark.parametrize(("text", "secret"), NOT_FOUND)
    def test_what_the_rules_cannot_know_is_written_down(self, redactor: SecretRedactor, text: str, secret: str) -> None:
        assert secret in redactor.redact(text).text

    def test_the_kinds_are_few_and_each_occurs(self) -> None:
        assert {case.kind for case in SECRETS} == set(KINDS)

    def test_the_tables_are_large_enough_to_mean_something(self) -> None:
        assert len(SECRETS) + len(SAID) >= 150
        assert len(INNOCENT) + len(HARMLESS) >= 230

    def test_all_secrets_of_a_text_go_at_once(self, redactor: SecretRedactor) -> None:
        text = "\n".join(case.text for case in SECRETS)
        redacted = redactor.redact(text)
        assert not [case.name for case in SECRETS if case.secret in redacted.text]
        assert sum(redacted.counts.values()) >= len(SECRETS) - 2  # two cards side by side may count as one

    @_BY_NAME
    def test_a_secret_is_found_inside_a_long_text(self, redactor: SecretRedactor, case: Secret) -> None:
        text = f"{_SENTENCE * 20}\n\n{case.text}\n\n{_SENTENCE * 20}"
        assert redactor.redact(text).text == f"{_SENTENCE * 20}\n\n{case.redacted}\n\n{_SENTENCE * 20}"

    @pytest.mark.parametrize(("before", "after"), [("(", ")"), ("`", "`"), ("**", "**"), ("是", "。"), ("→ ", " ←")])
    @pytest.mark.parametrize("case", _TELLING_TOKENS, ids=lambda case: case.name)
    def test_punctuation_of_a_sentence_does_not_hide_a_token(
        self, redactor: SecretRedactor, case: Secret, before: str, after: str
    ) -> None:
        assert case.secret not in redactor.redact(f"look {before}{case.secret}{after} here").text

    def test_the_rest_of_a_key_that_was_cut_in_the_middle_goes_too(self, redactor: SecretRedactor) -> None:
        key = next(case for case in SECRETS if case.name == "private_key: RSA").secret
        head, tail = key[:200], key[-200:]
        redacted = redactor.redact(f"my key:\n{head}\n[...]\n{tail}\nwhat now?")
        lines = [line for line in redacted.text.splitlines() if len(line) > 30]
        assert lines == []
        assert redacted.text.startswith("my key:\n[redacted: private_key]")
        assert redacted.text.endswith("[redacted: private_key]\nwhat now?")

    def test_a_card_in_front_of_its_expiry_date_and_code_is_found(self, redactor: SecretRedactor) -> None:
        redacted = redactor.redact("4242424242424242 12/29 and 4242 4242 4242 4242 1229")
        assert redacted.text == "[redacted: card_number] 12/29 and [redacted: card_number] 1229"

    @pytest.mark.parametrize(
        "wrong", ["4242 4242 4242 4241", "9999 9999 9999 9995", "4242 4242 4242", "1.4242424242424242"]
    )
    def test_a_number_is_a_card_only_if_network_length_and_check_digit_agree(
        self, redactor: SecretRedactor, wrong: str
    ) -> None:
        assert redactor.redact(f"number {wrong}!").text == f"number {wrong}!"

    def test_what_opens_nothing_is_kept(self, redactor: SecretRedactor) -> None:
        text = "IBAN DE89 3704 0044 0532 0130 00, passport C01X00T47, +49 30 1234567, ada@example.com"
        assert redactor.redact(text).text == text


class TestAnyText:
    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=400))
    def test_no_text_raises_and_a_second_look_changes_nothing(self, redactor: SecretRedactor, text: str) -> None:
        once = redactor.redact(text).text
        assert redactor.redact(once).text == once

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.sampled_from([case.text for case in SECRETS] + INNOCENT + ["[redacted: password]"]), max_size=6),
           st.sampled_from(["\n", " ", ". ", " and ", "", "\r\n", "\0", "é"]))  # fmt: skip
    def test_any_mixture_is_stable_and_what_is_left_was_there_before(
        self, redactor: SecretRedactor, texts: list[str], between: str
    ) -> None:
        text = between.join(texts)
        once = redactor.redact(text).text
        assert redactor.redact(once).text == once
        kept = re.split(r"\[redacted: [a-z_]+\]", once)
        position = 0
        for part in kept:  # the parts that are left stand in the original, in this order
            position = text.index(part, position) + len(part)

    @pytest.mark.parametrize("broken", ["\ud800", "\0\0", "\x1b[31m", "🔑" * 500, "\u202e", "e\u0301"])
    def test_broken_text_is_no_error_and_hides_nothing(self, redactor: SecretRedactor, broken: str) -> None:
        redacted = redactor.redact(f"{broken} my password is hunter2 {broken}")
        assert redacted.text == f"{broken} my password is [redacted: password] {broken}"

    def test_a_secret_between_zeros_is_found_in_its_place(self, redactor: SecretRedactor) -> None:
        token = next(case.secret for case in _TELLING_TOKENS if "GitHub" in case.name)
        zeros = "h\0e\0l\0l\0o\0" * 20
        assert redactor.redact(f"{zeros} {token} {zeros}").text == f"{zeros} [redacted: token] {zeros}"

    def test_a_marker_that_someone_typed_is_not_counted(self, redactor: SecretRedactor) -> None:
        text = "it said [redacted: password] and my password is [redacted: password]"
        assert redactor.redact(text).counts == {}


def cpu_seconds(redactor: SecretRedactor, text: str) -> float:
    started = time.thread_time()
    redactor.redact(text)
    return time.thread_time() - started


class TestHostileLength:
    @pytest.mark.parametrize("part", [
        "password ", "my password is ", "password for the ", "-----BEGIN RSA PRIVATE KEY-----\n",
        "-----END RSA PRIVATE KEY-----\n", made(60) + "\n", "4242 ", "4242424242", "a", "seed phrase ", "abandon ",
        "https://a:", "eyJ", "curl -u ", "token=", '"', "'", "(", "\n", "DE89 3704 ", "is my ", "a.b.", "pin ", "密码",
        "A1" , "=", "api_key: \"", "[redacted: password] ", "code for the ", "DE89 3704 0044 0532 0130 00 ",
        "DE89370400440532013000 ", "4111 1111 1111 1111 ", "https://user:pass@host/ ", "my password is hunter2x. ",
        "ana.lima@example.com ", "a\u200b", "\uff21\uff11",
    ])  # fmt: skip
    def test_repetition_takes_time_in_proportion_to_its_length(self, redactor: SecretRedactor, part: str) -> None:
        self._is_linear(redactor, lambda length: (part * length)[:length], 20_000)

    @pytest.mark.parametrize("part", ["eyJ-", "eyJaaaaaaaaaa.", "a-", "sk-proj-", "curl a "])
    def test_so_does_what_a_bounded_pattern_begins_at_again_and_again(
        self, redactor: SecretRedactor, part: str
    ) -> None:
        self._is_linear(redactor, lambda length: (part * length)[:length], 6_000)

    @pytest.mark.parametrize(
        "start", ["my password is 1234", "pin is 123456", "seed phrase is ", "-----BEGIN PRIVATE KEY-----"]
    )
    @pytest.mark.parametrize("filler", [" ", "\n", "+", "abandon "])
    def test_so_does_a_label_before_a_long_run(self, redactor: SecretRedactor, start: str, filler: str) -> None:
        self._is_linear(redactor, lambda length: start + (filler * length)[:length], 6_000)

    @staticmethod
    def _is_linear(redactor: SecretRedactor, text: Callable[[int], str], length: int) -> None:
        """Four times the length takes about four times the time; in quadratic time it takes sixteen times."""
        ratios = []
        for _ in range(5):  # the machine may be busy: the best of several counts
            ratios.append(cpu_seconds(redactor, text(4 * length)) / cpu_seconds(redactor, text(length)))
            if ratios[-1] <= 8:
                return
        raise AssertionError(f"four times the length took {min(ratios):.1f} times the time")

    def test_after_repetition_a_second_look_finds_nothing_more(self, redactor: SecretRedactor) -> None:
        for part in ("DE89 3704 0044 0532 0130 00 ", "my password is hunter2x. ", "https://user:pass@host/ "):
            assert redactor.redact(redactor.redact(part * 500).text).counts == {}


class TestNothingLeaves:
    def test_it_opens_no_file_and_no_connection(self, redactor: SecretRedactor) -> None:
        touched: list[str] = []
        watching = True

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            if watching and event in ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
                touched.append(event)

        sys.addaudithook(watch)
        descriptors = sorted(path.name for path in Path("/proc/self/fd").iterdir())
        for case in SECRETS:
            redactor.redact(case.text)
        watching = False
        assert touched == []
        assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == descriptors

    def test_what_it_returns_and_logs_holds_no_secret(
        self, redactor: SecretRedactor, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level(0)
        redacted = [redactor.redact(case.text) for case in SECRETS]
        written = json.dumps([repr(r) for r in redacted]) + caplog.text + "".join(capfd.readouterr())
        assert not [case.name for case in SECRETS if len(case.secret) > 5 and case.secret in written]

    def test_threads_do_not_disturb_each_other(self) -> None:
        cases = random.Random(7).choices(SECRETS, k=400)
        with ThreadPoolExecutor(8) as pool:
            texts = list(pool.map(lambda case: SecretRedactor().redact(case.text).text, cases))
        assert texts == [case.redacted for case in cases]
