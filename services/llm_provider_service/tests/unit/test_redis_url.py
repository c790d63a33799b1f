"""The address of Redis as a setting: taken where it is one, refused without being quoted where it is not."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from services.llm_provider_service.config import Settings

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://127.0.0.1:6379/0",
        f"redis://:{SECRET}@redis.internal:6379/15",
        f"rediss://user:{SECRET}@redis.internal",
        "redis://[::1]:6379/",
    ],
)
def test_an_address_is_taken_and_hides_its_password(url: str) -> None:
    settings = Settings(_env_file=None, REDIS_URL=SecretStr(url))
    assert settings.REDIS_URL is not None
    assert settings.REDIS_URL.get_secret_value() == url
    assert SECRET not in f"{settings!r} {settings.model_dump()}"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        f"http://:{SECRET}@redis.internal",
        f"redis://:{SECRET}@",
        f"redis://:{SECRET}@host:port",
        f"redis://:{SECRET}@host/zero",
        f"redis://:{SECRET}@host?socket_timeout=60",
        "",
    ],
)
def test_what_is_no_address_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValidationError, match="REDIS_URL") as caught:
        Settings(_env_file=None, REDIS_URL=SecretStr(url))
    assert SECRET not in str(caught.value)
