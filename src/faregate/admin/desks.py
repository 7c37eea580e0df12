"""A desk for a request: who changes something, when, and which names the configuration knows."""

import re
import time
from typing import Annotated

from fastapi import Depends, Header, Query, Response

from faregate.admin.wire import Asked
from faregate.config.settings import Settings
from faregate.control.desk import Desk
from faregate.errors import BadRequestError

_TAG = re.compile(r'(?:W/)?"?([0-9]{1,9})"?\Z')

IfMatch = Annotated[
    str | None,
    Header(
        max_length=40,
        description='The version you read, as in ETag: `"3"`. Another one there now is a 409.',
    ),
]


def desk(who: Asked) -> Desk:
    """Where a request's change is made. Raises :class:`ServiceUnavailableError` with no ledger."""
    settings = who.office.settings()
    stored = who.office.stored_models()  # those that serve not at the moment, too
    return Desk(
        store=who.office.store(),
        actor=who.holder.id,
        now=time.time(),
        models=model_names(settings) | {each.document.model_name for each in stored},
        deployments=frozenset(each.id for each in settings.deployments())
        | {each.id for each in stored},
    )


def model_names(settings: Settings) -> frozenset[str]:
    """Every model name that is configured, wildcard patterns included."""
    return frozenset(settings.names()) | {pattern for pattern, _ in settings.wildcards}


async def _stated(
    if_match: IfMatch = None,
    version: Annotated[
        int | None, Query(ge=1, description="The version you read, instead of If-Match.")
    ] = None,
) -> int | None:
    """Raises :class:`BadRequestError` for an If-Match that is none."""
    if if_match is None or if_match.strip() == "*":
        return version
    found = _TAG.match(if_match.strip())
    if found is None:
        raise BadRequestError(
            'If-Match is the version you read, such as "3"',
            code="invalid_request",
            param="If-Match",
        )
    return int(found[1])


Stated = Annotated[int | None, Depends(_stated)]
"""The version a change was made from; None where the request states none."""


def tag(response: Response, version: int) -> None:
    """Say the version in ``ETag``."""
    response.headers["etag"] = f'"{version}"'
