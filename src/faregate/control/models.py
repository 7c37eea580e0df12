"""Deployments kept in the database: made, changed, switched off, deleted, cloned.

A change is read as the server will read it before anything is written. Secrets go in and do not
come out: not in an answer, nor in the audit log, nor to an address they were not stated for.
"""

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from faregate.config.settings import ModelDeployment
from faregate.control.desk import Desk, candidates, check_id
from faregate.control.drafts import (
    Draft,
    ModelFields,
    check,
    check_place,
    drafted,
    keeps,
    proper,
)
from faregate.control.errors import ConflictError, UnknownEntityError
from faregate.control.stored_models import (
    NOUN,
    Stored,
    StoredModel,
    Terms,
    opened,
    read_stored,
    without_secrets,
)
from faregate.store.errors import VersionConflictError
from faregate.store.protocol import Entity, Store

_TRIES = 5
_DRAFT = "draft"


async def every(store: Store) -> list[Entity]:
    """The documents as they are kept, by id."""
    return await store.entities(NOUN)


async def known(store: Store) -> list[ModelDeployment]:
    """What can be said of the database's deployments without any secret, for whoever asks beside
    the server: their names, and how their calls are billed. Those that serve not are among them."""
    found = []
    for each in await every(store):
        try:
            document = msgspec.convert(each.document, StoredModel)
        except msgspec.ValidationError:
            continue
        entry = without_secrets(each.id, document)
        if entry is not None:
            found.append(entry)
    return found


async def get(desk: Desk, terms: Terms, identity: str) -> Stored:
    """One stored deployment. Raises :class:`UnknownEntityError`, and :class:`ConflictError` for one
    that the configuration's file has."""
    return read_stored(terms, await _found(desk, identity))


async def make(desk: Desk, terms: Terms, wanted: ModelFields, *, identity: str = "") -> Stored:
    """A new deployment; without an id it gets one made from its name.

    Raises :class:`FieldError`, and :class:`ConflictError` for an id that is taken.
    """
    draft = fresh(wanted, desk.now)
    check(terms, _DRAFT, draft)
    return await _create(desk, terms, draft, identity)


async def clone(
    desk: Desk, terms: Terms, source: str, changes: ModelFields, *, identity: str = ""
) -> Stored:
    """A copy of a deployment, secrets included, switched off unless it is said to serve."""
    found = await _found(desk, source)
    before = _draft(terms, found, losing=changes)
    copied = replace(before, document=replace(before.document, created_at=desk.now, disabled=True))
    draft = drafted(copied, changes, desk.now)
    check_place(terms, found.id, before, draft, changes)
    check(terms, _DRAFT, draft)
    return await _create(desk, terms, draft, identity)


async def update(
    desk: Desk, terms: Terms, identity: str, changes: ModelFields, version: int | None = None
) -> Stored:
    """Change a deployment. Raises :class:`FieldError`, :class:`UnknownEntityError`,
    :class:`VersionConflictError`."""
    for attempt in range(_TRIES):
        found = await _found(desk, identity)
        _check_version(found, version)
        document = _changed(desk, terms, found, changes)
        if document == _document(found):
            break
        try:
            found = await _put(desk, identity, document, found.version)
        except VersionConflictError:
            if version is not None or attempt == _TRIES - 1:
                raise
            continue
        break
    return read_stored(terms, found)


async def switch(
    desk: Desk, terms: Terms, identity: str, *, disabled: bool, version: int | None = None
) -> Stored:
    """Let no further call go to a deployment, or let calls go to it again."""
    return await update(desk, terms, identity, ModelFields(disabled=disabled), version)


async def delete(desk: Desk, identity: str, version: int | None = None) -> None:
    """Delete a deployment with its secrets; its calls stay in the ledger."""
    for attempt in range(_TRIES):
        found = await _found(desk, identity)
        _check_version(found, version)
        try:
            await desk.store.put(
                NOUN,
                identity,
                None,
                actor=desk.actor,
                at=desk.now,
                expected_version=found.version,
            )
        except VersionConflictError:
            if version is not None or attempt == _TRIES - 1:
                raise
            continue
        return


def fresh(wanted: ModelFields, now: float) -> Draft:
    """A deployment that is not there yet. Raises :class:`FieldError` for what cannot be kept."""
    return drafted(Draft(document=StoredModel(model_name="", created_at=now)), wanted, now)


