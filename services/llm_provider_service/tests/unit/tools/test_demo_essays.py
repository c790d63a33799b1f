"""Which essays a folder holds, and what is said of a folder that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.llm_provider_service.tools.demo_essays import Duel, EssaysProblem, all_duels, load_essays


def write(folder: Path, **texts: str) -> Path:
    """A `.txt` file for each."""
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_the_intended_ranking_names_the_essays_and_their_order(tmp_path: Path) -> None:
    write(tmp_path, question="Why?\n", zoe="Z.", ann="A.", other="No.", intended_ranking="zoe.txt\nann.txt\n")
    essays = load_essays(tmp_path)
    assert essays.question == "Why?"
    assert [essay.name for essay in essays.essays] == ["ann", "zoe"]
    assert essays.intended == ["zoe", "ann"]


def test_without_an_intended_ranking_every_other_text_is_an_essay(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no essay")
    essays = load_essays(write(tmp_path, question="Why?", bob=" B.\n", ann="A."))
    assert [(essay.name, essay.text) for essay in essays.essays] == [("ann", "A."), ("bob", " B.\n")]
    assert essays.intended == []


def test_the_repositorys_own_essays_load() -> None:
    root = next(parent for parent in Path(__file__).parents if (parent / "examples").is_dir())
    assert len(load_essays(root / "examples" / "essays").essays) == 12


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"question": "Why?", "ann": "A."}, "fewer than two essays"),
        ({"ann": "A.", "bob": "B."}, "question.txt cannot be read: No such file"),
        ({"question": "Why?", "ann": "A.", "bob": " \n"}, "bob.txt is empty"),
        ({"question": "Why?", "ann": "A.", "intended_ranking": "ann.txt bob.txt"}, "bob.txt cannot be read"),
    ],
)
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, texts: dict[str, str], complaint: str) -> None:
    with pytest.raises(EssaysProblem, match=complaint):
        load_essays(write(tmp_path, **texts))


def test_a_text_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "bob.txt").write_bytes(b"na\xefve")
    with pytest.raises(EssaysProblem, match=r"bob\.txt is not UTF-8 text"):
        load_essays(write(tmp_path, question="Why?", ann="A."))


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(EssaysProblem, match="is not a folder"):
        load_essays(tmp_path / "missing")


def test_every_pair_meets_in_both_orders_and_always_in_the_same_sequence() -> None:
    duels = all_duels(4)
    assert len(duels) == len({(duel.first, duel.second) for duel in duels}) == 12
    assert Duel(first=3, second=0) in duels
    assert all(duel.first != duel.second for duel in duels)
    assert duels == all_duels(4)
