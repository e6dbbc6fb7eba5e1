"""The files that belong to a checkpoint: `config.yaml`, the dictionary, the sentencepiece model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import TypeVar

from toolkit.checkpoint.dictionary import WORDLESS, Dictionary, read_dictionary
from toolkit.checkpoint.plain_files import read_small
from toolkit.checkpoint.plain_yaml import load_yaml
from toolkit.checkpoint.values import quote
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonObject
from toolkit.families.languages import find_languages

T = TypeVar("T")
MAX_YAML_BYTES = 1 << 18
"""fairseq's own are a few hundred bytes."""
COMPANION_SUFFIXES = {".yaml", ".yml", ".txt", ".model", ".vocab", ".npz", ".pt"}
COMPANION_NAMES = {"config.json"}
"""Of other files beside a checkpoint, as vocoders have them; some bear the checkpoint's own name."""
SPACE = "\u2581"
"""What sentencepiece writes for a space."""


@dataclass(frozen=True, kw_only=True)
class Sidecars:
    """What stands beside a checkpoint and takes part in a conversion."""

    dict_path: Path | None = None
    """None where the model says nothing."""
    dictionary: Dictionary = WORDLESS
    config_yaml: Path | None = None
    """None where fairseq's task reads none."""
    config: JsonObject = field(default_factory=dict)
    spm_path: Path | None = None
    """None where the symbols of the dictionary stand in a text as they are, as units do."""
    statistics: Path | None = None
    """Of a corpus, by which what the model hears is normalized; None where nothing is."""
    own_config: Path | None = None
    """What the model itself is built of, where the checkpoint does not say; None where it does."""

    @cached_property
    def languages(self) -> Mapping[str, int]:
        """Ids of the language tags, by language code."""
        return find_languages(self.dictionary)

    def tag_of(self, code: str) -> str:
        """The symbol that stands for one of the languages.

        Raises:
            KeyError: the dictionary has no tag of that language.
        """
        return self.dictionary.symbols[self.languages[code]]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files themselves."""
        found = (self.config_yaml, self.dict_path, self.spm_path, self.statistics, self.own_config)
        return tuple(path for path in found if path is not None)

    @property
    def files(self) -> dict[str, str]:
        """What each file is, and where; one that there may be and is not, with what that means."""
        told = {"statistics": self.statistics, "configuration": self.own_config}
        statistics = {what: str(path) for what, path in told.items() if path is not None}
        if self.config_yaml is None:
            named = {"dictionary": self.dict_path, "sentencepiece model": self.spm_path}
            found = {what: str(path) for what, path in named.items() if path is not None}
            return {**found, **statistics}
        if self.dict_path is None:
            return {"config.yaml": str(self.config_yaml), **statistics}
        return {
            "config.yaml": str(self.config_yaml),
            "dictionary": str(self.dict_path),
            "sentencepiece model": str(self.spm_path or "none: words are symbols"),
            **statistics,
        }


_OPTIONS = {"config_yaml": "--config-yaml", "dictionary": "--dict", "pieces": "--spm"}


@dataclass(frozen=True, kw_only=True)
class Named:
    """The companions that the user names."""

    config_yaml: Path | None = None
    dictionary: Path | None = None
    pieces: Path | None = None

    def refuse(self, *names: str, because: str) -> None:
        """Refuses files that a checkpoint's task does not read.

        Args:
            names: Fields.
            because: What its models have instead.

        Raises:
            BadInput: one of them is named.
        """
        for name in names:
            path = getattr(self, name)
            if path is not None:
                raise BadInput(
                    f"`{_OPTIONS[name]} {path}` must name a file that the checkpoint's task reads, "
                    f"but {because}. Leave the option out."
                )


def find_sidecars(
    checkpoint: Path,
    *,
    config_yaml: Path | None = None,
    dict_path: Path | None = None,
    spm_path: Path | None = None,
) -> Sidecars:
    """The checkpoint's companions: those named, else those that stand beside it.

    `config.yaml` names the dictionary (`vocab_filename`) and the sentencepiece model
    (`bpe_tokenizer.sentencepiece_model`); of names that lead elsewhere the last part is looked up
    beside the two, because released checkpoints carry paths of the machine they were trained on.

    Where it names no sentencepiece model and none stands beside, there is none: fairseq then takes
    the words of a text for symbols, as it does for units of speech.

    Raises:
        BadInput: one of them cannot be found or read, or texts are prepared in another way.
    """
    folder = checkpoint.parent
    yaml_path = config_yaml or folder / "config.yaml"
    missing = _Missing()
    config = missing.unless_found(lambda: _read_yaml(yaml_path))
    _check_preparation(yaml_path, config or {})
    named = "dict.txt" if config is None else str(config.get("vocab_filename", "dict.txt"))
    dictionary_path = dict_path or missing.unless_found(
        lambda: find_beside(folder, yaml_path, named, "dictionary", "--dict")
    )
    dictionary = None if dictionary_path is None else read_dictionary(dictionary_path)
    found_spm = spm_path or missing.unless_found(
        lambda: _maybe_spm(folder, yaml_path, config, dictionary)
    )
    if missing.said or config is None or dictionary_path is None or dictionary is None:
        raise BadInput("\n".join(missing.said))
    return Sidecars(
        config_yaml=yaml_path,
        config=config,
        dict_path=dictionary_path,
        dictionary=dictionary,
        spm_path=found_spm,
    )


def find_configuration(checkpoint: Path, named: Path | None) -> Sidecars:
    """The data configuration alone, of a task that makes its dictionary itself.

    Args:
        checkpoint: The checkpoint.
        named: The one that the user names; by default the one beside the checkpoint.

    Raises:
        BadInput: it cannot be found or read.
    """
    path = named or checkpoint.parent / "config.yaml"
    return Sidecars(config_yaml=path, config=_read_yaml(path))


def find_named_dictionary(folder: Path, kinds: Iterable[object]) -> Path | None:
    """A dictionary by the name that fairseq's tasks look for, or None where none stands there.

    Args:
        folder: Where the checkpoint is.
        kinds: What its symbols may be called, such as `ltr`; what is no text is left out.
    """
    return next((folder / n for n in dictionary_names(kinds) if _is_file(folder / n)), None)


def dictionary_names(kinds: Iterable[object]) -> tuple[str, ...]:
    """The names that a dictionary beside a checkpoint may have; none leads to another folder."""
    told = (kind for kind in kinds if isinstance(kind, str) and kind and "/" not in kind)
    return tuple(dict.fromkeys((*(f"dict.{kind}.txt" for kind in told), "dict.txt")))


def check_dictionary_size(sidecars: Sidecars, expected: int, rows_of: str) -> None:
    """Refuses a dictionary that is not the checkpoint's.

    Args:
        sidecars: What stands beside the checkpoint.
        expected: How many symbols the checkpoint has.
        rows_of: The tensor that says so.

    Raises:
        BadInput: the dictionary has more or fewer symbols.
    """
    found = len(sidecars.dictionary)
    if expected != found:
        raise BadInput(
            f"`{sidecars.dict_path}` must give {expected} symbols, as {rows_of} has rows, but gives "
            f"{found} (four of them fairseq's own). Name the checkpoint's own dictionary with "
            "`--dict`."
        )


class _Missing:
    """What cannot be found, all of which is said at once."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def unless_found(self, find: Callable[[], T]) -> T | None:
        """What was found; None where that is an error to come."""
        try:
            return find()
        except BadInput as error:
            self.said.append(str(error))
            return None


