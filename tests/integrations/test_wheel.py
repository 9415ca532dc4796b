"""What an installed Assay consists of."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S, ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that a wheel is made of."""
    folder = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", "web_dist")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


def build(checkout: Path, **env: str) -> subprocess.CompletedProcess[str]:
    uv = Path(sys.executable).parent / "uv"
    return subprocess.run(
        [str(uv), "build", "--wheel", "--out-dir", str(checkout / "dist")],
        cwd=checkout,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_wheel_holds_the_page_with_its_licences_the_prompts_and_the_templates(checkout: Path):
    page = checkout / "src" / "assay" / "web_dist"
    page.mkdir()
    for name in ("index.html", "LICENSES.md"):
        (page / name).write_text(name)
    done = build(checkout)
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(next((checkout / "dist").glob("*.whl"))).namelist()
    assert {"assay/web_dist/index.html", "assay/web_dist/LICENSES.md", "assay/py.typed"} <= set(names)
    assert any(name.startswith("assay/agents/judge/") and name.endswith(".md") for name in names)
    assert any(name.startswith("assay/reports/templates/") for name in names)


def test_a_build_without_the_page_says_how_to_get_one(checkout: Path):
    """Nothing to build it from is there: the wheel is not made without a word about it."""
    done = build(checkout)
    assert done.returncode != 0
    assert "the web page cannot be built" in done.stderr and "ASSAY_BUILD_PAGE=0" in done.stderr
    assert build(checkout, ASSAY_BUILD_PAGE="0").returncode == 0
