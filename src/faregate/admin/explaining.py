"""Why a deployment did not answer, in words for whoever has just typed it in. Pure."""

import re
from collections.abc import Callable
from typing import NamedTuple

from faregate.admin.office import Tried
from faregate.config.settings import ModelDeployment
from faregate.core.endpoints import is_azure_base


class Explanation(NamedTuple):
    """What a failure means, what to do most likely, and the field to look at."""

    explanation: str
    fix: str
    field: str = ""


class _Case(NamedTuple):
    fits: Callable[[Tried, ModelDeployment], bool]
    told: Explanation


def _said(pattern: str) -> Callable[[Tried, ModelDeployment], bool]:
    found = re.compile(pattern, re.IGNORECASE)
    return lambda tried, _: bool(found.search(f"{tried.message} {tried.provider_message}"))


def _status(*wanted: int) -> Callable[[Tried, ModelDeployment], bool]:
    return lambda tried, _: tried.status in wanted


def _both(
    one: Callable[[Tried, ModelDeployment], bool], other: Callable[[Tried, ModelDeployment], bool]
) -> Callable[[Tried, ModelDeployment], bool]:
    return lambda tried, entry: one(tried, entry) and other(tried, entry)


def _code(*wanted: str) -> Callable[[Tried, ModelDeployment], bool]:
    return lambda tried, _: tried.code in wanted


def _signs_in(_tried: Tried, entry: ModelDeployment) -> bool:
    return entry.credential.entra or bool(entry.credential.azure_ad_token)


def _on_azure(_tried: Tried, entry: ModelDeployment) -> bool:
    return is_azure_base(entry.deployment.api_base) or entry.deployment.provider.startswith("azure")


_BASE, _KEY, _MODEL = "params.api_base", "params.api_key", "params.model"

_CASES = (
    _Case(
        _both(_code("connect_failed"), _said(r"cannot be resolved|no address")),
        Explanation(
            "There is no host of that name.",
            "Check the address for a slip of the pen: the resource's name comes first, as in "
            "https://my-resource.services.ai.azure.com. A resource behind a private endpoint has "
            "its name inside its own network only.",
            _BASE,
        ),
    ),
    _Case(
        _both(_code("connect_failed"), _said(r"TLS|certificate")),
        Explanation(
            "The host answered, but its certificate cannot be trusted.",
            "Check the host's name. Where a proxy or an own CA is in between, the configuration's "
            "ssl_verify names the CA's file.",
            _BASE,
        ),
    ),
    _Case(
        _code("connect_failed"),
        Explanation(
            "The host is there, but nothing took the connection.",
            "Check host and port, and whether a firewall, a proxy or a private network is between "
            "this server and it.",
            _BASE,
        ),
    ),
    _Case(
        _code("timeout"),
        Explanation(
            "No answer came in time.",
            "Try again: a first call can be slow. If it stays so, check for a firewall in between, "
            "or raise timeout.",
        ),
    ),
    _Case(
        _code("connection_lost"),
        Explanation(
            "The connection was closed before an answer came.",
            "Check that the port speaks HTTP(S) as the address says, and whether a proxy is in "
            "between.",
            _BASE,
        ),
    ),
    _Case(
        _code("bad_gateway"),
        Explanation(
            "Something answered, but not a model: a page, perhaps, or another service.",
            "Check the address: copy the endpoint from the deployment's page.",
            _BASE,
        ),
    ),
    _Case(
        _both(_status(401), _signs_in),
        Explanation(
            "The token was not accepted.",
            "Check tenant and client, and that the identity has the role Cognitive Services User "
            "on this resource; a new role takes some minutes to apply.",
            "params.client_id",
        ),
    ),
    _Case(
        _status(401),
        Explanation(
            "The key was not accepted.",
            "Copy the key again from Keys and Endpoint of the same resource as the address: each "
            "resource has its own, and a key that was renewed ends the one before.",
            _KEY,
        ),
    ),
    _Case(
        _both(_status(403), _said(r"key.{0,20}(disabled|auth)|AuthenticationTypeDisabled")),
        Explanation(
            "This resource takes no keys.",
            "Sign in with Entra ID instead, or allow key access in the resource's settings.",
            _KEY,
        ),
    ),
    _Case(
        _both(_status(403), _said(r"virtual network|firewall|public access|private")),
        Explanation(
            "The resource's network rules do not let this server in.",
            "Allow this server's address in the resource's Networking, or reach it by its private "
            "endpoint.",
            _BASE,
        ),
    ),
    _Case(
        _status(403),
        Explanation(
            "The credential is good, but may not do this.",
            "Give it a role that may call models, such as Cognitive Services User.",
            _KEY,
        ),
    ),
    _Case(
        _both(_status(404), _said(r"deployment|model")),
        Explanation(
            "The resource has no deployment of that name.",
            "Check the deployment's name in Foundry, under Deployments: it is the name you gave "
            "it, and not the model's. One that was just made needs a few minutes.",
            _MODEL,
        ),
    ),
    _Case(
        _both(_status(404), _on_azure),
        Explanation(
            "The host answered, but has nothing at this path.",
            "State the resource's address alone, such as https://my-resource.services.ai.azure.com;"
            " the path is added.",
            _BASE,
        ),
    ),
    _Case(
        _status(404),
        Explanation(
            "The host answered, but has nothing at this path.",
            "Check the path: an OpenAI-compatible endpoint usually ends with /v1.",
            _BASE,
        ),
    ),
    _Case(
        _both(_status(400), _said(r"api.version")),
        Explanation(
            "The endpoint does not take this api_version.",
            "Leave api_version empty: without it the undated /openai/v1 is called.",
            "params.api_version",
        ),
    ),
    _Case(
        _both(_status(400, 422), _said(r"content_?filter|content management")),
        Explanation(
            "The content filter refused the test's one word; so it reaches the model.",
            "Look at the deployment's content filter.",
        ),
    ),
    _Case(
        _status(400, 422),
        Explanation(
            "The deployment answers, but does not take the request.",
            "See what the provider says. A deployment for embeddings needs mode: embedding in its "
            "model_info.",
            _MODEL,
        ),
    ),
    _Case(
        _status(402),
        Explanation("The account has no credit left.", "Look at the account's billing."),
    ),
    _Case(
        _status(429),
        Explanation(
            "Address, key and name are right; the deployment's limit is used up at the moment.",
            "Wait a minute and try again, or raise the deployment's tokens per minute in Foundry.",
        ),
    ),
)

_OTHERS = Explanation(
    "The provider failed, and not for want of anything here.",
    "Try again in a moment; look at the provider's status page if it stays so.",
)


def explain(entry: ModelDeployment, tried: Tried) -> Explanation:
    """What a failed call to a deployment means: the first case that fits."""
    for case in _CASES:
        if case.fits(tried, entry):
            return case.told
    return _OTHERS
