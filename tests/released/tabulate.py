"""Prints what releases of transformers have by default, for `toolkit.folder.released_defaults`.

    pip download --no-deps --dest wheels transformers==4.21.3   # and further releases
    python tests/released/tabulate.py wheels/*.whl

The sources are read, not run: what the constructors take, pop and fall back to.
"""

import ast
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SOURCES = {
    "GENERATION": ("transformers/generation/configuration_utils.py", {"GenerationConfig"}),
    "MODEL": (
        "transformers/configuration_utils.py",
        {"PretrainedConfig", "PreTrainedConfig"},
    ),
}
METHODS = {
    "__init__",
    "__post_init__",
    "_get_global_generation_defaults",
    "_get_default_generation_params",
}
NO_SETTINGS = {"self", "kwargs", "model_type", "attribute_map", "sub_configs", "base_config_key"}


def tabulate(sources: Iterable[dict[str, str]]) -> dict[str, dict[str, tuple[Any, ...]]]:
    """The defaults by table and key, of the sources of any number of releases.

    Args:
        sources: The text of the files of each release, by path.
    """
    tables: dict[str, dict[str, list[Any]]] = {name: defaultdict(list) for name in SOURCES}
    for files in sources:
        for table, (path, classes) in SOURCES.items():
            for key, value in defaults(files.get(path, ""), classes):
                if key not in NO_SETTINGS and repr(value) not in map(repr, tables[table][key]):
                    tables[table][key].append(value)
    return {
        table: {key: tuple(values) for key, values in sorted(keys.items())}
        for table, keys in tables.items()
    }


def defaults(source: str, classes: set[str]) -> Iterator[tuple[str, Any]]:
    """What classes of a module have by default."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name in classes:
            for part in node.body:
                yield from _literal(_of_statement(part))


def _of_statement(part: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
        if part.value is not None and "ClassVar" not in ast.unparse(part.annotation):
            yield part.target.id, part.value
    elif isinstance(part, ast.FunctionDef) and part.name in METHODS:
        for node in ast.walk(part):
            yield from _of_expression(node)
        named = zip(part.args.kwonlyargs, part.args.kw_defaults, strict=True)
        yield from ((word.arg, value) for word, value in named if value is not None)


def _of_expression(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """A `kwargs.pop("key", value)`, or the table that a method returns."""
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict):
        for key, value in zip(node.value.keys, node.value.values, strict=True):
            if isinstance(key, ast.Constant):
                yield str(key.value), value
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "kwargs.pop":
        key, *values = node.args
        if isinstance(key, ast.Constant):
            yield from ((str(key.value), value) for value in values)


def _literal(found: Iterable[tuple[str, ast.expr]]) -> Iterator[tuple[str, Any]]:
    for key, value in found:
        try:
            yield key, ast.literal_eval(value)
        except ValueError:
            continue


def read_wheel(path: Path) -> dict[str, str]:
    """The sources that the tables are made of, out of a wheel."""
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        return {file: wheel.read(file).decode() for file, _ in SOURCES.values() if file in names}


if __name__ == "__main__":
    for table, keys in tabulate(map(read_wheel, map(Path, sys.argv[1:]))).items():
        print(table, "= {")
        for key, values in keys.items():
            print(f"    {key!r}: {values!r},")
        print("}")
