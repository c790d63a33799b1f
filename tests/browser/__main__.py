"""`python -m tests.browser [PICTURE.png]`: the step of `./dev prove` that tries the API page, by itself."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.browser.try_it import NO_CHROMIUM, try_it


def main() -> int:
    """0 when all is well, 1 with the problems, 2 where there is no Chromium."""
    tried = asyncio.run(try_it())
    if tried is None:
        print(NO_CHROMIUM, file=sys.stderr)
        return 2
    for name in sys.argv[1:]:
        Path(name).write_bytes(tried.picture)
    problems = tried.problems()
    print("\n".join(problems or tried.sentences()))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
