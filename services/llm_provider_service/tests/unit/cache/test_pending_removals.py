"""What is owed to a shared tier that could not be told yet."""

from __future__ import annotations

from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.pending_removals import EVERYTHING, MOST_OWED, PendingRemovals, Removal


def _key(number: int, tenant: str = "cj") -> CacheKey:
    return CacheKey(tenant, f"{number:064x}")


def test_a_key_a_tenant_or_everything_is_covered_until_it_is_settled() -> None:
    for removal, covered in (
        (Removal(key=_key(1)), [_key(1)]),
        (Removal(tenant="cj"), [_key(1), _key(2)]),
        (Removal(), [_key(1), _key(2), _key(1, "dk")]),
    ):
        owed = PendingRemovals()
        ticket = owed.add_pending(removal)
        asked = [_key(1), _key(2), _key(1, "dk")]
        assert [key for key in asked if owed.covers(key)] == covered == [key for key in asked if removal.covers(key)]
        owed.settle(removal, ticket)
        assert len(owed) == 0
        assert not any(map(owed.covers, asked))


def test_what_is_asked_for_again_meanwhile_stays_owed() -> None:
    owed = PendingRemovals()
    first = owed.add_pending(Removal(key=_key(1)))
    second = owed.add_pending(Removal(key=_key(1)))
    owed.settle(Removal(key=_key(1)), first)
    assert owed.covers(_key(1))
    owed.settle(Removal(key=_key(1)), second)
    assert not owed.covers(_key(1))


def test_the_oldest_is_paid_first_and_paying_may_settle() -> None:
    owed = PendingRemovals()
    asked = [Removal(key=_key(1)), Removal(tenant="dk"), Removal(key=_key(2))]
    for removal in asked:
        owed.add_pending(removal)
    paid = []
    for removal, ticket in owed.pending():
        owed.settle(removal, ticket)
        paid.append(removal)
    assert paid == asked
    assert owed.pending() == []


def test_too_many_become_one_of_everything_and_nothing_that_was_owed_is_forgotten() -> None:
    owed = PendingRemovals()
    owed.add_pending(Removal(tenant="dk"))
    for number in range(MOST_OWED + 10):
        owed.add_pending(Removal(key=_key(number)))
    assert all(owed.covers(_key(number)) for number in range(MOST_OWED + 10))
    assert owed.covers(_key(0, "dk"))
    assert EVERYTHING in [removal for removal, _ in owed.pending()]
    assert len(owed) < 20


def test_what_is_owed_as_part_of_something_wider_is_owed() -> None:
    owed = PendingRemovals()
    owed.add_pending(Removal(tenant="cj"))
    asked = (Removal(key=_key(1)), Removal(tenant="cj"), Removal(key=_key(1, "dk")), Removal(tenant="dk"), EVERYTHING)
    assert [owed.includes(removal) for removal in asked] == [True, True, False, False, False]
    owed.add_pending(EVERYTHING)
    assert all(map(owed.includes, asked))
