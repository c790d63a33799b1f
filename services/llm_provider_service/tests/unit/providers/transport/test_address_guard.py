"""Which addresses only this machine or this network can reach."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from services.llm_provider_service.providers.transport.address_guard import GuardedResolver, PrivateAddress
from services.llm_provider_service.settings.public_addresses import is_public

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104 -- an address to refuse, not to bind
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "fd00:ec2::254",
    "fe80::1%eth0",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "104.18.7.192", "2606:4700::6810:b640", "::ffff:1.1.1.1"]


class Names(AbstractResolver):
    """Answers with the same addresses, whatever the name."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = addresses
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
async def test_one_private_address_among_public_ones_is_enough_to_refuse(address: str) -> None:
    with pytest.raises(PrivateAddress):
        await GuardedResolver(Names([*PUBLIC, address])).resolve("api.vendor.example", 443)


async def test_public_addresses_pass_and_closing_is_passed_on() -> None:
    names = Names(PUBLIC)
    guarded = GuardedResolver(names)
    assert [found["host"] for found in await guarded.resolve("api.vendor.example", 443)] == PUBLIC
    await guarded.close()
    assert names.closed


async def test_each_resolution_is_looked_at_anew() -> None:
    names = Names(PUBLIC)
    guarded = GuardedResolver(names)
    await guarded.resolve("rebinding.example", 443)
    names.addresses = ["127.0.0.1"]
    with pytest.raises(PrivateAddress):
        await guarded.resolve("rebinding.example", 443)
