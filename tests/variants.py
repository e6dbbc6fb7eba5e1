"""Small XMTransformers of every generation and flag, built by fairseq itself with random weights.

Norms and biases are perturbed, so that none is an identity by accident.
"""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.breaking import scale
from toolkit import BadInput, convert, diff
from toolkit.audio import golden_folder
from toolkit.bundled import MODELLING, TOKENIZATION
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.base import register_models
from toolkit.oracle.tasks.speech_seq2seq.build import make_namespace

Save = Callable[[Namespace, dict[str, Any]], dict[str, Any]]

W2V: dict[str, Any] = {
    "arch": "wav2vec2",
    "task": "audio_pretraining",
    "data": ".",
    "normalize": True,
    "extractor_mode": "layer_norm",
    "conv_feature_layers": "[(16, 10, 5)] + [(16, 3, 2)] * 4 + [(16, 2, 2)] * 2",
    "conv_bias": True,
    "layer_norm_first": True,
    "encoder_layers": 2,
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 64,
    "encoder_attention_heads": 2,
    "activation_fn": "gelu",
    "conv_pos": 16,
    "conv_pos_groups": 4,
    "final_dim": 8,
    "latent_vars": 4,
    "latent_groups": 2,
    "quantize_targets": True,
}
MODEL: dict[str, Any] = {
    "arch": "xm_transformer",
    "task": "speech_to_text",
    "normalize": True,
    "encoder_embed_dim": 32,
    "adaptor_n_layers": 3,
    "adaptor_kernel_size": 3,
    "adaptor_stride": 2,
    "decoder_layers": 2,
    "decoder_embed_dim": 32,
    "decoder_ffn_embed_dim": 64,
    "decoder_attention_heads": 2,
    "decoder_normalize_before": True,
    "decoder_learned_pos": True,
    "layernorm_embedding": True,
    "share_decoder_input_output_embed": True,
    "activation_fn": "gelu",
    "max_source_positions": 480_000,
    "max_target_positions": 64,
    "max_len_b": 12,
    "beam": 5,
}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One kind of checkpoint: what differs from the plainest one."""

    name: str
    model: Mapping[str, Any] = field(default_factory=dict)
    w2v: Mapping[str, Any] = field(default_factory=dict)
    save: Save | None = None
    """Makes the saved state; None saves `args` and `model`."""
    legacy: bool = False
    """Saved as torch saved before 1.6: no zip file."""
    companions: Callable[[Path], None] | None = None
    """Changes what stands beside the checkpoint before it is built."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the conversion is told beside the checkpoint."""
    seed: int = 1
    ends: str = "native exact"
    """`native exact`, `bundled exact`, or `refused:` and what the refusal names."""
    broken: str = "decoder.model.decoder.layers.1.fc1"
    """Module of the converted model that is broken on purpose, for diff to blame."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What came out for one variant."""

    ended: str
    """As `Variant.ends`, or the verdict where it does not match."""
    deviations: tuple[str, ...]
    failed: tuple[str, ...]
    """Measures of the proof that fail."""
    clean_findings: tuple[str, ...]
    """What diff says of the conversion."""
    blamed: str | None
    """The module that diff names first once `Variant.broken` is broken."""
    logits: float
    padded: float
    """Differences relative to the largest logit, of single clips and of a padded batch."""

    def row(self, variant: Variant) -> str:
        """One line of `make variants`."""
        known = ", ".join(self.deviations) or "none"
        blame = "blamed right" if self.blamed == variant.broken else f"blames {self.blamed}"
        numbers = f"logits {self.logits:.1e}  padded {self.padded:.1e}"
        return f"{variant.name:52} {self.ended:14} {numbers}  deviations: {known}; {blame}"


