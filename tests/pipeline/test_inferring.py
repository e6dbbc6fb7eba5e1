"""A fork's tensors get fairseq's names: with evidence, or not without saying so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner
from safetensors.torch import load_file

from tests.forks.making import build_original, make_fork
from tests.variants.s2t_kinds import S2T_VARIANTS
from tests.variants.s2ut_kinds import S2UT_VARIANTS
from tests.variants.text_kinds import TEXT_VARIANTS
from toolkit import BadInput, convert, infer, inspect, verify
from toolkit.audio import golden_folder
from toolkit.cli import app

GOLDEN = golden_folder() / "ctc" / "model.pt"
CLIPS = [golden_folder() / "tiny.flac"]
FAMILY = "wav2vec2_ctc"
WORDS = {"w2v_model": "speech", "layers": "blocks", "fc1": "ffn_up", "layer_norm": "norm"}
MASK = "w2v_encoder.w2v_model.mask_emb"
QUERY = "w2v_encoder.w2v_model.encoder.layers.{i}.self_attn.q_proj.weight"
LOUDER = """

def louder(self, **inputs):
    heard = Base.forward(self, **inputs)
    return {**heard, "encoder_out": 1.001 * heard["encoder_out"]}


Fork.forward = louder
"""
Save = Callable[..., Path]


@pytest.fixture(scope="module")
def hf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the golden checkpoint becomes; read it, never write to it."""
    folder = tmp_path_factory.mktemp("hf") / "hf"
    convert(GOLDEN, folder, verify=False)
    return folder


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a fork of the golden checkpoint."""

    def write(call: Callable[[str], str], **changed: torch.Tensor | None) -> Path:
        saved = torch.load(GOLDEN, weights_only=False)
        model = {
            call(name): t for name, t in {**saved["model"], **changed}.items() if t is not None
        }
        torch.save({**saved, "model": model}, tmp_path / "fork.pt")
        shutil.copyfile(GOLDEN.parent / "dict.ltr.txt", tmp_path / "dict.ltr.txt")
        return tmp_path / "fork.pt"

    return write


def words(name: str) -> str:
    return ".".join(WORDS.get(part, part) for part in name.split("."))


def nonsense(name: str) -> str:
    return ".".join(p if p.isdecimal() else f"z{sum(map(ord, p))}" for p in name.split("."))


def same_weights(one: Path, other: Path) -> bool:
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    return first.keys() == second.keys() and all(first[n].equal(second[n]) for n in first)


def test_names_lead_to_a_file_that_a_conversion_takes_but_does_not_prove(
    save: Save, hf: Path, tmp_path: Path
) -> None:
    fork, mapping = save(words), tmp_path / "mapping.yaml"
    found = infer(fork, FAMILY, write=mapping)
    assert (found.held, found.ambiguous, found.is_decided) == ("nothing", (), True)
    result = convert(fork, tmp_path / "out", mapping=mapping)
    assert result.verdict == "unverified"
    assert "were held against nothing" in str(result.unverified_because)
    assert same_weights(tmp_path / "out", hf)
    with pytest.raises(BadInput, match="A proof must be able to fail"):
        convert(fork, tmp_path / "proven", mapping=mapping, verify=True, audio=CLIPS)
    with pytest.raises(BadInput, match="A proof must be able to fail"):
        verify(fork, tmp_path / "out", mapping=mapping, audio=CLIPS)


def test_what_nothing_tells_apart_is_listed_and_stands_in_the_file(
    save: Save, tmp_path: Path
) -> None:
    found = infer(save(nonsense), FAMILY, write=tmp_path / "mapping.yaml")
    open_targets = {target for one in found.ambiguous for target in one.targets}
    assert QUERY.removesuffix(".weight") in open_targets
    assert not found.to_dict()["decided"]
    assert "# AMBIGUOUS: " in (tmp_path / "mapping.yaml").read_text()


def test_a_folder_of_the_same_weights_says_which_is_which_and_a_changed_row_no_more(
    save: Save, hf: Path, tmp_path: Path
) -> None:
    fork, mapping = save(nonsense), tmp_path / "mapping.yaml"
    found = infer(fork, str(hf), write=mapping)
    assert (found.held, found.ambiguous) == ("weights", ())
    assert convert(fork, tmp_path / "out", mapping=mapping, audio=CLIPS).verdict == "match"
    assert same_weights(tmp_path / "out", hf)
    mapping.write_text(exchanged(mapping.read_text()))
    result = convert(fork, tmp_path / "wrong", mapping=mapping, audio=CLIPS)
    assert result.verdict == "unverified"
    assert "are others than those that were held" in str(result.unverified_because)


def exchanged(text: str) -> str:
    """A mapping that takes queries for keys."""
    return text.replace("q_proj", "x_proj").replace("k_proj", "q_proj").replace("x_proj", "k_proj")


def test_a_file_for_another_checkpoint_proves_nothing(save: Save, hf: Path, tmp_path: Path) -> None:
    infer(save(words), str(hf), write=tmp_path / "mapping.yaml")
    other = save(words, mask_emb=torch.zeros(1))
    with pytest.raises(BadInput, match="were held for another checkpoint"):
        verify(other, hf, mapping=dropping(tmp_path / "mapping.yaml"), audio=CLIPS)


def dropping(mapping: Path) -> Path:
    text = mapping.read_text()
    mapping.write_text(f"drop: [{{source: mask_emb, because: nobody needs it}}]\n{text}")
    return mapping


@pytest.mark.wide
def test_a_row_of_the_users_own_is_taken_at_the_users_word(
    save: Save, hf: Path, tmp_path: Path
) -> None:
    fork, mapping = save(words), tmp_path / "mapping.yaml"
    infer(fork, FAMILY, write=mapping)
    text = mapping.read_text()
    mapping.write_text(text[: text.index("inferred:")])
    assert verify(fork, hf, mapping=mapping, audio=CLIPS).verdict == "match"


@pytest.mark.wide
def test_the_forks_own_code_decides_what_names_leave_open(hf: Path, tmp_path: Path) -> None:
    fork = make_fork(GOLDEN, "obfuscated names", tmp_path / "fork")
    mapping = tmp_path / "mapping.yaml"
    found = infer(fork.checkpoint, FAMILY, user_dir=fork.code, write=mapping)
    assert (found.held, found.ambiguous) == ("code", ())
    assert yaml.safe_load(mapping.read_text())["architecture"] == [{"is": "wav2vec_ctc"}]
    done = convert(fork.checkpoint, tmp_path / "out", mapping=mapping, audio=CLIPS)
    assert done.verdict == "match"
    assert same_weights(tmp_path / "out", hf)


@pytest.mark.wide
@pytest.mark.parametrize("change", ["fused by heads", "obfuscated names"])
def test_a_fork_that_hears_filter_banks_is_decided_by_its_code(change: str, tmp_path: Path) -> None:
    """Its encoder and decoder have other numbers of heads, its joined maps another one's size."""
    original = build_original(S2T_VARIANTS[0], tmp_path / "original")
    fork = make_fork(original, change, tmp_path / "fork")
    mapping = tmp_path / "mapping.yaml"
    found = infer(fork.checkpoint, "s2t_transformer", user_dir=fork.code, write=mapping)
    assert (found.held, found.ambiguous) == ("code", ())
    convert(original, tmp_path / "hf", verify=False)
    done = convert(fork.checkpoint, tmp_path / "out", mapping=mapping, audio=CLIPS)
    assert done.verdict == "match"
    assert same_weights(tmp_path / "out", tmp_path / "hf")


