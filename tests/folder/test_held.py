"""The tensors of a folder by a model's names, and what of it a model has no place for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from toolkit.core.errors import BadInput
from toolkit.core.spec import TensorSpec
from toolkit.folder.held import Held, hold

WANTED = {
    "layers.0.weight": (4, 2),
    "lm_head.weight": (5, 2),
    "pos.parametrizations.weight.original0": (1, 1, 3),
}
SPECS = {n: TensorSpec(name=n, dtype="float32", shape=shape) for n, shape in WANTED.items()}
LIKE = "`model.pt`"


def held(folder: Path, **changed: torch.Tensor | None) -> Held:
    tensors = {name: torch.ones(shape) for name, shape in WANTED.items()}
    named = {name.replace("/", "."): tensor for name, tensor in changed.items()}
    kept = {name: t for name, t in {**tensors, **named}.items() if t is not None}
    save_file(kept, folder / "model.safetensors")
    return hold(folder, {"model_type": "wav2vec2"}, dict.fromkeys(WANTED))


def refusal(folder: Path, **changed: torch.Tensor | None) -> str:
    with pytest.raises(BadInput) as refused:
        held(folder, **changed).expect(SPECS, LIKE)
    return str(refused.value)


def test_what_is_wanted_is_there_and_nothing_else(tmp_path: Path) -> None:
    found = held(tmp_path)
    found.expect(SPECS, LIKE)
    assert found.further == ()
    assert found.tensors["lm_head.weight"].shape == (5, 2)


def test_names_of_older_versions_count(tmp_path: Path) -> None:
    name = "pos/parametrizations/weight/original0"
    found = held(tmp_path, **{name: None, "pos/weight_g": torch.zeros(1, 1, 3)})
    found.expect(SPECS, LIKE)
    assert not found.tensors[name.replace("/", ".")].any()


def test_a_tied_tensor_is_found_under_its_other_name(tmp_path: Path) -> None:
    save_file({"embed.weight": torch.ones(5, 2)}, tmp_path / "model.safetensors")
    names = {"embed.weight": "lm_head.weight", "lm_head.weight": "embed.weight"}
    found = hold(tmp_path, {}, names)
    assert found.tensors["lm_head.weight"].equal(torch.ones(5, 2))
    assert found.further == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"layers/0/lora_A/weight": torch.ones(1)}, "of LoRA: merge them"),
        ({"layers/0/base_layer/weight": torch.ones(1)}, "of LoRA: merge them"),
        ({"layers/0/weight/absmax": torch.ones(1)}, "of quantized weights"),
        ({"layers/0/SCB": torch.ones(1)}, "of quantized weights"),
        ({"adapter/layers/0/conv/weight": torch.ones(1)}, "of an adapter"),
        ({"surprise/weight": torch.ones(1)}, "holds `surprise.weight`, which fairseq's model has"),
        (
            {"lm_head/weight": torch.ones(6, 2)},
            "of the checkpoint (5, 2) (another voc",
        ),
        ({"layers/0/weight": torch.ones(4, 3)}, "has shape (4, 3), that of the checkpoint (4, 2)."),
        ({"layers/0/weight": torch.ones(4, 2, dtype=torch.int8)}, "as quantized weights do"),
        ({"layers/0/weight": None}, "lacks `layers.0.weight`"),
    ],
)
def test_what_a_model_has_no_place_for_is_refused_by_what_it_is(
    changed: dict[str, torch.Tensor | None], said: str, tmp_path: Path
) -> None:
    error = refusal(tmp_path, **changed)
    assert said in error
    assert "Name a checkpoint of the same model with `--like`." in error


def test_many_tensors_are_counted_and_the_first_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, **{f"odd/{number}": torch.ones(1) for number in range(9)})
    assert "and 4 more" in error


def test_many_shapes_are_counted_and_the_first_named(tmp_path: Path) -> None:
    changed = {"lm_head/weight": torch.ones(6, 2), "layers/0/weight": torch.ones(4, 3)}
    error = refusal(tmp_path, **changed)
    assert "`layers.0.weight` has shape (4, 3), that of the checkpoint (4, 2), and 1 more" in error
    assert "vocabulary" not in error
