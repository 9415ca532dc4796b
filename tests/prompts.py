"""Prompts as files that a test holds against what was sent: a changed prompt is a difference that somebody reads."""

import os
from pathlib import Path
from typing import Any


def same_prompt(request: dict[str, Any], file: Path) -> None:
    """What the model was sent equals the file. `RENEW_SNAPSHOTS=1 pytest ...` writes the file anew."""
    sent = "\n\n".join(f"--- {message['role']}\n{message['content']}" for message in request["messages"]) + "\n"
    if os.environ.get("RENEW_SNAPSHOTS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(sent, encoding="utf-8")
    assert sent == file.read_text(encoding="utf-8"), f"{file.name} changed: RENEW_SNAPSHOTS=1 takes it over"
