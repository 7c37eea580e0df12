"""What a stand-alone budget or limit is for, checked: is there such a key, team, model …"""

import difflib

from faregate.control.desk import Desk
from faregate.control.errors import FieldError, about
from faregate.core.budget import PAYERS, Payer
from faregate.core.keys import check_models


async def check_scope(desk: Desk, scope: str, scope_id: str) -> Payer:
    """The scope, when it and its id mean something. Raises :class:`FieldError`."""
    if scope not in PAYERS:
        raise FieldError("scope", f"{scope[:40]!r} is none of {', '.join(PAYERS)}")
    if (scope == "everything") == bool(scope_id):
        said = "has no id" if scope_id else f"needs the id of a {scope}"
        raise FieldError("scope_id", f"the scope {scope} {said}")
    if len(scope_id) > 200 or not scope_id.isprintable():
        raise FieldError("scope_id", "an id is 1 to 200 printable characters")
    if scope in ("key", "team", "user"):
        await check_exists(desk, "scope_id", scope, scope_id)
    elif scope == "model" and desk.models is not None:
        if "*" in scope_id:
            raise FieldError("scope_id", "names one model; a pattern has no budget of its own")
        with about("scope_id"):
            check_models((scope_id,), desk.models)
    elif scope == "deployment" and desk.deployments is not None:
        _check_deployment(scope_id, sorted(desk.deployments))
    return scope


async def check_exists(desk: Desk, field: str, noun: str, identity: str) -> None:
    """Raise :class:`FieldError` unless there is such a key, team or user."""
    if len(identity) > 200 or await desk.store.get(noun, identity) is None:
        raise FieldError(
            field, f"there is no {noun} {identity[:80]!r}; make it first, or leave it out"
        )


def _check_deployment(identity: str, known: list[str]) -> None:
    if identity in known:
        return
    near = difflib.get_close_matches(identity, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise FieldError("scope_id", f"there is no deployment {identity[:80]!r}{hint}")
