"""The two slots of one call: first one of its account, then one of the gateway.

The order matters: a request that waits for an account's slot must not hold a gateway slot, which all requests share.
Otherwise a provider that hangs would take them all. Both slots are held only while a call is running, so a pause before
a retry or a vendor's cooldown uses no slot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from services.llm_provider_service.domain.target import AccountKey, Target
from services.llm_provider_service.resilience.concurrency_limit import ConcurrencyLimit, LimitReached
from services.llm_provider_service.resilience.deadline import Deadline


class GatewayLimitReached(LimitReached):
    """No slot of the gateway itself is free; asking another provider does not help."""


class LimitsByAccount(Protocol):
    """A mapping from an account to its concurrency limit."""

    def __getitem__(self, key: AccountKey) -> ConcurrencyLimit: ...


class HeldSlots:
    """The slots that one call holds; return them with `release`."""

    __slots__ = ("_account", "_gateway", "_in_account", "_in_gateway")

    def __init__(
        self, account: ConcurrencyLimit, in_account: float, gateway: ConcurrencyLimit, in_gateway: float
    ) -> None:
        self._account = account
        self._in_account = in_account
        self._gateway = gateway
        self._in_gateway = in_gateway

    def release(self) -> None:
        """Return the slots after the call has ended."""
        self._gateway.release(self._in_gateway)
        self._account.release(self._in_account)

    def release_unused(self) -> None:
        """Return the slots without a call."""
        self._gateway.release_unused(self._in_gateway)
        self._account.release_unused(self._in_account)


class CallSlots:
    """The slots of every account and of the gateway; *reserve_seconds* must be left for the call after the wait."""

    def __init__(
        self,
        gateway: ConcurrencyLimit,
        accounts: LimitsByAccount,
        *,
        reserve_seconds: float,
    ) -> None:
        self._gateway = gateway
        self._accounts = accounts
        self._reserve = reserve_seconds

    def take(self, target: Target) -> HeldSlots | None:
        """Returns both slots if they are free at once, else `None`."""
        limit = self._accounts[target.provider, target.account]
        in_account = limit.take()
        if in_account is None:
            return None
        in_gateway = self._gateway.take()
        if in_gateway is None:
            limit.release_unused(in_account)
            return None
        return HeldSlots(limit, in_account, self._gateway, in_gateway)

    def free(self, target: Target) -> bool:
        """Returns whether the account of *target* has a free slot now."""
        return self._accounts[target.provider, target.account].free

    async def enter(self, target: Target, deadline: Deadline, *, may_wait: bool) -> HeldSlots:
        """Take both slots; raises `LimitReached` or `GatewayLimitReached`.

        Without *may_wait* it does not wait for the account's slot.
        """
        limit = self._accounts[target.provider, target.account]
        in_account = await limit.enter(deadline, reserve_seconds=self._reserve, may_wait=may_wait)
        try:
            in_gateway = await self._gateway.enter(deadline, reserve_seconds=self._reserve)
        except BaseException as error:  # also returns the slot if the caller disconnects (CancelledError)
            limit.release_unused(in_account)
            if isinstance(error, LimitReached):
                raise GatewayLimitReached(error.retry_after, error.reason) from None
            raise
        return HeldSlots(limit, in_account, self._gateway, in_gateway)

    @contextmanager
    def queue_place(self, target: Target) -> Iterator[None]:
        """Count in the account's queue while the request waits for something other than a slot.

        Raises `LimitReached` if the queue is full.
        """
        limit = self._accounts[target.provider, target.account]
        limit.hold_queue_place()
        try:
            yield
        finally:
            limit.release_queue_place()
