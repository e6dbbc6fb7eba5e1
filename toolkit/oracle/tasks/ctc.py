"""fairseq's half of the task CTC: from sound to a letter for every frame.

The model is fairseq's `Wav2VecCtc`, built from settings and weights that somebody else has read.
"""

from __future__ import annotations

import os
import re
from argparse import Namespace
from ast import literal_eval
from contextlib import ExitStack, contextmanager
from dataclasses import MISSING, dataclass, fields
from typing import (
    TYPE_CHECKING,
    Any,
    Collection,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import torch
from torch import Tensor, nn
from torch.nn import functional

from toolkit.oracle.asking import Pass, ScoredTokens
from toolkit.oracle.hooks import recording
from toolkit.oracle.loading import load_weights, unfilled
from toolkit.oracle.precision import in_float64
from toolkit.oracle.reference import explicit_attention, pad
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.base import Settings, register_models

if TYPE_CHECKING:
    from fairseq.data import Dictionary
    from omegaconf import DictConfig

Arguments = Union[Namespace, Settings]
"""fairseq's arguments as one object or by name."""

HERE = {
    "data": ".",
    "w2v_path": None,
    "ddp_backend": "pytorch_ddp",
    "checkpoint_activations": False,
}
"""Arguments of the machine that trained the model, and what they are on this one."""

POST_PROCESS = "letter"
"""How the criterion makes text of symbols: without blanks between them, `|` for a blank."""

DICTIONARY = "dict.ltr.txt"
"""The file of the symbols, by the name that fairseq's task looks for."""

_ADAPTER = re.compile(r".*\.encoder\.layers\.(\d+)\.adapter_layer\.W_a")


@dataclass(frozen=True)
class CtcTask:
    """As much of fairseq's task as a CTC model and its reader need."""

    target_dictionary: Dictionary
    normalize: bool
    """Whether the sound is standardized before the model hears it."""
    adapter: int = 0
    """Which of its adapters the model runs with, where it has any."""


def open_reference(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,
    *,
    dropped: Collection[str],
    padding: str,  # noqa: ARG001
    tags: Collection[int],  # noqa: ARG001
) -> "CtcReference":
    """See `toolkit.oracle.tasks.open_task`; there is no adaptor, and there are no tags."""
    with open(os.path.join(data_dir, DICTIONARY), encoding="utf-8") as file:
        symbols = [row.rsplit(" ", 1)[0] for row in file.read().split("\n") if row]
    return build_ctc(settings, symbols, state_dict, dropped=dropped)


def best_path(logits: Tensor, blank: int) -> ScoredTokens:
    """The best symbol of every frame, repetitions and then blanks left out; and its score.

    Args:
        logits: Shape (T, V).
        blank: The symbol of a frame that says nothing.
    """
    best = logits.log_softmax(dim=-1).max(dim=-1)
    merged = torch.unique_consecutive(best.indices).tolist()
    return ScoredTokens(
        tokens=tuple(symbol for symbol in merged if symbol != blank),
        score=float(best.values.sum()),
    )


def build_ctc(
    settings: Arguments,
    symbols: Sequence[str],
    state_dict: Mapping[str, Tensor],
    *,
    dropped: Collection[str] = (),
    adapter: int = 0,
) -> "CtcReference":
    """Fairseq's model with the given weights, in evaluation mode, ready to be asked.

    Args:
        settings: The checkpoint's model and task arguments in one flat mapping or Namespace. Its
            `w2v_args` are the pretrained encoder's, flat or in groups. What is missing gets the
            installed fairseq's default, `task_normalize` what `normalize` says; kind and adapters
            of the layers are read off the tensors.
        symbols: The rows of `dict.ltr.txt`, without the four that every dictionary begins with.
        state_dict: Weights by name; all must fit.
        dropped: Names that the model may lack: what training alone needed.
        adapter: Which of its adapters the model runs with, where it has any.

    Raises:
        ImportError: fairseq is not installed.
        ValueError: the settings have no `w2v_args`.
        AssertionError: `normalize` says one thing for the model, another for its encoder.
        RuntimeError: the state dict does not fit the model that the settings describe.
    """
    from toolkit.oracle.mends.conformer import mended_conformer

    register_models()
    args = make_arguments(settings, state_dict)
    # What the model hears is a matter of the task, which may say otherwise than the model.
    normalize = bool(getattr(args, "task_normalize", args.normalize))
    task = CtcTask(make_dictionary(symbols), normalize, adapter)
    with mended_conformer(), unfilled():
        model = _find_class(args).build_model(args, task)
    load_weights(model, state_dict, dropped)
    return CtcReference(task, model.eval())


def _find_class(args: Namespace) -> Any:
    """The model that the arguments name, a fork's too; fairseq's own where they name none."""
    from fairseq.models import ARCH_MODEL_REGISTRY, MODEL_REGISTRY
    from fairseq.models.wav2vec.wav2vec2_asr import Wav2VecCtc

    named = getattr(args, "arch", None) or getattr(args, "_name", None)
    found = ARCH_MODEL_REGISTRY.get(named) or MODEL_REGISTRY.get(named)
    return found if found is not None and issubclass(found, Wav2VecCtc) else Wav2VecCtc


def make_arguments(settings: Arguments, state_dict: Mapping[str, Tensor]) -> Namespace:
    """The arguments as fairseq's model wants them on this machine; see `build_ctc`."""
    from fairseq.models.wav2vec.wav2vec2_asr import Wav2Vec2CtcConfig

    given = _as_mapping(settings)
    pretrained = _as_mapping(given.get("w2v_args"))
    if not pretrained:
        raise ValueError(
            "`settings` must hold the pretrained encoder's arguments as `w2v_args`, but has none. "
            "Read them from the encoder's own checkpoint."
        )
    model, task = _groups(pretrained)
    layers = read_layers(state_dict)
    normalize = task.get("normalize", model.get("normalize", False))
    values = {**_defaults(Wav2Vec2CtcConfig), "normalize": normalize, **given}
    values.update(HERE, **layers)
    values["w2v_args"] = _configure({**model, **layers}, task)
    return Namespace(**values)


def read_layers(state_dict: Mapping[str, Tensor]) -> Dict[str, Union[str, int]]:
    """The encoder's kind of layer and its adapters, which the tensors tell.

    fairseq main overwrites the pretrained arguments with the fine-tuned model's, whose default is
    a Transformer without adapters, whatever was trained.
    """
    adapters = [match for match in map(_ADAPTER.fullmatch, state_dict) if match]
    if adapters:
        shape = state_dict[adapters[0].string].shape  # (adapters, width of each, D)
        layers = sorted(int(match.group(1)) for match in adapters)
        step = layers[1] - layers[0] if len(layers) > 1 else 1
        return {
            "layer_type": "trf_adp",
            "adp_num": int(shape[0]),
            "adp_dim": int(shape[1]),
            "adp_trf_idx": f"{layers[0]}:{layers[-1] + 1}:{step}",
        }
    is_conformer = any(".conv_module." in name for name in state_dict)
    return {"layer_type": "conformer" if is_conformer else "transformer"}


def make_dictionary(symbols: Sequence[str]) -> Dictionary:
    """Fairseq's dictionary with one row per symbol, also where one stands twice."""
    from fairseq.data import Dictionary

    dictionary = Dictionary()
    for symbol in symbols:
        dictionary.add_symbol(symbol, overwrite=True)
    return dictionary


class CtcReference:
    """A fairseq CTC model with its task, ready to be asked."""

    def __init__(self, task: CtcTask, model: nn.Module) -> None:
        """Takes a task and its model, in evaluation mode."""
        self.task = task
        self.model = model

    @property
    def device(self) -> torch.device:
        """Where the model runs. What it is given and what it returns lies in memory."""
        return next(self.model.parameters()).device

    @property
    def blank(self) -> int:
        """The symbol of a frame that says nothing: fairseq's beginning of sentence, 0."""
        return int(self.task.target_dictionary.bos())

    @property
    def start_token(self) -> None:
        """There is no decoder that a token could start."""

    def front_end(self, waveform: Tensor) -> Tensor:
        """The network's input for a waveform, as fairseq's dataset makes it.

        Args:
            waveform: Shape (L,), 16 kHz mono, full scale 1.0.

        Returns:
            Shape (L,), standardized where the task says so.
        """
        if not self.task.normalize:
            return waveform
        return functional.layer_norm(waveform, waveform.shape)

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]] = (),  # noqa: ARG002
        *,
        double: bool = False,
        explicit: bool = False,
        only: Optional[Collection[str]] = None,
    ) -> Pass:
        """One pass over a batch; every frame has its logits.

        Args:
            sources: Inputs of shape (L,), one per clip; shorter ones are padded with zeros.
            prefixes: Of no use: there is no decoder.
            double: Compute in float64 throughout.
            explicit: Compute attention step by step instead of in one fused kernel, so that the
                hooks of its projections fire. The kernels round differently.
            only: Paths of the modules whose calls are recorded; None records all.

        Returns:
            The calls, and as outputs, batch first:
            `logits`, shape (B, T, V), as the last layer gives them;
            `emissions`, the same as fairseq decodes them: blank weighted as the checkpoint says,
            and nothing but blank possible in padded frames;
            `padding_mask`, shape (B, T), true in padded frames;
            `layers.k`, shape (B, T, D), for k from 1 to the number of layers: what fairseq gives
            for `output_layer=k`, without the norm that follows the last layer of a pre-norm stack.
        """
        batch, lengths = pad(sources, 0.0)
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            if double:
                batch = batch.double()
                stack.enter_context(in_float64(self.model))
            if explicit:
                stack.enter_context(explicit_attention(self.model))
            calls = stack.enter_context(recording(self.model, only))
            outputs = self._run(batch.to(self.device), lengths.to(self.device))
        return Pass(outputs={name: tensor.cpu() for name, tensor in outputs.items()}, calls=calls)

    def search(
        self,
        source: Tensor,
        search: Search,  # noqa: ARG002
        tag: Optional[int] = None,  # noqa: ARG002
    ) -> List[ScoredTokens]:
        """The one hypothesis of greedy decoding, without repetitions and then without blanks.

        Args:
            source: The network's input, shape (L,).
            search: Of no use: every frame has its best symbol.
            tag: Of no use: there are no language tags.

        Returns:
            Its symbols, and the sum of the log-probabilities of every frame's best one.
        """
        return [best_path(self.forward([source], only=()).outputs["emissions"][0], self.blank)]

    def text(self, tokens: Sequence[int]) -> str:
        """The text of symbols, as fairseq's criterion reads it to count errors.

        Those that every dictionary begins with stand for no text, and are left out.
        """
        from fairseq.data.data_utils import post_process

        dictionary = self.task.target_dictionary
        special = {dictionary.pad(), dictionary.eos(), dictionary.unk()}
        spoken = torch.tensor([token for token in tokens if token not in special]).long()
        return str(post_process(dictionary.string(spoken), POST_PROCESS))

    def encode(self, text: str) -> Tuple[int, ...]:
        """The ids of a text letter by letter, `|` between words.

        A file of labels has one more behind the last word.
        """
        letters = " ".join("|".join(text.split()))
        line = self.task.target_dictionary.encode_line(
            letters, add_if_not_exist=False, append_eos=False
        )
        return tuple(line.tolist())

    def _run(self, batch: Tensor, lengths: Tensor) -> Dict[str, Tensor]:
        beyond = torch.arange(batch.shape[1], device=batch.device) >= lengths.unsqueeze(1)
        keys = [self.task.adapter] * len(batch)
        with _layers_heard(self.model) as layers:
            net = self.model(source=batch, padding_mask=beyond, corpus_key=keys)
        frames, mask = net["encoder_out"], net["padding_mask"]
        outputs = {"logits": frames.clone()}
        # fairseq's conformer gives no `layer_results` unless one layer is asked for.
        results = [layer for layer, *_ in net["layer_results"]] or layers
        for number, layer in enumerate(results, start=1):
            outputs[f"layers.{number}"] = layer
        # It writes into what the model gave.
        outputs["emissions"] = self.model.get_logits(net)  # type: ignore[operator]
        outputs = {name: tensor.transpose(0, 1) for name, tensor in outputs.items()}
        unmasked = torch.zeros(frames.shape[1::-1], dtype=torch.bool, device=frames.device)
        return {**outputs, "padding_mask": unmasked if mask is None else mask}


