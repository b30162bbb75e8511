"""All memories are moved to another model while people write, edit and erase; nothing is lost, nothing comes back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from operator_memory.adapters.dynamodb.table import Table
from operator_memory.adapters.dynamodb.tombstones import DynamoDBTombstones
from operator_memory.adapters.qdrant.index_fields import EMBEDDED_BY
from operator_memory.domain.errors import ConfigurationError, ConflictError, UpstreamUnavailableError
from operator_memory.domain.lifecycle.migration import Migration, MigrationState
from operator_memory.domain.memory.memory import Memory
from operator_memory.domain.shared.deletions import marks_of
from operator_memory.domain.shared.tombstones import Target, TargetKind

from devstack.qdrant import QdrantFront
from infra.qdrant import points as points_module
from infra.reembed.prints import COPIED_AS
from infra.reembed.verifying import compare
from tests.support.builders import ACCOUNT, a_memory
from tests.support.qdrant.collections import make_collection
from tests.support.qdrant.moves import NEW, NEW_DIMENSIONS, NEW_MODEL, OLD, OLD_DIMENSIONS, World

pytest_plugins = ["tests.support.aws.fixtures"]

EVERYTHING = Target(TargetKind.ACCOUNT)


@pytest.fixture(scope="module")
def front() -> Iterator[QdrantFront]:
    with QdrantFront() as running:
        yield running


@pytest.fixture
def world(front: QdrantFront, table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Small pages, so that a few memories make several."""
    monkeypatch.setattr(points_module.Points.page, "__kwdefaults__", {"limit": 3, "payload": True, "vectors": True})
    make_collection(front.url, OLD, OLD_DIMENSIONS)
    make_collection(front.url, NEW, NEW_DIMENSIONS)
    made = World(front, table)
    made.empty()
    yield made
    made.close()


def some(count: int) -> list[Memory]:
    moment = datetime.now(UTC) - timedelta(minutes=5)
    made = [a_memory(f"Knows the number {number}.") for number in range(count)]
    return [replace(memory, created_at=moment, updated_at=moment) for memory in made]


class KilledError(BaseException):
    """The command ends here, as by kill -9."""


def test_everything_is_copied_with_vectors_of_the_new_length(world: World) -> None:
    world.old.put(*some(8))
    move, current = world.copied()
    _, faults = move.verify(current)
    assert faults == []
    before = {point["id"]: point for page in world.source.pages() for point in page}
    for page in world.target.pages():
        for copy in page:
            payload, was = copy["payload"], before.pop(copy["id"])
            assert len(copy["vector"][""]) == NEW_DIMENSIONS
            assert copy["vector"]["bm25"] == was["vector"]["bm25"]
            assert payload.pop(COPIED_AS)
            assert payload == {**was["payload"], EMBEDDED_BY: NEW_MODEL}
    assert before == {}


@pytest.mark.parametrize("page", [0, 1, 2])
def test_a_copy_that_is_killed_goes_on_where_it_was(world: World, page: int) -> None:
    world.old.put(*some(8))
    asked = 0

    def kill(_texts: int) -> None:
        nonlocal asked
        asked += 1
        if asked == page + 1:
            raise KilledError

    world.embedder.while_embedding = kill
    with pytest.raises(KilledError):
        world.copied()
    world.embedder.while_embedding = lambda _texts: None
    world.embedder.calls.clear()
    _, current = world.copied()
    assert world.texts(world.target) == world.texts(world.source)
    assert sum(map(len, world.embedder.calls)) == 8 - 3 * page, "no text is paid for twice"
    assert current.passes >= 2, "a pass that went on in the middle is followed by a whole one"


@pytest.mark.parametrize("moment", ["before the vector is made", "after the copy is written"])
def test_what_is_erased_while_its_page_is_copied_is_gone_from_both(world: World, moment: str) -> None:
    world.old.put(*some(3))
    erased = False

    def erase() -> None:
        nonlocal erased
        if not erased:
            erased = True
            world.old.erasure.erase(ACCOUNT, EVERYTHING, until=datetime.now(UTC))

    def after_a_write(method: str, path: str, _body: Any) -> None:
        if method == "PUT" and path.startswith(f"/collections/{NEW}/points"):
            erase()

    if moment.startswith("before"):
        world.embedder.while_embedding = lambda _texts: erase()
    else:
        world.client.after = after_a_write
    world.copied()
    assert erased
    assert (world.source.count(), world.target.count()) == (0, 0)


