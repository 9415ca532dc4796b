"""Plug-ins: the groups of entry points, and what is installed."""

from enum import StrEnum

from assay.contracts.agent import BUILT_IN as BUILT_IN_CONNECTORS
from assay.contracts.base import Contract, Document
from assay.contracts.judgment import BUILT_IN as BUILT_IN_JUDGES


class PluginGroup(StrEnum):
    """A kind of plug-in. The value is the name of its group of entry points."""

    CONNECTORS = "assay.connectors"
    JUDGES = "assay.judges"
    IMPORTERS = "assay.importers"
    NOTIFIERS = "assay.notifiers"
    REPORT_BLOCKS = "assay.report_blocks"

    @property
    def noun(self) -> str:
        """As in errors and tables, such as `report block`."""
        return self.value.removeprefix("assay.").removesuffix("s").replace("_", " ")


BUILT_IN: dict[PluginGroup, tuple[str, ...]] = {
    PluginGroup.CONNECTORS: BUILT_IN_CONNECTORS,
    PluginGroup.JUDGES: BUILT_IN_JUDGES,
    PluginGroup.IMPORTERS: ("openai", "tau-bench", "table"),
    PluginGroup.NOTIFIERS: (),
    PluginGroup.REPORT_BLOCKS: (),
}
"""Built-in names, which take precedence. Notifications without a notifier go through apprise."""


class Plugin(Contract):
    """One entry point of an installed package."""

    group: PluginGroup
    name: str
    """As in cards, requests, routes and policies."""
    package: str
    version: str
    target: str
    """`module:attribute`, as the package declares it."""

    @property
    def words(self) -> str:
        """As errors name it, such as ``judge `phrase` of assay-example 1.0``."""
        return f"{self.group.noun} `{self.name}` of {self.package} {self.version}"


class Plugins(Document):
    """The names available on this machine."""

    built_in: dict[PluginGroup, tuple[str, ...]]
    items: tuple[Plugin, ...]
    """Of other packages, by group and name."""


class PluginCheck(Contract):
    plugin: Plugin
    problem: str | None
    """Why it cannot be used, and what to do; None: it loads."""
