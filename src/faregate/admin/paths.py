"""Which paths are the admin's. Imports nothing, so whoever routes requests may ask at any time."""

NATIVE = "/api"
LITELLM = ("/key/", "/team/", "/user/", "/model/")
"""Beginnings of paths whose names are LiteLLM's."""

LITELLM_PATHS = (
    "/v1/model/info",
    "/spend/logs",
    "/global/spend/report",
)


def is_admin(path: str) -> bool:
    """Whether a path is answered by the admin's application, if only with a 404."""
    return (
        path == NATIVE
        or path.startswith((f"{NATIVE}/", *LITELLM))
        or path.rstrip("/") in LITELLM_PATHS
    )