def test_receipts_count_the_copies_too(world: World) -> None:
    world.old.put(*some(4))
    world.copied()
    until = datetime.now(UTC)
    assert world.old.erasure.count_erasable(ACCOUNT, EVERYTHING, until=until) == {
        "memories": 4,
        "copies": 4,
        "entities": 0,
    }
    world.old.erasure.erase(ACCOUNT, EVERYTHING, until=until)
    assert set(world.old.erasure.count_erasable(ACCOUNT, EVERYTHING, until=until).values()) == {0}
    assert (world.source.count(), world.target.count()) == (0, 0)


def test_single_deletions_reach_both_and_what_is_written_is_caught_up_with(world: World) -> None:
    first, second, third, *rest = some(6)
    world.old.put(first, second, *rest)
    move, current = world.copied()
    world.old.library.delete(ACCOUNT, [first.id])
    assert first.text not in world.texts(world.target)
    world.old.put(third, replace(second, text="Knows no number.", version=2))
    world.embedder.calls.clear()
    _, changes = move.one_pass(current)
    assert world.texts(world.target) == world.texts(world.source) >= {third.text, "Knows no number."}
    assert (changes.embedded, len([text for call in world.embedder.calls for text in call])) == (2, 2)


def test_a_change_that_is_not_in_the_text_costs_no_vector(world: World) -> None:
    memory, *rest = some(4)
    world.old.put(memory, *rest)
    move, current = world.copied()
    world.old.store.supersede(ACCOUNT, [memory.id], by=rest[0].id, at=datetime.now(UTC))
    world.embedder.calls.clear()
    _, changes = move.one_pass(current)
    assert (changes.embedded, changes.updated, world.embedder.calls) == (0, 1, [])
    copy = world.target.of_ids([memory.id])[memory.id]
    assert copy["payload"]["superseded_by"] == rest[0].id
    assert len(copy["vector"][""]) == NEW_DIMENSIONS


def test_what_a_killed_copy_left_behind_is_removed(world: World) -> None:
    first, second = some(2)
    world.old.put(first, second)
    move, current = world.copied()
    world.source.delete([first.id])  # as if its copy had been written after the deletion, and the copier killed
    _, changes = move.one_pass(current)
    assert changes.removed == 1
    assert world.texts(world.target) == {second.text}


def test_an_embedder_that_fails_is_waited_for(world: World) -> None:
    world.old.put(*some(2))
    busy = UpstreamUnavailableError("embeddings", "answered 429")
    busy.retry_after = 7

    def fail_twice(_texts: int) -> None:
        if len(world.waits) < 2:
            raise busy

    world.embedder.while_embedding = fail_twice
    world.copied()
    assert world.waits == [7, 7]
    assert world.target.count() == 2


def test_verify_tells_every_kind_of_difference(world: World) -> None:
    first, second, third = some(3)
    world.old.put(first, second, third)
    move, _ = world.copied()
    copies = world.target.of_ids([first.id, second.id])
    tampered = {**copies[first.id]["payload"], "data": "Something else."}
    world.target.set_payload({first.id: tampered, second.id: {**copies[second.id]["payload"], EMBEDDED_BY: "model-c"}})
    faults = " ".join(compare(move.copier, NEW_DIMENSIONS, world.embedders))
    assert "1 vectors are from the model model-c." in faults
    assert f"point {first.id} says something else" in faults
    assert f"point {second.id} has no vector of {NEW_MODEL}" in faults
    world.target.delete([third.id])
    faults = " ".join(compare(move.copier, NEW_DIMENSIONS, world.embedders))
    assert f"point {third.id} is missing." in faults
    assert "2 points of all in the new collection, 3 in the old one." in faults
    assert "number" not in faults


def test_what_the_old_functions_write_after_the_switch_is_brought_over(world: World) -> None:
    kept, edited, deleted_late, *_ = memories = some(5)
    world.old.put(*memories)
    move, current = world.switched()
    late = replace(a_memory("Said during the deployment."), created_at=datetime.now(UTC))
    world.old.put(late, replace(edited, text="Edited during the deployment.", version=2))
    world.new.put(replace(a_memory("Said to the new functions."), created_at=datetime.now(UTC)))
    world.new.put(replace(kept, text="Edited in the new collection.", version=2))
    world.new.library.delete(ACCOUNT, [deleted_late.id])
    move.settle(current)
    texts = world.texts(world.target)
    assert texts >= {late.text, "Edited during the deployment.", "Said to the new functions."}
    assert "Edited in the new collection." in texts
    assert not texts & {deleted_late.text, kept.text, edited.text}
    _, changes = move.settle(current)
    assert changes.found == 0


