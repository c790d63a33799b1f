"""Tells which targets are free; the price catalogue does not list this."""

from __future__ import annotations

from functools import lru_cache

from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.vendors import VENDORS

# Bounded, because callers name models.
KEPT_TARGETS = 1024


@lru_cache(KEPT_TARGETS)
def is_free(target: Target) -> bool:
    """Returns whether calls to *target* cost nothing, so that no price is needed; the mock is always free."""
    vendor = VENDORS.get(target.provider)
    if vendor is None or not vendor.charges:
        return True
    return vendor.free_suffix is not None and target.model.endswith(vendor.free_suffix)
