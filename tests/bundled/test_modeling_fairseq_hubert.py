"""The carried HuBERT keeps the frames that fairseq keeps, and is transformers' own in all else."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import transformers
from torch.nn.utils.rnn import pad_sequence

from tests.variants.ctc_building import BuiltCtc, build_ctc
from tests.variants.hubert_kinds import HUBERT_VARIANTS
from toolkit import convert
from toolkit.bundled import HUBERT, modeling_fairseq_hubert
from toolkit.bundled.modeling_fairseq_hubert import HubertModel
from toolkit.folder.foreign_code import carries_own_code_only
from toolkit.pipeline.golden import golden_of

VARIANT = next(v for v in HUBERT_VARIANTS if v.name == "HuBERT, batch norm")
LENGTHS = (16_000, 9_873, 12_345, 641)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltCtc:
    """A checkpoint, and fairseq's own model."""
    return build_ctc(VARIANT, tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def folder(built: BuiltCtc, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that carries the class; read it, never write to it."""
    place = tmp_path_factory.mktemp("exact") / "hf"
    convert(built.path, place, verify=False, exact_padding=True)
    return place


def in_batch(lengths: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Waveforms with zeros behind them, and the mask of their samples."""
    generator = torch.Generator().manual_seed(1)
    waveforms = [torch.randn(length, generator=generator) for length in lengths]
    batch = pad_sequence(waveforms, batch_first=True)
    return batch, (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()


def test_it_keeps_the_frames_that_fairseq_keeps_whatever_the_lengths() -> None:
    from fairseq.models.hubert.hubert import HubertModel as Fairseqs

    generator = torch.Generator().manual_seed(2)
    for _ in range(300):
        lengths = torch.randint(400, 40_000, (4,), generator=generator)
        frames = int((lengths.max() - 400) // 320 + 1)
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        expected = Fairseqs.forward_padding_mask(None, torch.empty(4, frames, 1), ~mask)
        kept = HubertModel._get_feature_vector_attention_mask(SimpleNamespace(), frames, mask)
        assert kept.equal(~expected)


LABELS = ((7, 8, 8, 5), (6, 5), (9, 7, 6), ())


@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[:1]])
def test_its_loss_is_that_of_fairseqs_criterion_in_padded_batches_too(
    lengths: tuple[int, ...], built: BuiltCtc, folder: Path
) -> None:
    from fairseq.criterions.ctc import CtcCriterion, CtcCriterionConfig

    model = transformers.AutoModelForCTC.from_pretrained(folder, trust_remote_code=True)
    batch, mask = in_batch(lengths)
    rows = [torch.tensor(row) for row in LABELS[: len(lengths)]]
    target = pad_sequence(rows, batch_first=True, padding_value=built.task.target_dictionary.pad())
    source = {"source": batch, "padding_mask": mask == 0}
    sample = {"net_input": source, "target": target, "id": torch.arange(len(lengths))}
    # In evaluation the criterion also counts errors, with a package that is not at hand.
    fairseqs = built.model.eval()
    fairseqs.training = True
    expected, *_ = CtcCriterion(CtcCriterionConfig(zero_infinity=True), built.task)(
        fairseqs, sample
    )
    model.config.ctc_zero_infinity = True
    labels = pad_sequence(rows, batch_first=True, padding_value=-100)
    output = model(batch, attention_mask=mask, labels=labels)
    assert output.loss.item() == pytest.approx(expected.item(), rel=2e-6)
    stock = transformers.HubertForCTC.forward(model, batch, attention_mask=mask, labels=labels)
    assert (stock.loss.item() == pytest.approx(expected.item(), rel=1e-4)) is (len(lengths) == 1)


def test_without_a_mask_the_loss_is_of_all_frames_and_a_tuple_is_given_where_asked_for(
    folder: Path,
) -> None:
    model = transformers.AutoModelForCTC.from_pretrained(folder, trust_remote_code=True)
    batch, mask = in_batch(LENGTHS[:1])
    labels = torch.tensor([LABELS[0]])
    expected = model(batch, attention_mask=mask, labels=labels)
    loss, logits = model(batch, labels=labels, return_dict=False)
    assert loss.item() == pytest.approx(expected.loss.item(), rel=1e-6)
    assert logits.shape == expected.logits.shape
    assert model(batch).loss is None


def test_users_load_the_class_that_the_folder_carries(folder: Path) -> None:
    with pytest.raises(ValueError, match="trust_remote_code"):
        transformers.AutoModelForCTC.from_pretrained(folder, trust_remote_code=False)
    model = transformers.AutoModelForCTC.from_pretrained(folder, trust_remote_code=True)
    assert type(model).__module__.startswith("transformers_modules.")
    assert isinstance(model, transformers.HubertForCTC)
    assert carries_own_code_only(folder)
    recognize = transformers.pipeline(
        "automatic-speech-recognition", model=str(folder), trust_remote_code=True
    )
    assert recognize.feature_extractor.__class__.__name__ == "FairseqFeatureExtractor"
    assert isinstance(recognize(torch.zeros(16_000).numpy())["text"], str)


def test_saving_and_loading_again_changes_nothing(folder: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForCTC.from_pretrained(folder, trust_remote_code=True)
    model.save_pretrained(tmp_path)
    assert (tmp_path / HUBERT.name).read_bytes() == HUBERT.read_bytes()
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "fairseq_hubert"
    again = transformers.AutoModelForCTC.from_pretrained(tmp_path, trust_remote_code=True)
    batch, mask = in_batch(LENGTHS)
    assert again(batch, attention_mask=mask).logits.equal(model(batch, attention_mask=mask).logits)


def test_alone_a_clip_is_what_the_stock_class_makes_of_it(folder: Path) -> None:
    model = transformers.AutoModelForCTC.from_pretrained(folder, trust_remote_code=True)
    stock = transformers.HubertForCTC(model.config)
    stock.load_state_dict(model.state_dict())
    for length in LENGTHS:
        batch, mask = in_batch((length,))
        with torch.no_grad():
            carried, usual = model(batch, attention_mask=mask), stock.eval()(batch)
        assert carried.logits.equal(usual.logits) or torch.allclose(
            carried.logits, usual.logits, atol=1e-6
        )


def test_no_two_carried_encoders_share_a_configuration() -> None:
    """transformers remembers one class for each configuration and kind of use."""
    models: list[type[transformers.PreTrainedModel]] = [
        found
        for found in vars(modeling_fairseq_hubert).values()
        if isinstance(found, type)
        and issubclass(found, transformers.PreTrainedModel)
        and found.__module__ == modeling_fairseq_hubert.__name__
    ]
    bare = [model.config_class for model in models if not model.__name__.endswith("ForCTC")]
    assert len(bare) == len(set(bare)) == 2


def test_one_process_loads_folders_of_both_carried_encoders(tmp_path: Path) -> None:
    """The second was loaded as the class of the first, its projection lost without a word."""
    for name, options in (("hubert_encoder", {"exact_padding": True}), ("hubert_pretraining", {})):
        convert(golden_of(name), tmp_path / name, verify=False, **options)
    load = partial(transformers.AutoModel.from_pretrained, trust_remote_code=True)
    for name in ("hubert_encoder", "hubert_pretraining", "hubert_encoder"):
        model = load(tmp_path / name)
        assert hasattr(model, "final_proj") == (name == "hubert_pretraining")
