"""What is in force: models, deployments, prices and keys, immutable and swapped whole.

A request takes the snapshot it finds when it comes in and keeps it to its end, whatever is
reloaded meanwhile.
"""

import copy
import functools
import hmac
import time
from collections.abc import Mapping
from hashlib import sha256

from faregate.config.settings import ModelDeployment, Settings
from faregate.core.directory import MASTER, MASTER_HOLDER, Directory, Holder
from faregate.core.pricebook import PriceBook, Unpriced
from faregate.core.routing import Router
from faregate.core.worst_case import WorstCases
from faregate.errors import (
    AuthenticationError,
    FaregateError,
    NotFoundError,
    PermissionDeniedError,
    ServiceUnavailableError,
)
from faregate.gateway.outlet import Outlet
from faregate.money import Usd
from faregate.types import Deployment

__all__ = ["MASTER", "Snapshot", "unusable"]

_FILLED = 1024
"""Models of wildcard entries kept ready."""
_SHOWN = 20  # model names an error lists


class Snapshot:
    """One configuration, made ready."""

    def __init__(
        self,
        settings: Settings,
        book: PriceBook,
        master_key: str,
        previous: "Snapshot | None" = None,
        directory: Directory | None = None,
    ) -> None:
        """``previous`` hands on what was learnt about deployments that are still there, and its
        directory where none is given.

        Raises :class:`ConfigError` naming a deployment that cannot be called.
        """
        self.settings = settings
        self.book = book
        if directory is None:
            directory = Directory() if previous is None else previous.directory
        self.directory: Directory = directory
        self.every_key_known: bool = previous is None or previous.every_key_known
        """False until the database was read: a key that is not known may yet be one."""
        self.every_model_known: bool = previous is None or previous.every_model_known
        """False until the database's deployments were read."""
        known = previous is not None and previous.book is book
        self.bounds: WorstCases = (
            previous.bounds if previous is not None and known else WorstCases(book)
        )
        """What calls may cost at most."""
        self._master = sha256(master_key.encode()).digest()
        self._outlets: Mapping[str, Outlet] = {
            entry.id: Outlet(entry) for entry in settings.deployments() if not _is_pattern(entry)
        }
        self.router: Router[ModelDeployment] = Router(
            settings.models,
            settings.routing.policy(),
            price_of=functools.partial(_price_of, book, self._outlets),
            find=settings.find,
            previous=previous.router if previous is not None else None,
        )
        self._filled: dict[tuple[str, str], Outlet] = {}

    def with_directory(self, directory: Directory, *, every_key_known: bool) -> "Snapshot":
        """The same with other keys and budgets; all else is shared."""
        other = copy.copy(self)
        other.directory = directory
        other.every_key_known = every_key_known
        return other

    def identify(self, key: str) -> Holder:
        """Who presents a key. Raises :class:`AuthenticationError` for one that is unknown, blocked
        or expired; takes the same time whatever part of a guess was right.
        """
        if not key:
            raise AuthenticationError(
                "no API key: send it as 'Authorization: Bearer …', 'x-api-key' or 'api-key'",
                code="missing_api_key",
            )
        # Equal lengths whatever was sent, so that the comparison tells nothing.
        if hmac.compare_digest(
            sha256(key.encode("utf-8", "surrogateescape")).digest(), self._master
        ):
            return MASTER_HOLDER
        now = time.time()
        holder = self.directory.holder(key, now)
        if holder is not None:
            barred = holder.barred(now)
            if barred is not None:
                raise AuthenticationError(barred.message, code=f"key_{barred.why}")
            return holder
        if not self.every_key_known:
            raise ServiceUnavailableError(
                "the keys are still being read from the database; ask again in a moment",
                code="keys_unknown",
                retry_after=1.0,
            )
        raise AuthenticationError("the API key is not valid", code="invalid_api_key")

    def check_allowed(self, holder: Holder, model: str) -> None:
        """Raises :class:`PermissionDeniedError` for a model its holder may not call, and
        :class:`NotFoundError`, listing the names the holder may see, for one nobody configured
        (:class:`ServiceUnavailableError` while the database may still know it).
        """
        refusal = holder.refusal(model)
        if model not in self.settings.models and not self.settings.find(model):
            raise self._unknown(holder, model)
        if refusal is not None:
            raise PermissionDeniedError(
                refusal.message, model=model[:200], code=refusal.why, param="model"
            )

    def names(self, holder: Holder) -> tuple[str, ...]:
        """The model names a holder may call, of those that are listed."""
        return tuple(name for name in self.settings.names() if holder.refusal(name) is None)

    def _unknown(self, holder: Holder, model: str) -> NotFoundError | ServiceUnavailableError:
        if not self.every_model_known:
            return ServiceUnavailableError(
                "the deployments are still being read from the database; ask again in a moment",
                model=model[:200],
                code="models_unknown",
                retry_after=1.0,
            )
        names = self.names(holder)
        listed = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        return NotFoundError(
            f"no model named {model[:200]!r}; the models are {listed or '(none configured)'}",
            model=model[:200],
            code="model_not_found",
            param="model",
        )

    def outlet(self, entry: ModelDeployment) -> Outlet:
        """The deployment made ready; for a wildcard entry, at the first call of each model."""
        found = self._outlets.get(entry.id)
        if found is not None and found.entry is entry:
            return found
        name = (entry.id, entry.deployment.upstream_model)
        filled = self._filled.get(name)
        if filled is None:
            if len(self._filled) >= _FILLED:  # names come from clients
                self._filled.pop(next(iter(self._filled)))
            filled = self._filled[name] = Outlet(entry)
        return filled


def _price_of(book: PriceBook, outlets: Mapping[str, Outlet], deployment: Deployment) -> Usd | None:
    """One input and one output token together, for choosing the cheapest; None where unknown.

    A router's model is not known beforehand, so routers come after the deployments that are priced.
    """
    own = deployment.own_prices
    if own is not None:
        return own.per_token.get("input", 0) + own.per_token.get("output", 0)
    outlet = outlets.get(deployment.id)
    if deployment.route == "model_router" or outlet is None:
        return None
    name = deployment.base_model or deployment.upstream_model
    rates = book.lookup(outlet.price_list, name, deployment.scope, at=time.time())
    if isinstance(rates, Unpriced):
        return None
    return sum(
        price.per_token for unit, price in rates.short.items() if unit in ("input", "output")
    )


def unusable(entry: ModelDeployment) -> str:
    """Why a deployment cannot be called; empty when it can."""
    if _is_pattern(entry):
        return ""
    try:
        Outlet(entry)
    except FaregateError as error:
        return str(error).removesuffix("; nothing was sent").replace(": pass", ": state")
    return ""


def _is_pattern(entry: ModelDeployment) -> bool:
    return "*" in entry.model_name