def is_companion(path: PurePath, checkpoint: PurePath) -> bool:
    """Whether a file beside a checkpoint may belong to it, as far as its name tells."""
    own = f"{checkpoint.stem}.json"
    return path.suffix in COMPANION_SUFFIXES or path.name in {*COMPANION_NAMES, own}


def companions(checkpoint: Path) -> Iterator[Path]:
    """The files beside a checkpoint that may belong to it, as far as names tell."""
    with suppress(OSError, ValueError):
        for path in checkpoint.absolute().parent.iterdir():
            if is_companion(path, checkpoint) and path.is_file():
                yield path
    config: JsonObject = {}
    with suppress(BadInput):
        config = _read_yaml(checkpoint.parent / "config.yaml")
    named = (
        config.get("vocab_filename"),
        _settings(config, "bpe_tokenizer").get("sentencepiece_model"),
    )
    for name in named:
        if isinstance(name, str) and _is_file(path := checkpoint.parent / Path(name).name):
            yield path


def _check_preparation(yaml_path: Path, config: JsonObject) -> None:
    """Refuses what fairseq can do to a text and a folder cannot."""
    steps = (("pre_tokenizer", "tokenizer", ()), ("bpe_tokenizer", "bpe", ("sentencepiece",)))
    for step, key, known in steps:
        kind = _settings(config, step).get(key)
        if kind not in (None, *known):
            raise BadInput(
                f"`{step}.{key}` in `{yaml_path}` must be {' or '.join([*known, 'null'])}, but is "
                f"{str(kind)!r:.40}: fairseq prepares texts with it, and no tokenizer of "
                "transformers is known to do the same. Name a configuration without it with "
                "`--config-yaml` if texts come prepared."
            )


