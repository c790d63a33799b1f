"""Loads the essays of a folder, and lists every pair of them in both orders."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

QUESTION_FILE = "question.txt"
ORDER_FILE = "intended_ranking.txt"
_ORDER_SEED = 7


class EssaysProblem(Exception):
    """The folder cannot be used; the message is a sentence for the user who named it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Essay:
    """A text and the name to show for it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EssaySet:
    """A question and its essays; `intended` holds names from strongest to weakest, empty if the folder gives none."""

    question: str
    essays: Sequence[Essay]
    intended: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Two essays, by index, in the order in which they are shown to the judge."""

    first: int
    second: int


def load_essays(folder: Path) -> EssaySet:
    """Returns `question.txt` and the files in `intended_ranking.txt`, or else every other `.txt` file.

    Raises `EssaysProblem`.
    """
    if not folder.is_dir():
        raise EssaysProblem(f"{folder} is not a folder.")
    listed = (folder / ORDER_FILE).exists()
    if listed:
        files = list(dict.fromkeys(_text(folder / ORDER_FILE).split()))
    else:
        files = sorted(path.name for path in folder.glob("*.txt") if path.name != QUESTION_FILE)
    if len(files) < 2:
        raise EssaysProblem(f"{folder} holds fewer than two essays.")
    essays = [Essay(name=file.removesuffix(".txt"), text=_text(folder / file)) for file in files]
    return EssaySet(
        question=_text(folder / QUESTION_FILE).strip(),
        essays=sorted(essays, key=lambda essay: essay.name),
        intended=[essay.name for essay in essays] if listed else [],
    )


def all_duels(count: int) -> list[Duel]:
    """Returns every pair in both orders, always shuffled the same way, so that no essay has its turns in a row."""
    duels = [Duel(first=first, second=second) for first, second in permutations(range(count), 2)]
    random.Random(_ORDER_SEED).shuffle(duels)
    return duels


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EssaysProblem(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise EssaysProblem(f"{path} is not UTF-8 text.") from None
    if not text.strip():
        raise EssaysProblem(f"{path} is empty.")
    return text
