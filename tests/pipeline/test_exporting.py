"""A folder becomes a checkpoint again: bit for bit, proven before it appears, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from tests.families.exactness import CLIPS
from tests.forks.making import make_fork
from tests.pipeline.test_conversion import BUILT
from tests.variants.ctc_building import build_ctc
from tests.variants.data2vec_kinds import DATA2VEC_VARIANTS
from toolkit import convert, export, infer
from toolkit.audio import golden_folder
from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.saving import OF_TRAINING, YOUNGER, Written, save_checkpoint
from toolkit.cli import app
from toolkit.core.errors import BadInput
from toolkit.families import families
from toolkit.pipeline import exporting
from toolkit.pipeline.exporting import plan_export
from toolkit.report.files import is_report

LIKE = golden_folder() / "ctc" / "model.pt"
NOT_COMPARED = {"README.md", "verification.json"}


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the golden CTC checkpoint becomes; read it, never write to it."""
    folder = tmp_path_factory.mktemp("letters") / "hf"
    convert(LIKE, folder, verify=False)
    return folder


@pytest.fixture
def changed(letters: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed by the test."""
    return Path(shutil.copytree(letters, tmp_path / "changed"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "back.pt"


def change(folder: Path, name: str, how: Callable[[torch.Tensor], torch.Tensor]) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, name: how(tensors[name])}, folder / "model.safetensors", {"format": "pt"})


def told(path: Path) -> dict[str, object]:
    """A checkpoint's settings but for those of tasks that the released fairseq does not know."""

    def known(value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        left_out = {*YOUNGER, *OF_TRAINING}
        return {name: known(held) for name, held in value.items() if name not in left_out}

    return {name: known(held) for name, held in open_checkpoint(path).settings.items()}


def expect_equal(found: Path, expected: Path) -> None:
    ours, theirs = open_checkpoint(found), open_checkpoint(expected)
    assert list(ours.tensors) == list(theirs.tensors)
    differing = [n for n in ours.tensors if not ours.load(n).equal(theirs.load(n))]
    assert differing == []


def expect_same_folder(found: Path, expected: Path) -> None:
    assert set(os.listdir(found)) == set(os.listdir(expected))
    for name in set(os.listdir(found)) - NOT_COMPARED:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name


def test_there_and_back_and_there_again_changes_no_bit(
    letters: Path, out: Path, tmp_path: Path
) -> None:
    result = export(letters, out, like=LIKE, audio=CLIPS)
    assert result.verdict == "match"
    assert result.level("weights").worst.error == 0
    assert sorted(os.listdir(out.parent)) == ["back.pt", "dict.ltr.txt"]
    expect_equal(out, LIKE)
    assert told(out) == told(LIKE)
    convert(out, tmp_path / "again", verify=False)
    expect_same_folder(tmp_path / "again", letters)


def test_the_result_says_what_was_written_and_the_way_that_it_went(
    letters: Path, out: Path
) -> None:
    result = export(letters, out, like=LIKE, verify=False)
    said = result.to_dict()
    assert (said["command"], said["verdict"]) == ("export", "unverified")
    assert said["exported"] == {
        "path": str(out),
        "num_bytes": out.stat().st_size,
        "beside": ["dict.ltr.txt"],
        "kept": [],
    }
    assert result.headline == f"unverified: {letters} → {out}"
    assert said["source"]["sha256"] == open_checkpoint(out).sha256()
    assert said["reproduce"] == said["next"] == f"toolkit verify {out} {letters}"
    assert f"load_model_ensemble_and_task(['{out}']" in said["usage"]


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(letters: Path, out: Path) -> None:
    words = ["export", str(letters), str(out), "--like", str(LIKE), "--no-verify", "--dry-run"]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0
    assert f"settings  those of {LIKE}\n" in outcome.stdout
    assert "beside    dict.ltr.txt\n" in outcome.stdout
    assert outcome.stdout.endswith(f"next      {' '.join(['toolkit', *words[:-1]])}\n")
    planned = plan_export(letters, out, like=LIKE, verify=False).to_dict()
    assert (planned["command"], planned["dry_run"]) == ("export", True)
    assert os.listdir(out.parent) == []
    written = export(letters, out, like=LIKE, verify=False).exported
    assert list(planned["beside"]) == list(written.beside)
    assert planned["num_bytes"] < written.num_bytes < planned["num_bytes"] + 100_000


def test_plain_fairseq_opens_it(letters: Path, out: Path) -> None:
    from fairseq.checkpoint_utils import load_model_ensemble_and_task

    export(letters, out, like=LIKE, verify=False)
    (model,), _, task = load_model_ensemble_and_task(
        [str(out)], arg_overrides={"data": str(out.parent)}
    )
    saved = torch.load(LIKE, weights_only=False)["model"]
    assert all(tensor.equal(saved[name]) for name, tensor in model.state_dict().items())
    assert len(task.target_dictionary) == 91


def spoil(wrong: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path, Written], None]:
    """Saves something else than what was made."""

    def save(path: Path, written: Written) -> None:
        tensors: dict[str, torch.Tensor] = {n: t.clone() for n, t in written.tensors.items()}
        wrong(tensors)
        save_checkpoint(path, Written(settings=written.settings, tensors=tensors))

    return save


def swap_rows(tensors: dict[str, torch.Tensor]) -> None:
    head = tensors["w2v_encoder.proj.weight"]
    head[[4, 5]] = head[[5, 4]]


def test_a_wrong_export_is_a_mismatch_and_does_not_appear(
    letters: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "save_checkpoint", spoil(swap_rows))
    result = export(letters, out, like=LIKE, audio=CLIPS)
    assert result.verdict == "mismatch"
    assert result.exported is None
    assert "lm_head.weight" in result.findings[0].target_parameters
    assert os.listdir(out.parent) == []


def train(folder: Path) -> None:
    """A few real steps in transformers, of all that learns."""
    import transformers

    model = transformers.AutoModelForCTC.from_pretrained(folder)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    torch.manual_seed(0)
    for _ in range(3):
        loss = model(torch.randn(2, 8000), labels=torch.tensor([[5, 6], [7, 8]])).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)


