"""A simulator of all vendors for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.vendor_sim import VendorSim


@pytest.fixture
async def sim() -> AsyncIterator[VendorSim]:
    """Plays every vendor and counts every call; no call may break a vendor's own rules."""
    async with VendorSim() as running:
        yield running
        assert running.violations() == []