def as_cfg(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    generation = {"beam": 5, "max_len_b": 12, "lenpen": 1.0}
    cfg = {"model": args, "task": args, "generation": generation, "common": {"seed": 1}}
    return {"args": None, "cfg": cfg, "model": state}


def as_dict_config(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    """As hydra-era fairseq saved: groups in an omegaconf DictConfig, with fairseq's enums."""
    from fairseq.dataclass.utils import convert_namespace_to_omegaconf
    from omegaconf import OmegaConf

    pretrained = convert_namespace_to_omegaconf(Namespace(**vars(args.w2v_args)))
    model = {**vars(args), "w2v_args": pretrained}
    groups = {"_name": None, "common": {"seed": 1}, "generation": {"beam": 5, "max_len_b": 12}}
    cfg = OmegaConf.create({**groups, "model": model, "task": {**vars(args), "w2v_args": None}})
    return {"args": None, "cfg": cfg, "model": state}


def july_2021(width: int, *, norms: bool = True) -> Save:
    """The state as the first XMTransformer had it: the adaptor widens, with a norm per layer."""

    def save(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
        kept = {k: v for k, v in state.items() if not k.startswith("encoder.w2v_encoder.proj.")}
        into = state["encoder.w2v_encoder.w2v_model.encoder.layer_norm.weight"].shape[0]
        for layer in range(3):
            size = (2 * width, width if layer else into, 3)
            kept[f"encoder.adaptor.layers.{layer}.weight"] = 0.2 * torch.randn(size)
            kept[f"encoder.adaptor.layers.{layer}.bias"] = 0.1 * torch.randn(2 * width)
            if norms:
                name = f"encoder.adaptor.layernorms.{layer}"
                kept[f"{name}.weight"] = 1 + 0.1 * torch.randn(width)
                kept[f"{name}.bias"] = 0.1 * torch.randn(width)
        newer = ("encoder_proj", "adaptor_proj", "adaptor_layernorm")
        old = Namespace(**{k: v for k, v in vars(args).items() if k not in newer})
        return {"args": old, "model": kept}

    return save


def with_multitask_decoders(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    """With the decoders of two auxiliary tasks, as multitask training leaves them behind."""
    extra = {
        "source_letter_decoder.proj.weight": torch.randn(30, 32),
        "source_letter_decoder.proj.bias": torch.randn(30),
        "target_phone_decoder.embed_tokens.weight": torch.randn(40, 32),
        "target_phone_decoder.layers.0.fc1.weight": torch.randn(64, 32),
    }
    return {"args": args, "model": {**state, **extra}}


def rewrite_dict(edit: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Changes the rows of `dict.txt`."""

    def change(folder: Path) -> None:
        rows = (folder / "dict.txt").read_text(encoding="utf-8").splitlines()
        (folder / "dict.txt").write_text("\n".join(edit(rows)) + "\n", encoding="utf-8")

    return change


def rewrite_yaml(**changed: Any) -> Callable[[Path], None]:
    """Sets keys of `config.yaml`; None removes one."""

    def change(folder: Path) -> None:
        path = folder / "config.yaml"
        config = {**yaml.safe_load(path.read_text(encoding="utf-8")), **changed}
        kept = {key: value for key, value in config.items() if value is not None}
        path.write_text(yaml.safe_dump(kept), encoding="utf-8")

    return change


def of_units(folder: Path) -> None:
    """A dictionary of speech units, as speech-to-unit decoders have it: no text, no languages."""
    rows = "".join(f"{unit} 1\n" for unit in range(100))
    (folder / "dict.txt").write_text(rows, encoding="utf-8")
    (folder / "spm.model").unlink()
    rewrite_yaml(bpe_tokenizer=None, prepend_tgt_lang_tag=None)(folder)


def with_bracketed_tags(folder: Path) -> None:
    """Language tags as mBART spells them; fairseq prepends none of that spelling by itself."""
    rewrite_dict(lambda rows: [re.sub(r"<lang:(..)>", r"[\1_XX]", row) for row in rows])(folder)
    rewrite_yaml(prepend_tgt_lang_tag=None)(folder)


def conformer(positions: str, attention: str) -> dict[str, Any]:
    """Arguments of a conformer encoder."""
    return {
        "layer_type": "conformer",
        "pos_enc_type": positions,
        "attn_type": attention,
        "depthwise_conv_kernel_size": 7,
        "max_positions": 600,
        "fp16": False,
    }


def in_half(dtype: torch.dtype) -> Save:
    def save(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
        return {"args": args, "cfg": None, "model": {k: v.to(dtype) for k, v in state.items()}}

    return save


def with_optimizer(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    moments = {i: {"exp_avg": torch.zeros_like(v)} for i, v in enumerate(state.values())}
    return {
        "args": args,
        "cfg": None,
        "model": state,
        "last_optimizer_state": {"state": moments, "param_groups": [{"lr": 1e-3}]},
    }


def without_w2v_args(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    bare = Namespace(**{**vars(args), "w2v_args": None, "w2v_path": "/cluster/xlsr.pt"})
    return {"args": bare, "cfg": None, "model": state}


VARIANTS = (
    Variant(name="v0, equal widths"),
    Variant(
        name="no post_extract_proj",
        w2v={"conv_feature_layers": "[(32, 10, 5)] + [(32, 3, 2)] * 4 + [(32, 2, 2)] * 2"},
    ),
    Variant(name="decoder relu", model={"activation_fn": "relu"}),
    Variant(name="decoder gelu_accurate", model={"activation_fn": "gelu_accurate"}),
    Variant(name="decoder tanh", model={"activation_fn": "tanh"}),
    Variant(name="encoder relu", w2v={"activation_fn": "relu"}),
    Variant(
        name="untied output",
        broken="decoder.lm_head",
        model={"share_decoder_input_output_embed": False},
    ),
    Variant(name="no_scale_embedding", model={"no_scale_embedding": True}),
    Variant(name="no conv bias", w2v={"conv_bias": False}),
    Variant(
        name="group-norm extractor, post-LN encoder",
        broken="encoder.feature_extractor.conv_layers.0.layer_norm",
        w2v={"extractor_mode": "default", "layer_norm_first": False, "conv_bias": False},
    ),
    Variant(name="odd positional kernel", w2v={"conv_pos": 15}),
    Variant(name="adaptor stride 1", model={"adaptor_stride": 1}),
    Variant(
        name="adaptor stride 3", broken="encoder.adapter.layers.1.conv", model={"adaptor_stride": 3}
    ),
    Variant(
        name="adaptor of 1 layer",
        broken="encoder.adapter.layers.0.conv",
        model={"adaptor_n_layers": 1},
    ),
    Variant(
        name="adaptor of 5 layers",
        broken="encoder.adapter.layers.4.conv",
        model={"adaptor_n_layers": 5},
    ),
    Variant(name="no adaptor", model={"adaptor_n_layers": 0}),
    Variant(name="weight norm removed", model={"remove_weight_norm": True}),
    Variant(name="max_target_positions 100", model={"max_target_positions": 100}),
    Variant(
        name="head width 12",
        w2v={"encoder_embed_dim": 36, "encoder_attention_heads": 3},
        model={"encoder_embed_dim": 36, "decoder_embed_dim": 36, "decoder_attention_heads": 3},
    ),
    Variant(name="cfg instead of args", save=as_cfg),
    Variant(name="cfg as DictConfig", save=as_dict_config),
    Variant(name="legacy serialization", legacy=True),
    Variant(name="multitask decoders", save=with_multitask_decoders),
    Variant(name="decoder linear", model={"activation_fn": "linear"}),
    Variant(name="decoder relu_squared", model={"activation_fn": "relu_squared"}),
    Variant(name="unit vocabulary, no language tags", companions=of_units),
    Variant(
        name="pruned dict with the original spm",
        companions=rewrite_dict(lambda rows: rows[:60:2] + rows[60:]),
        ends="native exact, bundled tokenizer",
    ),
    Variant(
        name="madeupword and <mask> rows",
        companions=rewrite_dict(
            lambda rows: [*rows, *(f"madeupword{i:04d} 0" for i in range(3)), "<mask> 0"]
        ),
    ),
    Variant(name="tags as [xx_XX]", companions=with_bracketed_tags),
    Variant(name="float16 weights", save=in_half(torch.float16)),
    Variant(name="bfloat16 weights", save=in_half(torch.bfloat16)),
    Variant(name="with optimizer state", save=with_optimizer),
    Variant(name="without wav2vec2 arguments", save=without_w2v_args),
    Variant(name="encoder_proj, equal widths", model={"encoder_proj": True}),
    Variant(
        name="encoder_proj to a wider decoder, no adaptor",
        broken="enc_to_dec_proj",
        model={"encoder_proj": True, "decoder_embed_dim": 48, "adaptor_n_layers": 0},
    ),
    Variant(name="post-norm decoder", model={"decoder_normalize_before": False}),
    Variant(
        name="post-norm decoder, no layernorm_embedding",
        broken="decoder.model.decoder.layers.1.final_layer_norm",
        model={"decoder_normalize_before": False, "layernorm_embedding": False},
    ),
    Variant(
        name="post-norm decoder wider than a v0 encoder",
        broken="decoder.model.decoder.layers.0.encoder_attn.k_proj",
        model={"decoder_normalize_before": False, "decoder_embed_dim": 48},
    ),
    Variant(
        name="no layernorm_embedding", model={"layernorm_embedding": False}, ends="bundled exact"
    ),
    Variant(
        name="sinusoidal positions", model={"decoder_learned_pos": False}, ends="bundled exact"
    ),
    Variant(
        name="sinusoidal positions, post-norm decoder",
        model={"decoder_learned_pos": False, "decoder_normalize_before": False},
        ends="bundled exact",
    ),
    Variant(
        name="no positions", model={"no_token_positional_embeddings": True}, ends="bundled exact"
    ),
    Variant(
        name="encoder_proj to a wider decoder",
        broken="encoder.output_projection",
        model={"encoder_proj": True, "decoder_embed_dim": 48},
        ends="bundled exact",
    ),
    Variant(
        name="encoder_proj to a narrower decoder",
        broken="encoder.output_projection",
        model={"encoder_proj": True, "decoder_embed_dim": 16},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_proj (v1), equal widths",
        broken="encoder.length_adapter.half_step_in.feed_forward.2",
        model={"adaptor_proj": True},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_proj (v1), wider decoder",
        broken="encoder.length_adapter.half_step_out.layer_norm",
        model={"adaptor_proj": True, "decoder_embed_dim": 48},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_proj (v1), no adaptor layers, wider decoder",
        broken="encoder.output_layer_norm",
        model={"adaptor_proj": True, "decoder_embed_dim": 48, "adaptor_n_layers": 0},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_layernorm",
        broken="encoder.length_adapter.layer_norm",
        model={"adaptor_layernorm": True},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_layernorm and adaptor_proj",
        broken="encoder.length_adapter.half_step_out.feed_forward.0",
        model={"adaptor_layernorm": True, "adaptor_proj": True, "decoder_embed_dim": 48},
        ends="bundled exact",
    ),
    Variant(
        name="decoder wider than a v0 encoder",
        broken="decoder.model.decoder.layers.1.encoder_attn.v_proj",
        model={"decoder_embed_dim": 48},
        ends="bundled exact",
    ),
    Variant(
        name="decoder narrower than a v0 encoder",
        broken="decoder.model.decoder.layers.0.encoder_attn.k_proj",
        model={"decoder_embed_dim": 16},
        ends="bundled exact",
    ),
    Variant(
        name="July 2021, equal widths",
        broken="encoder.length_adapter.layers.1.layer_norm",
        save=july_2021(32),
        ends="bundled exact",
    ),
    Variant(
        name="July 2021, wider decoder",
        broken="encoder.length_adapter.layers.0.conv",
        model={"encoder_proj": True, "decoder_embed_dim": 48},
        save=july_2021(48),
        ends="bundled exact",
    ),
    Variant(
        name="July 2021, narrower decoder, no norms",
        broken="encoder.length_adapter.layers.0.conv",
        model={"encoder_proj": True, "decoder_embed_dim": 16},
        save=july_2021(16, norms=False),
        ends="bundled exact",
    ),
    Variant(
        name="v0 with --exact-padding",
        broken="encoder.length_adapter.layers.2.conv",
        options={"exact_padding": True},
        ends="bundled exact",
    ),
    Variant(
        name="v0 with --padding-reference unmasked",
        options={"padding_reference": "unmasked"},
    ),
    *(
        Variant(
            name=f"adaptor kernel {kernel}",
            broken="encoder.length_adapter.layers.2.conv",
            model={"adaptor_kernel_size": kernel},
            ends="bundled exact",
        )
        for kernel in (1, 2, 4, 5, 7)
    ),
    *(
        Variant(
            name=f"conformer, {positions}",
            w2v=conformer(positions, attention),
            broken="encoder.encoder.layers.1.conv_module.depthwise_conv",
            ends=ends,
        )
        for positions, attention, ends in (
            ("rel_pos", "espnet", "native exact"),
            ("rope", "espnet", "native exact"),
            ("abs", "espnet", "bundled exact"),
        )
    ),
    Variant(
        name="conformer, rope without positions",
        w2v=conformer("rope", ""),
        broken="encoder.encoder.layers.0.self_attn.linear_k",
    ),
    Variant(
        name="conformer, abs with fairseq's attention, norm first",
        w2v={**conformer("abs", ""), "layer_norm_first": False},
        broken="encoder.encoder.layers.0.ffn1_layer_norm",
        ends="bundled exact",
    ),
    Variant(
        name="conformer, rel_pos, norm before the layers",
        w2v={**conformer("rel_pos", "espnet"), "layer_norm_first": False},
        broken="encoder.encoder.layers.1.self_attn.linear_pos",
        ends="bundled exact",
    ),
    Variant(
        name="swish, which fairseq itself cannot run",
        model={"activation_fn": "swish"},
        ends="refused: args.activation_fn",
    ),
    Variant(
        name="pos_conv_depth 2",
        broken="encoder.encoder.pos_conv_embed.layers.1",
        w2v={"pos_conv_depth": 2},
        ends="bundled exact",
    ),
    Variant(
        name="pos_conv_depth 5, even kernels",
        broken="encoder.encoder.pos_conv_embed.layers.3",
        w2v={"pos_conv_depth": 4, "conv_pos": 16},
        ends="bundled exact",
    ),
)


MORE_CLEAN = (
    Variant(name="another seed", seed=2),
    Variant(name="a third seed, untied", seed=3, model={"share_decoder_input_output_embed": False}),
    Variant(
        name="width 64",
        seed=4,
        w2v={"encoder_embed_dim": 64, "encoder_attention_heads": 4, "encoder_ffn_embed_dim": 128},
        model={"encoder_embed_dim": 64, "decoder_embed_dim": 64, "decoder_attention_heads": 4},
    ),
    Variant(name="float16 weights, another seed", seed=5, save=in_half(torch.float16)),
    Variant(
        name="bfloat16 weights, untied",
        seed=6,
        save=in_half(torch.bfloat16),
        model={"share_decoder_input_output_embed": False},
    ),
    Variant(name="three encoder layers", seed=7, w2v={"encoder_layers": 3}),
    Variant(
        name="three decoder layers, relu",
        seed=8,
        model={"decoder_layers": 3, "activation_fn": "relu"},
    ),
)
"""Further conversions on which `toolkit diff` must find nothing."""


def readme_table() -> str:
    """The table of what converts, as README.md shows it."""
    rows = [f"| {variant.name} | {variant.ends} |" for variant in VARIANTS]
    return "\n".join(["| checkpoint | conversion |", "|---|---|", *rows])


def build_variant(variant: Variant, companions: Path, folder: Path) -> Path:
    """Writes a checkpoint of the variant with its companions and returns its path.

    Args:
        variant: What to build.
        companions: Folder with `dict.txt`, `spm.model` and `config.yaml`.
        folder: Where to write; must exist.
    """
    from fairseq import tasks

    register_models()
    for name in ("dict.txt", "spm.model", "config.yaml"):
        shutil.copyfile(companions / name, folder / name)
    if variant.companions is not None:
        variant.companions(folder)
    w2v_args = {**W2V, **variant.w2v}
    settings = {**MODEL, **variant.model, "w2v_args": w2v_args}
    built_with = make_namespace(settings, str(folder))
    torch.manual_seed(variant.seed)
    task = tasks.setup_task(built_with)
    model = task.build_model(built_with)
    _perturb(model)
    saved = Namespace(**{**settings, "w2v_path": None, "w2v_args": Namespace(**w2v_args)})
    make_state = variant.save or (lambda args, state: {"args": args, "model": state})
    torch.save(
        make_state(saved, dict(model.state_dict())),
        folder / "model.pt",
        _use_new_zipfile_serialization=not variant.legacy,
    )
    return folder / "model.pt"


def examine(variant: Variant, folder: Path) -> Examination:
    """Builds, converts, proves, diffs, breaks and diffs again.

    Args:
        variant: What to examine.
        folder: An empty folder.
    """
    golden = golden_folder()
    audio = [golden / name for name in ("ru_2.flac", "tiny.flac")]
    with quiet_fairseq(), mended_conformer():
        checkpoint = build_variant(variant, golden / "checkpoint", folder)
    out = folder / "out"
    try:
        proof = convert(checkpoint, out, verify=True, audio=audio, **variant.options)
    except BadInput as refusal:
        name = re.search(r"not: `([^`]+)`", str(refusal))
        return _refused(f"refused: {name[1] if name else refusal}")
    measures = {level.name: level.measures for level in proof.levels}
    failed = [m.name for level in proof.levels for m in level.measures if m.verdict == "fail"]
    kinds = {"bundled exact": MODELLING, "native exact, bundled tokenizer": TOKENIZATION}
    carried = (kind for kind, file in kinds.items() if (out / file.name).exists())
    exact = next(carried, "native exact")
    if proof.verdict != "match":
        return replace(_refused(proof.verdict), failed=tuple(failed))
    clean = diff(checkpoint, out, audio=audio, **variant.options)
    scale(f"{variant.broken}.weight", 1.5)(out)
    (first, *_) = diff(checkpoint, out, audio=audio, **variant.options).findings or (None,)
    return Examination(
        ended=exact,
        deviations=tuple(d.name for d in proof.deviations),
        failed=tuple(failed),
        clean_findings=tuple(finding.summary for finding in clean.findings),
        blamed=None if first is None else first.target_module,
        logits=measures["logits"][1].error,
        padded=measures["padding"][0].error,
    )


def _refused(ended: str) -> Examination:
    return Examination(
        ended=ended,
        deviations=(),
        failed=(),
        clean_findings=(),
        blamed=None,
        logits=math.nan,
        padded=math.nan,
    )


def _perturb(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 or "norm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(0.1 * torch.randn_like(buffer))
            elif name.endswith("running_var"):
                buffer.mul_(1 + 0.5 * torch.rand_like(buffer))


def main() -> None:
    """Examines every variant and prints a line for each; what `make variants` runs."""
    torch.set_num_threads(1)
    endings: Counter[str] = Counter()
    for variant in VARIANTS:
        with tempfile.TemporaryDirectory(prefix="toolkit-variant-") as folder:
            found = examine(variant, Path(folder))
        endings[found.ended.split(":")[0]] += 1
        print(found.row(variant), flush=True)
    print(", ".join(f"{count} {ended}" for ended, count in endings.most_common()))


if __name__ == "__main__":
    main()
