"""fairseq's speech-to-text task: languages, audio, vocabulary and search around a network.

Source: `fairseq/tasks/speech_to_text.py`, `fairseq/data/audio/data_cfg.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from toolkit.blocks.arguments import Arguments
from toolkit.blocks.evidence import Derived
from toolkit.checkpoint.dictionary import BOS, EOS, PAD
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.families.base import Network, Options
from toolkit.families.sidecars import Sidecars
from toolkit.families.waveforms import derive_normalization
from toolkit.oracle.search import Search

TOKENIZERS = ("bpe_tokenizer", "pre_tokenizer")
"""Keys of `config.yaml` that say how text is cut."""


def default_language(
    sidecars: Sidecars, arguments: Arguments, options: Options
) -> tuple[str | None, tuple[Reason, ...]]:
    """The language that generation starts with, and what was assumed for it.

    None where the task prepends no tag.

    Raises:
        BadInput: it is not known, has no tag, or the task treats tags in another way.
    """
    languages = sidecars.languages
    known = ", ".join(languages) or "none"
    if sidecars.config.get("prepend_bos_and_append_tgt_lang_tag"):
        raise BadInput(
            f"`{sidecars.config_yaml}` must put the language tag first, but sets "
            "`prepend_bos_and_append_tgt_lang_tag`, which this version does not convert."
        )
    if sidecars.config.get("eos_token"):
        raise BadInput(
            f"`{sidecars.config_yaml}` must end hypotheses with `</s>`, but sets `eos_token`, which "
            "this version does not convert."
        )
    if not sidecars.config.get("prepend_tgt_lang_tag"):
        _refuse_language(sidecars, options)
        return None, ()
    said = options.target_lang or _maybe_said(sidecars, arguments)
    chosen = said or _language_of_folder(sidecars, options)
    if chosen not in languages:
        raise BadInput(
            f"`{chosen}` must be a target language of `{sidecars.dict_path}`, but that has the "
            f"tags of: {known}. Choose one with `--target-lang`."
        )
    return chosen, () if said else (_assumed_language(chosen, languages),)


def _assumed_language(chosen: str, languages: Mapping[str, int]) -> Reason:
    return Reason(
        name="generation_config.forced_bos_token_id",
        because=f"assumed {languages[chosen]}, of `{chosen}`, as the folder says and the checkpoint "
        f"does not, which has {len(languages)} languages; overrule it with `--target-lang`",
    )


def _refuse_language(sidecars: Sidecars, options: Options) -> None:
    if options.target_lang is not None:
        raise BadInput(
            f"`--target-lang {options.target_lang}` must choose among several target languages, "
            f"but `{sidecars.config_yaml}` does not set `prepend_tgt_lang_tag`. Leave the option "
            "out, or name the checkpoint's own configuration with `--config-yaml`."
        )


def _hub(sidecars: Sidecars) -> JsonObject:
    hub = sidecars.config.get("hub") or {}
    if not isinstance(hub, Mapping):
        raise BadInput(
            f"`hub` in `{sidecars.config_yaml}` must be a mapping, but is {hub!r:.80}. Correct it, "
            "or name the checkpoint's own configuration with `--config-yaml`."
        )
    return hub


def _maybe_said(sidecars: Sidecars, arguments: Arguments) -> str | None:
    """The one language that the checkpoint or a file beside it names."""
    hub, languages = _hub(sidecars), sidecars.languages
    if hub.get("tgt_lang"):
        return str(hub["tgt_lang"])
    if len(languages) == 1:
        return next(iter(languages))
    said = {lang for lang in _trained_languages(arguments) if lang in languages}
    return said.pop() if len(said) == 1 else None


def _trained_languages(arguments: Arguments) -> Iterator[str]:
    """The target languages that the checkpoint's own arguments name."""
    for group in (arguments.task, arguments.model):
        for key in ("target_lang", "tgt_lang"):
            if isinstance(group.get(key), str):
                yield group[key]
        pairs = group.get("lang_pairs")
        for pair in pairs.split(",") if isinstance(pairs, str) else ():
            yield pair.strip().rpartition("-")[2]


def _language_of_folder(sidecars: Sidecars, options: Options) -> str:
    """The language that the folder on trial decodes into.

    Raises:
        BadInput: there is none, or it names no language of the dictionary.
    """
    languages = sidecars.languages
    tags = {
        name: code for code, index in languages.items() for name in (index, sidecars.tag_of(code))
    }
    for name in options.folder_tags:
        if name in tags:
            return tags[name]
    named = ", ".join(f"`{name}`" for name in options.folder_tags)
    folder = f", and the folder names {named}, which is no tag of a language" if named else ""
    raise BadInput(
        "`generation_config.forced_bos_token_id` must name the target language, but "
        f"`{sidecars.dict_path}` has {len(languages)} ({', '.join(languages) or 'none'}) and "
        f"`{sidecars.config_yaml}` has no `hub.tgt_lang`{folder}. Choose one with `--target-lang`."
    )


