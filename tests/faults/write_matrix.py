"""`python -m tests.faults.write_matrix`: try the API page, play every fault, measure P2 and P5 to P8, and write
docs/faults.md.

It takes about three minutes, and where something was not as expected it ends with 1, says what, and writes nothing.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime

from tests.browser.try_it import NO_CHROMIUM, try_it
from tests.faults.amplification import OUTAGES, measure_amplification
from tests.faults.bulkhead import measure_bulkhead
from tests.faults.deadlines import measure_lateness
from tests.faults.matrix import ROWS, run_matrix
from tests.faults.open_breaker import measure_open_breaker
from tests.faults.overload import LINES, measure_overload
from tests.faults.page import PAGE, NotAsExpected, Run, commit, write
from tests.faults.promises_page import Promises
from tests.faults.rows import Observed, Row, differences, is_only_late

LONG_REQUESTS = 160
LONG_SECONDS = 8.0


async def run() -> Run:
    """All of it, with a line for each step."""
    began, started, checked_out = datetime.now(UTC), time.monotonic(), commit()
    tried = await try_it()
    print("\n".join(tried.problems() or tried.sentences()) if tried else NO_CHROMIUM, flush=True)
    played = 0

    def progress(row: Row, seen: Observed) -> None:
        nonlocal played
        played += 1
        verdict = "; ".join(differences(row, seen)) or f"{seen.status} {seen.code}".strip()
        print(f"{played:3}/{len(ROWS)} {row.id:<32} {verdict}", flush=True)

    observed = await run_matrix(progress=progress)
    late = [row for row in ROWS if is_only_late(row, observed[row.id])]
    if late:
        print("again, because it was only late:", flush=True)
        played = 0
        observed |= await run_matrix(late, progress=progress)
    promises = await measure_promises()
    seconds = time.monotonic() - started
    return Run(
        began=began, commit=checked_out, seconds=seconds, rows=ROWS, observed=observed, promises=promises, tried=tried
    )


async def measure_promises() -> Promises:
    """The promises that a fault alone does not show, in their long form."""
    print("P2: a vendor that fails every call", flush=True)
    amplified = [await measure_amplification(outage) for outage in OUTAGES]
    print("P5: slow faults against a deadline", flush=True)
    lateness = await measure_lateness()
    print("P6: an open breaker", flush=True)
    breaker = await measure_open_breaker()
    print("P7: a provider that hangs", flush=True)
    bulkhead = await measure_bulkhead(requests=LONG_REQUESTS)
    print("P8: three times as many requests as can be served", flush=True)
    overloads = [await measure_overload(line, seconds=LONG_SECONDS) for line in LINES]
    return Promises(amplified=amplified, lateness=lateness, breaker=breaker, bulkhead=bulkhead, overloads=overloads)


def main() -> int:
    """Write the page; 1, and no page, where there is a problem."""
    done = asyncio.run(run())
    try:
        write(done)
    except NotAsExpected as refused:
        print("\n".join((*refused.args, f"{PAGE.name} stays as it is: {len(refused.args)} problems")))
        return 1
    print(f"{PAGE.name}: {len(done.rows)} rows{'' if done.tried else '; ' + NO_CHROMIUM}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
