"""What fairseq builds a family's model of where arguments alone are known, and no tensor by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.blocks.arguments import Arguments, called, model_name, read_arguments
from toolkit.blocks.evidence import Derived
from toolkit.blocks.filter_bank_encoder import BINS
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import dictionary_file
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.families import letters, speech_to_text
from toolkit.families.bare import BareEncoder
from toolkit.families.base import Family, Options
from toolkit.families.ctc import EncoderCtc
from toolkit.families.hubert_pretraining import HubertPretraining
from toolkit.families.labels import label_file
from toolkit.families.s2t_transformer import S2TTransformer
from toolkit.families.s2ut_transformer import S2UTTransformer, maybe_told_units, unit_settings
from toolkit.families.sidecars import Named, Sidecars
from toolkit.families.text_to_text import TextToText
from toolkit.families.texts import TRANSLATION
from toolkit.families.wav2vec2_classification import Wav2Vec2Classification
from toolkit.families.wav2vec2_pretraining import Wav2Vec2Pretraining
from toolkit.families.wav2vec2_seq2seq import Wav2Vec2Seq2Seq
from toolkit.families.wordless import own_arguments
from toolkit.families.xm_transformer import XMTransformer
from toolkit.oracle.tasks.base import CLASSES

Files = Mapping[str, bytes | Path]
SIZES, DEPTH = ("encoder_embed_dim", "conv_pos", "conv_pos_groups"), "pos_conv_depth"
"""Arguments of positional convolutions: how large they are, and how many."""
SAMPLES = 12_000
"""0.75 s."""
FRAMES = 75
"""As long, 10 ms each."""
PIECES = 24
"""A sentence."""
RATE = {"label_rate": 50.0}
"""Classes a second, which only a loss that nobody computes depends on."""


@dataclass(frozen=True, kw_only=True)
class Blank:
    """What a model without weights is built of."""

    architecture: str
    """What fairseq calls such models."""
    task: str
    """Of `toolkit.oracle.tasks`."""
    settings: JsonObject
    """As the checkpoint has them, under the name of its own architecture."""
    files: Files
    hears: tuple[int, ...] = (SAMPLES,)
    """The shape of what it is asked about: (L,) of a waveform, (T, F) of filter banks, (S,) of a
    text."""
    symbols: int = 0
    """How many there are in its dictionary, if what it is asked about is a text."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """How models of some kind are asked."""

    told: str
    """An argument without which nothing is known of the encoder's tensors."""
    shape: tuple[int, ...]
    """Of what they are asked about."""
    remedy: str = "Take a checkpoint that holds them"
    """What to do where it is missing."""


def blank_of(family: Family, checkpoint: Checkpoint, named: Named, options: Options) -> Blank:
    """What a member of a family is built of, be its tensors called as they may.

    Args:
        family: The family.
        checkpoint: The checkpoint, whose tensors count for nothing.
        named: The files beside it that the user names.
        options: What else the user says: the pretrained encoder's checkpoint.

    Raises:
        BadInput: the checkpoint lacks the arguments of such a model, or a file is missing.
    """
    kind = next((kind for kind in _KINDS if isinstance(family, kind)), None)
    if kind is None:
        raise BadInput(
            f"`{family.name}` must be a family whose models hear speech or read texts, of those "
            "that come with this package, but is another. Write the mapping file by hand; "
            "`docs/mapping-files.md` says how."
        )
    task, told, files, asked = _KINDS[kind]
    arguments = _with_positions(read_arguments(checkpoint, options.w2v), checkpoint)
    settings = told(arguments)
    if not any(asked.told in group for group in (settings, arguments.w2v_model)):
        raise BadInput(
            f"`{checkpoint.path}` must hold the arguments of its encoder, from which the tensors of "
            f"`{family.name}` follow, but holds none. {asked.remedy}."
        )
    sidecars = family.sidecars(checkpoint, named)
    return Blank(
        architecture=called_by(family),
        task=task,
        settings={**settings, **_named(family, arguments)},
        files=files(sidecars, settings),
        hears=asked.shape,
        symbols=len(sidecars.dictionary) if asked is _TEXT else 0,
    )


def called_by(family: Family) -> str:
    """What fairseq calls the models of a family."""
    names = getattr(family, "architectures", getattr(family, "pretrained", (family.name,)))
    return next(name for name in names if name)


def as_member(checkpoint: Checkpoint, family: Family) -> tuple[Checkpoint, str | None]:
    """The checkpoint as one of a family, and the name that it lacks for that; None if it has it."""
    from toolkit.families import architecture

    names = getattr(family, "architectures", getattr(family, "pretrained", (family.name,)))
    if architecture(checkpoint) in names or architecture(checkpoint) == "unknown":
        return checkpoint, None
    name = called_by(family)
    return replace(checkpoint, settings=called(checkpoint.settings, name)), name


def _with_positions(arguments: Arguments, checkpoint: Checkpoint) -> Arguments:
    """The arguments with the number of positional convolutions, which older ones do not say."""
    model, inner = (
        {**group, **_positions(group, checkpoint)}
        for group in (arguments.model, arguments.w2v_model)
    )
    grouped = {"model": inner} if "model" in arguments.w2v else inner
    w2v = {**arguments.w2v, **grouped} if arguments.w2v else {}
    return replace(arguments, model=model, w2v_model=inner, w2v=w2v)


