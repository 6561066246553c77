"""Does the training function exist? Answered from the source text, without importing anybody's code."""

from __future__ import annotations

import ast
import difflib
from importlib.machinery import PathFinder
from pathlib import Path

from caviar.contract.messages import Trainer
from caviar.errors import Problem

MAX_SOURCE_BYTES = 5_000_000


def check_trainer(trainer: Trainer, folder: Path) -> Problem | None:
    """Look for ``trainer.function`` in ``folder``, where the study file lies, then among installed packages.

    Returns None where the module and the name are there, or where only an import can tell (a compiled module, a
    name made by ``import *``). The worker imports it for real before the first trial.
    """
    if trainer.function is None:
        return None
    module, _, name = trainer.function.partition(":")
    path, known_package = _find(module, folder)
    if path is None:
        if known_package:
            return None
        return _problem(
            f"there is no module {module!r} in {folder}", _module_hint(module, name, folder)
        )
    try:
        if path.stat().st_size > MAX_SOURCE_BYTES:
            return None
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        return _problem(f"{path.name}, line {error.lineno}: {error.msg}", "Correct it first.")
    except OSError as error:
        return _problem(f"{path} cannot be read: {error.strerror}")
    names, certain = _names(tree)
    if name in names or not certain:
        return None
    shown = module if path.name == "__init__.py" else path.name
    return _problem(f"{shown} has no {name!r}", _name_hint(module, name, tree))


def _problem(reason: str, way_out: str = "") -> Problem:
    return Problem(("trainer", "function"), reason, way_out)


def _find(module: str, folder: Path) -> tuple[Path | None, bool]:
    """The module's source file, and whether its top-level package is installed (its inside is left alone)."""
    base = folder.joinpath(*module.split("."))
    for candidate in (base.with_name(base.name + ".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate, False
    top = module.partition(".")[0]
    installed = PathFinder.find_spec(top)
    if installed is None:
        return None, False
    origin = installed.origin or ""
    if top == module and origin.endswith(".py"):
        return Path(origin), True
    return None, True


def _names(tree: ast.Module) -> tuple[set[str], bool]:
    """Names bound at the top level, also inside if and try; whether these are surely all."""
    names: set[str] = set()
    certain = True
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        statement = pending.pop()
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(statement.name)
                continue
            case ast.Import() | ast.ImportFrom():
                for alias in statement.names:
                    names.add((alias.asname or alias.name).partition(".")[0])
                    certain = certain and alias.name != "*"
                continue
        for node in ast.iter_child_nodes(statement):
            if isinstance(node, ast.stmt):
                pending.append(node)
            elif isinstance(node, ast.ExceptHandler):
                pending.extend(node.body)
            else:
                names.update(
                    child.id
                    for child in ast.walk(node)
                    if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
                )
    return names, certain and "__getattr__" not in names


def _functions(tree: ast.Module) -> list[str]:
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def _name_hint(module: str, name: str, tree: ast.Module) -> str:
    functions = _functions(tree)
    close = difflib.get_close_matches(name, functions, n=1, cutoff=0.5)
    public = [function for function in functions if not function.startswith("_")]
    guess = close or (public if len(public) == 1 else [])
    if guess:
        return f'Did you mean "{module}:{guess[0]}"?'
    return f"It defines {', '.join(public)}." if public else "It defines no function."


def _module_hint(module: str, name: str, folder: Path) -> str:
    modules = sorted(path.stem for path in folder.glob("*.py"))
    close = difflib.get_close_matches(module, modules, n=1, cutoff=0.5)
    if close:
        return f'Did you mean "{close[0]}:{name}"?'
    if modules:
        return f"The folder has {', '.join(modules[:8])}."
    return "The module lies beside the study file."
