"""A Hugging Face folder as it lies on disk, read piece by piece, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.bundled import maybe_config_class
from toolkit.core.json import JsonDict, JsonObject
from toolkit.folder.admission import check_folder
from toolkit.folder.foreign_code import ForeignCode, find_foreign_code, refers_to_own
from toolkit.folder.safe_copy import loadable
from toolkit.folder.side_files import (
    CONFIG,
    NESTED,
    PREPROCESSOR,
    PROCESSOR,
    maybe_feature_extractor,
    preprocessor_values,
    read_generation,
    read_object,
    read_processor,
)
from toolkit.folder.weight_files import StoredTensors, are_pickled, place_tensors

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase, SequenceFeatureExtractor

TOKENIZERS = ("tokenizer", "vocab", "merges", "special_tokens", "added_tokens", "spiece", "bpe")
"""What names of a tokenizer's files begin with."""
ABSENT = "<absent>"
"""The value of a key that neither a file nor a class default gives."""


@dataclass(frozen=True, kw_only=True)
class FolderView:
    """What the files of a folder say, independent of whether transformers can load them."""

    path: Path
    tensors: Mapping[str, Tensor]
    """Those of the files that transformers reads."""
    pickled: bool
    """Whether transformers would have to run a file to get at the tensors."""
    foreign: tuple[ForeignCode, ...]
    """Code that is not the toolkit's; nothing here comes of it."""
    config: JsonObject
    generation: JsonObject
    """What the model generates with, whichever file says so."""
    preprocessor: JsonObject
    """What the feature extractor that users get works with, whichever file says so."""
    processor: JsonObject
    """The class of processor that users get, whichever file says so."""
    feature_extractor: SequenceFeatureExtractor | None
    """None where none loads."""
    tokenizer: PreTrainedTokenizerBase | None
    """A fast tokenizer, or None where none loads."""
    problems: tuple[str, ...]
    """Files that are missing or cannot be read."""
    overruled: JsonObject = field(default_factory=dict)
    """What keys of `config.json` say that transformers takes from another name of theirs."""

    def value(self, key: str) -> Any:
        """The value of a key such as `decoder.scale_embedding`, class defaults filled in."""
        group, _, name = key.rpartition(".")
        return self.values(group).get(name, ABSENT)

    def values(self, group: str) -> JsonObject:
        """What a file or a part of `config.json` says; the top level of that has no name."""
        files = {
            "": self.config,
            "generation_config": self.generation,
            "preprocessor_config": self.preprocessor,
            "processor_config": self.processor,
        }
        found = files.get(group, self.config.get(group))
        return found if isinstance(found, Mapping) else {}

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of `config.json`; none where the model is of one class."""
        return parts_of(self.config)

    def groups(self) -> Iterator[tuple[str, JsonObject, JsonObject]]:
        """What each place says, and what its class has by default; the top level has no name."""
        outer = {key: item for key, item in self.config.items() if key not in self.parts}
        yield "", outer, class_defaults(self.config)
        for part in self.parts:
            yield part, self.values(part), class_defaults(self.values(part))
        yield "generation_config", self.generation, _generation_defaults()
        yield "preprocessor_config", self.preprocessor, preprocessor_values(None)


def view_folder(path: Path, *, vetted: bool = False) -> FolderView:
    """Reads a folder's tensors, configurations and tokenizer, each on its own.

    Args:
        path: The folder.
        vetted: It was written a moment ago, of what was admitted before.

    Raises:
        BadInput: it is no folder, holds no weights, or is not to be trusted.
    """
    places = place_tensors(path) if vetted else check_folder(path)
    foreign = find_foreign_code(path)
    problems: list[str] = []
    with loadable(path, foreign) as place:
        said = read_object(place / CONFIG, problems)
        tokenizer = load_tokenizer(place, problems)
        extractor = maybe_feature_extractor(place, problems)
        return FolderView(
            path=path,
            tensors=StoredTensors(places),
            pickled=are_pickled(places),
            foreign=foreign,
            config=_with_defaults(said),
            generation=read_generation(place, problems),
            preprocessor=preprocessor_values(extractor),
            processor=read_processor(place),
            feature_extractor=extractor,
            tokenizer=tokenizer,
            problems=tuple(problems),
            overruled=dict(_overruled(said)),
        )


def carries_model_code(folder: Path) -> bool:
    """Whether the folder's configuration says that the model's classes are the toolkit's own."""
    return refers_to_own(read_object(folder / CONFIG, []))


