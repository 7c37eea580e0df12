"""Which operation a path means: every URL shape of a Foundry resource. Pure."""

import re
from urllib.parse import parse_qs

from msgspec import Struct

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?\Z")
_OPERATION = r"(?P<operation>chat/completions|embeddings)"
_UNVERSIONED = re.compile(rf"(/api/projects/[^/]+)?(/openai/v1|/v1|)/{_OPERATION}\Z")
_DEPLOYMENT = re.compile(rf"/openai/deployments/(?P<deployment>[^/]+)/{_OPERATION}\Z")
_INFERENCE = re.compile(rf"/models/{_OPERATION}\Z")
_MODELS = re.compile(r"(/api/projects/[^/]+)?(/openai/v1|/v1)/models(/(?P<model>[^/]+))?\Z")


class Operation(Struct, frozen=True):
    """What is asked for, and the deployment where the path names it."""

    name: str
    """``chat/completions``, ``embeddings``, ``models`` or ``model``."""
    deployment: str = ""


def operation_of(method: str, path: str, query: bytes) -> Operation | None:
    """The operation of a request; None where Azure answers "Resource not found", which it also
    does for a dated path without a valid ``api-version``."""
    if method == "GET":
        found = _MODELS.match(path)
        if not found:
            return None
        return Operation("model", found["model"]) if found["model"] else Operation("models")
    if method != "POST":
        return None
    found = _UNVERSIONED.match(path)
    if found:
        return Operation(found["operation"])
    versions = parse_qs(query.decode("latin-1")).get("api-version", [""])
    if not _VERSION.match(versions[-1]):
        return None
    found = _DEPLOYMENT.match(path)
    if found:
        return Operation(found["operation"], found["deployment"])
    found = _INFERENCE.match(path)
    return Operation(found["operation"]) if found else None
