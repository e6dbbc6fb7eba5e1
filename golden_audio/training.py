"""The golden checkpoints of texts: tiny models that fairseq builds, trains, saves and decodes.

Only two things are ours: how a clip is read (fairseq would ask torchaudio), and when to stop.
"""

from __future__ import annotations

import io
import logging
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import torch
import torch.nn.functional as F
from clips import CLIPS, SPEECH, Clip, read_mono_16k
from fairseq import options, tasks
from fairseq.data.audio.speech_to_text_dataset import SpeechToTextDataset
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.models.speech_to_text.hub_interface import S2THubInterface
from fairseq.tasks import LegacyFairseqTask
from fairseq.trainer import Trainer

SEED = 1
THREADS = 2
VOCABULARY_SIZE = 200
INITIAL_NOISE = 0.1
"""Deviation of what is added to every vector at first, so that none is all zeros or all ones."""
UPDATES_PER_EPOCH = 4
CHECK_EVERY_EPOCHS = 10
MAX_EPOCHS = 300
ENOUGH_MARGIN = 1.0
"""Lead in nats of each right token over the next best one, without which training goes on."""
BEAMS = (1, 5)

TRAINED = tuple(clip for clip in CLIPS if clip.words)

CONFIG_YAML = """\
use_audio_input: true
standardize_audio: true
use_sample_rate: 16000
input_channels: 1
vocab_filename: dict.txt
bpe_tokenizer:
  bpe: sentencepiece
  sentencepiece_model: spm.model
prepend_tgt_lang_tag: true
hub:
  input_type: standardized_waveform
  tgt_lang: en
"""

WAV2VEC2 = Namespace(
    arch="wav2vec2",
    task="audio_pretraining",
    data=".",
    normalize=True,
    extractor_mode="layer_norm",
    conv_feature_layers="[(32, 10, 5)] + [(32, 3, 2)] * 4 + [(32, 2, 2)] * 2",
    conv_bias=True,
    layer_norm_first=True,
    encoder_layers=3,
    encoder_embed_dim=48,
    encoder_ffn_embed_dim=192,
    encoder_attention_heads=3,
    activation_fn="gelu",
    conv_pos=16,
    conv_pos_groups=4,
    dropout=0.0,
    attention_dropout=0.0,
    activation_dropout=0.0,
    encoder_layerdrop=0.0,
    dropout_input=0.0,
    dropout_features=0.0,
    final_dim=16,
    quantize_targets=True,
    latent_vars=4,
    latent_groups=2,
    latent_temp="(2,0.5,0.999995)",
    num_negatives=1,
    codebook_negatives=0,
)
"""The pre-training arguments of the encoder, kept in the checkpoint as `w2v_args`."""

TRAINING_OPTIONS = """
--task speech_to_text --config-yaml config.yaml
--max-source-positions 480000 --max-target-positions 1024
--criterion label_smoothed_cross_entropy --label-smoothing 0.1 --ignore-prefix-size 1
--optimizer adam --adam-betas (0.9,0.98) --clip-norm 1
--lr 0.003 --lr-scheduler inverse_sqrt --warmup-updates 60
--cpu --no-progress-bar --no-save-optimizer-state --num-workers 0
--arch xm_transformer --normalize
--encoder-embed-dim 48
--adaptor-n-layers 3 --adaptor-kernel-size 3 --adaptor-stride 2
--decoder-layers 3 --decoder-embed-dim 48 --decoder-ffn-embed-dim 192
--decoder-attention-heads 3 --decoder-normalize-before --decoder-learned-pos
--layernorm-embedding --share-decoder-input-output-embed --activation-fn gelu
--decoder-dropout 0 --decoder-attention-dropout 0 --decoder-activation-dropout 0
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a finished training can say about itself."""

    updates: int
    loss: float
    """Mean loss of the last epoch, in bits per token."""
    margin: float
    """Smallest lead of a right token over the next best one, in nats."""
    seconds: float
    right: dict[int, int]
    """Beam width -> speech clips whose transcript fairseq's own search returns exactly."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What tells one golden model of texts from another."""

    config_yaml: str
    options: str
    """Of fairseq's training."""
    settings: Mapping[str, object]
    """Arguments that no option gives."""
    dataset: type[SpeechToTextDataset]
    """fairseq's, which reads clips in our way."""
    hear: Callable[[LegacyFairseqTask, Path], dict[str, Any]]
    """A clip as a sample of fairseq's own search."""
    pieces: Mapping[str, object] = field(default_factory=dict)
    """How sentencepiece is trained, beside the usual."""


class GoldenDataset(SpeechToTextDataset):
    """fairseq's dataset, its files read by soundfile instead of torchaudio."""

    def _get_source_audio(self, index: int) -> torch.Tensor:
        sound = torch.from_numpy(read_mono_16k(Path(self.audio_paths[index])))
        return F.layer_norm(sound, sound.shape)


