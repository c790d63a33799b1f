"""Calls on paper: each is in a file before it is answered, so that a simulator that is killed has not forgotten it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

UNREAD = "unread"
_ARRIVED = "+"


class Journal:
    """Writes; each line is one system call, and lines of an earlier life stay."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def arrived(self, vendor: str) -> None:
        """The headers of a call are here."""
        os.write(self._file, f"{vendor} {_ARRIVED}\n".encode())

    def decided(self, vendor: str, scenario: str) -> None:
        """It is known how the call will be answered."""
        os.write(self._file, f"{vendor} {scenario}\n".encode())

    def close(self) -> None:
        """Nothing more will be written."""
        os.close(self._file)


class JournalReader:
    """Reads what a journal holds so far; each look takes up where the last one ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._decided: Counter[tuple[str, str]] = Counter()
        self._arrived: Counter[str] = Counter()

    def calls(self) -> Counter[tuple[str, str]]:
        """Calls by vendor and scenario; `unread` are those that nobody decided on: cut off, or not yet read."""
        self._catch_up()
        unread = {(vendor, UNREAD): n - self._decisions(vendor) for vendor, n in self._arrived.items()}
        return +(self._decided + Counter(unread))

    def _decisions(self, vendor: str) -> int:
        return sum(n for (name, _), n in self._decided.items() if name == vendor)

    def _catch_up(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines = file.read().rpartition(b"\n")[0]
        if not lines:
            return
        self._offset += len(lines) + 1
        for line in lines.decode().split("\n"):
            vendor, _, word = line.partition(" ")
            if word == _ARRIVED:
                self._arrived[vendor] += 1
            else:
                self._decided[vendor, word] += 1
