"""Entries of ``model_list``: what each key becomes."""

from typing import Any

import pytest

from faregate.config import ModelDeployment, Secret
from faregate.types import Deployment, OwnPrices
from tests.config.written import ONE, loaded, problems, said, with_params

ROUTER = """
model_list:
  - model_name: azure-model-router
    litellm_params:
      model: azure_ai/model_router/azure-model-router
      api_base: https://your-endpoint.cognitiveservices.azure.com/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
"""


def entry(text: str, environ: dict[str, str] | None = None) -> ModelDeployment:
    """The only entry."""
    (found,) = loaded(text, environ).deployments()
    return found


def test_the_file_people_have() -> None:
    settings = loaded(ROUTER, {"AZURE_MODEL_ROUTER_API_KEY": "s3cret"})
    (found,) = settings.models["azure-model-router"]
    assert found.deployment == Deployment(
        id="azure-model-router/azure-model-router",
        provider="azure_ai",
        route="model_router",
        upstream_model="azure-model-router",
        api_base="https://your-endpoint.cognitiveservices.azure.com/openai/v1/",
    )
    assert found.credential.api_key == Secret("s3cret")
    assert (found.file, found.line) == ("config.yaml", 3)
    assert settings.warnings == ()
    assert "s3cret" not in repr(settings)


def test_params_is_litellm_params() -> None:
    ours = loaded(ONE.replace("litellm_params", "params"))
    assert ours.models == loaded(ONE).models


@pytest.mark.parametrize(
    ("written", "field", "value"),
    [
        ("rpm: 100", "rpm", 100),
        ("rpm: '1e3'", "rpm", 1000),
        ("tpm: 1_000_000", "tpm", 1_000_000),
        ("max_parallel_requests: 7", "max_parallel_requests", 7),
        ("weight: 0.5", "weight", 0.5),
        ("weight: 0", "weight", 0.0),
        ("order: 2", "order", 2),
        ("tags: [eu, default]", "tags", ("eu", "default")),
        ("tags: eu", "tags", ("eu",)),
        ("timeout: 30", "timeout", 30.0),
        ("stream_timeout: 1.5", "stream_timeout", 1.5),
        ("max_retries: 0", "max_retries", 0),
        ("num_retries: 3", "max_retries", 3),
        ("extra_headers: {X-Team: red}", "extra_headers", {"x-team": Secret("red")}),
        ("headers: {X-Team: red}", "extra_headers", {"x-team": Secret("red")}),
        ("drop_params: true", "drop_params", True),
        ("drop_params: 'off'", "drop_params", False),
        ("additional_drop_params: [user]", "additional_drop_params", ("user",)),
        ("ssl_verify: false", "ssl_verify", False),
        ("ssl_verify: /etc/ca.pem", "ca_file", "/etc/ca.pem"),
        ("on_disconnect: cancel", "on_disconnect", "cancel"),
        ("drain_seconds: 0", "drain_seconds", 0.0),
        ("drain_bytes: 2MiB", "drain_bytes", 2_097_152),
        ("drain_bytes: 5kb", "drain_bytes", 5_000),
        ("on_unpriced: refuse_next", "on_unpriced", "refuse_next"),
        ("temperature: 0.2", "defaults", {"temperature": 0.2}),
        ("stop: [a, b]", "defaults", {"stop": ["a", "b"]}),
        ("default_params: {seed: 7, store: no}", "defaults", {"seed": 7, "store": False}),
        ("extra_body: {x: {y: null}}", "defaults", {"x": {"y": None}}),
        ("rpm: null", "rpm", None),
    ],
)
def test_a_parameter_becomes_a_field(written: str, field: str, value: Any) -> None:
    assert getattr(entry(with_params(written)), field) == value


