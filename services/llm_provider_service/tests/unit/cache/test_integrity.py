"""Entries in a tier that others can write to: read as they were sealed, or not at all."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.llm_provider_service.cache import integrity as sealing
from services.llm_provider_service.cache.entry import DamagedEntry, decode, encode
from services.llm_provider_service.cache.integrity import PACK_ABOVE_BYTES, seal, unseal
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.tests.unit.cache import samples

KEY = CacheKey("cj", "a" * 64)


@given(st.binary(max_size=4000), st.text(max_size=40).filter(lambda text: text.isprintable()))
def test_what_was_sealed_is_read_back(raw: bytes, tenant: str) -> None:
    key = CacheKey(tenant, "0" * 64)
    assert unseal(key, seal(key, raw)) == raw


def test_an_answer_survives() -> None:
    assert decode(unseal(KEY, seal(KEY, encode(samples.ENTRY)))) == samples.ENTRY


@pytest.mark.parametrize(
    "other", [CacheKey("cj", "b" * 64), CacheKey("dk", "a" * 64), CacheKey("c", "a" * 64), CacheKey("cjj", "a" * 64)]
)
def test_it_fits_no_other_key_and_no_other_tenant(other: CacheKey) -> None:
    with pytest.raises(DamagedEntry):
        unseal(other, seal(KEY, b"answer"))


@pytest.mark.parametrize("size", [100, 5000])
def test_no_changed_byte_and_no_cut_goes_unseen(size: int) -> None:
    sealed = seal(KEY, b"x" * size)
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 0x20]) + sealed[place + 1 :]
        for spoiled in (changed, sealed[:place]):
            with pytest.raises(DamagedEntry):
                unseal(KEY, spoiled)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_damage_and_nothing_else(junk: bytes) -> None:
    for spoiled in (junk, sealing.VERSION + junk, sealing.VERSION + b"z" + junk):
        with pytest.raises(DamagedEntry):
            unseal(KEY, spoiled)


def test_only_what_does_not_fit_into_one_packet_is_packed() -> None:
    assert len(seal(KEY, b"x" * PACK_ABOVE_BYTES)) > PACK_ABOVE_BYTES
    assert len(seal(KEY, b"x" * (PACK_ABOVE_BYTES + 1))) < 200


def test_a_bomb_is_not_unpacked() -> None:
    sealed = seal(KEY, b"\0" * (sealing.LARGEST_BYTES + 1))
    assert len(sealed) < 100_000
    with pytest.raises(DamagedEntry, match="larger"):
        unseal(KEY, sealed)


def test_what_cannot_be_packed_is_still_whole() -> None:
    noise = os.urandom(10_000)
    assert unseal(KEY, seal(KEY, noise)) == noise