def needs_trust(folder: Path) -> bool:
    """Whether users load it with `trust_remote_code`, for its model or its feature extractor."""
    if carries_model_code(folder):
        return True
    nested = read_object(folder / PROCESSOR, [])
    said = (read_object(folder / PREPROCESSOR, []), *(nested.get(key) for key in NESTED))
    return any(isinstance(values, dict) and refers_to_own(values) for values in said)


def _with_defaults(raw: JsonObject) -> JsonDict:
    """The values with the defaults of the classes that compute: those of the parts, if any."""
    parts = parts_of(raw)
    if not parts:
        return _filled(raw)
    filled = {
        part: _filled(raw[part]) if isinstance(raw[part], dict) else {}
        for part in parts
        if part in raw
    }
    return {**raw, **filled}


def _filled(raw: JsonObject) -> JsonDict:
    """As the class takes it: what another name of a key says stands over the key's own."""
    said = {name: raw[alias] for alias, name in class_aliases(raw).items() if alias in raw}
    return {**class_defaults(raw), **raw, **said}


def _overruled(raw: JsonObject) -> Iterator[tuple[str, object]]:
    """The keys that are in a file under two names with two values: what their own name says."""
    parts = parts_of(raw)
    groups = {part: raw.get(part) for part in parts} if parts else {"": raw}
    for group, values in groups.items():
        if isinstance(values, dict):
            for alias, name in class_aliases(values).items():
                if alias in values and name in values and values[alias] != values[name]:
                    yield (f"{group}.{name}" if group else name), values[name]


def parts_of(config: JsonObject) -> tuple[str, ...]:
    """The parts that a configuration is made of: its class says so, or they name their own."""
    declared = getattr(maybe_class(config), "sub_configs", {})
    named = (key for key, values in config.items() if _names_a_class(values))
    return tuple(dict.fromkeys((*declared, *named)))


def _names_a_class(values: object) -> bool:
    return isinstance(values, Mapping) and isinstance(values.get("model_type"), str)


def class_defaults(raw: JsonObject) -> JsonDict:
    """What the configuration class of a model type has by default; nothing for unknown types."""
    found = maybe_class(raw)
    return {} if found is None else dict(found().to_dict())


def class_aliases(raw: JsonObject) -> dict[str, str]:
    """Other names under which the configuration class of a model type takes its keys."""
    found = maybe_class(raw)
    return {} if found is None else dict(found.attribute_map)


def maybe_class(raw: JsonObject) -> Any:
    """The configuration class of a model type, or None where it is not known."""
    import transformers

    model_type = str(raw.get("model_type"))
    if model_type in transformers.CONFIG_MAPPING:
        return transformers.CONFIG_MAPPING[model_type]
    return maybe_config_class(model_type)


def _generation_defaults() -> JsonDict:
    import transformers

    defaults: JsonDict = transformers.GenerationConfig().to_dict()
    return defaults


def load_tokenizer(path: Path, problems: list[str]) -> PreTrainedTokenizerBase | None:
    """The tokenizer of a folder, or None where none loads, which is a problem then."""
    import transformers

    if not any(
        file.name.startswith(TOKENIZERS) or file.suffix == ".model" for file in path.iterdir()
    ):
        # Some classes make one up, of nothing but the model's type, and take seconds for it.
        problems.append("tokenizer: the folder has no file of one")
        return None
    try:
        return transformers.AutoTokenizer.from_pretrained(
            path, local_files_only=True, trust_remote_code=True
        )
    except Exception as error:
        problems.append(f"tokenizer: {' '.join(str(error).split())[:200]}")
        return None
