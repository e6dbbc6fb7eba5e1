"""fairseq's classifier is asked what its own code says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.variants.class_kinds import CLASS_VARIANTS, LANGUAGES
from tests.variants.ctc_building import BuiltCtc, build_ctc
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.classification import best_classes
from toolkit.oracle.tasks.classification.reference import ClassReference
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.reference import open_reference

VARIANT = next(v for v in CLASS_VARIANTS if v.name == "classifier, layer norm")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltCtc:
    return build_ctc(VARIANT, tmp_path_factory.mktemp("classes"))


@pytest.fixture(scope="module")
def reference(built: BuiltCtc) -> ClassReference:
    with open_reference(prepare(Inputs(checkpoint=built.path))) as opened:
        assert isinstance(opened, ClassReference)
        return opened


@pytest.fixture
def source() -> Tensor:
    return torch.randn(9_000, generator=torch.Generator().manual_seed(1))


def test_logits_are_those_of_fairseqs_own_model(
    built: BuiltCtc, reference: ClassReference, source: Tensor
) -> None:
    batch, mask = source.unsqueeze(0), torch.zeros(1, len(source), dtype=torch.bool)
    with torch.no_grad():
        logits = built.model(source=batch, padding_mask=mask)
        layer = built.model.w2v_encoder.w2v_model.extract_features(batch, mask, layer=1)["x"]
    outputs = reference.forward([source]).outputs
    assert next(iter(outputs)) == "logits"
    assert outputs["logits"].equal(logits)
    assert outputs["layers.2"].equal(layer)


def test_frames_beyond_a_clip_are_told(reference: ClassReference, source: Tensor) -> None:
    outputs = reference.forward([source, source[:5_000]]).outputs
    frames = [int((~row).sum()) for row in outputs["padding_mask"]]
    assert frames == [outputs["padding_mask"].shape[1], 15]
    assert outputs["logits"].shape == (2, len(LANGUAGES))


def test_what_is_said_of_a_clip_are_its_best_classes(
    reference: ClassReference, source: Tensor
) -> None:
    (found,) = reference.search(source, Search(beam=1))
    logits = reference.forward([source]).logits[0]
    assert found.tokens == tuple(logits.argsort(descending=True)[:5].tolist())
    assert found.score == float(logits.log_softmax(-1).max())
    assert reference.text(found.tokens) == LANGUAGES[found.tokens[0]]
    assert reference.encode(reference.text(found.tokens)) == found.tokens[:1]


def test_of_few_classes_all_are_ordered_and_what_is_no_label_is_none(
    reference: ClassReference,
) -> None:
    assert best_classes(torch.tensor([1.0, 3.0])).tokens == (1, 0)
    assert (reference.text(()), reference.encode("xx"), reference.start_token) == ("", (), None)


def test_hooks_are_gone_after_a_pass(reference: ClassReference, source: Tensor) -> None:
    reference.forward([source])
    assert not any(module._forward_hooks for module in reference.model.modules())


def test_sound_is_standardized_where_the_task_says_so(
    reference: ClassReference, source: Tensor
) -> None:
    assert abs(float(reference.front_end(3 * source + 1).mean())) < 1e-6
    plain = ClassReference(LANGUAGES, reference.model, normalize=False)
    assert plain.front_end(source) is source


def test_the_model_that_a_file_of_labels_describes_is_another_one_where_rows_are_missing(
    built: BuiltCtc, tmp_path: Path
) -> None:
    from toolkit.core.errors import BadInput

    (tmp_path / "few.txt").write_text("ara 1\ncmn 1\n")
    with pytest.raises(BadInput, match="must give 7 labels"):
        prepare(Inputs(checkpoint=built.path, dict=tmp_path / "few.txt"))
