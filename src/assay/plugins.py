"""The one loader of what other packages bring, by entry point: connectors, judges, importers, notifiers, report blocks.

Only what is installed beside Assay can be named. Nothing is downloaded, no name becomes a path of a module, and no
code of a package runs before its plug-in is named. Whatever a plug-in raises is told with its name, its package and
what to do; Assay's own errors, such as BadInput for options that do not fit, pass as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import TypeAdapter, ValidationError

from assay.contracts.base import Slug
from assay.contracts.plugins import BUILT_IN, Plugin, PluginCheck, PluginGroup, Plugins
from assay.errors import AssayError, BadInput

WORDS = 300
"""How many characters of a plug-in's own error are told."""
SLUG: TypeAdapter[str] = TypeAdapter(Slug)


class PluginFailed(AssayError):
    """An installed plug-in cannot be loaded, raised an error, or gave what it must not."""

    title = "Plug-in failed"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plug-in's function, ready to be called."""

    plugin: Plugin
    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Raises PluginFailed for whatever it raises besides Assay's own errors."""
        try:
            return self.function(*arguments, **named)
        except AssayError:
            raise
        except (Exception, SystemExit) as error:
            raise self.failed(error) from error

    def failed(self, error: BaseException) -> PluginFailed:
        return PluginFailed(f"the {self.words(error)}")

    def words(self, error: BaseException) -> str:
        """What went wrong and what to do, without an article before it."""
        return (
            f"{self.plugin.words} failed: {_told(error)}: correct its options, update the package, or leave the "
            "plug-in out"
        )


def installed(group: PluginGroup | None = None) -> tuple[Plugin, ...]:
    """What packages declare, by group and name, also what cannot be used; None: of all groups. Nothing is imported."""
    groups = PluginGroup if group is None else (group,)
    return tuple(_plugin(one, entry) for one in groups for entry in _entries(one))


def plugins() -> Plugins:
    """What can be named here, Assay's own names among it."""
    return Plugins(built_in=BUILT_IN, items=tuple(plugin for plugin in installed() if _usable(plugin) is None))


def names(group: PluginGroup) -> tuple[str, ...]:
    """All names that can be given, Assay's own first."""
    return (*BUILT_IN[group], *sorted({one.name for one in installed(group) if _usable(one) is None}))


def load(group: PluginGroup, name: str, field: str) -> Loaded:
    """The plug-in of this name. `field`: where it was named, as in `connector.kind`.

    Raises BadInput where no package or more than one brings it, PluginFailed where it cannot be imported.
    """
    candidates = [entry for entry in _entries(group) if entry.name == name]
    if not candidates:
        raise BadInput(unknown(group, name, field))
    if len(candidates) > 1:
        packages = " and ".join(sorted(_plugin(group, entry).package for entry in candidates))
        raise BadInput(f"{field}: {packages} both bring the {group.noun} `{name}`: uninstall one of them")
    plugin = _plugin(group, candidates[0])
    if (problem := _usable(plugin)) is not None:
        raise BadInput(f"{field}: {problem}")
    try:
        function = candidates[0].load()
    except (Exception, SystemExit) as error:
        raise PluginFailed(
            f"{field}: the {plugin.words} ({plugin.target}) cannot be loaded: {_told(error)}: "
            f"reinstall or update {plugin.package}, or leave the plug-in out"
        ) from error
    if not callable(function):
        raise PluginFailed(
            f"{field}: the {plugin.words} ({plugin.target}) is {type(function).__name__}, not a function: "
            f"update {plugin.package}, or leave the plug-in out"
        )
    return Loaded(plugin, function)


def unknown(group: PluginGroup, name: str, field: str) -> str:
    """What to tell somebody who names a plug-in that is not there."""
    there = ", ".join(names(group)) or "none"
    return (
        f"{field}: there is no {group.noun} `{name}`. Installed: {there}. A package brings others: install it where "
        "Assay runs (`pip install PACKAGE`); `assay plugin list` shows what is there"
    )


def check() -> tuple[PluginCheck, ...]:
    """Every plug-in, imported, with what is wrong with it."""
    return tuple(PluginCheck(plugin=plugin, problem=_problem(plugin)) for plugin in installed())


def _problem(plugin: Plugin) -> str | None:
    try:
        load(plugin.group, plugin.name, "name")
    except AssayError as error:
        return str(error).removeprefix("name: ")
    return None


def _usable(plugin: Plugin) -> str | None:
    """Why its name cannot be given; None: it can."""
    if plugin.name in BUILT_IN[plugin.group]:
        return f"the {plugin.words} has a name of Assay's own, which comes first: its package has to rename it"
    try:
        SLUG.validate_python(plugin.name)
    except ValidationError:
        return f"the {plugin.words} has no name that can be given: lower case, digits, `.`, `_` and `-`"
    return None


def _entries(group: PluginGroup) -> list[EntryPoint]:
    return sorted(entry_points(group=group.value), key=lambda entry: (entry.name, entry.value))


def _plugin(group: PluginGroup, entry: EntryPoint) -> Plugin:
    package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("an unknown package", "")
    return Plugin(group=group, name=entry.name, package=package, version=version, target=entry.value)


def _told(error: BaseException) -> str:
    line = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return line if len(line) <= WORDS else line[: WORDS - 1] + "…"
