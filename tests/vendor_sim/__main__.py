"""`python -m tests.vendor_sim`: one JSON line with the addresses, then serving until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

import uvloop

from tests.vendor_sim.server import VendorSim
from tests.vendor_sim.vendors import Vendor


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal comes."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    sim = VendorSim(
        vendors=options.vendors.split(","),
        port=options.port,
        latency=options.latency_ms / 1000,
        fail_rate=options.fail_rate,
        validate=options.validate,
        seed=options.seed,
        journal=options.journal,
    )
    async with sim:
        urls = {str(vendor): sim.base_url(vendor) for vendor in sim.vendors}
        print(json.dumps({"origin": sim.origin, "base_urls": urls}), flush=True)
        await stopped.wait()


def arguments() -> argparse.ArgumentParser:
    """What may be asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.vendor_sim", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--vendors", default=",".join(Vendor), help="comma-separated; all by default")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--fail-rate", type=float, default=0.0, help="share of 503 answers, 0 to 1")
    parser.add_argument("--seed", type=int, default=0, help="of the judges and of the failures")
    parser.add_argument("--journal", type=Path, help="a file that counts the calls, and outlives this process")
    parser.add_argument("--validate", action=argparse.BooleanOptionalAction, default=True, help="check requests")
    return parser


if __name__ == "__main__":
    uvloop.run(serve(arguments().parse_args()))
