"""What transformers makes of the small files of a folder: the values that it really ends with.

Which file says a thing is decided as transformers 5 decides it, by asking transformers itself
wherever that runs nothing of the folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.bundled import OF_SPECTRA, STOCK_FEATURES
from toolkit.core.json import JsonDict, JsonObject
from toolkit.folder.plain_json import read_json

if TYPE_CHECKING:
    from transformers import SequenceFeatureExtractor


CONFIG = "config.json"
GENERATION = "generation_config.json"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
TOKENIZER = "tokenizer_config.json"
NESTED = ("feature_extractor", "audio_processor")
"""Where `processor_config.json` holds what `preprocessor_config.json` held before; it wins."""


def read_object(file: Path, problems: list[str]) -> JsonDict:
    """The object in a JSON file, empty where there is none; says why in `problems`."""
    try:
        values = read_json(file)
        if not isinstance(values, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError) as error:
        problems.append(f"{file.name}: {error}")
        return {}
    return values


def read_generation(folder: Path, problems: list[str]) -> JsonDict:
    """What the model generates with, defaults filled in.

    Without `generation_config.json` it is what transformers derives from `config.json`.
    """
    import transformers

    defaults: JsonDict = transformers.GenerationConfig().to_dict()
    if (folder / GENERATION).exists():
        return {**defaults, **read_object(folder / GENERATION, problems)}
    try:
        derived = transformers.GenerationConfig.from_pretrained(
            folder, config_file_name=CONFIG, local_files_only=True, _from_model_config=True
        )
    except Exception as error:  # what is wrong with `config.json` is said where that is read
        problems.append(
            f"{GENERATION}: there is none, and no `{CONFIG}` to derive it from, {error}"
        )
        return defaults
    return {**defaults, **derived.to_dict()}


def read_processor(folder: Path) -> JsonDict:
    """The class that `AutoProcessor` builds, of the first file that names one; empty if none does.

    What is wrong with the files is said where their other keys are read.
    """
    for name in (PROCESSOR, PREPROCESSOR, TOKENIZER, CONFIG):
        named = read_object(folder / name, []).get("processor_class")
        if named is not None:
            return {"processor_class": named}
    return {}


def maybe_feature_extractor(folder: Path, problems: list[str]) -> SequenceFeatureExtractor | None:
    """The feature extractor that users get, or None where none loads.

    Args:
        folder: The folder; all code in it is the toolkit's.
        problems: Gets the file that is to blame, and why.
    """
    import transformers

    file = _preprocessing_file(folder)
    try:
        return transformers.AutoFeatureExtractor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=True
        )
    except Exception as error:
        problems.append(f"{file}: {' '.join(str(error).split())[:200]}")
        return None


def preprocessor_values(extractor: SequenceFeatureExtractor | None) -> JsonDict:
    """The values of a feature extractor, or of the stock class where there is none.

    Of another kind of feature extractor, what the stock class has no word for is left out.
    """
    import transformers

    stock = getattr(transformers, STOCK_FEATURES)
    defaults: JsonObject = stock().to_dict()
    if extractor is None:
        return dict(defaults)
    values = dict(extractor.to_dict())
    if type(extractor).__name__ in OF_SPECTRA:
        return values
    if not isinstance(extractor, stock):
        return {**defaults, **{key: values[key] for key in defaults if key in values}}
    # A class of this package goes by the name of the stock one, and by its `auto_map`.
    return {**defaults, **values, "feature_extractor_type": stock.__name__}


def _preprocessing_file(folder: Path) -> str:
    unread: list[str] = []
    said = read_object(folder / PROCESSOR, unread) if (folder / PROCESSOR).exists() else {}
    nested = unread or any(said.get(key) is not None for key in NESTED)
    return PROCESSOR if nested else PREPROCESSOR
