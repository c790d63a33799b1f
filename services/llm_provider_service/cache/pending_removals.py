"""What must not be read from a shared tier any more, and is not known to be gone from there yet.

A removal is owed from the moment somebody asks for it until the tier has confirmed it. While it is owed, what it covers
counts as absent here, so that an outage cannot bring back what was cleared or refreshed during it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.llm_provider_service.cache.key import CacheKey

MOST_KEYS = 10_000


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


class PendingRemovals:
    """The removals that are not confirmed, in the order in which they were asked for.

    A removal that is asked for again while it is being carried out is owed anew: `settle` takes the ticket that
    `pending` gave and forgets only what has not been asked for since. Beyond 10,000 keys, those of a tenant are
    replaced by the whole tenant: rather ask a vendor again than serve what was to be gone.
    """

    def __init__(self) -> None:
        self._tickets: dict[Removal, int] = {}
        self._issued = 0

    def __contains__(self, removal: Removal) -> bool:
        return removal in self._tickets

    def __len__(self) -> int:
        return len(self._tickets)

    def owe(self, removal: Removal) -> int:
        """Remember *removal*; the ticket settles it."""
        if removal.key is not None and removal not in self._tickets and len(self._tickets) >= MOST_KEYS:
            self._merge(removal.key.tenant)
            removal = Removal(tenant=removal.key.tenant)
        self._issued += 1
        self._tickets[removal] = self._issued
        return self._issued

    def settle(self, removal: Removal, ticket: int) -> None:
        """*removal* is done, unless it has been asked for again since *ticket* was given."""
        if self._tickets.get(removal) == ticket:
            del self._tickets[removal]

    def covers(self, key: CacheKey) -> bool:
        """Whether *key* is owed, by itself, with its tenant or with everything."""
        if not self._tickets:
            return False
        return (
            Removal(key=key) in self._tickets
            or Removal(tenant=key.tenant) in self._tickets
            or Removal() in self._tickets
        )

    def pending(self) -> Iterator[tuple[Removal, int]]:
        """What is owed now, the oldest first, each with its ticket."""
        return iter(list(self._tickets.items()))

    def _merge(self, tenant: str) -> None:
        kept = {one: ticket for one, ticket in self._tickets.items() if one.key is None or one.key.tenant != tenant}
        self._tickets = kept