@pytest.mark.parametrize(
    ("written", "field", "value"),
    [
        ("api_version: 2024-10-21", "api_version", "2024-10-21"),
        ("base_model: gpt-5-mini", "base_model", "gpt-5-mini"),
        ("base_model: azure/gpt-5-mini", "base_model", "gpt-5-mini"),
        ("scope: data_zone_eu", "scope", "data_zone_eu"),
        ("scope: Regional:SwedenCentral", "scope", "regional:swedencentral"),
        ("discount: 0.125", "discount_bp", 1250),
        ("router_fee: 0.14", "router_fee", 140_000),
        ("router_fee: false", "router_fee", 0),
        ("router_fee: true", "router_fee", None),
        ("api_base: http://127.0.0.1:9/v1", "api_base", "http://127.0.0.1:9/v1"),
        ("base_url: http://127.0.0.1:9/v1", "api_base", "http://127.0.0.1:9/v1"),
        ("input_cost_per_token: 1.5e-7", "own_prices", OwnPrices(per_token={"input": 150_000})),
        ("input_cost_per_token: 1e-7", "own_prices", OwnPrices(per_token={"input": 100_000})),
        ("output_cost_per_token: 0", "own_prices", OwnPrices(per_token={"output": 0})),
        (
            "cache_read_input_token_cost: '0.00000005'\ncache_creation_input_token_cost: 0.000001",
            "own_prices",
            OwnPrices(per_token={"cache_read": 50_000, "cache_write": 1_000_000}),
        ),
    ],
)
def test_a_parameter_becomes_a_fact_of_the_deployment(written: str, field: str, value: Any) -> None:
    assert getattr(entry(with_params(written)).deployment, field) == value


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("rpm: many", "a whole number from 1"),
        ("rpm: 0", "a whole number from 1"),
        ("rpm: 1.5", "a whole number from 1"),
        ("rpm: [1]", "not a list"),
        ("rpm: .nan", "a whole number"),
        ("tpm: 1e99", "a whole number"),
        ("weight: -1", "a number from 0 up"),
        ("weight: .inf", "a number from 0 up"),
        ("tags: {a: b}", "a list of texts"),
        ("tags: [[a]]", "a list of texts"),
        ("timeout: 0", "a positive number of seconds"),
        ("timeout: 1m", "a positive number of seconds"),
        ("max_retries: -1", "a whole number from 0 to 100"),
        ("extra_headers: [a]", "a mapping of header names"),
        ("extra_headers: {'a b': c}", "is no header name"),
        ('extra_headers: {a: "x\\ny"}', "cannot stand in a header"),
        ("drop_params: maybe", "true or false"),
        ("on_disconnect: stop", "one of drain, cancel"),
        ("on_unpriced: free", "one of allow, refuse_next, worst_case"),
        ("drain_bytes: lots", "a size such as"),
        ("discount: 10", "a fraction from 0 to 1"),
        ("discount: 0.00001", "a fraction from 0 to 1"),
        ("router_fee: -1", "a price cannot be negative"),
        ("router_fee: cheap", "USD for 1M input tokens"),
        ("input_cost_per_token: cheap", "USD for one token"),
        ("input_cost_per_token: -1", "a price cannot be negative"),
        ("input_cost_per_token: 1e-20", "no whole number of pico-dollars"),
        ("scope: europe", "one of global, data_zone_us"),
        ("rpm: 0123456789abcdef0123456789abcdef", "not this text"),
        ("route: shortcut", "one of model_router, direct"),
        ("azure_credential: magic", "one of default"),
        ("api_base: not-a-url", "has no scheme"),
        ("api_base: ftp://x", "neither https:// nor http://"),
        ("custom_llm_provider: opnai", "unknown"),
        ("routing_config: {mode: fast}", "mode must be one of balanced, cost, quality"),
        ("session_affinity: glue", "one of adaptive, sticky, none"),
        ("default_params: 5", "a mapping"),
        ("temperature: os.environ/NOPE", "NOPE is not set"),
    ],
)
def test_a_wrong_value_says_what_is_expected_and_where(written: str, form: str) -> None:
    (message,) = said(with_params(written))
    assert form in message
    line, _, rest = message.partition(": error: ")
    assert int(line) == 6
    assert rest.startswith(f"model_list[0].litellm_params.{written.split(':', maxsplit=1)[0]}")


def test_one_key_by_two_spellings_is_refused() -> None:
    (message,) = said(with_params("base_url: http://a/v1\napi_base: http://b/v1"))
    assert message.startswith("7: error: model_list[0].litellm_params.api_base: ")
    assert "stated a second time" in message


def test_model_info_prices_and_base_model_count_where_params_say_nothing() -> None:
    text = with_params("rpm: 5") + (
        "    model_info: {base_model: azure/gpt-5, input_cost_per_token: 0.000001,"
        " mode: embedding, max_tokens: 4096, supports_vision: true}\n"
    )
    found = entry(text)
    assert found.deployment.base_model == "gpt-5"
    assert found.deployment.own_prices == OwnPrices(per_token={"input": 1_000_000})
    assert found.mode == "embedding"
    assert found.details == {"max_tokens": 4096, "supports_vision": True}
    both = text.replace("rpm: 5", "output_cost_per_token: 0.000002")
    assert entry(both).deployment.own_prices == OwnPrices(per_token={"output": 2_000_000})


def test_router_controls() -> None:
    text = ROUTER + "      routing_config: {mode: cost, models: [gpt-5]}\n"
    environ = {"AZURE_MODEL_ROUTER_API_KEY": "k"}
    assert entry(text, environ).routing_config == {"mode": "cost", "models": ["gpt-5"]}
    both = text + "      session_affinity: sticky\n"
    found = entry(both, environ).routing_config
    assert found is not None
    assert found["session_affinity"] == {"strategy": "sticky"}
    (message,) = said(with_params("session_affinity: none"))
    assert "is for router deployments" in message


