"""YAML itself: what is refused, where, and how much of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.config import ConfigProblems
from faregate.config import document as documents
from tests.config.written import ONE, loaded, outcome, said

ENTRY = "{model_name: m, params: {model: openai/x, api_key: k}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1,\nb: }", "2: error: this is not YAML: did not find expected node content"),
        ("a: 1\n\tb: 2", "2: error: this is not YAML: "),
        ("a: \x00", "error: this is not YAML: it holds a character that may not stand"),
        ("- a", "1: error: must be a mapping with keys such as model_list"),
        ("just text", "1: error: must be a mapping with keys such as model_list"),
        ("", "error: config.yaml is empty"),
        ("# nothing\n", "error: config.yaml is empty"),
        ("model_list: []\n---\nmodel_list: []", "2: error: a second document (---)"),
        ("model_list: []\ninclude: []\nmodel_list: []", ("3: error: the key 'model_list' is given "
         "twice; first in line 1")),
        ("model_list: *x", "1: error: "),
        ("model_list: !!python/object/apply:os.system [ls]", "1: error: the tag "),
        ("model_list: !mine [ls]", "1: error: the tag !mine is not understood"),
        ("? [a, b]\n: c", "1: error: a key must be a plain text"),
        ("model_list: []\n<<: 5", "2: error: << takes a mapping"),
    ],
)  # fmt: skip
def test_what_is_no_configuration(text: str, message: str) -> None:
    (found,) = said(text)
    assert message in found.removeprefix("config.yaml: ") or message in found


def test_depth_is_bounded() -> None:
    (found,) = said("model_list: " + "[" * 100 + "]" * 100)
    assert "nested deeper than 64 levels" in found


def test_a_bomb_of_aliases_is_refused() -> None:
    ten = {n: ", ".join([f"*a{n - 1}"] * 10) for n in range(1, 12)}
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{aliases}]" for n, aliases in ten.items()]
    (found,) = said("\n".join(lines))
    assert "more than 200000 values, aliases included" in found


def test_size_is_bounded() -> None:
    (found,) = said("#" + "x" * documents.LARGEST_TEXT)
    assert "larger than" in found


def test_anchors_and_merges_serve() -> None:
    settings = loaded("""
    model_list:
      - model_name: a
        litellm_params: &shared {model: openai/x, api_key: k, rpm: 5}
      - model_name: b
        litellm_params: {<<: *shared, rpm: 6}
      - model_name: c
        litellm_params: *shared
    """)
    assert [each.rpm for each in settings.deployments()] == [5, 6, 5]


def test_keys_nobody_knows_have_their_nearest() -> None:
    text = """
    model_list:
      - model_name: m
        litelm_params: {model: openai/x}
        litellm_params: {model: openai/x, api_key: k, apibase: x, zzzzzz: 1}
    genral_settings: {}
    general_settings: {masterkey: x, limits: {max_body_size: 4}}
    """
    assert said(text) == [
        "4: error: model_list[0].litelm_params: unknown key; did you mean 'litellm_params'?",
        "5: error: model_list[0].litellm_params.apibase: unknown key; did you mean 'api_base'?",
        "5: error: model_list[0].litellm_params.zzzzzz: unknown key",
        "6: error: genral_settings: unknown key; did you mean 'general_settings'?",
        (
            "7: error: general_settings.limits.max_body_size: unknown key; "
            "did you mean 'max_body_bytes'?"
        ),
        "7: error: general_settings.masterkey: unknown key; did you mean 'master_key'?",
    ]


def test_litellms_keys_are_warned_of_with_what_to_do() -> None:
    text = (
        ONE
        + """
litellm_settings: {callbacks: [langfuse], cache: true, cache_params: {}, set_verbose: false}
general_settings: {alerting: [slack], database_url: "postgresql://u:hunter2@h/db"}
router_settings: {redis_host: h, enable_pre_call_checks: true}
guardrails: [{a: b}]
"""
    )
    settings = loaded(text)
    assert [each.key for each in settings.warnings] == [
        "litellm_settings.cache",
        "litellm_settings.callbacks",
        "general_settings.alerting",
        "router_settings.enable_pre_call_checks",
        "guardrails",
    ]
    assert all(each.level == "warning" and each.line for each in settings.warnings)
    assert "hunter2" not in repr(settings)
    assert settings.redis is not None
    assert settings.redis.host == "h"


def test_all_problems_at_once_errors_and_warnings_in_order() -> None:
    with pytest.raises(ConfigProblems) as caught:
        loaded(ONE + "guardrails: [a]\nrouter_settings: {num_retries: x}\nother: 1\n")
    found = caught.value.problems
    assert [(each.line, each.level) for each in found] == [
        (5, "warning"),
        (6, "error"),
        (7, "error"),
    ]
    assert str(caught.value).count("\n") == 2


def test_no_model_is_worth_a_warning() -> None:
    (warning,) = loaded("model_list: []").warnings
    assert "names no model" in warning.message


def test_models_without_a_price_are_told() -> None:
    own = ENTRY.replace("api_key", "input_cost_per_token: 0, api_key")
    text = f"model_list:\n  - {ENTRY}\n  - {own}\n"
    settings = loaded(text, priced=lambda deployment: f"no row for {deployment.upstream_model}")
    (warning,) = settings.warnings
    assert str(warning) == (
        "config.yaml:2: warning: model 'm': its calls will be unpriced: no row for x"
    )
    assert loaded(text, priced=lambda _: None).warnings == ()


def test_the_environment_section_comes_before_the_environment() -> None:
    text = """
    environment_variables: {KEY: from-file, PORT: 7, ON: true}
    model_list: [{model_name: m, params: {model: openai/x, api_key: os.environ/KEY}}]
    router_settings: {redis_host: h, redis_port: os.environ/PORT}
    """
    settings = loaded(text, {"KEY": "from-environment"})
    key = settings.deployments()[0].credential.api_key
    assert key is not None
    assert key.reveal() == "from-file"
    assert settings.redis is not None
    assert settings.redis.port == 7


@given(st.text(max_size=200))
def test_any_text_is_settings_or_problems(text: str) -> None:
    assert all(each.file == "config.yaml" for each in outcome(text))


KEYS = ["model_list", "router_settings", "litellm_settings", "general_settings", "include",
        "environment_variables", "params", "model_name", "model", "api_key", "fallbacks", "rpm",
        "model_group_alias", "limits", "log", "tags", "extra_headers", "routing_config",
        "model_info", "id", "x", "*"]  # fmt: skip
VALUES = st.recursive(
    st.sampled_from(["openai/x", "m", "*", "5", "-1", "null", "true", "os.environ/X", "''", "1e9"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=4).map(
            lambda table: "{" + ", ".join(f'"{key}": {value}' for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(KEYS[:6]), VALUES, min_size=1))
def test_any_shape_is_settings_or_problems(table: dict[str, str]) -> None:
    text = "\n".join(f"{key}: {value}" for key, value in table.items())
    assert all(str(each) for each in outcome(text, {"X": "y"}))
