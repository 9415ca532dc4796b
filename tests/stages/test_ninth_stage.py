"""A ninth stage takes seven edits. They are made in a copy of the package, and the copy is used in earnest."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import PATIENCE_S, ROOT

HERE = Path(__file__).parent / "ninth"


@dataclass(frozen=True)
class Edit:
    """Of a file of the repository: lines that are added behind others, or a whole file of `ninth/new`."""

    file: str
    added: tuple[tuple[str, str], ...] = ()
    """(the line before, the new line)"""


EDITS = (
    Edit("src/assay/contracts/stage.py", (('    FEEDBACK = "feedback"\n', '    REVIEW = "review"\n'),)),
    Edit("src/assay/contracts/review.py"),
    Edit("src/assay/stages/review.py"),
    Edit(
        "src/assay/stages/__init__.py",
        (
            ("        feedback.SPEC,\n", "        review.SPEC,\n"),
            ("from assay.stages.spec import Parent, StageSpec\n", "from assay.stages import review\n"),
        ),
    ),
    Edit("src/assay/reports/review.py"),
    Edit(
        "web/src/stages.ts",
        (
            (
                'resource: "feedback" },\n',
                '  review: { title: "Review", says: "Counts", does: "Review", path: "runs", resource: "reviews" },\n',
            ),
        ),
    ),
    Edit("docs/guides/lifecycle.md", (("## 8 feedback\n", "## 9 review\n"),)),
)


def make(edit: Edit, root: Path) -> None:
    file = root / edit.file
    if not edit.added:
        shutil.copy(HERE / "new" / Path(edit.file).relative_to("src/assay"), file)
        return
    text = file.read_text(encoding="utf-8")
    for before, line in edit.added:
        assert text.count(before) == 1, f"{edit.file}: {before}"
        text = text.replace(before, before + line)
    file.write_text(text, encoding="utf-8")


def test_a_ninth_stage_takes_seven_edits_and_is_a_stage_like_the_others(tmp_path: Path) -> None:
    assert len(EDITS) <= 7
    unlike = shutil.ignore_patterns("web_dist", "__pycache__", "node_modules")
    for folder in ("src/assay", "docs/guides"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=unlike)
    (tmp_path / "web" / "src").mkdir(parents=True)
    shutil.copy(ROOT / "web" / "src" / "stages.ts", tmp_path / "web" / "src")
    for edit in EDITS:
        make(edit, tmp_path)

    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            str(HERE / "in_use.py"),
            "--basetemp",
            str(tmp_path / "t"),
        ],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": os.pathsep.join([str(tmp_path / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "5 passed" in done.stdout