@pytest.mark.wide
@pytest.mark.parametrize("change", ["fused and renamed", "other nesting"])
@pytest.mark.parametrize("kind", ["mBART-25, cfg instead of args", "M2M-100, one pair"])
def test_a_fork_that_reads_texts_is_decided_by_its_code(
    kind: str, change: str, tmp_path: Path
) -> None:
    (variant,) = (one for one in TEXT_VARIANTS if one.name == kind)
    original = build_original(variant, tmp_path / "original")
    fork = make_fork(original, change, tmp_path / "fork")
    mapping = tmp_path / "mapping.yaml"
    family = str(inspect(original).family)
    found = infer(fork.checkpoint, family, user_dir=fork.code, write=mapping)
    assert (found.held, found.ambiguous) == ("code", ())
    convert(original, tmp_path / "hf", verify=False)
    (tmp_path / "text.txt").write_text("The children read the letter.\n")
    texts = [tmp_path / "text.txt"]
    done = convert(fork.checkpoint, tmp_path / "out", mapping=mapping, text=texts)
    assert done.verdict == "match"
    assert same_weights(tmp_path / "out", tmp_path / "hf")


@pytest.mark.wide
def test_a_fork_that_says_units_is_known_by_a_folder_of_the_same_weights(tmp_path: Path) -> None:
    original = build_original(S2UT_VARIANTS[0], tmp_path / "original")
    convert(original, tmp_path / "hf", verify=False)
    fork = make_fork(original, "obfuscated names", tmp_path / "fork")
    found = infer(fork.checkpoint, str(tmp_path / "hf"), write=tmp_path / "mapping.yaml")
    assert (found.family, found.held) == ("s2ut_transformer", "weights")
    done = convert(
        fork.checkpoint, tmp_path / "out", mapping=tmp_path / "mapping.yaml", audio=CLIPS
    )
    assert done.verdict == "match"


