"""A page that worked."""

from __future__ import annotations

from tests.browser.tried import FORBIDDEN, Tried
from tests.browser.try_it import COMPARE

WORKING = Tried(
    browser="Chrome/1", origin="http://127.0.0.1:1", documented=(COMPARE, "docs"),
    statuses={COMPARE: "200", "docs": "200"}, winner="Essay B", requests=("http://127.0.0.1:1/docs",), complaints=(),
    refusing=tuple(FORBIDDEN), picture=b"", seconds=1.0,
)  # fmt: skip
