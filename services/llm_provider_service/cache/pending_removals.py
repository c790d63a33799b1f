"""Removals that Redis has not confirmed yet; until then, the entries that they cover count as absent.

A removal is owed from the moment somebody asks for it until the tier has confirmed it and the other replicas were told.
While it is owed, what it covers counts as absent here, so that an outage cannot bring back what was cleared or
refreshed during it.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.llm_provider_service.cache.key import CacheKey

MOST_OWED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One key, else all keys of one tenant, else everything."""

    key: CacheKey | None = None
    tenant: str | None = None

    def covers(self, key: CacheKey) -> bool:
        """Whether *key* is among what shall go."""
        if self.key is not None:
            return key == self.key
        return self.tenant is None or key.tenant == self.tenant


EVERYTHING = Removal()


class PendingRemovals:
    """The removals that are not confirmed, in the order in which they were asked for.

    A removal that is asked for again while it is being carried out is owed anew: `settle` takes the ticket that `owe`
    gave and forgets only what has not been asked for since. More than 10,000 become one of everything: rather ask a
    vendor again than serve what was to be gone.
    """

    def __init__(self) -> None:
        self._tickets: dict[Removal, int] = {}
        self._issued = 0

    def __len__(self) -> int:
        return len(self._tickets)

    def owe(self, removal: Removal) -> int:
        """Remember *removal*; the ticket settles it."""
        if len(self._tickets) >= MOST_OWED and removal not in self._tickets:
            self._tickets.clear()
            removal = EVERYTHING
        self._issued += 1
        self._tickets[removal] = self._issued
        return self._issued

    def settle(self, removal: Removal, ticket: int) -> None:
        """*removal* is done, unless it has been asked for again since *ticket* was given."""
        if self._tickets.get(removal) == ticket:
            del self._tickets[removal]

    def includes(self, removal: Removal) -> bool:
        """Whether *removal*, or a wider one, is owed."""
        tenant = removal.tenant if removal.key is None else removal.key.tenant
        return not self._tickets.keys().isdisjoint((removal, Removal(tenant=tenant), EVERYTHING))

    def covers(self, key: CacheKey) -> bool:
        """Whether *key* is owed, by itself, with its tenant or with everything."""
        return bool(self._tickets) and self.includes(Removal(key=key))

    def pending(self) -> list[tuple[Removal, int]]:
        """What is owed now, the oldest first, each with its ticket."""
        return list(self._tickets.items())
