"""What is learnt, end to end: said anew, said wrong, said by mistake; with the real store, queue and routes."""

import json
from typing import Any

from operator_memory.domain.learning.jobs import Outcome

from tests.e2e.system import System, a_job
from tests.e2e.test_main_job import points_of

KEY = "sk-proj-" + "Ab3dE5gH7jK9" * 4


def listed(system: System, user: str, state: str = "active") -> dict[str, Any]:
    """The user's facts by their text."""
    found = system.call(user, "GET", f"/v1/memories?scope=user&state={state}").json["memories"]
    return {memory["memory"]: memory for memory in found}


def test_what_is_no_longer_true_is_not_recalled_and_a_person_can_undo_that(system: System) -> None:
    user = system.new_user()
    system.extracted(a_job(user, "I live in Lisbon."))
    record = system.extracted(a_job(user, "I live in Porto now.", thread_id="thread-2"))
    assert [fact.outcome for fact in record.facts] == [Outcome.SUPERSEDED]
    recalled = system.context(account_id=user, query="Where do I live?", scopes=["user"])["context"]
    assert "Porto" in recalled
    assert "Lisbon" not in recalled
    older = listed(system, user, "all")["User lives in Lisbon."]
    assert older["superseded_by"] == record.facts[0].memory_id
    assert system.call(user, "POST", f"/v1/memories/{older['id']}/restore").status == 200
    assert "User lives in Lisbon." in listed(system, user)
    assert "Lisbon" in system.context(account_id=user, query="Where do I live?", scopes=["user"])["context"]


def test_the_same_said_again_in_another_thread_is_stored_once(system: System) -> None:
    user = system.new_user()
    first = system.extracted(a_job(user, "I'm allergic to peanuts."))
    again = system.extracted(a_job(user, "Remember that I am allergic to peanuts!", thread_id="thread-2"))
    assert [fact.outcome for fact in again.facts] == [Outcome.DUPLICATE]
    assert again.facts[0].others == (first.facts[0].memory_id,)
    assert len(listed(system, user)) == 1


def test_a_secret_is_stored_nowhere_and_the_job_says_how_many_there_were(system: System) -> None:
    user = system.new_user()
    job = a_job(user, f"I live in Porto. My key is {KEY} and my password is Kiwi7-Kiwi.")
    record = system.extracted(job)
    assert record.redactions == {"api_key": 1, "password": 1}
    shown = system.call(user, "GET", f"/v1/jobs/{job['job_id']}").json
    assert shown["redactions"] == record.redactions
    stored = json.dumps([points_of(system, user), shown, system.trail(user)], default=str)
    assert "User lives in Porto." in stored
    assert KEY not in stored
    assert "Kiwi7" not in stored


def test_the_job_tells_its_person_what_became_of_it(system: System) -> None:
    user = system.new_user()
    messages = [
        {"role": "user", "content": "I live in Porto.", "id": "m1"},
        {"role": "assistant", "content": "Noted.", "id": "m2"},
        {"role": "user", "content": "I like green tea.", "id": "m3"},
    ]
    job = a_job(user) | {"messages": messages}
    system.extracted(job)
    shown = system.call(user, "GET", f"/v1/jobs/{job['job_id']}").json
    assert (shown["state"], shown["attempts"], shown["counts"]) == ("done", 1, {"added": 2})
    assert shown["costs"]["llm_calls"] == 1
    assert [(fact["outcome"], fact["scope"]) for fact in shown["facts"]] == [("added", "user")] * 2
    ids = [fact["memory_id"] for fact in shown["facts"]]
    assert set(ids) == {memory["id"] for memory in listed(system, user).values()}
    assert [fact["source"] for fact in shown["facts"]] == ["m1", "m3"]
    times = shown["times"]
    assert times["queued_at"] <= times["started_at"] <= times["updated_at"]


def test_what_is_pasted_waits_for_a_person_and_is_recalled_once_they_let_it_in(system: System) -> None:
    user = system.new_user()
    letter = "---------- Forwarded message ----------\nI live in Marseille."
    record = system.extracted(a_job(user) | {"messages": [{"role": "user", "content": letter}]})
    assert [(fact.outcome, fact.reason) for fact in record.facts] == [(Outcome.REJECTED, "not_own_words")]
    assert listed(system, user) == {}
    [waits] = listed(system, user, "quarantined").values()
    assert waits["rejected"] == "not_own_words"
    question = {"account_id": user, "query": waits["memory"], "scopes": ["user"]}
    assert waits["id"] not in {memory["id"] for memory in system.context(**question)["memories"]}
    assert system.call(user, "POST", f"/v1/memories/{waits['id']}/approve").status == 200
    assert waits["id"] in {memory["id"] for memory in system.context(**question)["memories"]}
