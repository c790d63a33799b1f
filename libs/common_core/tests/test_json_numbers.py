"""What counts as a number in a request."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from common_core.json_numbers import SampleIndex, Temperature, TokenLimit

SAMPLE_INDEX: TypeAdapter[int] = TypeAdapter(SampleIndex)
TOKEN_LIMIT: TypeAdapter[int] = TypeAdapter(TokenLimit)
TEMPERATURE: TypeAdapter[float] = TypeAdapter(Temperature)
ALL: tuple[TypeAdapter[Any], ...] = (SAMPLE_INDEX, TOKEN_LIMIT, TEMPERATURE)


@pytest.mark.parametrize("value", [3, 3.0])
def test_an_integer_may_be_written_with_a_decimal_point(value: Any) -> None:
    assert SAMPLE_INDEX.validate_python(value) == TOKEN_LIMIT.validate_python(value) == 3


@pytest.mark.parametrize("value", ["1", True, "", [1], -1, float("nan")])
def test_what_is_no_number_or_out_of_range_is_refused(value: Any) -> None:
    for numbers in ALL:
        with pytest.raises(ValidationError):
            numbers.validate_python(value)


def test_zero_is_a_temperature_and_an_index_but_no_limit() -> None:
    assert TEMPERATURE.validate_python(0) == SAMPLE_INDEX.validate_python(0) == 0
    with pytest.raises(ValidationError):
        TOKEN_LIMIT.validate_python(0)
