"""Prompt templates: files with `{{variable}}`, as MLflow's prompt registry writes them."""

import re

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