def test_what_was_deleted_in_the_new_collection_does_not_come_back_from_the_old(world: World) -> None:
    """Even where a deletion has missed the old one: the table knows."""
    by_a_person, to_the_archive, stays = memories = some(3)
    world.old.put(*memories)
    move, current = world.switched()
    DynamoDBTombstones(*world.table).bury(ACCOUNT, marks_of(by_a_person), at=datetime.now(UTC))
    Table(*world.table).put({"account_id": ACCOUNT, "item": f"ARCHIVED#{to_the_archive.id}"})
    world.target.delete([by_a_person.id, to_the_archive.id])
    _, changes = move.settle(current)
    assert world.texts(world.target) == {stays.text}
    assert changes.left_out == 2


def test_the_old_collection_is_dropped_only_when_nothing_is_left_in_it(world: World) -> None:
    world.old.put(*some(3))
    move, current = world.switched()
    late = replace(a_memory("Said during the deployment."), created_at=datetime.now(UTC))
    world.old.put(late)
    with pytest.raises(ConfigurationError, match="QDRANT_COLLECTION is old"):
        move.drop(current, OLD)
    with pytest.raises(ConflictError, match="1 memories of old are not in the new collection"):
        move.drop(current, NEW)
    assert world.source.count() == 4
    current, _ = move.settle(current)
    move.drop(current, NEW)
    assert not world.source.exists()
    assert world.target.count() == 4
    assert not any(COPIED_AS in point["payload"] for page in world.target.pages() for point in page)
    assert world.migrations.current() is None


def test_the_steps_have_an_order(world: World) -> None:
    world.old.put(*some(2))
    move, current = world.copied()
    for step in (move.switch, move.settle):
        with pytest.raises(ConflictError):
            step(current)
    with pytest.raises(ConflictError):
        move.drop(current, NEW)
    stale = replace(current, state=MigrationState.VERIFIED, verified_at=datetime.now(UTC) - timedelta(days=2))
    with pytest.raises(ConflictError, match="was not verified in the last day"):
        move.switch(stale)
    with pytest.raises(ConflictError, match="memories are being moved from old to new"):
        move.begin(Migration(OLD, "another", NEW_MODEL, NEW_DIMENSIONS, datetime.now(UTC)))


def test_before_the_switch_it_can_be_given_up(world: World) -> None:
    world.old.put(*some(2))
    move, current = world.copied()
    move.abandon(current)
    assert not world.target.exists()
    assert world.source.count() == 2
    assert world.migrations.current() is None


def test_deletions_go_on_when_the_other_collection_does_not_exist(world: World) -> None:
    memory, other = some(2)
    world.old.put(memory, other)
    world.migrations.begin(Migration(OLD, "nowhere", NEW_MODEL, NEW_DIMENSIONS, datetime.now(UTC)))
    world.old.library.delete(ACCOUNT, [memory.id])
    world.old.erasure.erase(ACCOUNT, EVERYTHING, until=datetime.now(UTC))
    assert world.source.count() == 0


def test_of_two_changes_the_later_one_stays(world: World) -> None:
    """That the copy was used is no change: a pin in the old collection is not lost for it."""
    older, newer, pinned = memories = some(3)
    world.old.put(*memories)
    move, current = world.switched()
    world.old.put(replace(older, text="Third wording.", version=3), replace(newer, text="Second wording.", version=2))
    world.new.put(replace(older, text="A second wording.", version=2), replace(newer, text="The third.", version=3))
    world.old.put(replace(pinned, pinned=True))
    copy = world.target.of_ids([pinned.id])[pinned.id]["payload"]
    world.target.set_payload({pinned.id: {**copy, "access_count": 1, "last_accessed_at": "2026-11-24T12:00:00Z"}})
    move.settle(current)
    assert world.texts(world.target) == {"Third wording.", "The third.", pinned.text}
    assert world.target.of_ids([pinned.id])[pinned.id]["payload"]["pinned"] is True


@pytest.mark.parametrize("moment", ["before the vector is made", "after the copy is written"])
def test_what_is_deleted_while_it_is_brought_over_is_gone_from_both(world: World, moment: str) -> None:
    """The new functions delete from the old collection first, so that the copier sees it."""
    world.old.put(*some(2))
    move, current = world.switched()
    late = replace(a_memory("Said during the deployment."), created_at=datetime.now(UTC))
    world.old.put(late)

    def delete() -> None:
        world.new.library.delete(ACCOUNT, [late.id])

    def after_a_write(method: str, path: str, _body: Any) -> None:
        if method == "PUT" and path.startswith(f"/collections/{NEW}/points"):
            delete()

    if moment.startswith("before"):
        world.embedder.while_embedding = lambda _texts: delete()
    else:
        world.client.after = after_a_write
    move.settle(current)
    assert late.text not in world.texts(world.target) | world.texts(world.source)
