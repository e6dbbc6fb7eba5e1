"""The carried classifiers differ from transformers' own in what they do to the mean, alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from toolkit import convert
from toolkit.bundled import CLASSIFIER, modeling_fairseq_classifier
from toolkit.bundled.modeling_fairseq_classifier import (
    Data2VecAudioForSequenceClassification,
    FairseqClassifierConfig,
    FairseqData2VecClassifierConfig,
    Wav2Vec2ForSequenceClassification,
)
from toolkit.folder.foreign_code import carries_own_code_only
from toolkit.pipeline.golden import golden_of

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "classifier_proj_size": 12,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 4,
    "id2label": {0: "a", 1: "b", 2: "c"},
}
KINDS: dict[Any, Any] = {
    Wav2Vec2ForSequenceClassification: FairseqClassifierConfig,
    Data2VecAudioForSequenceClassification: FairseqData2VecClassifierConfig,
}


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Two waveforms of unequal length, and the mask of their samples."""
    waveforms = torch.randn(2, 8_000, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(2, 8_000, dtype=torch.long)
    mask[1, 5_000:] = 0
    return waveforms * mask, mask


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_doing_nothing_to_the_mean_it_is_what_the_stock_class_is(kind: type) -> None:
    model = kind(KINDS[kind](**SMALL, classifier_activation="linear")).eval()
    stock = getattr(transformers, kind.__name__)(model.config).eval()
    assert stock.load_state_dict(model.state_dict()) is not None
    waveforms, mask = batch()
    with torch.no_grad():
        for given in ({"attention_mask": mask}, {}):
            ours, theirs = (m(waveforms, **given).logits for m in (model, stock))
            assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_done_to_the_mean_stands_between_the_pooling_and_the_scores(kind: type) -> None:
    model = kind(KINDS[kind](**SMALL)).eval()
    waveforms, mask = batch()
    with torch.no_grad():
        made = model(waveforms, attention_mask=mask, labels=torch.tensor([2, 0]))
        frames = model.projector(model.base_model(waveforms, attention_mask=mask)[0])
        kept = (24, 15)
        means = torch.stack([row[:n].mean(0) for row, n in zip(frames, kept, strict=True)])
        logits = model.classifier(torch.nn.functional.gelu(means))
    assert torch.allclose(made.logits, logits, atol=1e-6)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([2, 0]))
    assert abs(float(made.loss - expected)) < 1e-6


def test_layers_and_tuples_are_returned_where_they_are_asked_for() -> None:
    model = Wav2Vec2ForSequenceClassification(FairseqClassifierConfig(**SMALL)).eval()
    waveforms, mask = batch()
    with torch.no_grad():
        made = model(waveforms, attention_mask=mask, output_hidden_states=True)
        logits, *_ = model(waveforms, attention_mask=mask, return_dict=False)
    assert len(made.hidden_states) == 3
    assert logits.equal(made.logits)


def test_no_two_carried_classifiers_share_a_configuration() -> None:
    """transformers remembers one class for each configuration and kind of use."""
    models: list[Any] = [
        found
        for found in vars(modeling_fairseq_classifier).values()
        if isinstance(found, type)
        and issubclass(found, transformers.PreTrainedModel)
        and found.__module__ == modeling_fairseq_classifier.__name__
    ]
    assert {model.config_class for model in models} == set(KINDS.values())
    assert len(models) == len(KINDS)


def test_saving_and_loading_again_changes_nothing(tmp_path: Path) -> None:
    convert(golden_of("wav2vec2_classification"), tmp_path / "hf", verify=False)
    load = transformers.AutoModelForAudioClassification.from_pretrained
    model = load(tmp_path / "hf", trust_remote_code=True).eval()
    model.save_pretrained(tmp_path / "again")
    assert carries_own_code_only(tmp_path / "again")
    assert (tmp_path / "again" / CLASSIFIER.name).read_bytes() == CLASSIFIER.read_bytes()
    again = load(tmp_path / "again", trust_remote_code=True).eval()
    waveforms, mask = batch()
    with torch.no_grad():
        before, after = (m(waveforms, attention_mask=mask).logits for m in (model, again))
    assert before.equal(after)
    assert again.config.id2label == model.config.id2label