def _maybe_spm(
    folder: Path,
    yaml_path: Path,
    config: JsonObject | None,
    dictionary: Dictionary | None,
) -> Path | None:
    """The sentencepiece model; what is not known of the other two files is taken to ask for one."""
    bpe = _settings(config or {}, "bpe_tokenizer")
    if bpe.get("sentencepiece_model"):
        name = str(bpe["sentencepiece_model"])
        return find_beside(folder, yaml_path, name, "sentencepiece model", "--spm")
    found = sorted(folder.glob("*.model"))
    if len(found) == 1:
        return found[0]
    if not found and dictionary is not None and not _wants_spm(config or {}, dictionary):
        return None
    raise BadInput(
        f"`{yaml_path}` must name the sentencepiece model as `bpe_tokenizer.sentencepiece_model`, "
        f"but names none, and {len(found)} files `*.model` stand beside the checkpoint in "
        f"`{folder}`. Name it with `--spm`."
    )


def _wants_spm(config: JsonObject, dictionary: Dictionary) -> bool:
    named = config.get("bpe_tokenizer")
    kind = named if isinstance(named, str) else _settings(config, "bpe_tokenizer").get("bpe")
    return kind is not None or any(SPACE in symbol for symbol in dictionary.symbols)


def _settings(config: JsonObject, step: str) -> JsonObject:
    settings = config.get(step)
    return settings if isinstance(settings, Mapping) else {}


def find_beside(folder: Path, yaml_path: Path, name: str, what: str, option: str) -> Path:
    """A file that a configuration names, wherever it stood where the checkpoint was trained.

    Args:
        folder: The checkpoint's.
        yaml_path: The configuration.
        name: What it calls the file.
        what: What the file is, in words.
        option: What names it otherwise.

    Raises:
        BadInput: it stands neither beside the checkpoint nor beside the configuration.
    """
    looked_for = list(dict.fromkeys(_candidates(folder, yaml_path.parent, name)))
    for candidate in looked_for:
        if _is_file(candidate):
            return candidate
    where = ", ".join(f"`{quote(str(path))}`" for path in looked_for) or "no file has that name"
    raise BadInput(
        f"`{quote(name)}`, the {what} that `{yaml_path}` names, must stand beside the checkpoint "
        f"in `{folder}`, but does not (looked for: {where}). Name it with `{option}`."
    )


def _candidates(folder: Path, yaml_folder: Path, name: str) -> Iterator[Path]:
    """Where a named file may be: never outside of the two folders, wherever the name leads.

    Who made a configuration may have had the file anywhere, or want to see one of this machine.
    """
    path = Path(name)
    if not path.is_absolute() and ".." not in path.parts:
        yield from (yaml_folder / path, folder / path)
    if path.name not in ("", ".."):
        yield from (yaml_folder / path.name, folder / path.name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def _read_yaml(path: Path) -> JsonObject:
    try:
        config = load_yaml(read_small(path, max_bytes=MAX_YAML_BYTES))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be the checkpoint's data configuration in YAML, but {reason_of(error)}. "
            "Name it with `--config-yaml`."
        ) from error
    if not isinstance(config, Mapping):
        raise BadInput(
            f"`{path}` must hold a mapping of settings, but holds {type(config).__name__}. "
            "Name the right file with `--config-yaml`."
        )
    return config