def hear_waveform(task: LegacyFairseqTask, path: Path) -> dict[str, Any]:
    """A clip as fairseq's hub interface gives it to a search."""
    sound = torch.from_numpy(read_mono_16k(path))
    sample: dict[str, Any] = S2THubInterface.get_model_input(task, sound[None])  # (L,) -> (1, L)
    return sample


XM_TRANSFORMER = Recipe(
    config_yaml=CONFIG_YAML,
    options=TRAINING_OPTIONS,
    # `freeze_regex` is read by fairseq main, and offered by no option of this model.
    settings={"w2v_path": None, "w2v_args": WAV2VEC2, "freeze_regex": None},
    dataset=GoldenDataset,
    hear=hear_waveform,
)


def write_checkpoint(recipe: Recipe, clips_dir: Path, out: Path) -> Outcome:
    """Trains a golden model on the clips and writes everything that a fairseq release holds.

    Args:
        recipe: Which model, and how it hears clips.
        clips_dir: The folder of the clips.
        out: The folder of the checkpoint; `model.pt`, `dict.txt`, `spm.model` and `config.yaml`
            are written to it.

    Raises:
        ValueError: The saved model does not transcribe every speech clip.
    """
    make_deterministic(SEED, THREADS)
    out.mkdir(parents=True, exist_ok=True)
    _write_files(recipe, out)
    started_s = time.monotonic()
    trainer = _build_trainer(recipe, out)
    dataset = _build_dataset(recipe, trainer.task, clips_dir)
    loss, margin = _train(recipe, trainer, dataset, clips_dir)
    save(trainer, out / "model.pt")
    outcome = Outcome(
        updates=trainer.get_num_updates(),
        loss=loss,
        margin=margin,
        seconds=time.monotonic() - started_s,
        right=_count_right(recipe, *_load(out), clips_dir),
    )
    check(outcome)
    return outcome


def make_deterministic(seed: int, threads: int) -> None:
    """Makes two runs on one machine the same.

    Args:
        seed: Where every random number starts from.
        threads: How many compute; another number rounds differently.
    """
    logging.disable(logging.WARNING)
    torch.manual_seed(seed)
    np.random.seed(seed)  # fairseq draws from the global generator
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(threads)


def perturb_vectors(model: torch.nn.Module, seed: int) -> None:
    """Adds noise to norms and biases, so that none is all zeros or all ones."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(INITIAL_NOISE * noise)


def save(trainer: Trainer, path: Path) -> None:
    """Writes the checkpoint as fairseq does, but for its wall-clock meters: runs are the same."""
    no_clock: dict[str, Any] = {"metrics": [], "previous_training_time": 0.0}
    trainer.save_checkpoint(str(path), no_clock)


def make_trainer(args: Namespace) -> Trainer:
    """Fairseq's trainer of a new model, whose norms and biases are noisy."""
    task = tasks.setup_task(args)
    model = task.build_model(args)
    perturb_vectors(model, SEED)
    args.data = "."  # a release must not name the machine it was trained on
    cfg = convert_namespace_to_omegaconf(args)
    return Trainer(cfg, task, model, task.build_criterion(cfg.criterion))


def write_vocabulary(
    out: Path, texts: Sequence[str], size: int, *, tags: Sequence[str] = (), **pieces: Any
) -> sentencepiece.SentencePieceProcessor:
    """Writes `spm.model` and the `dict.txt` of its pieces.

    Args:
        out: Where to.
        texts: What the pieces are learnt from.
        size: How many pieces there are at most.
        tags: Rows of the dictionary behind them.
        pieces: Further settings of sentencepiece.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="unigram",
        vocab_size=size,
        hard_vocab_limit=False,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
        **pieces,
    )
    spm = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ids = range(spm.get_piece_size())
    rows = [spm.id_to_piece(i) for i in ids if not (spm.is_control(i) or spm.is_unknown(i))]
    (out / "spm.model").write_bytes(model.getvalue())
    (out / "dict.txt").write_text("".join(f"{row} 1\n" for row in [*rows, *tags]), encoding="utf-8")
    return spm


def _write_files(recipe: Recipe, out: Path) -> None:
    tags = [f"<lang:{lang}>" for lang in sorted({clip.lang for clip in CLIPS})]
    texts = [clip.words for clip in TRAINED]
    write_vocabulary(out, texts, VOCABULARY_SIZE, tags=tags, **recipe.pieces)
    (out / "config.yaml").write_text(recipe.config_yaml, encoding="utf-8")


def _build_trainer(recipe: Recipe, data: Path) -> Trainer:
    return make_trainer(_parse_training_options(recipe, data))


def _parse_training_options(recipe: Recipe, data: Path) -> Namespace:
    parser = options.get_training_parser()
    args = options.parse_args_and_arch(parser, [str(data), *recipe.options.split()])
    vars(args).update(recipe.settings)
    return args


def _build_dataset(recipe: Recipe, task: LegacyFairseqTask, clips_dir: Path) -> SpeechToTextDataset:
    paths = [clips_dir / clip.file for clip in TRAINED]
    return recipe.dataset(
        "train",
        is_train_split=True,
        cfg=task.data_cfg,
        audio_paths=[str(path) for path in paths],
        n_frames=[len(read_mono_16k(path)) for path in paths],
        tgt_texts=[clip.words for clip in TRAINED],
        tgt_langs=[clip.lang for clip in TRAINED],
        tgt_dict=task.target_dictionary,
        bpe_tokenizer=task.build_bpe(task.args),
    )


def _train(
    recipe: Recipe, trainer: Trainer, dataset: SpeechToTextDataset, clips_dir: Path
) -> tuple[float, float]:
    """The last epoch's loss and the margin it reached."""
    loss, margin = float("inf"), -float("inf")
    for epoch in range(1, MAX_EPOCHS + 1):
        trainer.begin_epoch(epoch)
        loss = float(np.mean([trainer.train_step(u)["loss"] for u in draw(dataset, epoch)]))
        if epoch % CHECK_EVERY_EPOCHS == 0:
            margin = min(_measure_margin(trainer.model, dataset, i) for i in range(len(dataset)))
            print(f"epoch {epoch}: loss {loss:.3f} bits, margin {margin:.2f} nats", flush=True)
            if margin > ENOUGH_MARGIN and _is_learnt(recipe, trainer, clips_dir):
                break
    return loss, margin


