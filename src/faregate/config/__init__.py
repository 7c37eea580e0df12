"""Text and an environment mapping to :class:`Settings`; strict, and nothing is read here.

``load(path, environ, read)`` is all there is to it. ``read`` and ``environ`` are the caller's, so
only the command line touches files and variables. Everything wrong is reported at once.
"""

from faregate.config.loading import load
from faregate.config.problems import ConfigProblems, Problem
from faregate.config.secret import Secret
from faregate.config.settings import (
    Credential,
    EdgeLimits,
    General,
    Log,
    Metrics,
    ModelDeployment,
    Redis,
    Routing,
    Settings,
)

__all__ = [
    "ConfigProblems",
    "Credential",
    "EdgeLimits",
    "General",
    "Log",
    "Metrics",
    "ModelDeployment",
    "Problem",
    "Redis",
    "Routing",
    "Secret",
    "Settings",
    "load",
]
