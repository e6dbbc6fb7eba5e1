"""Saves a converted folder again, in every way that the transformers around it has.

Runs in an environment of `tests.released.environments`, without the toolkit:
`python resave.py BASE OUT [RECIPE...]` writes one folder per recipe into OUT.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    GenerationConfig,
    PreTrainedTokenizerFast,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    SpeechEncoderDecoderModel,
    Wav2Vec2Processor,
)

Recipe = Callable[[Path, Path], None]

WEIGHT_FILES = ("model*.safetensors*", "pytorch_model*.bin*")
OLD_NAMES = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}
SMALL = "300KB"
"""Makes several shards even of a tiny model."""


def load_model(base: Path) -> SpeechEncoderDecoderModel:
    """The model as this transformers loads it, its weight norm under whatever names it has here."""
    from safetensors.torch import load_file

    dtype = json.loads((base / "config.json").read_text()).get("dtype") or "float32"
    model = SpeechEncoderDecoderModel.from_pretrained(base, torch_dtype=getattr(torch, dtype))
    own = set(model.state_dict())
    tensors = load_file(base / "model.safetensors")
    named = {name if name in own else name_of_old(name): tensors[name] for name in tensors}
    lost = model.load_state_dict(named, strict=False)
    tied = {"decoder.lm_head.weight", "decoder.model.decoder.embed_tokens.weight"}
    assert not lost.unexpected_keys, lost
    assert set(lost.missing_keys) <= tied, lost
    return model.eval()


def name_of_old(name: str) -> str:
    """The name of a factor of a weight norm before torch had parametrizations."""
    for new, old in OLD_NAMES.items():
        name = name.replace(new, old)
    return name


def load_tokenizer(base: Path) -> PreTrainedTokenizerFast:
    """The tokenizer, as a user of this transformers builds it from `tokenizer.json`."""
    said = json.loads((base / "tokenizer_config.json").read_text())
    tokens = {key: value for key, value in said.items() if key.endswith("_token")}
    return PreTrainedTokenizerFast(
        tokenizer_file=str(base / "tokenizer.json"),
        additional_special_tokens=said.get("extra_special_tokens", []),
        clean_up_tokenization_spaces=False,
        model_max_length=said["model_max_length"],
        **tokens,
    )


def load_processor(base: Path) -> Wav2Vec2Processor:
    """The feature extractor and the tokenizer in one."""
    extractor = AutoFeatureExtractor.from_pretrained(base)
    return Wav2Vec2Processor(feature_extractor=extractor, tokenizer=load_tokenizer(base))


def start(base: Path, out: Path, without: tuple[str, ...] = ()) -> None:
    """A copy of the base in which some files are still to be written."""
    shutil.copytree(base, out)
    for pattern in without:
        for file in out.glob(pattern):
            file.unlink()


def start_fresh(base: Path, out: Path) -> None:
    """A new folder with the search alone, which transformers saves for nobody."""
    out.mkdir()
    if (base / "custom_generate").exists():
        shutil.copytree(base / "custom_generate", out / "custom_generate")


def save_model(**options: object) -> Recipe:
    def make(base: Path, out: Path) -> None:
        start(base, out, WEIGHT_FILES)
        load_model(base).save_pretrained(out, **options)

    return make


def save_tokenizer(base: Path, out: Path) -> None:
    start(base, out, ("tokenizer*.json",))
    load_tokenizer(base).save_pretrained(out)


def save_extractor(base: Path, out: Path) -> None:
    start(base, out, ("preprocessor_config.json",))
    AutoFeatureExtractor.from_pretrained(base).save_pretrained(out)


PROCESSOR_FILES = ("tokenizer*.json", "preprocessor_config.json", "processor_config.json")


def save_processor(base: Path, out: Path) -> None:
    start(base, out, PROCESSOR_FILES)
    load_processor(base).save_pretrained(out)


def save_configs(base: Path, out: Path) -> None:
    start(base, out)
    AutoConfig.from_pretrained(base).save_pretrained(out)
    GenerationConfig.from_pretrained(base).save_pretrained(out)


def save_model_and_processor(base: Path, out: Path) -> None:
    start_fresh(base, out)
    load_model(base).save_pretrained(out)
    load_processor(base).save_pretrained(out)


def save_model_tokenizer_and_extractor(base: Path, out: Path) -> None:
    start_fresh(base, out)
    load_model(base).save_pretrained(out)
    load_tokenizer(base).save_pretrained(out)
    AutoFeatureExtractor.from_pretrained(base).save_pretrained(out)


def save_again(base: Path, out: Path) -> None:
    """Saved, loaded by its own `from_pretrained`, and saved once more."""
    between = out.with_name(f"{out.name}.between")
    save_model_and_processor(base, between)
    start_fresh(base, out)
    dtype = next(load_model(base).parameters()).dtype
    SpeechEncoderDecoderModel.from_pretrained(between, torch_dtype=dtype).save_pretrained(out)
    Wav2Vec2Processor(
        feature_extractor=AutoFeatureExtractor.from_pretrained(between),
        tokenizer=PreTrainedTokenizerFast.from_pretrained(between),
    ).save_pretrained(out)
    shutil.rmtree(between)


def trainer_of(base: Path, out: Path, **options: object) -> Seq2SeqTrainer:
    """A trainer that is about to do nothing: no step, or one of length 0."""
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(out), report_to=[], learning_rate=0.0, disable_tqdm=True, **options
    )
    clip = {"input_values": torch.randn(8000), "labels": torch.tensor([5, 6, 2])}
    processed = load_processor(base)
    named = {"processing_class": processed}
    if "processing_class" not in Seq2SeqTrainer.__init__.__code__.co_varnames:
        named = {"tokenizer": processed.feature_extractor}
    return Seq2SeqTrainer(
        model=load_model(base),
        args=arguments,
        train_dataset=[clip, clip],
        data_collator=lambda clips: {k: torch.stack([c[k] for c in clips]) for k in clips[0]},
        **named,
    )


def save_trainer(base: Path, out: Path) -> None:
    start(base, out, WEIGHT_FILES)
    trainer_of(base, out).save_model(str(out))


def save_checkpoint(base: Path, out: Path) -> None:
    """What a trainer's checkpoint holds beside the model too: optimizer, scheduler, its state."""
    working = out.with_name(f"{out.name}.working")
    trainer = trainer_of(base, working, max_steps=1, save_steps=1, weight_decay=0.0)
    # Some versions pass on an argument that the decoder does not take.
    trainer.model_accepts_loss_kwargs = False
    trainer.train()
    start(base, out, WEIGHT_FILES)
    shutil.copytree(working / "checkpoint-1", out, dirs_exist_ok=True)
    shutil.rmtree(working)


RECIPES: dict[str, Recipe] = {
    "model": save_model(),
    "model as bin": save_model(safe_serialization=False),
    "model in shards": save_model(max_shard_size=SMALL),
    "model in shards as bin": save_model(max_shard_size=SMALL, safe_serialization=False),
    "tokenizer": save_tokenizer,
    "feature extractor": save_extractor,
    "processor": save_processor,
    "configurations": save_configs,
    "model and processor": save_model_and_processor,
    "model, tokenizer and feature extractor": save_model_tokenizer_and_extractor,
    "saved twice": save_again,
    "trainer": save_trainer,
    "trainer's checkpoint": save_checkpoint,
}


def main(base: Path, out: Path, *names: str) -> None:
    """Follows the named recipes, all by default."""
    for name in names or RECIPES:
        shutil.rmtree(out / name, ignore_errors=True)
        RECIPES[name](base, out / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
