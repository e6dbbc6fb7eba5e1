"""A folder's own language counts where nothing else says one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from tests.breaking import set_key
from tests.sampling import wide
from toolkit import BadInput, convert, diff, verify
from toolkit.audio import golden_folder
from toolkit.core.result import Result
from toolkit.pipeline.forms import maybe_language_of
from toolkit.pipeline.golden import golden_of
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.verification import expecting

LANGUAGE = "generation_config.forced_bos_token_id"


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """The golden checkpoint beside a configuration that names no language."""
    companions = tmp_path / "checkpoint"
    shutil.copytree(golden_folder() / "checkpoint", companions)
    config = yaml.safe_load((companions / "config.yaml").read_text(encoding="utf-8"))
    del config["hub"]["tgt_lang"]
    (companions / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return companions / "model.pt"


def force(folder: Path, token: object) -> None:
    file = folder / "generation_config.json"
    values = {**json.loads(file.read_text(encoding="utf-8")), "forced_bos_token_id": token}
    file.write_text(json.dumps(values), encoding="utf-8")


def judged(checkpoint: Path, folder: Path, **named: str) -> Prepared:
    return prepare(expecting(Inputs(checkpoint=checkpoint, **named), folder))


def assumed(prepared: Prepared) -> dict[str, str]:
    return {reason.name: reason.because for reason in prepared.assumptions}


@pytest.mark.parametrize("code", ["fr", "ru", "de"])
def test_the_folders_own_language_is_taken_and_said(silent, broken, code, prepared):
    force(broken, prepared.task.contents.language_tags[code])
    found = judged(silent, broken)
    assert found.task.default_lang == code
    assert (
        f"of `{code}`, as the folder says and the checkpoint does not" in assumed(found)[LANGUAGE]
    )


@pytest.mark.parametrize("removed", [True, False])
def test_its_prefix_tag_counts_where_generation_forces_no_tag(silent, broken, removed):
    if removed:
        (broken / "generation_config.json").unlink()
    else:
        force(broken, 250004)
    assert judged(silent, broken).task.default_lang == "en"


def test_a_language_that_the_user_names_needs_no_assumption(silent, broken, prepared):
    force(broken, prepared.task.contents.language_tags["fr"])
    found = judged(silent, broken, target_lang="de")
    assert found.task.default_lang == "de"
    assert LANGUAGE not in assumed(found)


def test_a_language_beside_the_checkpoint_still_finds_a_wrong_one(
    golden_checkpoint, broken, prepared
):
    force(broken, prepared.task.contents.language_tags["fr"])
    found = judged(golden_checkpoint, broken)
    assert found.task.default_lang == "en"
    assert found.task.contents.generation["forced_bos_token_id"] != 186
    assert LANGUAGE not in assumed(found)


@pytest.mark.parametrize(
    "said",
    [
        {"target_lang": "ru"},
        {"tgt_lang": "ru"},
        {"lang_pairs": "en-ru"},
        {"lang_pairs": "en-ru,de-ru"},
    ],
)
def test_a_single_language_in_the_checkpoint_finds_a_wrong_one(silent, broken, prepared, said):
    _argue(silent, said)
    force(broken, prepared.task.contents.language_tags["fr"])
    found = judged(silent, broken)
    assert found.task.default_lang == "ru"
    assert LANGUAGE not in assumed(found)


@pytest.mark.parametrize("said", [{"lang_pairs": "en-ru,en-fr"}, {"target_lang": "xx"}])
def test_several_or_unknown_languages_in_it_say_none(silent, broken, said, prepared):
    _argue(silent, said)
    force(broken, prepared.task.contents.language_tags["fr"])
    assert judged(silent, broken).task.default_lang == "fr"


def test_a_folder_that_names_no_language_is_refused_with_what_it_names(silent, broken):
    force(broken, 250004)
    (broken / "tokenizer.json").unlink()
    with pytest.raises(BadInput, match=r"names `250004`, which is no tag .*--target-lang"):
        judged(silent, broken)


def test_a_conversion_has_no_folder_to_ask(silent):
    with pytest.raises(BadInput, match=r"must name the target language.*`hub.tgt_lang`\. Choose"):
        prepare(Inputs(checkpoint=silent))


def _argue(checkpoint: Path, said: dict[str, str]) -> None:
    state = torch.load(checkpoint, weights_only=False)
    vars(state["cfg"]["task"]).update(said)
    torch.save(state, checkpoint)


SPOKEN = "aze-script_latin"
MANY = golden_of("wav2vec2_ctc_languages")


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for several languages that speaks another than the usual one."""
    folder = tmp_path_factory.mktemp("speaking") / "hf"
    convert(MANY, folder, verify=False, target_lang=SPOKEN)
    return folder


@pytest.fixture
def changed(speaking: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(speaking, tmp_path / "changed"))


def test_the_language_whose_weights_stand_in_a_folder_is_the_one_on_trial(speaking: Path) -> None:
    assert maybe_language_of(speaking) == SPOKEN
    assert judged(MANY, speaking).checkpoint.spoken == SPOKEN
    assert judged(MANY, speaking, target_lang="fra").checkpoint.spoken == "fra"


@pytest.mark.parametrize("command", [diff, wide(verify)])
def test_a_folder_that_speaks_another_language_matches_without_its_option(
    command: Callable[..., Result], speaking: Path
) -> None:
    result = command(MANY, speaking, audio=[golden_folder() / "tiny.flac"])
    assert (result.verdict, result.findings) == ("match", ())


@pytest.mark.parametrize(
    "breaks",
    [
        set_key("tokenizer_config.json", "target_lang", "fra"),
        set_key("tokenizer_config.json", "target_lang", "deu"),
        set_key("tokenizer_config.json", "target_lang", 3),
        lambda folder: (folder / "tokenizer_config.json").unlink(),
        lambda folder: (folder / "tokenizer_config.json").write_text("[]"),
        lambda folder: (folder / f"adapter.{SPOKEN}.safetensors").unlink(),
        lambda folder: (folder / "model.safetensors").unlink(),
    ],
)
def test_a_tokenizer_that_names_a_language_which_the_model_does_not_speak_says_nothing(
    breaks: Callable[[Path], object], changed: Path
) -> None:
    breaks(changed)
    assert maybe_language_of(changed) is None


def test_a_folder_of_one_language_names_none(converted: Path) -> None:
    assert maybe_language_of(converted) is None
