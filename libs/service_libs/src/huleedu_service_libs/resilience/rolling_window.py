"""Counts successes and failures in a rolling time window, in bounded memory."""

from __future__ import annotations

from collections import deque
from math import inf

BUCKETS = 60
"""Number of buckets in a window, at any call rate. In a window of 60 s a call is forgotten after 59 to 60 s."""


class _Bucket:
    __slots__ = ("failures", "index", "successes")

    def __init__(self, index: int) -> None:
        self.index = index
        self.successes = 0
        self.failures = 0


class RollingWindow:
    """Counts outcomes in buckets of `seconds / BUCKETS`. It keeps running totals, so a call costs two additions.

    Buckets start at multiples of their width, and a whole bucket is dropped at once: a call is forgotten between
    `seconds - width` and `seconds` after it. A deque of single outcomes would be exact, but it grows with the call
    rate.
    """

    __slots__ = ("_bucket", "_bucket_ends", "_buckets", "_failures", "_successes", "_width")

    def __init__(self, seconds: float) -> None:
        self._width = seconds / BUCKETS
        self._buckets: deque[_Bucket] = deque()
        self.clear()

    def clear(self) -> None:
        self._buckets.clear()
        self._bucket = _Bucket(0)
        self._bucket_ends = -inf
        self._successes = 0
        self._failures = 0

    def add_success(self, now: float) -> None:
        if now >= self._bucket_ends:
            self._start_bucket(now)
        self._bucket.successes += 1
        self._successes += 1

    def add_failure(self, now: float) -> None:
        if now >= self._bucket_ends:
            self._start_bucket(now)
        self._bucket.failures += 1
        self._failures += 1

    def totals(self, now: float) -> tuple[int, int]:
        """Returns (successes, failures) that are in the window at *now*."""
        if now >= self._bucket_ends:
            self._forget_before(int(now // self._width))
        return self._successes, self._failures

    def _start_bucket(self, now: float) -> None:
        index = int(now // self._width)
        self._forget_before(index)
        self._bucket = _Bucket(index)
        self._bucket_ends = (index + 1) * self._width
        self._buckets.append(self._bucket)

    def _forget_before(self, index: int) -> None:
        oldest_kept = index - BUCKETS + 1
        while self._buckets and self._buckets[0].index < oldest_kept:
            gone = self._buckets.popleft()
            self._successes -= gone.successes
            self._failures -= gone.failures
