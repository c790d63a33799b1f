"""Number types for request fields: they accept JSON numbers, and refuse strings and booleans."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError


def _number(value: Any) -> Any:
    if isinstance(value, str | bool):
        raise PydanticCustomError("number_type", "Input should be a number")
    return value


# By default pydantic accepts "3" and true as numbers; in strict mode it refuses 3.0 as an integer. We want neither.
JSON_NUMBER = BeforeValidator(_number)

Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False), JSON_NUMBER]
TokenLimit = Annotated[int, Field(gt=0, le=1_000_000), JSON_NUMBER]
SampleIndex = Annotated[int, Field(ge=0, le=2**31 - 1), JSON_NUMBER]
