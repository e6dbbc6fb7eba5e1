"""Which pairs to compare: from pytest's command line, pytest.ini and pyproject.toml."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonDict
from toolkit.examples.medium import MEDIA
from toolkit.session.options import Item, Named, items_of
from toolkit.session.requests.verify import Pair
from toolkit.session.values import read_json_object

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_REPORT = ".toolkit-parity"
_NAMED = tuple(medium.name for medium in MEDIA)
RUN_BY_PYTEST = ("conftest.py", "__init__.py")


@dataclass(frozen=True, kw_only=True)
class PairSettings(Pair):
    """One checkpoint and the folder that must equal it."""

    name: Annotated[str, Named("What the pair is called; the folder's name by default.")]
    tolerances: Annotated[Path | None, Named("File of tolerance rules.")] = None
    report: Annotated[Path, Named("Folder for the report of a failing pair.")]
    from_command_line: bool = False

    @property
    def entry(self) -> Path:
        """The file by which pytest collects the pair."""
        return self.hf_dir / "config.json"


ITEMS = {item.name: item for item in items_of(PairSettings)}
KEYS = tuple("target" if name == "hf_dir" else name for name in ITEMS)
"""What a table may say; the folder is the `target` of a pair."""


def read_pairs(config: pytest.Config) -> tuple[PairSettings, ...]:
    """All configured pairs, the command line's first.

    Raises:
        BadInput: a setting is unknown, wrong or ambiguous, or a folder cannot be collected.
    """
    tables = [
        *_from_command_line(config),
        *_from_ini(config),
        *_from_pyproject(config.rootpath / "pyproject.toml", config.rootpath),
    ]
    pairs = tuple(_make_pair(table, folder, report) for table, folder, report in tables)
    _refuse_twins(pairs)
    for pair in pairs:
        _refuse_folder(pair)
    return pairs


_Table = tuple[JsonDict, Path, Path]
"""The settings of one pair, the folder that its paths are relative to, and where reports go."""


def _from_command_line(config: pytest.Config) -> Iterator[_Table]:
    options = {
        name: config.getoption(f"toolkit_{name}")
        for name in ("checkpoint", "target", *_NAMED, "recording", "tolerances")
    }
    given = {name: value for name, value in options.items() if value is not None}
    if not given:
        return
    if not {"checkpoint", "target"} <= given.keys():
        raise BadInput(
            "`--toolkit-checkpoint` and `--toolkit-target` must be given together, but "
            f"`--toolkit-{next(iter(given))}` stands without. Name both sides of the pair."
        )
    folder = config.invocation_params.dir
    yield {**given, "from_command_line": True}, folder, _report(config, folder)


def _from_ini(config: pytest.Config) -> Iterator[_Table]:
    """Lines such as `models/small.pt -> hf/small name=small audio=clips`."""
    folder = config.inipath.parent if config.inipath is not None else config.rootpath
    for line in config.getini("toolkit_parity"):
        words = shlex.split(line)
        settings = dict(word.partition("=")[::2] for word in words[3:])
        if len(words) < 3 or words[1] != "->" or not all("=" in word for word in words[3:]):
            raise BadInput(
                "A line of `toolkit_parity` must be `CHECKPOINT -> HF_DIR [key=value ...]`, but is "
                f"`{line}`. Correct it."
            )
        yield {"checkpoint": words[0], "target": words[2], **settings}, folder, _report(config)


def _from_pyproject(path: Path, folder: Path) -> Iterator[_Table]:
    if not path.is_file():
        return
    try:
        tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be readable TOML, but {reason_of(error)}. Correct it."
        ) from error
    table = tool.get("toolkit", {}).get("parity")
    if table is None:
        return
    shared = {key: value for key, value in table.items() if key != "pairs"}
    pairs = table.get("pairs", [shared] if "checkpoint" in shared else [])
    if not isinstance(pairs, list) or not pairs or not all(isinstance(p, dict) for p in pairs):
        raise BadInput(
            f"`[tool.toolkit.parity]` in `{path}` must list pairs as "
            "`[[tool.toolkit.parity.pairs]]`, but lists none. Add a pair, or remove the table."
        )
    for pair in pairs:
        yield {**shared, **pair}, folder, folder / DEFAULT_REPORT


def _report(config: pytest.Config, folder: Path | None = None) -> Path:
    root = folder or config.rootpath
    named = config.getoption("toolkit_report") or config.getini("toolkit_report")
    return root / (named or DEFAULT_REPORT)


def _make_pair(table: JsonDict, folder: Path, report: Path) -> PairSettings:
    unknown = sorted(table.keys() - {*KEYS, "from_command_line"})
    if unknown:
        raise BadInput(
            f"{', '.join(f'`{key}`' for key in unknown)} is no setting of a parity pair. The "
            f"settings are {', '.join(KEYS)}."
        )
    if not {"checkpoint", "target"} <= table.keys():
        raise BadInput(
            "A parity pair must have `checkpoint` and `target`, but has only "
            f"{', '.join(f'`{key}`' for key in table) or 'nothing'}. Name both sides."
        )
    _refuse_both(table)
    named = {"hf_dir" if key == "target" else key: value for key, value in table.items()}
    read = {key: _read(item, named[key], folder) for key, item in ITEMS.items() if key in named}
    pair = PairSettings(
        **{"name": read["hf_dir"].name, "report": report, **read},
        from_command_line=bool(table.get("from_command_line")),
    )
    pair.check()
    return pair


def _read(item: Item, value: Any, folder: Path) -> Any:
    """A value as the Python functions take it; pytest.ini knows texts only."""
    if item.type is Sequence:
        return tuple(_path(folder, part) for part in ([value] if isinstance(value, str) else value))
    if item.type is Path:
        return _path(folder, value)
    if isinstance(value, str) and item.type is Mapping:
        return read_json_object(item.name, value)
    if isinstance(value, str) and item.type is bool:
        return value == "true"
    return str(value) if item.name == "name" else value


def _path(folder: Path, name: Any) -> Path:
    if not isinstance(name, str) or not name:
        raise BadInput(
            f"A path of a parity pair must be a text, but is {name!r}. Write it in quotes."
        )
    return (folder / name).resolve()


def _refuse_both(table: JsonDict) -> None:
    for name in _NAMED:
        if {name, "recording"} <= table.keys():
            raise BadInput(
                f"A parity pair must have `{name}` or `recording`, as a recording holds its own "
                "clips, but has both. Leave one out."
            )


def _refuse_twins(pairs: tuple[PairSettings, ...]) -> None:
    for what, field in (("name", "name"), ("target", "hf_dir")):
        seen = [getattr(pair, field) for pair in pairs]
        twice = sorted({str(value) for value in seen if seen.count(value) > 1})
        if twice:
            raise BadInput(
                f"Every parity pair must have a `{what}` of its own, but several have "
                f"{', '.join(f'`{value}`' for value in twice)}. Give each its own."
            )


def _refuse_folder(pair: PairSettings) -> None:
    if not pair.entry.is_file():
        raise BadInput(
            f"`{pair.hf_dir}` must be a Hugging Face folder with a `config.json`, but has none. "
            "Convert the checkpoint first: `toolkit convert CHECKPOINT HF_DIR`."
        )
    foreign = [name for name in RUN_BY_PYTEST if (pair.hf_dir / name).exists()]
    if foreign:
        raise BadInput(
            f"`{pair.hf_dir}` must hold a model alone, but holds `{foreign[0]}`, which pytest "
            "would run. Remove it."
        )
    if not pair.checkpoint.is_file():
        raise BadInput(f"`{pair.checkpoint}` must be a checkpoint, but is no file. Check the path.")