def normalization(
    arguments: Arguments, sidecars: Sidecars, network: Network, options: Options
) -> tuple[Derived, tuple[Reason, ...]]:
    """Whether the audio is standardized, and what of that was assumed or contradicts itself."""
    return derive_normalization(
        dict(_normalization_claims(arguments, sidecars)),
        norm=network.config["encoder.feat_extract_norm"].value,
        chosen=options.chosen,
        remedy=f"`hub: {{input_type: ...}}` in `{sidecars.config_yaml}`, which takes "
        "`standardized_waveform` for True and `waveform` for False",
    )


def _normalization_claims(arguments: Arguments, sidecars: Sidecars) -> Iterator[tuple[str, bool]]:
    hub = _hub(sidecars)
    if hub.get("input_type") in ("waveform", "standardized_waveform"):
        yield "config.yaml hub.input_type", hub["input_type"] == "standardized_waveform"
    if "normalize" in arguments.model:
        yield "args.normalize", bool(arguments.model["normalize"])
    if "normalize" in arguments.w2v_task:
        yield f"{arguments.w2v_task_where}.normalize", bool(arguments.w2v_task["normalize"])
    if "standardize_audio" in sidecars.config:
        yield "config.yaml standardize_audio", bool(sidecars.config["standardize_audio"])


def read_search(arguments: Arguments) -> Search:
    """The checkpoint's own search settings, fairseq's defaults where it has none."""
    generation = arguments.generation
    return Search(
        beam=int(generation.get("beam", 5)),
        lenpen=float(generation.get("lenpen", 1.0)),
        max_len_a=float(generation.get("max_len_a", 0.0)),
        max_len_b=int(generation.get("max_len_b", 200)),
        min_len=int(generation.get("min_len", 1)),
        no_repeat_ngram_size=int(generation.get("no_repeat_ngram_size", 0)),
        unkpen=float(generation.get("unkpen", 0.0)),
    )


def generation_config(
    positions: int, search: Search, languages: Mapping[str, int], lang: str | None
) -> JsonDict:
    """What `generation_config.json` must hold for the same search.

    Args:
        positions: The longest target, in tokens.
        search: The checkpoint's own settings.
        languages: Ids of the language tags, by language code.
        lang: The language that is decoded into; None where no tag comes first.
    """
    generated = min(search.max_len_b, positions - 1) + 1
    values = {
        "bos_token_id": BOS,
        "pad_token_id": PAD,
        "eos_token_id": EOS,
        "decoder_start_token_id": EOS,
        # fairseq forces the end after its longest hypothesis, and never chooses <pad>.
        "forced_eos_token_id": EOS,
        "suppress_tokens": [PAD],
        "max_length": 1 + generated,
        "num_beams": search.beam,
        "no_repeat_ngram_size": search.no_repeat_ngram_size,
    }
    if search.beam > 1:
        # transformers refuses to save either for greedy search, where they have no effect.
        values |= {"length_penalty": search.lenpen, "early_stopping": True}
    if search.unkpen:
        values["fairseq_unk_penalty"] = search.unkpen
    if search.max_len_a:
        values["fairseq_max_len_a"] = search.max_len_a
    if search.min_len > 1 or lang is None:
        # The tag counts as a generated token on both sides, so that one token is no bound behind it.
        values["min_new_tokens"] = search.min_len
    if lang is None:
        return values
    return {**values, "forced_bos_token_id": languages[lang]}


def reference_files(sidecars: Sidecars, configuration: JsonObject) -> dict[str, bytes | Path]:
    """What fairseq's task reads, by the names that its files get here.

    Args:
        sidecars: What stands beside the checkpoint.
        configuration: What its data configuration must say.
    """
    import yaml

    written = yaml.safe_dump(dict(configuration))
    paths = {"dict.txt": sidecars.dict_path, "spm.model": sidecars.spm_path}
    found = {name: path for name, path in paths.items() if path is not None}
    return {"config.yaml": written.encode(), **found}


def reference_yaml(sidecars: Sidecars, normalize: Derived) -> JsonDict:
    """The data configuration of a model of waveforms, with the names that its files get here."""
    input_type = "standardized_waveform" if normalize.value else "waveform"
    return {**renamed_yaml(sidecars), "hub": {**_hub(sidecars), "input_type": input_type}}


def renamed_yaml(sidecars: Sidecars) -> JsonDict:
    """The checkpoint's own data configuration, with the names that its files get here."""
    config = {k: v for k, v in sidecars.config.items() if k not in TOKENIZERS}
    bpe = {"bpe": "sentencepiece", "sentencepiece_model": "spm.model"}
    pieces = {} if sidecars.spm_path is None else {"bpe_tokenizer": bpe}
    return {**config, **pieces, "vocab_filename": "dict.txt"}
