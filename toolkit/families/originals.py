"""What a folder was before it was converted, where no checkpoint says so: settings and names.

A setting that the folder says nothing of gets what fairseq has by default, or what its recipes say.
The proof of what is written decides: every key of the folder's configuration must be what the new
checkpoint says.
Source: `fairseq/models/wav2vec/wav2vec2.py`, `fairseq/models/wav2vec/wav2vec2_asr.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from math import prod

from toolkit.blocks.arguments import model_name, read_arguments
from toolkit.blocks.place import Place
from toolkit.blocks.wav2vec2 import NAMES
from toolkit.blocks.wav2vec2.original import (
    Lost,
    encoder_arguments,
    encoder_rows,
    lost_tensors,
    outer_arguments,
)
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.families import hubert_ctc
from toolkit.families.ctc.model import HEAD, TARGETS
from toolkit.families.fine_tuned import PREFIXES, SOURCE
from toolkit.families.letters import LABELS, reference_files
from toolkit.families.wav2vec2_pretraining import HEAD_ROWS, PLACES
from toolkit.families.waveforms import RATE_HZ
from toolkit.mapping import Row, Rule
from toolkit.tasks.ctc.letters import BLANK, SILENT_START

STARTS = (BLANK, SILENT_START, *SPECIAL_SYMBOLS[2:])
"""What the vocabulary of a CTC folder begins with, if it is fairseq's."""
NO_DICTIONARIES = {"dictionaries": [None]}
"""How fairseq's task of pretraining takes it that a model has no classes any more; else it looks for
their dictionaries where they were."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a folder says of itself."""

    config: JsonObject
    """Values of `config.json`, defaults of its class filled in."""
    normalize: bool
    """Whether its audio is standardized."""
    vocabulary: Mapping[str, int]
    """The id of each token; empty of a model without words."""
    names: Collection[str]
    """Those of its tensors."""


@dataclass(frozen=True, kw_only=True)
class Original:
    """What a checkpoint of fairseq must say and be called like to become the folder."""

    settings: JsonDict
    """`args` and `cfg`."""
    rows: tuple[Row, ...]
    lost: Mapping[str, Lost]
    """Tensors that the folder does without, by fairseq's names."""
    files: Mapping[str, bytes]
    """What stands beside it."""
    task_state: JsonDict = field(default_factory=dict)
    """What fairseq's task finds in it."""


def maker_of(config: JsonObject) -> Callable[[Said], Original]:
    """What tells of a folder with such a configuration what it was.

    Raises:
        BadInput: nothing here knows for such a folder.
    """
    named = config.get("architectures")
    architecture = str(named[0]) if isinstance(named, list) and named else "none"
    kind = _KINDS.get(str(config.get("model_type")), "")
    if architecture not in _ORIGINALS or not architecture.startswith(f"{kind}For"):
        known = ", ".join(f"`{name}`" for name in _ORIGINALS)
        raise BadInput(
            f"`architectures` must be one whose settings are known without a checkpoint ({known}), "
            f"but is `{architecture:.80}`. Name a checkpoint of the same model with `--like`."
        )
    return _ORIGINALS[architecture]


def task_state_of(checkpoint: Checkpoint) -> JsonDict:
    """What fairseq's task is to find in a checkpoint that is to be like another.

    A fine-tuned model whose encoder was pretrained on classes, and has none any more, opens without
    the files that said them.
    """
    named = model_name(read_arguments(checkpoint).model)
    tuned = named in hubert_ctc.FAMILY.architectures and named is not None
    return {} if not tuned or SOURCE + TARGETS in checkpoint.tensors else dict(NO_DICTIONARIES)


