"""Code in a folder that this version of the toolkit did not put there, and names of such code.

transformers runs what a folder carries once a user trusts it. What a conversion carries is known
byte for byte, so that all else is somebody's: it is named and never run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.bundled import CARRIED, GENERATION, PEFT
from toolkit.core.json import JsonObject
from toolkit.folder.plain_json import read_json

CONFIG = "config.json"
SEARCH = "custom_generate"
"""Folder of the search that transformers takes in place of its own."""

_CODE = {".py", ".pyc", ".pyd", ".pyo", ".pyw", ".so", ".dll", ".dylib", ".jinja"}
_NAMED = {"chat_template.json", "audio_tokenizer_config.json", PEFT}
"""Files without code that make transformers run code or load another model."""
_TEXTS = {".md", ".txt"}
_REQUIREMENTS = "requirements.txt"
_KEYS = {"custom_pipelines", "chat_template", "audio_tokenizer"}
"""Keys that say what else is to run, or what other model is to be loaded."""
_MODULES = {path.stem for path in CARRIED}
_UNREAD = {"tokenizer.json", "vocab.json"}
"""JSON in which keys are texts of a vocabulary."""


@dataclass(frozen=True, kw_only=True)
class ForeignCode:
    """What a folder carries, or refers to, that is not the toolkit's."""

    file: str
    """Its path in the folder."""
    key: str | None = None
    """The key that refers to code; None where the file is code itself."""

    def __str__(self) -> str:
        return f"`{self.file}`" if self.key is None else f"`{self.key}` in `{self.file}`"

    @property
    def config_key(self) -> str:
        """The file, or the key, as findings name it."""
        if self.key is None:
            return self.file
        return self.key if self.file == CONFIG else f"{self.file.removesuffix('.json')}.{self.key}"


def find_foreign_code(folder: Path) -> tuple[ForeignCode, ...]:
    """Every file of code, and every reference to code, that is not the toolkit's own."""
    return (*_foreign_files(folder), *_foreign_keys(folder))


def carries_own_code_only(folder: Path) -> bool:
    """Whether all code that a folder carries or refers to is the toolkit's, byte for byte."""
    return not find_foreign_code(folder)


def refers_to_own(values: JsonObject) -> bool:
    """Whether an `auto_map` names a module of the toolkit."""
    return any(_is_own(text) for text in _texts(values.get("auto_map")))


def without_foreign_keys(value: object) -> object:
    """What a JSON file says, but for what refers to code of others."""
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if not _is_foreign(key, inner)}
        return {key: without_foreign_keys(inner) for key, inner in kept.items()}
    return [without_foreign_keys(item) for item in value] if isinstance(value, list) else value


def _foreign_files(folder: Path) -> Iterator[ForeignCode]:
    for path in sorted(folder.rglob("*")):
        # `rglob` does not look behind links, and transformers does.
        hidden = path.is_symlink() and path.is_dir()
        if hidden or (path.is_file() and not _is_harmless(path.relative_to(folder), path)):
            yield ForeignCode(file=path.relative_to(folder).as_posix())


def _is_harmless(name: Path, path: Path) -> bool:
    if any(path.name == _name_of(own) and _is_copy(path, own) for own in CARRIED):
        return True
    if name.parts[0] == SEARCH and len(name.parts) > 1:
        return path.suffix in _TEXTS and path.name != _REQUIREMENTS
    return path.suffix not in _CODE and name.as_posix() not in _NAMED


def _name_of(own: Path) -> str:
    return "generate.py" if own == GENERATION else own.name


def _is_copy(path: Path, own: Path) -> bool:
    return path.stat().st_size == own.stat().st_size and path.read_bytes() == own.read_bytes()


def _foreign_keys(folder: Path) -> Iterator[ForeignCode]:
    for file in sorted(folder.glob("*.json")):
        if file.name not in _UNREAD:
            for key in dict.fromkeys(_references(_read(file))):
                yield ForeignCode(file=file.name, key=key)


def _read(file: Path) -> object:
    try:
        return read_json(file)
    except (OSError, ValueError):
        return None  # transformers cannot read it either


def _references(values: object) -> Iterator[str]:
    """Every key, however deep, that names code of others."""
    if isinstance(values, dict):
        for key, value in values.items():
            if _is_foreign(key, value):
                yield key
            elif isinstance(value, dict | list):
                yield from _references(value)
    elif isinstance(values, list):
        for value in values:
            yield from _references(value)


def _is_foreign(key: str, value: object) -> bool:
    if key == "auto_map":
        return not all(map(_is_own, _texts(value)))
    return key in _KEYS and bool(value)


def _is_own(reference: str) -> bool:
    """Whether it is `module.Class` of ours; transformers takes `repository--module.Class` too."""
    return reference.rpartition(".")[0] in _MODULES


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