def test_what_says_nothing_of_a_deployment_is_told() -> None:
    text = ROUTER + "      base_model: gpt-5\n    model_info: {mode: rerank, base_modle: x}\n"
    settings = loaded(text, {"AZURE_MODEL_ROUTER_API_KEY": "k"})
    assert [(each.line, each.level) for each in settings.warnings] == [
        (8, "warning"),
        (9, "warning"),
        (9, "warning"),
    ]
    assert settings.deployments()[0].deployment.base_model == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_list: [{litellm_params: {model: openai/x, api_key: k}}]", "model_name: is missing"),
        ("model_list: [{model_name: m}]", "litellm_params: is missing"),
        ("model_list: [{model_name: m, params: {api_key: k}}]", "params.model: is missing"),
        ("model_list: [{model_name: m, params: 5}]", "must be a mapping"),
        ("model_list: [5]", "must be a mapping"),
        ("model_list: {a: b}", "must be a list"),
        ("model_list: [{model_name: '', params: {model: openai/x}}]", "must be a name"),
        ("model_list: [{model_name: 'a b', params: {model: openai/x}}]", "without blanks"),
        ("model_list: [{model_name: m, params: {model: nope/x}}]", "no known provider"),
        ("model_list: [{model_name: m, params: {model: opena/x}}]", "did you mean 'openai'"),
        ("model_list: [{model_name: m, params: {model: openai/*, api_key: k}}]", "has a *"),
        ("model_list: [{model_name: 'a*b*', params: {model: openai/x, api_key: k}}]", "one *"),
        ("model_list: [{model_name: m, params: {model: openai/x}}]", "OPENAI_API_KEY"),
        ("model_list: [{model_name: m, params: {model: azure/x, api_key: k}}]", "api_base"),
        (
            (
                "model_list: [{model_name: m, params: {model: openai/x, api_key: k},"
                " litellm_params: {model: openai/x, api_key: k}}]"
            ),
            "stated as well",
        ),
    ],
)
def test_an_entry_that_is_none(text: str, message: str) -> None:
    found = said(text)
    assert any(message in each for each in found), found
    assert all(each.startswith("1: error: model_list") for each in found)


def test_the_environment_of_the_provider_serves() -> None:
    text = "model_list: [{model_name: m, params: {model: azure_ai/model_router/r}}]"
    environ = {"AZURE_AI_API_KEY": "k", "AZURE_AI_API_BASE": "https://r.services.ai.azure.com"}
    found = entry(text, environ)
    assert found.deployment.api_base == "https://r.services.ai.azure.com"
    assert found.credential.api_key == Secret("k")


def test_signing_in_needs_no_key() -> None:
    head = ROUTER.replace("api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY", "rpm: 5")
    signed = entry(head + "      tenant_id: t\n      client_id: c\n      client_secret: s\n")
    assert signed.credential.entra
    assert signed.credential.entra_kind == "client_secret"
    assert signed.credential.client_secret == Secret("s")
    chain = entry(head + "      azure_credential: managed_identity\n").credential
    assert (chain.entra, chain.entra_kind) == (True, "managed_identity")
    token = entry(head + "      azure_ad_token: t0k\n").credential
    assert (token.entra, token.azure_ad_token) == (False, Secret("t0k"))


def test_ids_are_readable_unique_and_keep_whatever_the_order() -> None:
    one = "  - {model_name: m, params: {model: openai/gpt-5, api_key: os.environ/A}}\n"
    two = "  - {model_name: m, params: {model: openai/gpt-5, api_key: os.environ/B}}\n"
    other = "  - {model_name: m, params: {model: openai/gpt-6, api_key: k}}\n"
    named = "  - {model_name: m, params: {model: openai/x, api_key: k}, model_info: {id: mine}}\n"
    environ = {"A": "a", "B": "b"}

    def ids(*entries: str) -> dict[str, str]:
        settings = loaded("model_list:\n" + "".join(entries), environ)
        found = settings.deployments()
        return {f"{each.deployment.upstream_model} {each.key_name}": each.id for each in found}

    made = ids(one, two, other, named)
    assert made == ids(named, other, two, one)
    assert made["gpt-6 "] == "m/gpt-6"
    assert made["x "] == "mine"
    assert made["gpt-5 os.environ/A"].startswith("m/gpt-5-")
    assert len(set(made.values())) == 4
    twins = loaded("model_list:\n" + other + other).deployments()
    assert twins[1].id == f"{twins[0].id}-2"


def test_an_id_stated_twice_is_refused() -> None:
    entry_of = (
        "  - {{model_name: {}, params: {{model: openai/x, api_key: k}}, model_info: {{id: a}}}}\n"
    )
    (message,) = said("model_list:\n" + entry_of.format("m") + entry_of.format("n"))
    assert message == "3: error: model_info.id: the id 'a' is that of the entry at config.yaml:2"


def test_no_secret_is_in_any_message() -> None:
    text = """
    model_list:
      - model_name: m
        litellm_params:
          model: openai/x
          api_key: "sk-verysecret one"
          client_secret: [sk-verysecret]
          rpm: sk-verysecret
          timeout: os.environ/HIDDEN
          input_cost_per_token: os.environ/HIDDEN
          api_base: https://user:sk-verysecret@host/v1
          extra_headers: {Authorization: "Bearer sk-verysecret\\n"}
          router_fee: os.environ/HIDDEN
          discount: os.environ/HIDDEN
    general_settings: {master_key: "sk-verysecret two", database_url: {a: sk-verysecret}}
    """
    found = problems(text, {"HIDDEN": "sk-verysecret"})
    assert len([each for each in found if each.level == "error"]) >= 10
    assert "verysecret" not in "\n".join(str(each) for each in found)
    assert "verysecret" not in repr(found)