async def draft_of(desk: Desk, terms: Terms, changes: ModelFields, identity: str) -> Draft:
    """Changes of a stored deployment that are not saved; its secrets stand in for those that they
    leave out. Raises as :func:`update` does."""
    found = await _found(desk, identity)
    before = _draft(terms, found, losing=changes)
    draft = drafted(before, changes, desk.now)
    check_place(terms, identity, before, draft, changes)
    return draft


def _changed(desk: Desk, terms: Terms, found: Entity, changes: ModelFields) -> StoredModel:
    """The document after a change; the same one where nothing changes."""
    stored = _document(found)
    if changes == ModelFields(disabled=changes.disabled):
        # Even what cannot be read any more can be switched off.
        wanted = stored.disabled if changes.disabled is UNSET else changes.disabled
        same = wanted == stored.disabled
        return stored if same else replace(stored, disabled=wanted, updated_at=desk.now)
    before = _draft(terms, found, losing=changes)
    draft = drafted(before, changes, desk.now)
    if draft.secrets == before.secrets and _said(draft.document) == _said(stored):
        return stored
    check_place(terms, found.id, before, draft, changes)
    check(terms, found.id, draft)
    sealed = {
        field: stored.sealed[field]
        if secret == before.secrets.get(field) and field in stored.sealed
        else terms.sealing.seal(found.id, field, secret)
        for field, secret in draft.secrets.items()
    }
    return replace(draft.document, sealed=sealed)


def _draft(terms: Terms, found: Entity, *, losing: ModelFields) -> Draft:
    """A stored deployment with its secrets in clear; those that ``losing`` replaces are not needed,
    so a deployment whose secrets cannot be opened any more can be given new ones."""
    document = _document(found)
    params = {} if losing.params is UNSET else losing.params
    replaced = {proper(name) for name in params}
    needed = {
        field: sealed
        for field, sealed in document.sealed.items()
        if field.partition(".")[0] not in replaced or keeps(field, params)
    }
    secrets = opened(terms.sealing, found.id, replace(document, sealed=needed))
    return Draft(document=replace(document, sealed={}), secrets=secrets)


async def _create(desk: Desk, terms: Terms, draft: Draft, identity: str) -> Stored:
    if identity:
        chosen = check_id("deployment", identity)
        if chosen in (desk.deployments or ()):
            raise ConflictError(f"there is a deployment {chosen!r} already; choose another id")
        try:
            return read_stored(terms, await _put(desk, chosen, _sealed(terms, chosen, draft), 0))
        except VersionConflictError:
            raise ConflictError(
                f"there is a deployment {chosen!r} already; change that one, or choose another id"
            ) from None
    for chosen in candidates(desk, draft.document.model_name, "deployment"):
        try:
            made = await _put(desk, chosen, _sealed(terms, chosen, draft), 0)
        except VersionConflictError:
            continue
        if made.version == 1:
            return read_stored(terms, made)
        # There was one of this id once, and its calls are in the ledger: leave the id alone.
        await delete(desk, chosen, made.version)
    raise ConflictError("no free id was found; choose one")


def _sealed(terms: Terms, identity: str, draft: Draft) -> StoredModel:
    sealed = {
        field: terms.sealing.seal(identity, field, secret)
        for field, secret in draft.secrets.items()
    }
    return replace(draft.document, sealed=sealed)


async def _found(desk: Desk, identity: str) -> Entity:
    found = await desk.store.get(NOUN, identity) if 0 < len(identity) <= 256 else None
    if found is not None:
        return found
    if identity in (desk.deployments or ()):
        raise ConflictError(
            f"the deployment {identity!r} is the configuration file's: change it there, or "
            "add one of the same model name here"
        )
    raise UnknownEntityError(f"there is no deployment {identity[:128]!r}")


async def _put(desk: Desk, identity: str, document: StoredModel, version: int) -> Entity:
    return await desk.store.put(
        NOUN,
        identity,
        msgspec.to_builtins(document),
        actor=desk.actor,
        at=desk.now,
        expected_version=version,
    )


def _document(found: Entity) -> StoredModel:
    try:
        return msgspec.convert(found.document, StoredModel)
    except msgspec.ValidationError:
        raise ConflictError(
            f"the deployment {found.id!r} was stored by another version and can only be deleted"
        ) from None


def _said(document: StoredModel) -> StoredModel:
    return replace(document, sealed={}, updated_at=0.0)


def _check_version(found: Entity, version: int | None) -> None:
    if version is not None and version != found.version:
        raise VersionConflictError(
            f"deployment {found.id!r} is at version {found.version}, not {version}: it was changed "
            "meanwhile. Read it again and repeat your change"
        )