@contextmanager
def _layers_heard(model: nn.Module) -> Iterator[List[Tensor]]:
    """What each layer of the encoder gives while the context lasts, shape (T, B, D)."""
    heard: List[Tensor] = []
    stack = model.w2v_encoder.w2v_model.encoder.layers  # type: ignore[union-attr]
    with ExitStack() as hooks:
        for layer in stack:  # type: ignore[union-attr]
            hook = layer.register_forward_hook(lambda _, __, output: heard.append(output[0]))
            hooks.callback(hook.remove)
        yield heard


def _as_mapping(arguments: Optional[Arguments]) -> Settings:
    if isinstance(arguments, Namespace):
        return dict(vars(arguments))
    return dict(arguments or {})


def _groups(pretrained: Settings) -> Tuple[Settings, Settings]:
    """The arguments of the pretrained model and of its task, which were one namespace in 2020."""
    if "model" not in pretrained:
        return pretrained, pretrained
    return _as_mapping(pretrained["model"]), _as_mapping(pretrained.get("task"))


def _defaults(config: type) -> Settings:
    """What a dataclass of fairseq says for itself, without what it takes from other groups."""
    plain = {field.name: field.default for field in fields(config)}
    return {name: value for name, value in plain.items() if not _is_open(value)}


def _is_open(value: object) -> bool:
    return value is MISSING or (isinstance(value, str) and value.startswith(("${", "???")))


def _configure(model: Settings, task: Settings) -> DictConfig:
    """The pretrained configuration in today's groups, without what today's fairseq knows not."""
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
    from fairseq.tasks.audio_pretraining import AudioPretrainingConfig
    from omegaconf import OmegaConf

    groups = {
        "model": {**_known(model, Wav2Vec2Config), "_name": "wav2vec2"},
        "task": {**_known(task, AudioPretrainingConfig), "_name": "audio_pretraining"},
    }
    return OmegaConf.create(groups)


def _known(given: Settings, config: type) -> Settings:
    defaults = {field.name: field.default for field in fields(config)}
    return {k: _typed(v, defaults[k]) for k, v in given.items() if k in defaults}


def _typed(value: object, default: object) -> object:
    """The value; as a tuple where the command line of 2020 kept one as text."""
    return literal_eval(value) if isinstance(default, tuple) and isinstance(value, str) else value
