"""As many requests at once as there are slots: if none of them waits, no slot was lost."""

from __future__ import annotations

from collections import Counter

from tests.soak.books import series
from tests.soak.callers import Callers
from tests.soak.questions import VENDORS, wave_of
from tests.soak.stage import SLOTS, Stage

# An answer that goes on for three seconds, with its first byte at once: the last of the wave must have begun before the
# first has its answer, on a busy machine too.
SLOWLY = {"kind": "Drip", "label": "success", "bytes_per_interval": 60, "interval": 0.3}


# A slot that is lost is missing from each wave. A vendor that a busy machine has kept from its next byte is not.
TRIES = 3

Wave = tuple[Counter[int], float, float]


async def last_wave(stage: Stage, callers: Callers) -> Wave:
    """Answers by status (0: none), how many had to wait for a slot, and the most calls at one moment.

    Of the first of three waves that is whole, or of the last.
    """
    for name in VENDORS:
        await stage.vendors[name].always(name, SLOWLY)
    for _ in range(TRIES):
        wave = await _wave(stage, callers)
        if wave == (Counter({200: SLOTS}), 0, SLOTS):
            break
    await callers.finish()
    return wave


async def _wave(stage: Stage, callers: Callers) -> Wave:
    waited = await _waited(stage)
    begun = callers.ask(wave_of(SLOTS))
    peak = 0.0
    while not all(task.done() for task in begun):
        peak = max(peak, sum(value for _, value in series(await stage.metrics(), "concurrent_requests")))
    replies = [await task for task in begun]
    return Counter(one.status if one else 0 for one in replies), await _waited(stage) - waited, peak


async def _waited(stage: Stage) -> float:
    return sum(value for _, value in series(await stage.metrics(), "queue_wait_seconds_count"))
