"""Prompt templates: files with `{{variable}}`, as MLflow's prompt registry writes them."""

import re
from collections.abc import Mapping

from assay.errors import BadInput

VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def render(template: str, **values: str) -> str:
    """Puts the values in, each once and as it is. Raises BadInput for a variable that nobody gave."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise BadInput(f"prompt: {{{{{name}}}}} is no variable here: use {', '.join(sorted(values))}")
        return values[name]

    return VARIABLE.sub(value, template)


def in_force(packaged: Mapping[str, str], given: Mapping[str, str] | str | None) -> dict[str, str]:
    """An agent's prompts by their part, the main one under "": those that were given, else the packaged ones."""
    if isinstance(given, str):
        given = {"": given}
    return {**packaged, **(given or {})}
