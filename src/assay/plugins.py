"""The only loader of entry points: connectors, judges, importers, notifiers and report blocks of other packages.

Only installed plug-ins can be named. Nothing is downloaded, no name is used as a module path, and no code of a package
runs before its plug-in is named. An exception in a plug-in becomes an error with the plug-in's name, its package and
what to do. Assay's own errors, such as BadInput for wrong options, pass unchanged.
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
"""Maximum length of a plug-in's own error within a message, in characters."""
SLUG: TypeAdapter[str] = TypeAdapter(Slug)


class PluginFailed(AssayError):
    """An installed plug-in cannot be loaded, raised an exception, or returned something invalid."""

    title = "Plug-in failed"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plug-in's function, ready to be called."""

    plugin: Plugin
    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Raises PluginFailed for any exception that is not one of Assay's own."""
        try:
            return self.function(*arguments, **named)
        except AssayError:
            raise
        except (Exception, SystemExit) as error:
            raise self.failed(error) from error

    def failed(self, error: BaseException) -> PluginFailed:
        return PluginFailed(f"the {self.words(error)}")

    def words(self, error: BaseException) -> str:
        """The problem and what to do, without a leading article."""
        return (
            f"{self.plugin.words} failed: {_told(error)}: correct its options, update the package, or do not "
            "use the plug-in"
        )


def installed(group: PluginGroup | None = None) -> tuple[Plugin, ...]:
    """All declared plug-ins by group and name, usable or not; None: of all groups. Nothing is imported."""
    groups = PluginGroup if group is None else (group,)
    return tuple(_plugin(one, entry) for one in groups for entry in _entries(one))


def plugins() -> Plugins:
    """All names available here, including the built-in ones."""
    return Plugins(built_in=BUILT_IN, items=tuple(plugin for plugin in installed() if _usable(plugin) is None))


def names(group: PluginGroup) -> tuple[str, ...]:
    """All available names, built-in ones first."""
    return (*BUILT_IN[group], *sorted({one.name for one in installed(group) if _usable(one) is None}))


def load(group: PluginGroup, name: str, field: str) -> Loaded:
    """The plug-in of this name. `field`: where it was named, as in `connector.kind`.

    Raises BadInput if no package or more than one provides it, PluginFailed if it cannot be imported.
    """
    candidates = [entry for entry in _entries(group) if entry.name == name]
    if not candidates:
        raise BadInput(unknown(group, name, field))
    if len(candidates) > 1:
        packages = " and ".join(sorted(_plugin(group, entry).package for entry in candidates))
        raise BadInput(f"{field}: {packages} both provide the {group.noun} `{name}`: uninstall one of them")
    plugin = _plugin(group, candidates[0])
    if (problem := _usable(plugin)) is not None:
        raise BadInput(f"{field}: {problem}")
    try:
        function = candidates[0].load()
    except (Exception, SystemExit) as error:
        raise PluginFailed(
            f"{field}: the {plugin.words} ({plugin.target}) cannot be loaded: {_told(error)}: "
            f"reinstall or update {plugin.package}, or do not use the plug-in"
        ) from error
    if not callable(function):
        raise PluginFailed(
            f"{field}: the {plugin.words} ({plugin.target}) is {type(function).__name__}, not a function: "
            f"update {plugin.package}, or do not use the plug-in"
        )
    return Loaded(plugin, function)


def unknown(group: PluginGroup, name: str, field: str) -> str:
    """The message for a name that no installed package provides."""
    there = ", ".join(names(group)) or "none"
    return (
        f"{field}: there is no {group.noun} `{name}`. Installed: {there}. Install the package that "
        f"provides it in Assay's environment (`pip install PACKAGE`); `assay plugin list` shows the available names"
    )


def check() -> tuple[PluginCheck, ...]:
    """Imports every plug-in and gives its problem, if any."""
    return tuple(PluginCheck(plugin=plugin, problem=_problem(plugin)) for plugin in installed())


def _problem(plugin: Plugin) -> str | None:
    try:
        load(plugin.group, plugin.name, "name")
    except AssayError as error:
        return str(error).removeprefix("name: ")
    return None


def _usable(plugin: Plugin) -> str | None:
    """Why it cannot be used by name; None: it can."""
    if plugin.name in BUILT_IN[plugin.group]:
        return (
            f"the {plugin.words} has the name of a built-in one, which takes precedence: its package has to rename it"
        )
    try:
        SLUG.validate_python(plugin.name)
    except ValidationError:
        return f"the {plugin.words} has an invalid name: use lower-case letters, digits, `.`, `_` and `-`"
    return None


def _entries(group: PluginGroup) -> list[EntryPoint]:
    return sorted(entry_points(group=group.value), key=lambda entry: (entry.name, entry.value))


def _plugin(group: PluginGroup, entry: EntryPoint) -> Plugin:
    package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("an unknown package", "")
    return Plugin(group=group, name=entry.name, package=package, version=version, target=entry.value)


def _told(error: BaseException) -> str:
    line = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return line if len(line) <= WORDS else line[: WORDS - 1] + "…"
