"""Assay: the lifecycle of LLM agents, from a scenario to a gated verdict and back from production."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.notebook import Project, load_dataset

__all__ = ["Project", "load_dataset"]


def __getattr__(name: str) -> Any:
    """`import assay` costs nothing until something of it is used."""
    if name in __all__:
        from assay import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module 'assay' has no attribute {name!r}")
