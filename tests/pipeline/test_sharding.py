"""A proof in shards comes to what one run comes to, in every number."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

import pytest
from safetensors.torch import load_file, save_file

from tests.pipeline.test_likelihood import without_arguments
from toolkit import convert
from toolkit.audio import golden_folder
from toolkit.batch.kept import keep, kept
from toolkit.core.errors import BadInput
from toolkit.core.result import Result
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.sharding import judge_shards, measure_shard, plan_shards
from toolkit.pipeline.verification import verify
from toolkit.pipeline.writing import write_converted
from toolkit.session.requests.verify import Verify

T = TypeVar("T")

UNTRAINED = (
    "data2vec_pretraining",
    "hubert_encoder",
    "wav2vec2_classification",
    "wav2vec2_ctc_conformer",
    "wav2vec2_ctc_languages",
)
SHORT = tuple(golden_folder() / f"{name}.flac" for name in ("tiny", "ru_2", "quiet", "es_1"))


def in_shards(request: Verify, clips_per_shard: int) -> Result:
    """The verdict of shards that end in another order than they begin, all kept as files."""
    plan = again(plan_shards(request, "a", clips_per_shard))
    numbers = reversed(range(len(plan.shards)))
    shards = [again(measure_shard(request, plan, number)) for number in numbers]
    return judge_shards(request, plan, shards)


def again(made: T) -> T:
    """What is left of it when it was written and read."""
    with tempfile.TemporaryDirectory() as folder:
        keep(made, Path(folder) / "made.pt")
        return cast(T, kept(Path(folder) / "made.pt"))


def in_one_run(request: Verify) -> Result:
    return verify(
        request.checkpoint,
        request.hf_dir,
        audio=request.audio,
        beam=request.beam,
        thorough=request.thorough,
    )


def expect_equal(request: Verify, clips_per_shard: int, shards: int) -> Result:
    found, expected = in_shards(request, clips_per_shard), in_one_run(request)
    said, told = found.to_dict(), expected.to_dict()
    assert (said.pop("shards"), told.pop("shards")) == (shards, 1)
    assert list(said) == list(told)
    for name, value in told.items():
        assert said[name] == value, name
    assert found.pictures == expected.pictures
    return found


Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def hf(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Right conversions of golden checkpoints; read them, never write to them."""
    made: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("converted") / Path(name).name
            made[name].mkdir()
            write_converted(prepare(Inputs(checkpoint=checkpoint(name))), made[name])
        return made[name]

    return write


@pytest.mark.wide
@pytest.mark.parametrize("name", UNTRAINED)
def test_models_of_other_kinds_and_languages_are_what_they_are_in_one_run(hf, name: str) -> None:
    found = expect_equal(asked(hf, f"untrained/{name}", SHORT[:3]), 2, 3 if "lang" in name else 2)
    assert found.verdict == "match"


@pytest.mark.wide
def test_what_a_checkpoint_leaves_open_is_chosen_once_by_all_clips(tmp_path: Path) -> None:
    bare = without_arguments(tmp_path)
    folder = tmp_path / "hf"
    convert(bare, folder, verify=False)
    found = expect_equal(Verify(bare, folder), 12, 2)
    assert "likely" in str(found.assumptions)


def checkpoint(name: str) -> Path:
    return golden_folder() / name / "model.pt"


def asked(hf: Write, name: str, audio: Sequence[Path] = SHORT, **options: bool) -> Verify:
    return Verify(checkpoint(name), hf(name), audio=audio, **options)


@pytest.mark.wide
def test_a_letter_model_in_shards_is_what_it_is_in_one_run(hf: Write) -> None:
    assert expect_equal(asked(hf, "ctc", SHORT[:3]), 2, 2).verdict == "match"


@pytest.mark.wide
@pytest.mark.parametrize("name", ["checkpoint", "ctc", "pretraining"])
def test_24_clips_in_6_shards_are_what_they_are_in_one_run(hf: Write, name: str) -> None:
    found = expect_equal(asked(hf, name, ()), 4, 6)
    assert (found.verdict, len(found.coverage.clips)) == ("match", 24)


@pytest.mark.wide
@pytest.mark.parametrize("options", [{"thorough": True}, {"beam": False}])
def test_what_is_asked_of_clips_is_asked_of_them_in_shards(hf: Write, options) -> None:
    expect_equal(asked(hf, "checkpoint", **options), 1, 4)


@pytest.mark.wide
def test_a_part_of_a_long_clip_is_a_clip_of_its_own_shard(hf: Write) -> None:
    found = expect_equal(asked(hf, "ctc", [golden_folder() / "long.flac"]), 1, 2)
    assert [clip.name.partition("/")[0] for clip in found.coverage.clips] == ["long", "long"]
    # The pipeline is asked about the part alone.
    assert [said.pipeline_text is None for said in found.tokens] == [True, False]


@pytest.fixture
def broken(hf: Write, tmp_path: Path) -> Path:
    return Path(shutil.copytree(hf("checkpoint"), tmp_path / "broken"))


@pytest.mark.wide
def test_a_wrong_tensor_is_found_in_shards_as_in_one_run(broken: Path) -> None:
    (file,) = broken.glob("*.safetensors")
    tensors = load_file(file)
    name = next(n for n in tensors if n.endswith("layers.1.feed_forward.output_dense.weight"))
    save_file({**tensors, name: tensors[name] * 1.5}, file, metadata={"format": "pt"})
    found = expect_equal(Verify(checkpoint("checkpoint"), broken, audio=SHORT), 2, 2)
    assert found.verdict == "mismatch"
    assert found.findings


@pytest.mark.wide
@pytest.mark.parametrize(("key", "value"), [("activation_function", "none"), ("vocab_size", 100)])
def test_a_folder_that_does_not_load_or_run_is_judged_by_its_files(broken, key, value) -> None:
    config = json.loads((broken / "config.json").read_text())
    assert key in config["decoder"]
    config["decoder"][key] = value
    (broken / "config.json").write_text(json.dumps(config))
    found = expect_equal(Verify(checkpoint("checkpoint"), broken, audio=SHORT), 2, 2)
    assert found.findings[0].config_keys == (f"decoder.{key}",)


def test_a_clip_that_is_another_one_by_now_is_refused(hf: Write, tmp_path: Path) -> None:
    for clip in SHORT[:2]:
        shutil.copy(clip, tmp_path)
    request = asked(hf, "ctc", [tmp_path])
    plan = plan_shards(request, "a", 1)
    shutil.copy(SHORT[2], tmp_path / SHORT[0].name)
    at = next(n for n, own in enumerate(plan.shards) if plan.clips[own[0]].clip.name == "tiny")
    with pytest.raises(BadInput, match=r"tiny\.flac` must stay as it is while a batch runs"):
        measure_shard(request, plan, at)
