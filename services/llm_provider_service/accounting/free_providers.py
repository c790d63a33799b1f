"""What the price catalogue does not say: who never charges."""

from __future__ import annotations

from functools import lru_cache

from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.vendors import VENDORS

# Models are named by callers.
KEPT_TARGETS = 1024


@lru_cache(KEPT_TARGETS)
def is_free(target: Target) -> bool:
    """Whether calls to *target* cost nothing by agreement, so that no price is needed; the mock's never cost."""
    vendor = VENDORS.get(target.provider)
    if vendor is None or not vendor.charges:
        return True
    return vendor.free_suffix is not None and target.model.endswith(vendor.free_suffix)
