"""What a Hugging Face folder must hold beside the weights, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.checkpoint.dictionary import WORDLESS, Dictionary
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonObject
from toolkit.folder.languages import Spoken


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """What the class of one part of a folder cannot express of the checkpoint."""

    key: str
    """`encoder.model_type` or `decoder.model_type`; `model_type` of a model without parts."""
    expected: str
    """The class that expresses it, by its model type."""
    actual: str
    hypothesis: str
    module: str
    """The smallest target module that computes something else for it."""
    because: str
    """What the checkpoint has, and the class instead."""
    advice: str
    """What to write."""
    explains: tuple[str, ...] = ()
    """Further keys that differ for it, or `encoder` or `decoder` for all keys of a part, and
    nothing's name for all of a model without parts."""
    readers: tuple[str, ...] = ()
    """Names of modules elsewhere that are given what the part makes, its number of frames too."""

    @property
    def part(self) -> str:
        """`encoder` or `decoder`; empty for a model without parts."""
        return self.key.rpartition(".")[0]

    def holds(self, module: str) -> bool:
        """Whether a target module is in the part whose class does not fit, or reads from it."""
        names = module.split(".")
        return self.part in ("", names[0]) or any(reader in names for reader in self.readers)

    def covers(self, key: str) -> bool:
        """Whether a difference of the key follows from this one."""
        return any(_is_under(key, name) for name in (self.key, *self.explains))


def _is_under(key: str, name: str) -> bool:
    """Whether a key is that of the name, or of the part of that name."""
    part = key.rpartition(".")[0]
    return name in (key, part) or part.startswith(f"{name}.")


@dataclass(frozen=True, kw_only=True)
class FolderContents:
    """Every file of the folder but the weights and the model card."""

    config: JsonObject
    """`config.json`; only what the checkpoint says, no default of anybody's."""
    preprocessor: JsonObject = field(default_factory=dict)
    """`preprocessor_config.json`; empty where nothing is heard, and there is no such file."""
    processor: Mapping[str, str] = field(default_factory=dict)
    """`processor_config.json`: the class that `AutoProcessor` builds of the folder; empty where
    there is no tokenizer, and no such file."""
    dictionary: Dictionary = WORDLESS
    """Empty where the model says nothing, so that there is no tokenizer."""
    generation: JsonObject = field(default_factory=dict)
    """`generation_config.json`; empty where nothing is searched, and there is no such file."""
    pieces_path: Path | None = None
    """The model that cuts texts into symbols; None where these stand in a text as they are."""
    is_spelled: bool = False
    """Whether symbols are letters, which texts are spelled with, and not words."""
    language_tags: Mapping[str, int] = field(default_factory=dict)
    """Token ids of the language tags, by language code."""
    prefix_tag: str | None = None
    """The tag that a target text begins with; None where the task prepends none."""
    suffix_tag: str | None = None
    """The tag that stands behind a text and its end; None where none does."""
    max_positions: int | None = None
    """Longest target, in tokens; None where nothing bounds it."""
    spoken: Spoken | None = None
    """The languages that have weights of their own; None where there are none."""
    code: Mapping[str, Path] = field(default_factory=dict)
    """Python files that the folder carries, by their path in it; copied as they stand."""
    misfits: tuple[Misfit, ...] = ()
    """What the classes of a folder on trial cannot express; none in what a conversion writes."""
    wanting: tuple[Reason, ...] = ()
    """What a conversion keeps and a folder on trial does without, though all that it has is right;
    nothing in what a conversion writes."""

    def maybe_misfit(self, key: str) -> Misfit | None:
        """What explains that the key differs, if its part's class does."""
        return next((misfit for misfit in self.misfits if misfit.covers(key)), None)
