"""One provider object per vendor account, each with its own HTTP session, bound to its origin and its key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType

import aiohttp
from aiohttp.abc import AbstractResolver

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import AccountKey
from services.llm_provider_service.providers.dialects import codec_for
from services.llm_provider_service.providers.transport.address_guard import GuardedResolver
from services.llm_provider_service.providers.transport.dns_cache import CachingResolver
from services.llm_provider_service.providers.transport.http_transport import HttpTransport, open_session
from services.llm_provider_service.providers.transport.time_limits import TimeLimits
from services.llm_provider_service.providers.vendor_provider import VendorProvider
from services.llm_provider_service.resilience.deadline import Clock
from services.llm_provider_service.settings.accounts import ProviderAccount, ProviderAccounts

NO_CLASSES: Mapping[LLMProviderType, type[VendorProvider]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Limits of every call to a vendor: times in seconds, and bytes of one answer after decompression."""

    times: TimeLimits
    max_bytes: int


@dataclass(frozen=True, slots=True)
class _SocketPool:
    """The sockets to one address."""

    session: aiohttp.ClientSession
    resolver: CachingResolver

    async def close(self) -> None:
        await self.session.close()
        await self.resolver.close()


@dataclass(frozen=True, slots=True)
class _Connected:
    """A *provider* and the state of the *account* that it was made for."""

    account: ProviderAccount
    provider: VendorProvider
    pool: _SocketPool


class AccountProviders:
    """The provider of each live account.

    A provider is made for one state of its account and never changes: a call that began with a key ends with it, and a
    key never leaves its origin. When an account changes, its next call gets a new provider. It uses the same sockets
    if the address is the same, else new ones. The old sockets are closed when no call can be using them.
    """

    def __init__(
        self,
        accounts: ProviderAccounts,
        limits: CallLimits,
        *,
        clock: Clock,
        wall_clock: Callable[[], float],
        classes: Mapping[LLMProviderType, type[VendorProvider]] = NO_CLASSES,
    ) -> None:
        self._accounts = accounts
        self._limits = limits
        self._clock = clock
        self._wall_clock = wall_clock
        self._classes = classes
        self._connected: dict[AccountKey, _Connected] = {}
        self._retiring: dict[asyncio.Task[None], _SocketPool] = {}

    def __getitem__(self, key: AccountKey) -> VendorProvider:
        """Returns the provider of the account *key* in its present state; raises `KeyError` if it is not live."""
        account = self._accounts.now.live_by_key[key]
        connected = self._connected.get(key)
        if connected is None or connected.account is not account:
            connected = self._connected[key] = self._connect(account, connected)
        return connected.provider

    async def close(self) -> None:
        """Close every socket."""
        retiring = dict(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        for pool in (*retiring.values(), *(connected.pool for connected in self._connected.values())):
            await pool.close()

    def _connect(self, account: ProviderAccount, before: _Connected | None) -> _Connected:
        """Returns a provider for *account*; a vendor without its own class is built from its row alone."""
        pool = self._socket_pool(account, before)
        codec = codec_for(account.provider, static_headers=account.headers)
        transport = HttpTransport(
            pool.session,
            base_url=account.base_url,
            credentials=codec.auth_headers(account.secret),
            max_bytes=self._limits.max_bytes,
        )
        kind = self._classes.get(account.provider, VendorProvider)
        provider = kind(codec, transport, limits=self._limits.times, wall_clock=self._wall_clock)
        return _Connected(account, provider, pool)

    def _socket_pool(self, account: ProviderAccount, before: _Connected | None) -> _SocketPool:
        if before is not None:
            if _address(before.account) == _address(account):
                return before.pool
            task = asyncio.create_task(self._close_when_idle(before.pool))
            self._retiring[task] = before.pool
            task.add_done_callback(self._retiring.pop)
        resolver = CachingResolver(clock=self._clock)
        guarded: AbstractResolver = resolver if account.allow_private else GuardedResolver(resolver)
        return _SocketPool(open_session(resolver=guarded, connections=account.max_concurrent), resolver)

    async def _close_when_idle(self, pool: _SocketPool) -> None:
        """Close *pool* after the longest time that a call may take, so no call is cut off."""
        await asyncio.sleep(self._limits.times.total)
        await pool.close()


def _address(account: ProviderAccount) -> tuple[str, bool, int]:
    """Returns the properties that require new sockets when they change."""
    return account.base_url, account.allow_private, account.max_concurrent


@asynccontextmanager
async def open_account_providers(
    accounts: ProviderAccounts,
    limits: CallLimits,
    *,
    clock: Clock,
    wall_clock: Callable[[], float],
    classes: Mapping[LLMProviderType, type[VendorProvider]] = NO_CLASSES,
) -> AsyncIterator[AccountProviders]:
    """Yields the providers of *accounts*; those of live accounts are made at once. Closes connections at the end."""
    providers = AccountProviders(accounts, limits, clock=clock, wall_clock=wall_clock, classes=classes)
    try:
        for account in accounts.now.live:
            providers[account.key]
        yield providers
    finally:
        await providers.close()
