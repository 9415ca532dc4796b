"""Finding the Python that a card names."""

import importlib
import sys
import threading
import traceback
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from assay.errors import BadInput


def load_target(target: str, card_dir: Path) -> Any:
    """`module:attribute`, looked for in the card's folder first. Raises BadInput where it is not there.

    The folder stays on sys.path. Where two cards have modules of the same name in different folders, each gets its
    own.
    """
    module_name, _, attribute = target.partition(":")
    with _IMPORTING:
        _prefer(card_dir.resolve())
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise BadInput(
                f"connector.target: no module {error.name} for {target}: it was looked for in {card_dir.resolve()} and "
                "among the installed packages"
            ) from error
        except Exception as error:
            raise BadInput(f"connector.target: importing {module_name} failed: {told_by(error)}") from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise BadInput(f"connector.target: {module_name} has no {attribute}: mend the name after the colon")
        found = getattr(found, name)
    if not callable(found):
        raise BadInput(f"connector.target: {target} cannot be called: name a function or a class")
    return found


_IMPORTING = threading.Lock()
_FOLDERS: set[Path] = set()


def _prefer(folder: Path) -> None:
    """Puts the folder first on sys.path, and forgets modules of other cards' folders that it has its own of."""
    importlib.invalidate_caches()
    with suppress(ValueError):
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))
    others = _FOLDERS - {folder}
    _FOLDERS.add(folder)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." in name or file is None or Path(file).parent not in others:
            continue
        own = PathFinder.find_spec(name, [str(folder)])
        if own is not None and own.origin is not None and own.origin != file:
            for loaded in [other for other in sys.modules if other == name or other.startswith(f"{name}.")]:
                del sys.modules[loaded]


def told_by(error: BaseException) -> str:
    """Type, message and the innermost line."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
