"""A folder as a script makes it, made again without its wheel: the fast sample of the real ones."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import torch

import toolkit
from tests.breaking import edit_json, edit_tensors, set_key
from tests.released.encoder_cases import HUBERT
from tests.released.encoder_causes import BLANK, NORMALIZED, PROJECTION, UNMASKED
from tests.released.encoder_scripts import BASE, Case, sizes
from tests.released.expected import Expected
from tests.released.test_encoder_scripts import complain
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import EQUAL_WIDTHS, GROUP_NORM
from tests.variants.hubert_kinds import HUBERT_VARIANTS
from toolkit.audio import golden_folder

CAUSES = (PROJECTION, NORMALIZED, UNMASKED, BLANK)
OLD_NAMES = {"parametrizations.weight.original0": "weight_g"}
OLD_NAMES["parametrizations.weight.original1"] = "weight_v"
AUDIO = [golden_folder() / "tiny.flac"]


def make_again(folder: Path, case: Case) -> None:
    """Does to a right folder what the script of HuBERT does otherwise."""
    said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kept = {key: said[key] for key in ("architectures", "model_type")}
    ids = {"vocab_size": 32, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = {**kept, **BASE, **sizes(case.variant), **ids, "torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    set_key("preprocessor_config.json", "do_normalize", True)(folder)
    set_key("preprocessor_config.json", "return_attention_mask", False)(folder)
    edit_json(folder, "vocab.json", "<pad>", lambda _: 1)
    edit_json(folder, "vocab.json", "<s>", lambda _: 0)
    edit_tensors(folder, _as_old_torch)


def _as_old_torch(tensors: dict[str, torch.Tensor]) -> None:
    """Names of weight norm before parametrizations, and a projection that nothing filled."""
    generator = torch.Generator().manual_seed(1)
    for leaf in ("weight", "bias"):
        name = f"hubert.feature_projection.projection.{leaf}"
        tensors[name] = 0.02 * torch.randn(tensors[name].shape, generator=generator)
    for new in [n for n in tensors if n.rpartition(".")[2].startswith("original")]:
        old = next(new.replace(*names) for names in OLD_NAMES.items() if names[0] in new)
        tensors[old] = tensors.pop(new)


def test_each_cause_of_a_folder_made_again_is_named_and_mending_them_makes_it_right(
    tmp_path: Path,
) -> None:
    (plain,) = (v for v in HUBERT_VARIANTS if v.name == "HuBERT, group norm")
    variant = replace(plain, kind=GROUP_NORM, inner=EQUAL_WIDTHS, normalize=False)
    checkpoint, folder = build_ctc(variant, tmp_path).path, tmp_path / "folder"
    toolkit.convert(checkpoint, folder, verify=False)
    case = Case(script=HUBERT, variant=variant, config=BASE)
    make_again(folder, case)
    result = toolkit.diff(checkpoint, folder, audio=AUDIO)
    assert not complain(result, Expected(case=case, causes=CAUSES))
    assert "than the identity matrix and zeros that they must be" in result.findings[0].summary
    mended = tmp_path / "mended"
    shutil.copytree(folder, mended)
    for cause in CAUSES:
        assert cause.mend
        cause.mend(mended, False)
    assert toolkit.diff(checkpoint, mended, audio=AUDIO).verdict == "match"
