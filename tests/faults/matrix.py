"""The whole matrix: every row against services in processes of their own, a few of which run at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import aiohttp

from tests.faults.body_rows import BODY_ROWS
from tests.faults.observing import HEALTHY_MODEL, Place, observe
from tests.faults.rows import Observed, Row, Stage
from tests.faults.transport_rows import TRANSPORT_ROWS
from tests.faults.world import OTHER, World, open_world
from tests.support.gateway import Gateway
from tests.support.service_process import ServiceProcess
from tests.vendor_sim import VendorSim

ROWS: tuple[Row, ...] = (*TRANSPORT_ROWS, *BODY_ROWS)
# A process has one retry budget per vendor, enough for about ten rows that fail thrice.
PROCESSES = {Stage.TRANSPORT: 2, Stage.BODIES: 3}
AT_ONCE = 5
LONGEST = (Stage.PLACES, Stage.NARROW)  # three attempts, each of which takes the two seconds of a connect

Progress = Callable[[Row, Observed], None]


async def run_matrix(rows: Sequence[Row] = ROWS, *, progress: Progress | None = None) -> dict[str, Observed]:
    """Play *rows* and return what was observed, by id."""
    observed: dict[str, Observed] = {}
    places = asyncio.Semaphore(AT_ONCE)

    async def play(stage: Stage, dealt: Sequence[Row]) -> None:
        async with places:
            await _play(world, stage, dealt, observed, progress)

    async with open_world() as world, asyncio.TaskGroup() as group:
        for stage, dealt in _dealt(rows):
            group.create_task(play(stage, dealt))
    return {row.id: observed[row.id] for row in rows}


def _dealt(rows: Sequence[Row]) -> list[tuple[Stage, Sequence[Row]]]:
    """The rows of each process; those that wait longest come first."""
    dealt = []
    for stage in sorted(Stage, key=lambda one: one not in LONGEST):
        of_stage = [row for row in rows if row.stage is stage]
        share = PROCESSES.get(stage, 1)
        dealt += [(stage, of_stage[first::share]) for first in range(share)]
    return [(stage, some) for stage, some in dealt if some]


async def _play(
    world: World, stage: Stage, rows: Sequence[Row], observed: dict[str, Observed], progress: Progress | None
) -> None:
    async with VendorSim() as sim:
        trusted = {"SSL_CERT_FILE": str(world.authority)} if stage is Stage.TLS else None
        service = ServiceProcess(environment=trusted, **world.settings(stage, sim))
        async with service, aiohttp.ClientSession() as http:
            place = Place(world=world, sim=sim, service=service, gateway=Gateway(service.url, http))
            await place.ask(OTHER, HEALTHY_MODEL)
            for row in rows:
                observed[row.id] = await observe(place, row)
                if progress is not None:
                    progress(row, observed[row.id])