@pytest.mark.wide
def test_a_fork_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    fork = make_fork(GOLDEN, "consistent names", tmp_path / "fork")
    code = fork.code / "__init__.py"
    code.write_text(code.read_text() + LOUDER)
    with pytest.raises(BadInput, match="gives something else than fairseq's"):
        infer(fork.checkpoint, FAMILY, user_dir=fork.code, write=tmp_path / "mapping.yaml")
    assert not (tmp_path / "mapping.yaml").exists()


def test_a_tensor_that_nothing_is_like_is_dropped_aloud(
    save: Save, hf: Path, tmp_path: Path
) -> None:
    fork = save(words, ema=torch.randn(7, 7))
    found = infer(fork, str(hf), write=tmp_path / "mapping.yaml")
    assert [reason.name for reason in found.dropped] == ["ema"]
    assert found.held == "weights"


def test_a_weight_norm_that_was_taken_off_is_not_asked_for(save: Save) -> None:
    model = torch.load(GOLDEN, weights_only=False)["model"]
    (gain,) = (name for name in model if name.endswith(".weight_g"))
    stem = gain.removesuffix("_g")
    whole = torch._weight_norm(model[f"{stem}_v"], model[gain], 2)
    found = infer(save(words, **{gain: None, f"{stem}_v": None, stem: whole}), FAMILY)
    assert (found.lacking, found.dropped) == ((), ())
    assert stem in {target for row in found.rows for target in row.targets}


def test_what_a_conversion_fills_in_needs_no_tensor_and_another_value_does(
    save: Save, tmp_path: Path
) -> None:
    lost = save(words, **{MASK: None})
    shutil.copytree(tmp_path, tmp_path / "plain")
    plain = torch.load(GOLDEN, weights_only=False)
    del plain["model"][MASK]
    torch.save(plain, tmp_path / "plain" / "model.pt")
    convert(tmp_path / "plain" / "model.pt", tmp_path / "hf", verify=False)
    assert infer(lost, str(tmp_path / "hf")).held == "weights"
    assert infer(save(words), str(tmp_path / "hf")).held == "nothing"


@pytest.mark.parametrize(
    ("like", "said"),
    [
        ("wav2vec3", "must be a family or a Hugging Face folder, but is neither"),
        ("xm_transformer", "config.yaml` must be"),
        ("mbart", "The dictionary must stand beside"),
        ("code_hifigan", "hear speech or read texts"),
        (".", "must"),
    ],
)
def test_what_it_is_not_like_is_refused_in_a_line(save: Save, like: str, said: str) -> None:
    fork = save(words)
    done = CliRunner().invoke(app, ["infer", str(fork), "--like", like], catch_exceptions=False)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lost_layer_is_named(save: Save) -> None:
    model = torch.load(GOLDEN, weights_only=False)["model"]
    lost = {name: None for name in model if ".encoder.layers.1." in name}
    with pytest.raises(BadInput, match="Tensors of the family that nothing answers to: "):
        infer(save(words, **lost), FAMILY)


def test_a_file_that_is_there_stays(save: Save, tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text("mine")
    with pytest.raises(BadInput, match="must not exist yet"):
        infer(save(words), FAMILY, write=tmp_path / "mapping.yaml")
    assert (tmp_path / "mapping.yaml").read_text() == "mine"


def test_the_command_says_what_is_next_and_gives_data(save: Save, tmp_path: Path) -> None:
    fork, out = save(words), tmp_path / "result.json"
    done = CliRunner().invoke(app, ["infer", str(fork), "--like", FAMILY, "--json", str(out)])
    assert done.exit_code == 0, done.stderr
    assert "held      against nothing" in done.stdout
    said = json.loads(out.read_text())
    assert (said["command"], said["family"], said["written"]) == ("infer", FAMILY, None)
    assert {row["targets"][0] for row in said["rows"]} >= {QUERY}
