"""Names that are no entries: wildcards, aliases, fallbacks."""

import pytest
from msgspec.structs import replace

from faregate.config.loading import joined
from tests.config.written import loaded, problems, said

ALONE = "\ngeneral_settings: {ledger: false}\n"

WILD = """
model_list:
  - {model_name: openai/*, params: {model: openai/*, api_key: k}}
  - {model_name: openai/o-*, params: {model: openai/o-*, api_key: k, rpm: 5}}
  - {model_name: azure_ai/*, params: {model: azure_ai/*, api_key: k, api_base: "https://r.openai.azure.com"}}
  - {model_name: m, params: {model: openai/gpt-5, api_key: k}}
"""


def test_wildcards_fill_in_the_model_and_the_most_specific_wins() -> None:
    settings = loaded(WILD)
    (found,) = settings.find("openai/gpt-6")
    assert found.deployment.upstream_model == "gpt-6"
    assert found.id == "openai/*/*"
    (closer,) = settings.find("openai/o-9")
    assert (closer.rpm, closer.deployment.upstream_model) == (5, "o-9")
    (router,) = settings.find("azure_ai/model_router/my-prod")
    assert (router.deployment.route, router.deployment.upstream_model) == (
        "model_router",
        "my-prod",
    )
    assert settings.find("groq/x") == ()
    assert settings.names() == ("m",)
    assert len(settings.deployments()) == 4


@pytest.mark.parametrize(
    "name",
    ["openai/", "openai/..", "openai/../x", "openai/a b", "openai/a?b=c", "openai/a\n", "openai//",
     "openai/é", "openai/" + "a" * 300, "azure_ai/model_router/", "openai/%2e%2e", "*", ""],
)  # fmt: skip
def test_a_clients_text_is_no_path_and_no_query(name: str) -> None:
    assert loaded(WILD).find(name) == ()


def test_one_deployment_for_every_name() -> None:
    settings = loaded("model_list: [{model_name: '*', params: {model: openai/x, api_key: k}}]")
    (found,) = settings.find("whatever")
    assert found.deployment.upstream_model == "x"
    assert found is settings.find("other")[0]


ALIASED = """
model_list: [{model_name: m, params: {model: openai/gpt-5, api_key: k}}]
router_settings:
  model_group_alias:
    gpt-4: m
    old: {model: gpt-4, hidden: true}
"""


def test_aliases_find_their_model_and_hidden_ones_are_not_listed() -> None:
    settings = loaded(ALIASED)
    assert settings.find("gpt-4") == settings.find("m") == settings.find("old")
    assert settings.names() == ("m", "gpt-4")


def test_aliases_that_lead_nowhere() -> None:
    text = ALIASED + "    loop: pool\n    pool: loop\n    lost: n\n    m: m\n" + ALONE
    found = said(text)
    assert [each.split(": ")[0] for each in found] == ["7", "8", "9"]
    assert "leads back to itself" in found[0]
    assert "no model is named 'n'" in found[2]


FALLBACKS = """
model_list:
  - {model_name: m, params: {model: openai/gpt-5, api_key: k}}
  - {model_name: n, params: {model: openai/gpt-6, api_key: k}}
  - {model_name: groq/*, params: {model: groq/*, api_key: k}}
router_settings:
  fallbacks: [{m: [n, groq/llama]}, {"*": [m]}]
  context_window_fallbacks: {m: n}
litellm_settings:
  content_policy_fallbacks: [{groq/llama: [m]}]
  default_fallbacks: [n]
  fallbacks: [{n: [m]}]
"""


def test_fallbacks_from_both_sections_the_routers_win() -> None:
    routing = loaded(FALLBACKS).routing
    assert routing.fallbacks == {"m": ("n", "groq/llama"), "*": ("m",)}
    assert routing.context_window_fallbacks == {"m": ("n",)}
    assert routing.content_policy_fallbacks == {"groq/llama": ("m",)}
    assert routing.default_fallbacks == ("n",)


@pytest.mark.parametrize(
    ("list_", "message"),
    [
        ("[{mm: [n]}]", ("7: error: router_settings.fallbacks: no request can reach this list: "
                        "no model is named 'mm'; did you mean 'm'?")),
        ("[{m: [nn]}]", ("7: error: router_settings.fallbacks: no model is named 'nn'; "
                        "did you mean 'n'?")),
        ("[{m: [n]}, {m: [n]}]", ("7: error: router_settings.fallbacks: 'm' has a list already; "
                                 "put both into one")),
        ("[m]", ("7: error: router_settings.fallbacks: must be a list like "
                "[{my-model: [other-model]}], not 'm'")),
        ("[{m: [{model: n}]}]", ("7: error: router_settings.fallbacks: must be a list of texts, "
                                "not a mapping")),
    ],
)  # fmt: skip
def test_fallbacks_that_lead_nowhere(list_: str, message: str) -> None:
    text = FALLBACKS.replace('[{m: [n, groq/llama]}, {"*": [m]}]', list_)
    assert said(text + ALONE) == [message]


AWAITING = FALLBACKS.replace('{"*": [m]}', "{spare: [stored]}").replace(
    "  context", "  model_group_alias: {old: spare, lost: gone}\n  context"
)


def test_a_database_may_have_what_the_files_do_not() -> None:
    settings = loaded(AWAITING)
    assert settings.warnings == ()
    assert settings.unmet() == settings.awaited
    assert [(each.name, each.problem.line, each.problem.level) for each in settings.awaited] == [
        ("spare", 7, "error"),
        ("stored", 7, "error"),
        ("spare", 8, "error"),
        ("gone", 8, "error"),
    ]
    assert settings.names() == ("m", "n")  # an alias is listed when it leads somewhere
    (entry, *_) = settings.deployments()
    met = joined(settings, [replace(entry, model_name=name) for name in ("spare", "stor*")])
    (unmet,) = met.unmet()
    assert unmet.told == (
        "config.yaml:8: router_settings.model_group_alias: no model is named 'gone'. This has no"
        " effect until there is one."
    )
    assert met.names() == ("m", "n", "spare", "old")


def test_without_a_ledger_nothing_else_can_have_it() -> None:
    assert len(said(AWAITING + ALONE)) == 4
    assert loaded(FALLBACKS + ALONE).awaited == ()


def test_in_a_file_with_errors_an_unknown_model_is_a_warning() -> None:
    text = AWAITING.replace("openai/gpt-6", "nope/gpt-6")
    levels = {each.message: each.level for each in problems(text)}
    assert sorted(levels.values()) == ["error", "warning", "warning", "warning", "warning"]
    assert levels["no model is named 'gone' (the ledger's database was not asked)"] == "warning"


def test_its_own_fallback_is_told() -> None:
    text = FALLBACKS.replace('{"*": [m]}', "{n: [n]}")
    (warning,) = loaded(text).warnings
    assert "is its own fallback" in warning.message


def test_names_of_broken_entries_are_not_called_unknown() -> None:
    text = FALLBACKS.replace("openai/gpt-6", "nope/gpt-6")
    (message,) = said(text)
    assert message.startswith("4: error: model_list[1].params.model")