def test_what_was_fine_tuned_in_transformers_is_what_fairseq_gets(changed: Path, out: Path) -> None:
    train(changed)
    result = export(changed, out, like=LIKE, audio=CLIPS)
    assert result.verdict == "match"
    trained, before = open_checkpoint(out), open_checkpoint(LIKE)
    moved = [n for n in trained.tensors if not trained.load(n).equal(before.load(n))]
    assert len(moved) > 80


def refusal(folder: Path, out: Path, **asked: object) -> str:
    before = sorted(os.listdir(out.parent))
    with pytest.raises(BadInput) as refused:
        export(folder, out, **{"like": LIKE, "verify": False, **asked})
    assert sorted(os.listdir(out.parent)) == before
    return str(refused.value)


def test_a_vocabulary_of_another_size_is_refused(changed: Path, out: Path) -> None:
    change(changed, "lm_head.weight", lambda head: torch.cat([head, head[:2]]))
    assert "that of the checkpoint (91, 48) (another vocabulary, say)" in refusal(changed, out)


def test_a_checkpoint_that_is_there_is_never_replaced(letters: Path, out: Path) -> None:
    out.write_bytes(b"mine")
    assert "must not exist yet" in refusal(letters, out)
    assert out.read_bytes() == b"mine"


def test_the_folder_that_is_exported_stays_as_it_is(changed: Path) -> None:
    assert "must lie outside of" in refusal(changed, changed / "back.pt")


def test_a_name_that_belongs_beside_the_checkpoint_is_refused(letters: Path, out: Path) -> None:
    error = refusal(letters, out.with_name("dict.ltr.txt"))
    assert "must have another name than `dict.ltr.txt`" in error


def test_a_dictionary_that_is_another_is_never_replaced(letters: Path, out: Path) -> None:
    (out.parent / "dict.ltr.txt").write_text("mine 1\n")
    assert "another file is there, which is not replaced" in refusal(letters, out)


def test_a_checkpoint_to_be_like_that_is_another_model_is_refused(letters: Path, out: Path) -> None:
    like = golden_folder() / "pretraining" / "model.pt"
    assert "Name a checkpoint of the same model with `--like`" in refusal(letters, out, like=like)


@pytest.mark.parametrize(
    "values",
    [
        {"conv_dim": 5},
        {"conv_kernel": []},
        {"hidden_size": "wide"},
        {"architectures": [None]},
        {"architectures": "Wav2Vec2ForCTC"},
        {"hidden_act": {"gelu": 1}},
        {"model_type": ["wav2vec2"]},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused_in_one_line(
    values: dict[str, object], changed: Path, out: Path
) -> None:
    config = changed / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **values}))
    assert "\n" not in refusal(changed, out, like=None)


@pytest.mark.parametrize("golden", ["s2t", "s2ut"])
def test_a_folder_that_does_not_tell_what_it_was_is_refused_by_its_class(
    golden: str, out: Path, tmp_path: Path
) -> None:
    convert(golden_folder() / golden / "model.pt", tmp_path / "hf", verify=False)
    with pytest.raises(BadInput, match=r"known without .* but is `Speech2TextForConditionalGen"):
        export(tmp_path / "hf", out)


@pytest.mark.wide
@pytest.mark.parametrize("family", [f.name for f in families()])
def test_one_of_each_family_is_proven(family: str, out: Path, tmp_path: Path) -> None:
    (tmp_path / "like").mkdir()
    built = BUILT[family](tmp_path / "like")
    like = getattr(built, "path", built)
    convert(like, tmp_path / "hf", verify=False)
    hears = family not in ("mbart", "bart", "m2m_100", "code_hifigan")
    audio = CLIPS if hears else ()
    result = export(tmp_path / "hf", out, like=like, audio=audio)
    assert result.verdict == ("unverified" if family == "wavlm" else "match")
    assert out.exists()