def _is_learnt(recipe: Recipe, trainer: Trainer, clips_dir: Path) -> bool:
    right = _count_right(recipe, trainer.task, trainer.model, clips_dir)
    print(f"right of {len(SPEECH)} by beam: {right}", flush=True)
    return min(right.values()) == len(SPEECH)


def draw(dataset: SpeechToTextDataset, epoch: int) -> Iterator[list[dict[str, Any]]]:
    """The updates of an epoch, each a list of batches: one padded batch, or every clip alone.

    Padding tells clips apart, and a model that only ever saw the same batches learns that instead
    of the sound. So the batches are drawn anew each time, and every other epoch has no padding.
    """
    order = np.random.default_rng([SEED, epoch]).permutation(len(dataset))
    for group in np.array_split(order, UPDATES_PER_EPOCH):
        items = [dataset[int(i)] for i in group]
        batches = [items] if epoch % 2 else [[item] for item in items]
        yield [dataset.collater(batch) for batch in batches]


def _measure_margin(model: torch.nn.Module, dataset: SpeechToTextDataset, index: int) -> float:
    """Smallest lead of a right token of one clip, alone and unpadded, over the next best token."""
    sample = dataset.collater([dataset[index]])
    model.eval()
    with torch.no_grad():
        logits = model(**sample["net_input"])[0][0, 1:]  # (1, S, V) -> (S - 1, V), less the tag
    target = sample["target"][0, 1:, None]  # (1, S) -> (S - 1, 1)
    right = logits.gather(1, target)
    others = logits.scatter(1, target, -torch.inf)
    return float((right - others.max(dim=1, keepdim=True).values).min())


def _count_right(
    recipe: Recipe, task: LegacyFairseqTask, model: torch.nn.Module, clips_dir: Path
) -> dict[int, int]:
    model.eval()
    return {
        beam: sum(
            _transcribe(recipe, task, model, clip, clips_dir, beam) == clip.words for clip in SPEECH
        )
        for beam in BEAMS
    }


def _load(checkpoint: Path) -> tuple[LegacyFairseqTask, torch.nn.Module]:
    """What fairseq makes of the files alone."""
    state = torch.load(checkpoint / "model.pt", weights_only=False)
    args = state["cfg"]["model"]
    args.data = str(checkpoint)
    task = tasks.setup_task(args)
    model = task.build_model(args)
    model.load_state_dict(state["model"], strict=True)
    return task, model


def _transcribe(
    recipe: Recipe,
    task: LegacyFairseqTask,
    model: torch.nn.Module,
    clip: Clip,
    clips_dir: Path,
    beam: int,
) -> str:
    sample = recipe.hear(task, clips_dir / clip.file)
    generator = task.build_generator([model], Namespace(beam=beam, prefix_size=1))
    text = S2THubInterface.get_prediction(task, model, generator, sample, tgt_lang=clip.lang)
    return text.removeprefix(f"<lang:{clip.lang}> ")  # fairseq's hub leaves the tag in the text


def check(outcome: Outcome) -> None:
    """Refuses a model that does not say of every speech clip what it should.

    Raises:
        ValueError: It gets some of them wrong.
    """
    wrong = {beam: right for beam, right in outcome.right.items() if right < len(SPEECH)}
    if wrong:
        raise ValueError(
            f"The golden model must get all {len(SPEECH)} speech clips right, but got {wrong} "
            "(beam: clips) right. Raise `MAX_EPOCHS` or lower the learning rate."
        )
