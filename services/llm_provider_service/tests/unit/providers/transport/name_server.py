"""A name server on loopback that knows one address for every name, or says that there is no such name, for an hour."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HEADER_BYTES = 12
IPV4, AUTHORITY, INTERNET = 1, 6, 1
NO_SUCH_NAME = 3
ANSWERED = 0x8180
SAME_NAME = b"\xc0\x0c"  # a pointer to the name in the question
AN_HOUR = 3600


class NameServer(asyncio.DatagramProtocol):
    """`knows` is what it says now; `asked` counts questions."""

    def __init__(self) -> None:
        self.knows = False
        self.asked = 0
        self.address = ""
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # as for UDP
        """It listens."""
        self._transport = transport
        self.address = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One question."""
        self.asked += 1
        end = data.index(b"\0", HEADER_BYTES) + 5
        question = data[HEADER_BYTES:end]
        (kind,) = struct.unpack(">H", question[-4:-2])
        found = self.knows and kind == IPV4
        record = _address() if found else _authority()
        code = ANSWERED if self.knows else ANSWERED | NO_SUCH_NAME
        head = data[:2] + struct.pack(">HHHHH", code, 1, int(found), int(not found), 0)
        assert self._transport is not None
        self._transport.sendto(head + question + record, addr)


def _address() -> bytes:
    return SAME_NAME + struct.pack(">HHIH", IPV4, INTERNET, 1, 4) + bytes((127, 0, 0, 1))


def _authority() -> bytes:
    """Whose last number says how long to remember that there is nothing."""
    content = b"\0\0" + struct.pack(">IIIII", 1, AN_HOUR, AN_HOUR, AN_HOUR, AN_HOUR)
    return SAME_NAME + struct.pack(">HHIH", AUTHORITY, INTERNET, AN_HOUR, len(content)) + content


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """A running one."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
