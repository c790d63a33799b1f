"""What the environment may say, and what is refused: with the variable's name, and without its secret."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from common_core.config_enums import LLMProviderType, SelectionStrategy
from services.llm_provider_service.config import Settings, SettingsProblem, load_settings
from services.llm_provider_service.domain.vendors import VENDORS
from services.llm_provider_service.settings.base_url import base_url_problem
from services.llm_provider_service.settings.prefix import PREFIX

SECRET = "sk-secret-canary-0123456789"
OTHER_SECRET = "sk-other-canary-9876543210"
NAMES = [vendor.name for vendor in VENDORS]
# Of the vendor that has no address of its own.
ADDRESS = {"OPENAI_COMPATIBLE_BASE_URL": "https://llm.example", "OPENAI_COMPATIBLE_DEFAULT_MODEL": "m"}


@pytest.fixture(autouse=True)
def clean_place(tmp_path: Path) -> Iterator[Path]:
    """An empty working directory, and an environment without any of our variables but the one address."""
    before, folder = dict(os.environ), Path.cwd()
    for name in list(os.environ):
        if name.startswith(PREFIX) or name.endswith("_API_KEY"):
            del os.environ[name]
    os.environ.update({PREFIX + name: value for name, value in ADDRESS.items()})
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(before)


def settings_with(variables: Mapping[str, str], **prefixed: str) -> Settings:
    """What the environment gives that holds *variables* as they stand, and *prefixed* after our prefix."""
    os.environ.update(variables)
    os.environ.update({PREFIX + name: value for name, value in prefixed.items()})
    return load_settings()


def problem_with(**prefixed: str) -> str:
    """What is said about settings that cannot be used."""
    with pytest.raises(SettingsProblem) as refused:
        settings_with({}, **prefixed)
    return str(refused.value)


def test_nothing_at_all_is_the_mock_on_loopback() -> None:
    settings = settings_with({})
    assert (settings.HOST, settings.PORT) == ("127.0.0.1", 8090)
    assert settings.mock_mode
    assert settings.live_accounts == ()
    assert settings.PROVIDER_SELECTION_STRATEGY is SelectionStrategy.PRIORITY


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("enabled", [None, "true", "false"])
@pytest.mark.parametrize("prefixed", [True, False])
@pytest.mark.parametrize("bare", [True, False])
def test_a_key_in_the_shell_never_makes_a_paid_call(name: str, enabled: str | None, prefixed: bool, bare: bool) -> None:
    given = {f"{name}_ENABLED": enabled} if enabled else {}
    if prefixed:
        given[f"{name}_API_KEY"] = SECRET
    vendor = settings_with({f"{name}_API_KEY": OTHER_SECRET} if bare else {}, **given).account(LLMProviderType[name])
    keyless = name in {"OLLAMA", "OPENAI_COMPATIBLE"}
    has_key = prefixed or (bare and enabled == "true")
    assert vendor.enabled is (enabled == "true" or (enabled is None and prefixed))
    assert vendor.live is (vendor.enabled and (has_key or keyless))
    if prefixed or has_key:
        assert vendor.api_key is not None
        assert vendor.api_key.get_secret_value() == (SECRET if prefixed else OTHER_SECRET)
    else:
        assert vendor.api_key is None


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {}", "\t{} \n"])
@pytest.mark.parametrize("name", NAMES)
def test_white_space_around_a_key_is_not_part_of_it(name: str, around: str) -> None:
    """A secret store hands on the line break at the end of a file."""
    bare = {f"{name}_API_KEY": around.format(OTHER_SECRET)}
    provider = LLMProviderType[name]
    key = settings_with({}, **{f"{name}_API_KEY": around.format(SECRET)}).account(provider).api_key
    assert key is not None
    assert key.get_secret_value() == SECRET
    os.environ.pop(f"{PREFIX}{name}_API_KEY")
    key = settings_with(bare, **{f"{name}_ENABLED": "true"}).account(provider).api_key
    assert key is not None
    assert key.get_secret_value() == OTHER_SECRET


def test_a_key_of_nothing_but_white_space_is_none() -> None:
    assert settings_with({}, OPENAI_API_KEY=" \n").mock_mode
    settings = settings_with({"OPENAI_API_KEY": OTHER_SECRET}, OPENAI_ENABLED="true")
    key = settings.account(LLMProviderType.OPENAI).api_key
    assert key is not None
    assert key.get_secret_value() == OTHER_SECRET, "the prefixed one is not given, so the other counts"
    os.environ["OPENAI_API_KEY"] = "\n"
    assert not load_settings().account(LLMProviderType.OPENAI).configured


@pytest.mark.parametrize("wrong", ["\n", "\x1b", "\x7f", " ", "\u00a0", "ä", "\udcff"])
@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(name: str, wrong: str) -> None:
    given = {f"{name}_API_KEY": f"{SECRET}{wrong}{OTHER_SECRET}"}
    said = problem_with(**given)
    assert said.startswith(f"{PREFIX}{name}_API_KEY must be ASCII"), said
    os.environ.pop(f"{PREFIX}{name}_API_KEY")
    with pytest.raises(SettingsProblem) as refused:
        settings_with(given, **{f"{name}_ENABLED": "true"})
    assert str(refused.value).startswith(f"{name}_API_KEY must be ASCII")
    for text in (said, str(refused.value)):
        assert len(text.splitlines()) == 1
        assert SECRET not in text
        assert OTHER_SECRET not in text


def test_a_wrong_key_in_the_shell_that_does_not_count_stops_nothing() -> None:
    settings = settings_with({"OPENAI_API_KEY": "op://vault/a key"}, GOOGLE_API_KEY=SECRET)
    assert [vendor.provider.value for vendor in settings.live_accounts] == ["google"]
    assert settings_with({}, OPENAI_ENABLED="true", OPENAI_API_KEY=SECRET).account(LLMProviderType.OPENAI).live


def test_every_wrong_variable_of_a_vendor_has_a_line_of_its_own() -> None:
    said = problem_with(
        OPENAI_API_KEY="a b", GOOGLE_API_KEY="a b", GOOGLE_BASE_URL="http://vendor.example"
    ).splitlines()
    assert [line.split()[0].removeprefix(PREFIX) for line in said] == [
        "OPENAI_API_KEY",
        "GOOGLE_BASE_URL",
        "GOOGLE_API_KEY",
    ]


@pytest.mark.parametrize("wrong", ["\n", "\r", "\x1b", "\x7f", "\x85", "\udcff"])
@pytest.mark.parametrize("name", ["OPENROUTER_X_TITLE", "OPENROUTER_HTTP_REFERER"])
def test_a_text_that_no_header_can_carry_is_refused(name: str, wrong: str) -> None:
    said = problem_with(**{name: f"a{wrong}b"})
    assert said.startswith(f"{PREFIX}{name}: must be text without line breaks"), said
    assert len(said.splitlines()) == 1


def test_the_name_of_an_application_may_be_in_any_language() -> None:
    settings = settings_with({}, OPENROUTER_X_TITLE="Prüfstand 試験")
    assert settings.account(LLMProviderType.OPENROUTER).headers == {"X-Title": "Prüfstand 試験"}


@pytest.mark.parametrize("text", ["google,openai", " google , openai ,", '["google", "openai"]'])
def test_a_list_may_be_written_with_commas_or_as_json(text: str) -> None:
    settings = settings_with({}, PROVIDER_PRIORITY_ORDER=text)
    assert settings.PROVIDER_PRIORITY_ORDER == (LLMProviderType.GOOGLE, LLMProviderType.OPENAI)
    order = [vendor.provider.value for vendor in settings.accounts]
    assert order[:2] == ["google", "openai"]
    assert sorted(order) == sorted(vendor.value for vendor in VENDORS), "who is not in the list comes after it"


def test_the_default_provider_comes_first_and_weights_are_json() -> None:
    settings = settings_with(
        {}, DEFAULT_LLM_PROVIDER="google", PROVIDER_WEIGHTS='{"openai": 3}', PROVIDER_SELECTION_STRATEGY="weighted"
    )
    assert settings.accounts[0].provider is LLMProviderType.GOOGLE
    assert settings.PROVIDER_WEIGHTS == {LLMProviderType.OPENAI: 3}
    assert settings.PROVIDER_SELECTION_STRATEGY is SelectionStrategy.WEIGHTED


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])  # noqa: S104 -- refused ones
def test_an_address_beyond_loopback_is_refused(host: str) -> None:
    said = problem_with(HOST=host)
    assert said.startswith("LLM_PROVIDER_SERVICE_HOST: must be a loopback address")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_a_loopback_address_is_accepted(host: str) -> None:
    assert host == settings_with({}, HOST=host).HOST


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("LOG_LEVEL", "LOUD"),
        ("MOCK_ERROR_RATE", "1.1"),
        ("MOCK_LATENCY_MS", "-1"),
        ("USE_MOCK_LLM", "perhaps"),
        ("PROVIDER_SELECTION_STRATEGY", "cheapest"),
        ("PROVIDER_PRIORITY_ORDER", "openai,nobody"),
        ("PROVIDER_PRIORITY_ORDER", "openai,mock"),
        ("PROVIDER_PRIORITY_ORDER", "[openai"),
        ("PROVIDER_WEIGHTS", '{"openai": 0}'),
        ("PROVIDER_WEIGHTS", "openai=3"),
        ("DEFAULT_LLM_PROVIDER", "mock"),
        ("LLM_REQUEST_TIMEOUT", "0"),
        ("LLM_MAX_CONCURRENT_REQUESTS", "0"),
        ("LLM_DEFAULT_TEMPERATURE", "3"),
        ("LLM_CIRCUIT_BREAKER_FAILURE_RATE", "0"),
        ("LLM_CACHE_DEFAULT", "sometimes"),
        ("LOCAL_CACHE_TTL_SECONDS", "0"),
        ("OPENAI_BASE_URL", "http://api.openai.com"),
        ("OPENAI_BASE_URL", "https://127.0.0.1:8443"),
        ("OPENAI_BASE_URL", "https://user:word@api.openai.com"),
        ("OPENAI_BASE_URL", "file:///etc/passwd"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_variable(name: str, value: str) -> None:
    said = problem_with(**{name: value}, OPENAI_API_KEY=SECRET)
    assert PREFIX + name in said, said
    assert SECRET not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
@pytest.mark.parametrize(
    "name", [name for name, field in Settings.model_fields.items() if "float" in str(field.annotation)]
)
def test_no_number_is_endless_or_none(name: str, value: str) -> None:
    said = problem_with(**{name: value})
    assert said.startswith(f"{PREFIX}{name}: "), said


@pytest.mark.parametrize("name", ["LOCAL_CACHE_SIZE_MB", "MAX_BODIES_MB"])
def test_no_memory_is_larger_than_any_machine_has(name: str) -> None:
    assert problem_with(**{name: "1e308"}).startswith(f"{PREFIX}{name}: ")


@pytest.mark.parametrize("shortest", ["2", "2.5"])
def test_a_request_must_have_time_for_an_attempt(shortest: str) -> None:
    said = problem_with(LLM_REQUEST_TIMEOUT="2", LLM_MINIMUM_ATTEMPT_SECONDS=shortest)
    assert said.startswith(f"{PREFIX}LLM_REQUEST_TIMEOUT must be larger than {PREFIX}LLM_MINIMUM_ATTEMPT_SECONDS")
    assert len(said.splitlines()) == 1


def test_a_misspelt_variable_is_named_with_what_was_meant_and_without_its_value(clean_place: Path) -> None:
    (clean_place / ".env").write_text(f"{PREFIX}OPENAI_API_KYE={SECRET}\nUNRELATED=1\n")
    settings = settings_with({"LLM_PROVIDER_SERVICES": "1"}, PROT=SECRET, QQQ="1", PORT="9001")
    assert settings.unknown == (
        f"{PREFIX}OPENAI_API_KYE is no setting and is ignored; did you mean {PREFIX}OPENAI_API_KEY?",
        f"{PREFIX}PROT is no setting and is ignored; did you mean {PREFIX}PORT?",
        f"{PREFIX}QQQ is no setting and is ignored.",
    )


def test_a_name_that_exists_only_without_the_prefix_is_a_stray() -> None:
    (said,) = settings_with({"OPENAI_API_KEY": SECRET}, BARE_OPENAI_API_KEY=SECRET, OPENAI_ENABLED="true").unknown
    assert said.startswith(f"{PREFIX}BARE_OPENAI_API_KEY is no setting")


def test_variables_in_any_case_are_settings_and_without_a_stray_nothing_is_said() -> None:
    settings = settings_with({f"{PREFIX}port".lower(): "9003"}, LOG_LEVEL="debug")
    assert (settings.PORT, settings.unknown) == (9003, ())


def test_every_bad_variable_has_a_line_of_its_own() -> None:
    said = problem_with(PORT="x", LOG_LEVEL="x", MOCK_ERROR_RATE="x").splitlines()
    assert len(said) == 3


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:7f00:1]",
        "https://[64:ff9b::7f00:1]",
        "https://[fd00:ec2::254]",
        "https://169.254.169.254",
        "https://0.0.0.0",
        "https://10.0.0.8",
        "https://localhost",
        "https://LOCALHOST",
        "https://localhost.",
        "https://127.0.0.1.",
        "https://①②⑦.⓪.⓪.①",
        "https://127。0。0。1",
        "https://user@127.0.0.1",
        "https://evil.example@127.0.0.1",
        "https://127.0.0.1#.openai.com",
        "gopher://api.openai.com",
        "data:text/plain,x",
        "https://:word@api.openai.com",
        "https://api.openai.com?",
        "https://api.openai.com/v1#",
        "https://",
        "",
    ],
)
def test_a_private_or_odd_base_url_is_refused_at_start(url: str) -> None:
    assert base_url_problem(url, allow_private=False) is not None


@pytest.mark.parametrize("url", ["https://api.openai.com", "https://api.vendor.example/v1/", "https://1.1.1.1:8443/v1"])
def test_a_public_base_url_is_accepted(url: str) -> None:
    assert base_url_problem(url, allow_private=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com:99999",
        "https://api.openai.com:-1",
        "https://api.openai.com:0",
        "https://api.openai.com:abc",
        "https://api.openai.com:443:443",
        "https://api openai.com",
        "https://api.openai.com /v1",
        "https://api.\nopenai.com",
        "https://api\u200b.openai.com",
        "https://\udcff.openai.com",
        "https://[::1",
        "https://[::1]x",
        "https://[::1::]",
        "https://api..openai.com",
        "https://.openai.com",
        "https://api%20.openai.com",
        "https://api\\openai.com",
        "https://<host>",
        "https://1.2.3",
        "https://256.1.1.1",
        f"https://{'a' * 64}.com",
    ],
)
@pytest.mark.parametrize("allow_private", [True, False])
def test_a_url_that_could_never_be_dialled_is_refused_with_the_name_of_its_variable(
    url: str, allow_private: bool
) -> None:
    said = problem_with(OPENAI_BASE_URL=url, OPENAI_ALLOW_PRIVATE=str(allow_private))
    assert said.startswith(f"{PREFIX}OPENAI_BASE_URL"), said
    assert len(said.splitlines()) == 1
    assert url not in said


@pytest.mark.parametrize(
    "url", ["http://local_server:11434", "http://[::1]:80/v1", "http://127.0.0.1:65535", "https://bücher.example/"]
)
def test_every_kind_of_host_can_be_named(url: str) -> None:
    assert base_url_problem(url, allow_private=True) is None


def test_white_space_around_a_base_url_is_not_part_of_it() -> None:
    settings = settings_with({}, OPENAI_BASE_URL=" https://api.vendor.example/v1/\n")
    assert settings.account(LLMProviderType.OPENAI).base_url == "https://api.vendor.example/v1"


def test_a_private_base_url_needs_permission_which_a_local_server_has() -> None:
    assert (
        settings_with({}, OLLAMA_BASE_URL="http://127.0.0.1:9/").account(LLMProviderType.OLLAMA).base_url.endswith(":9")
    )
    allowed = settings_with({}, OPENAI_BASE_URL="http://10.0.0.8:8000", OPENAI_ALLOW_PRIVATE="true")
    assert allowed.account(LLMProviderType.OPENAI).allow_private


def test_no_way_of_showing_the_settings_shows_a_key() -> None:
    given = {f"{name}_API_KEY": SECRET for name in NAMES}
    settings = settings_with({f"{name}_API_KEY": OTHER_SECRET for name in NAMES}, **given)
    shown = [
        repr(settings),
        str(settings),
        str(settings.model_dump()),
        settings.model_dump_json(),
        json.dumps(settings.model_dump(mode="json")),
        repr(settings.accounts),
        json.dumps(Settings.model_json_schema()),
    ]
    for text in shown:
        assert SECRET not in text
        assert OTHER_SECRET not in text


def test_a_dot_env_file_is_read_and_the_environment_comes_first(clean_place: Path) -> None:
    lines = [f"{PREFIX}PORT=9001", f"{PREFIX}LOG_LEVEL=debug", f"{PREFIX}OPENAI_API_KEY={SECRET}", "UNRELATED=1"]
    (clean_place / ".env").write_text("\n".join(lines))
    settings = settings_with({}, PORT="9002")
    assert (settings.PORT, settings.LOG_LEVEL) == (9002, "DEBUG")
    assert [vendor.provider.value for vendor in settings.live_accounts] == ["openai"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_dot_env_file_that_is_not_utf_8_is_named(clean_place: Path, encoding: str) -> None:
    (clean_place / ".env").write_text(f"{PREFIX}OPENAI_API_KEY={SECRET}ä\n", encoding=encoding)
    with pytest.raises(SettingsProblem, match=r"\.env: is not UTF-8 text") as refused:
        load_settings()
    assert len(str(refused.value).splitlines()) == 1
    assert SECRET not in str(refused.value)


def test_an_unprefixed_key_in_dot_env_needs_its_switch_too(clean_place: Path) -> None:
    (clean_place / ".env").write_text(f"OPENAI_API_KEY={SECRET}\n")
    assert not settings_with({}).account(LLMProviderType.OPENAI).live
    assert settings_with({}, OPENAI_ENABLED="true").account(LLMProviderType.OPENAI).live


@pytest.mark.parametrize(
    ("prefixed", "mock", "live"),
    [
        ({}, True, 0),
        ({"ENVIRONMENT": "production"}, False, 0),
        ({"ENVIRONMENT": "production", "USE_MOCK_LLM": "true"}, True, 0),
        ({"USE_MOCK_LLM": "false"}, False, 0),
        ({"OPENAI_API_KEY": SECRET}, False, 1),
        ({"OPENAI_API_KEY": SECRET, "OPENAI_ENABLED": "false"}, True, 0),
        ({"OPENAI_API_KEY": SECRET, "USE_MOCK_LLM": "true"}, True, 0),
        ({"OPENAI_ENABLED": "true"}, True, 0),
    ],
    ids=[
        "nothing",
        "production",
        "production, asked for",
        "not wanted",
        "a vendor",
        "off",
        "beside a vendor",
        "no key",
    ],
)
def test_the_mock_answers_only_when_asked_or_when_there_is_nobody(
    prefixed: dict[str, str], mock: bool, live: int
) -> None:
    settings = settings_with({}, **prefixed)
    assert (settings.mock_mode, len(settings.live_accounts)) == (mock, live)


@pytest.mark.parametrize("written", ["Production", "PRODUCTION", " production\n"])
def test_production_is_production_however_it_is_written(written: str) -> None:
    settings = settings_with({}, ENVIRONMENT=written)
    assert settings.ENVIRONMENT == "production"
    assert not settings.mock_mode


@pytest.mark.parametrize("known", ["development", "testing", "staging"])
def test_the_mock_answers_in_every_other_environment(known: str) -> None:
    settings = settings_with({}, ENVIRONMENT=known.title())
    assert (settings.ENVIRONMENT, settings.mock_mode) == (known, True)


@pytest.mark.parametrize("unknown", ["PROD", "prod", "productoin", "live"])
def test_an_environment_that_is_not_known_is_refused_with_those_that_are(unknown: str) -> None:
    said = problem_with(ENVIRONMENT=unknown)
    assert said.startswith(f"{PREFIX}ENVIRONMENT: "), said
    assert len(said.splitlines()) == 1
    for known in ("development", "testing", "staging", "production"):
        assert f"'{known}'" in said


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    """Compose files hand unset variables on as empty ones."""
    settings = settings_with({"OPENAI_API_KEY": ""}, OPENAI_API_KEY="", HOST="", USE_MOCK_LLM="", LLM_CACHE_DEFAULT="")
    assert settings.mock_mode
    assert settings.HOST == "127.0.0.1"
    assert not settings.account(LLMProviderType.OPENAI).configured


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = settings_with({})
    with pytest.raises(ValueError, match="frozen"):
        settings.PORT = 1  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("missing", ["BASE_URL", "DEFAULT_MODEL"])
def test_a_server_without_an_address_or_a_model_is_refused_once_it_is_switched_on(missing: str) -> None:
    del os.environ[f"{PREFIX}OPENAI_COMPATIBLE_{missing}"]
    assert not load_settings().account(LLMProviderType.OPENAI_COMPATIBLE).configured
    said = problem_with(OPENAI_COMPATIBLE_ENABLED="true")
    assert said == f"{PREFIX}OPENAI_COMPATIBLE_{missing} must be set for a provider that is switched on"


def test_who_is_switched_off_though_it_could_be_asked_is_known() -> None:
    settings = settings_with({}, OPENAI_API_KEY=SECRET, OPENAI_ENABLED="false", OLLAMA_ENABLED="false")
    assert [one.provider.value for one in settings.accounts if one.switched_off] == ["openai", "ollama"]
