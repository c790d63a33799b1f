"""The slots of one call: its account's, and then one of the gateway's own.

In this order, because whoever waits for a slot of an account must not hold one of those that everybody shares: else a
provider that hangs takes them all. Both are held while a call is under way and at no other time, so neither a pause
before a retry nor a vendor's cooldown costs anybody a slot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from services.llm_provider_service.domain.target import AccountKey, Target
from services.llm_provider_service.resilience.concurrency_limit import ConcurrencyLimit, LimitReached
from services.llm_provider_service.resilience.deadline import Deadline


class GatewayLimitReached(LimitReached):
    """It is the gateway's own slots that are taken: asking another provider is no use."""


class LimitsByAccount(Protocol):
    """Where the limit of each account is found."""

    def __getitem__(self, key: AccountKey) -> ConcurrencyLimit: ...


class HeldSlots:
    """What one call holds; give it back with `leave`."""

    __slots__ = ("_account", "_gateway", "_in_account", "_in_gateway")

    def __init__(
        self, account: ConcurrencyLimit, in_account: float, gateway: ConcurrencyLimit, in_gateway: float
    ) -> None:
        self._account = account
        self._in_account = in_account
        self._gateway = gateway
        self._in_gateway = in_gateway

    def leave(self) -> None:
        """The call is over."""
        self._gateway.leave(self._in_gateway)
        self._account.leave(self._in_account)

    def give_back(self) -> None:
        """There was no call."""
        self._gateway.give_back(self._in_gateway)
        self._account.give_back(self._in_account)


class CallSlots:
    """The slots of every account and the gateway's own; a call needs *reserve_seconds* once it has its slots."""

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
        """Both slots if they are free at once, else `None`."""
        limit = self._accounts[target.provider, target.account]
        in_account = limit.take()
        if in_account is None:
            return None
        in_gateway = self._gateway.take()
        if in_gateway is None:
            limit.give_back(in_account)
            return None
        return HeldSlots(limit, in_account, self._gateway, in_gateway)

    def free(self, target: Target) -> bool:
        """Whether the account of *target* has a slot at once."""
        return self._accounts[target.provider, target.account].free

    async def enter(self, target: Target, deadline: Deadline, *, may_wait: bool) -> HeldSlots:
        """Take both slots; raises `LimitReached` or `GatewayLimitReached`.

        Without *may_wait* nobody waits for the account's.
        """
        limit = self._accounts[target.provider, target.account]
        in_account = await limit.enter(deadline, reserve_seconds=self._reserve, may_wait=may_wait)
        try:
            in_gateway = await self._gateway.enter(deadline, reserve_seconds=self._reserve)
        except BaseException as error:  # a caller who hangs up (CancelledError) gives its slot back too
            limit.give_back(in_account)
            if isinstance(error, LimitReached):
                raise GatewayLimitReached(error.retry_after, error.reason) from None
            raise
        return HeldSlots(limit, in_account, self._gateway, in_gateway)

    @contextmanager
    def aside(self, target: Target) -> Iterator[None]:
        """Wait for something else than a slot in the account's line; raises `LimitReached` where that is full."""
        limit = self._accounts[target.provider, target.account]
        limit.stand_aside()
        try:
            yield
        finally:
            limit.come_back()
