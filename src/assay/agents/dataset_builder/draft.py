"""What drafting gives."""

from dataclasses import dataclass

from assay.contracts.dataset import Scenario
from assay.contracts.stage import Usage


@dataclass(frozen=True, slots=True)
class Draft:
    scenarios: tuple[Scenario, ...]
    notes: tuple[str, ...]
    """What a person should look at before using them."""
    usage: Usage
