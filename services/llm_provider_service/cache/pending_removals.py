"""Removals that Redis has not confirmed yet; until then, the entries that they cover count as absent.

A removal is owed from the moment it is requested until Redis has confirmed it and the other replicas were told. So an
outage cannot bring back an entry that was cleared or refreshed during it.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.llm_provider_service.cache.key import CacheKey

MOST_OWED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What to remove: one key, else all keys of one tenant, else everything."""

    key: CacheKey | None = None
    tenant: str | None = None

    def covers(self, key: CacheKey) -> bool:
        """Returns whether *key* is to be removed."""
        if self.key is not None:
            return key == self.key
        return self.tenant is None or key.tenant == self.tenant


EVERYTHING = Removal()


class PendingRemovals:
    """The removals that are not confirmed, in the order of the requests.

    A removal that is requested again while it is carried out is pending again: `settle` takes the ticket from
    `add_pending`, and forgets only a removal that was not requested since. More than 10,000 become one removal of
    everything: it is better to ask a vendor again than to serve a removed answer.
    """

    def __init__(self) -> None:
        self._tickets: dict[Removal, int] = {}
        self._issued = 0

    def __len__(self) -> int:
        return len(self._tickets)

    def add_pending(self, removal: Removal) -> int:
        """Remember *removal*; returns the ticket for `settle`."""
        if len(self._tickets) >= MOST_OWED and removal not in self._tickets:
            self._tickets.clear()
            removal = EVERYTHING
        self._issued += 1
        self._tickets[removal] = self._issued
        return self._issued

    def settle(self, removal: Removal, ticket: int) -> None:
        """Forget *removal*, because it is done, unless it was requested again after *ticket*."""
        if self._tickets.get(removal) == ticket:
            del self._tickets[removal]

    def includes(self, removal: Removal) -> bool:
        """Returns whether *removal*, or a wider one, is owed."""
        tenant = removal.tenant if removal.key is None else removal.key.tenant
        return not self._tickets.keys().isdisjoint((removal, Removal(tenant=tenant), EVERYTHING))

    def covers(self, key: CacheKey) -> bool:
        """Returns whether the removal of *key*, of its tenant or of everything is owed."""
        return bool(self._tickets) and self.includes(Removal(key=key))

    def pending(self) -> list[tuple[Removal, int]]:
        """Returns what is owed now, the oldest first, each with its ticket."""
        return list(self._tickets.items())
