"""The Python files that an agent consists of: its target's module and the local modules that these import."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path


def source_files(target: str, card_dir: Path) -> list[Path]:
    """The files of `module:attribute` and of every local module that it imports, directly or not, in order of path.

    Local is what lies in the card's folder, or in the package of a target that lies elsewhere. Imports are read from
    the source, so nothing is run; modules that are imported by a computed name are not seen. Empty where the target's
    module has no source file.
    """
    module = target.partition(":")[0]
    folder = card_dir.resolve()
    roots = [folder, *(Path(entry or ".").resolve() for entry in sys.path)]
    first = _file(module, roots)
    if first is None:
        return []
    home = next(root for root in roots if first.is_relative_to(root) and _file(module, [root]) == first)
    local = folder if first.is_relative_to(folder) else home / module.partition(".")[0]
    found: set[Path] = set()
    waiting = [module]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        parent = name.rpartition(".")[0]
        if parent:
            waiting.append(parent)  # importing a module runs its package's __init__
        file = _file(name, [folder, home])
        if file is None or not (file.is_relative_to(local) or file == first):
            continue
        found.add(file)
        waiting += _imported(file, name)
    return sorted(found)


def _file(module: str, roots: list[Path]) -> Path | None:
    for root in roots:
        place = root.joinpath(*module.split("."))
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                return file
    return None


def _imported(file: Path, module: str) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return  # importing it says what is wrong
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=named, names=names, level=level):
                base = ".".join(package.split(".")[: len(package.split(".")) - level + 1]) if level else ""
                origin = ".".join(part for part in (base, named) if part)
                if origin:
                    yield origin
                yield from (f"{origin}.{alias.name}" if origin else alias.name for alias in names)
            case _:
                pass