def _letters(
    name: str,
    pretrained: str,
    task: str,
    rate: Callable[[JsonObject], JsonDict] = lambda _: {},
    task_state: Mapping[str, object] = {},
) -> Callable[[Said], Original]:
    """A CTC model.

    Args:
        name: What fairseq calls it.
        pretrained: What fairseq calls its encoder.
        task: What that was pretrained by.
        rate: What its encoder and that task are told beside, from the configuration.
        task_state: What its own task finds.
    """

    def make(said: Said) -> Original:
        place = Place(source=SOURCE, target=PREFIXES[str(said.config.get("model_type"))])
        told = {"normalize": said.normalize}
        inner = {
            "model": {**encoder_arguments(said.config), **rate(said.config), "_name": pretrained},
            "task": {"_name": task, "data": ".", **rate(said.config), **told},
        }
        model = {"_name": name, "w2v_path": "", **told, **outer_arguments(said.config)}
        groups = {
            "model": {**model, "w2v_args": inner},
            "task": {"_name": "audio_finetuning", "data": ".", "labels": LABELS, **told},
        }
        head = Rule("w2v_encoder.proj.{weight|bias}", HEAD + ".{weight|bias}")
        names = _inside(said, place)
        return Original(
            settings={"args": None, "cfg": groups},
            rows=(*place.rows(encoder_rows(said.config, names)), head),
            lost={SOURCE + n: lost for n, lost in lost_tensors(said.config, names).items()},
            files=reference_files(_dictionary(said.vocabulary)),
            task_state=dict(task_state),
        )

    return make


def _label_rate(config: JsonObject) -> JsonDict:
    """One class for each frame, of 16000 samples a second; only pretraining asks for it."""
    return {"label_rate": RATE_HZ / prod(config["conv_stride"])}


def _pretrained(said: Said) -> Original:
    place, config = PLACES["wav2vec2"], said.config
    heads = {
        "quantize_targets": True,
        "final_dim": config["proj_codevector_dim"],
        "latent_vars": config["num_codevectors_per_group"],
        "latent_groups": config["num_codevector_groups"],
        "latent_dim": config["codevector_dim"],
        "logit_temp": config["contrastive_logits_temperature"],
        "num_negatives": config["num_negatives"],
        "dropout_features": config["feat_quantizer_dropout"],
    }
    groups = {
        "model": {**encoder_arguments(config), **heads, "_name": "wav2vec2"},
        "task": {"_name": "audio_pretraining", "data": ".", "normalize": said.normalize},
    }
    names = _inside(said, place)
    return Original(
        settings={"args": None, "cfg": groups},
        rows=(*place.rows(encoder_rows(config, names)), *HEAD_ROWS),
        lost=lost_tensors(config, names),
        files={},
    )


def _inside(said: Said, place: Place) -> frozenset[str]:
    """The names of the encoder's tensors, without the prefix of its place."""
    return frozenset(n.removeprefix(place.target) for n in said.names if n.startswith(place.target))


def _dictionary(vocabulary: Mapping[str, int]) -> Dictionary:
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    ids = [vocabulary[token] for token in tokens]
    if ids != list(range(len(ids))) or tuple(tokens[: len(STARTS)]) != STARTS:
        found = ", ".join(tokens[: len(STARTS)]) or "none (but a section for each language, say)"
        raise BadInput(
            f"`vocab.json` must number its tokens from 0 without a hole and begin with "
            f"{', '.join(STARTS)}, as fairseq's dictionaries do, whose blank is their first row, "
            f"but begins with {found}. Name a checkpoint of the same model with `--like`, if there is "
            "one; no other of fairseq's has these ids."
        )
    return Dictionary(symbols=(*SPECIAL_SYMBOLS, *tokens[len(STARTS) :]))


_KINDS = {kind: NAMES[kind] for kind in ("wav2vec2", "data2vec-audio", "hubert")}
_ORIGINALS: Mapping[str, Callable[[Said], Original]] = {
    "Wav2Vec2ForCTC": _letters("wav2vec_ctc", "wav2vec2", "audio_pretraining"),
    "Data2VecAudioForCTC": _letters("wav2vec_ctc", "data2vec_audio", "audio_pretraining"),
    "HubertForCTC": _letters(
        "hubert_ctc", "hubert", "hubert_pretraining", _label_rate, NO_DICTIONARIES
    ),
    "Wav2Vec2ForPreTraining": _pretrained,
}