def _positions(encoder: JsonObject, checkpoint: Checkpoint) -> JsonDict:
    """How many there are of several, by the shapes that fairseq gives so many, if it is not said."""
    sizes = [encoder.get(name) for name in SIZES]
    width, kernel, groups = (size if isinstance(size, int) else 0 for size in sizes)
    if DEPTH in encoder or not groups:
        return {}
    found = Counter(spec.shape for spec in checkpoint.tensors.values())
    depths = (
        depth
        for depth in range(2, kernel + 1)
        if found[width, width // groups, max(3, kernel // depth)] == depth
    )
    depth = next(depths, None)
    return {} if depth is None else {DEPTH: depth}


def _around(arguments: Arguments) -> JsonDict:
    """The arguments of a model that was fine-tuned from an encoder."""
    groups = (arguments.w2v_task, arguments.model, arguments.task)
    said = next((group["normalize"] for group in groups if "normalize" in group), False)
    told = {"normalize": bool(said), "task_normalize": bool(said), "w2v_args": arguments.w2v}
    return {**arguments.task, **arguments.model, **told}


def _alone(arguments: Arguments) -> JsonDict:
    """The arguments of a model that nothing was pretrained for."""
    return {**arguments.task, **arguments.model}


def _named(family: Family, arguments: Arguments) -> JsonDict:
    """What a task that takes an architecture by name builds: the family's, if none is named."""
    if not isinstance(family, (S2UTTransformer, TextToText)):
        return {}
    return {"arch": model_name(arguments.model) or called_by(family)}


def _units(arguments: Arguments) -> JsonDict:
    """The arguments of a model of units, the number of which is one of them."""
    told = _alone(arguments)
    return {
        **told,
        **unit_settings(maybe_told_units(arguments) or 0),
    }


def _reader(arguments: Arguments) -> JsonDict:
    """The arguments of a model of texts: which language is which makes no tensor."""
    told = _alone(arguments)
    return {
        **told,
        "task": TRANSLATION,
        "task_name": TRANSLATION,
    }


def _encoder(arguments: Arguments) -> JsonDict:
    """The arguments of a model that is an encoder."""
    own, _ = own_arguments(arguments)
    said = arguments.task.get("normalize", False)
    return {**arguments.task, **own, **RATE, "normalize": bool(said)}


def _letters(sidecars: Sidecars, settings: JsonObject) -> Files:  # noqa: ARG001
    return dict(letters.reference_files(sidecars.dictionary))


def _labels(sidecars: Sidecars, settings: JsonObject) -> Files:  # noqa: ARG001
    return {CLASSES: label_file(sidecars.dictionary.symbols)}


def _pieces(sidecars: Sidecars, settings: JsonObject) -> Files:
    normalize = Derived(value=settings["normalize"], evidence="the arguments")
    return speech_to_text.reference_files(
        sidecars, speech_to_text.reference_yaml(sidecars, normalize)
    )


def _banks(sidecars: Sidecars, settings: JsonObject) -> Files:  # noqa: ARG001
    return speech_to_text.reference_files(sidecars, speech_to_text.renamed_yaml(sidecars))


def _words(sidecars: Sidecars, settings: JsonObject) -> Files:  # noqa: ARG001
    """The dictionary with what a task adds to it."""
    return {"dict.txt": dictionary_file(sidecars.dictionary)}


def _none(sidecars: Sidecars, settings: JsonObject) -> Files:  # noqa: ARG001
    return {}


Tell = Callable[[Arguments], JsonDict]
Made = Callable[[Sidecars, JsonObject], Files]
_WAVEFORM = _Asked(
    told="conv_feature_layers",
    shape=(SAMPLES,),
    remedy="Name the pretrained encoder's checkpoint with `--w2v`",
)
_BANKS = _Asked(told="conv_kernel_sizes", shape=(FRAMES, BINS))
_TEXT = _Asked(told="encoder_embed_dim", shape=(PIECES,))
_KINDS: Mapping[type, tuple[str, Tell, Made, _Asked]] = {
    EncoderCtc: ("ctc", _around, _letters, _WAVEFORM),
    Wav2Vec2Classification: ("classification", _around, _labels, _WAVEFORM),
    Wav2Vec2Seq2Seq: ("speech_seq2seq", _around, _letters, _WAVEFORM),
    S2UTTransformer: ("speech_seq2seq", _units, _banks, _BANKS),
    S2TTransformer: ("speech_seq2seq", _alone, _banks, _BANKS),
    TextToText: ("text_seq2seq", _reader, _words, _TEXT),
    XMTransformer: ("speech_seq2seq", _around, _pieces, _WAVEFORM),
    Wav2Vec2Pretraining: ("features", _encoder, _none, _WAVEFORM),
    HubertPretraining: ("features", _encoder, _none, _WAVEFORM),
    BareEncoder: ("features", _encoder, _none, _WAVEFORM),
}
"""By the class of a family, the nearest first: the task, how its arguments and files are told, and
what its models are asked about."""