ALONE = ("wav2vec2_ctc", "hubert_ctc", "wav2vec2_pretraining", "data2vec")


@pytest.mark.wide
@pytest.mark.parametrize("family", ALONE)
def test_a_folder_that_tells_itself_is_proven_too(family: str, out: Path, tmp_path: Path) -> None:
    from fairseq.checkpoint_utils import load_model_ensemble_and_task

    (tmp_path / "like").mkdir()
    stacked = partial(build_ctc, DATA2VEC_VARIANTS[0])
    built = {**BUILT, "data2vec": stacked}[family](tmp_path / "like")
    convert(getattr(built, "path", built), tmp_path / "hf", verify=False)
    result = export(tmp_path / "hf", out, audio=CLIPS)
    assert result.verdict == "match"
    if family.startswith("wav2vec2"):  # fairseq's own loader opens no file of the others
        load_model_ensemble_and_task([str(out)], arg_overrides={"data": str(out.parent)})


def lose_version(tensors: dict[str, torch.Tensor]) -> None:
    """As transformers has it."""
    del tensors["decoder.version"]


@pytest.mark.wide
def test_a_decoder_without_its_version_is_refused_and_does_not_appear(
    converted: Path, golden_checkpoint: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = export(converted, out, like=golden_checkpoint, audio=CLIPS[:1], beam=False)
    assert result.verdict == "match"
    assert "decoder.version" in {reason.name for reason in result.exported.kept}
    monkeypatch.setattr(exporting, "save_checkpoint", spoil(lose_version))
    other = out.with_name("other.pt")
    said = rf"^`{other}` must be a checkpoint that fairseq itself can .*decoder.version"
    with pytest.raises(BadInput, match=said):
        export(converted, other, like=golden_checkpoint, audio=CLIPS[:1])
    assert not other.exists()


def test_without_a_proof_keys_that_contradict_the_checkpoint_are_refused_all_the_same(
    changed: Path, out: Path
) -> None:
    config = changed / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "hidden_act": "relu"}))
    assert "`hidden_act` is 'relu', not 'gelu'" in refusal(changed, out)


def test_what_is_not_there_is_said_at_once(out: Path) -> None:
    error = refusal(Path("nowhere"), out, like=Path("nothing.pt"))
    assert "nowhere" in error
    assert "nothing.pt" in error


@pytest.mark.wide
def test_foreign_code_beside_a_model_is_not_run(changed: Path, out: Path) -> None:
    ran = out.parent / "ran"
    (changed / "modeling_mine.py").write_text(f"open({str(ran)!r}, 'w')\n")
    export(changed, out, like=LIKE, audio=CLIPS)
    assert not ran.exists()


def fails(_: Path, __: Mapping[str, object]) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_nothing(
    letters: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "save_checkpoint", fails)
    assert "No space left on device" in refusal(letters, out)


def test_a_result_does_not_take_the_place_of_what_belongs_beside(letters: Path, out: Path) -> None:
    beside = out.parent / "dict.ltr.txt"
    line = ["export", str(letters), str(out), "--no-verify", "--json", str(beside)]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 2
    assert "by now a file is there" in done.stderr
    assert len(beside.read_text().splitlines()) > 4
    assert not is_report(beside)


@pytest.fixture(scope="module")
def of_a_fork(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder that a fork with joined projections became, and the mapping; never write to them."""
    place = tmp_path_factory.mktemp("fork")
    convert(LIKE, place / "hf", verify=False)
    fork = make_fork(LIKE, "fused projections", place / "fork").checkpoint
    infer(fork, str(place / "hf"), write=place / "mapping.yaml")
    convert(fork, place / "out", mapping=place / "mapping.yaml", verify=False)
    return place / "out", place / "mapping.yaml"


def test_what_a_fork_with_joined_tensors_became_leads_back_to_fairseqs_own_names(
    of_a_fork: tuple[Path, Path], out: Path
) -> None:
    folder, _ = of_a_fork
    assert export(folder, out, like=LIKE, audio=CLIPS).verdict == "match"
    expect_equal(out, LIKE)
    assert told(out) == told(LIKE)


def test_it_does_not_lead_back_to_the_forks_names_and_says_so(
    of_a_fork: tuple[Path, Path], out: Path
) -> None:
    folder, mapping = of_a_fork
    for like in (None, folder.parent / "fork" / "fork.pt"):
        with pytest.raises(BadInput, match=r"must only rename tensors .* Leave `--mapping` out"):
            export(folder, out, like=like, mapping=mapping)
    assert list(out.parent.iterdir()) == []
