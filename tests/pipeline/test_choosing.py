"""What a checkpoint leaves open: assumed, supplied by another file, or chosen by a recording."""

from __future__ import annotations

import json
import math
import shlex
import shutil
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tests.sampling import slow
from tests.variants.arguments import W2V
from tests.variants.building import build_variant
from tests.variants.kinds import Variant
from tests.variants.states import without_w2v_args
from toolkit import BadInput, convert, diff, inspect, verify
from toolkit.blocks.place import Place
from toolkit.blocks.wav2vec2.strides import MAX_STRIDES, possible_strides
from toolkit.blocks.wav2vec2.trunk import CONV
from toolkit.cli import app
from toolkit.core.errors import BrokenRule
from toolkit.core.settled import settled, unproven
from toolkit.families import Derived
from toolkit.families.xm_transformer import XMTransformer
from toolkit.oracle.hooks import Call
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline import choosing
from toolkit.pipeline import recording as recordings
from toolkit.pipeline.network_input import hear_input
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.questions import Question
from toolkit.pipeline.recorded_index import INDEX
from toolkit.pipeline.verification import expecting
from toolkit.trial.measuring import Record

HEADS = "encoder.num_attention_heads"
NORM_FIRST = "encoder.do_stable_layer_norm"
ACTIVATION = "encoder.hidden_act"
STRIDES = "encoder.conv_stride"
NORMALIZE = "preprocessor_config.do_normalize"
NETWORK = {HEADS, NORM_FIRST, ACTIVATION, STRIDES}

ODD = {
    "conv_feature_layers": "[(16, 10, 4)] + [(16, 3, 2)] * 3 + [(16, 3, 3)] + [(16, 2, 2)] * 2",
    "layer_norm_first": False,
    "activation_fn": "relu",
    "encoder_attention_heads": 4,
}
ODD_CONFIG = {
    "conv_stride": [4, 2, 2, 2, 3, 2, 2],
    "do_stable_layer_norm": False,
    "hidden_act": "relu",
    "num_attention_heads": 4,
}
"""The same in transformers' words. Every usual guess is wrong: strides, norm, activation, heads."""
USUAL_CONFIG = {
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "do_stable_layer_norm": True,
    "hidden_act": "gelu",
    "num_attention_heads": 2,
}


def record(checkpoint: Path, folder: Path, **options: Any) -> Path:
    """The folder of a recording."""
    return Path(recordings.record(checkpoint, folder, **options).path)


@pytest.fixture(scope="module")
def audio(golden_checkpoint: Path) -> list[Path]:
    return [golden_checkpoint.parents[1] / "ru_2.flac"]


@pytest.fixture(scope="module")
def build(golden_checkpoint: Path) -> Callable[..., Path]:
    def make(folder: Path, **variant: Any) -> Path:
        variant = {"save": without_w2v_args, "name": folder.name, **variant}
        with quiet_fairseq():
            return build_variant(Variant(**variant), golden_checkpoint.parent, folder)

    return make


@pytest.fixture(scope="module")
def odd(build: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("odd"), w2v=ODD)


@pytest.fixture(scope="module")
def odd_recording(odd: Path, audio: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd-recording") / "recording"
    return record(odd, folder, audio=audio, encoder_config=ODD_CONFIG)


@pytest.fixture(scope="module")
def converted_odd(
    odd: Path, odd_recording: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    """A proven conversion by a recording, and its result."""
    out = tmp_path_factory.mktemp("odd-converted") / "out"
    return out, convert(odd, out, verify=True, recording=odd_recording)


def config_of(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())["encoder"]
    return config


def by_name(reasons: Sequence[Any]) -> dict[str, Any]:
    return {reason.name: reason for reason in reasons}


def toolkit(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


# Assumed


def test_a_conversion_under_assumptions_works_and_says_so_first(odd: Path, tmp_path: Path) -> None:
    outcome = toolkit("convert", odd, tmp_path / "out", "--no-verify")
    first, *lines = outcome.output.splitlines()
    assert outcome.exit_code == 0
    assert first.startswith("? unverified under 4 assumptions: ")
    assert {line.split()[1].rstrip(":") for line in lines if line.startswith("assumption")} == (
        NETWORK
    )
    card = (tmp_path / "out" / "README.md").read_text()
    assert "**Not verified, under 4 assumptions.**" in card


def test_each_assumption_has_its_evidence_and_says_how_to_overrule_it(odd: Path) -> None:
    assumptions = by_name(inspect(odd).assumptions)
    assert set(assumptions) == NETWORK
    assert assumptions[HEADS].because == (
        "assumed 1, as the checkpoint does not say: heads are usually 64 wide; overrule it with "
        "`--encoder-config '{\"num_attention_heads\": ...}'`"
    )
    assert "layer norm in the extractor" in assumptions[NORM_FIRST].because


def test_a_match_under_a_wrong_assumption_says_that_it_is_one(
    odd: Path, audio: list[Path], tmp_path: Path
) -> None:
    """fairseq is built from the same guesses, so that the comparison cannot find them wrong."""
    result = convert(odd, tmp_path / "out", verify=True, audio=audio)
    assert (result.verdict, len(unproven(result.assumptions))) == ("match", 4)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "It matches, under 4 assumptions.**" in card


def test_what_the_user_says_is_no_assumption(odd: Path) -> None:
    assert inspect(odd, encoder_config=ODD_CONFIG).assumptions == ()
    left = inspect(odd, encoder_config={"num_attention_heads": 4}).assumptions
    assert set(by_name(left)) == NETWORK - {HEADS}


# Chosen


def test_a_recording_chooses_against_every_usual_guess(converted_odd: tuple[Path, Any]) -> None:
    out, result = converted_odd
    assert {key: config_of(out)[key] for key in ODD_CONFIG} == ODD_CONFIG
    assert (result.verdict, result.findings) == ("match", ())
    assert unproven(result.assumptions) == ()
    assert set(by_name(settled(result.assumptions))) == NETWORK


def test_every_candidate_was_tried_and_one_matches(converted_odd: tuple[Path, Any]) -> None:
    chosen = by_name(converted_odd[1].assumptions)
    heads = {trial.values[HEADS]: trial for trial in chosen[HEADS].trials}
    assert [n for n, trial in heads.items() if trial.matches] == [4]
    assert set(heads) == {1, 2, 4, 8, 16, 32}
    assert heads[4].error < 1e-12
    assert min(trial.error for n, trial in heads.items() if n != 4) > 1e-6
    assert len(chosen[NORM_FIRST].trials) == 12  # with each activation function
    assert sum(trial.matches for trial in chosen[NORM_FIRST].trials) == 1


def test_the_evidence_gives_both_errors(converted_odd: tuple[Path, Any]) -> None:
    because = by_name(converted_odd[1].assumptions)[HEADS].because
    assert because.startswith("4, as the recording `")
    assert "isolated error of `encoder.encoder.layers.0.attention` " in because
    assert ", next best " in because


def test_the_json_lists_what_was_tried(converted_odd: tuple[Path, Any]) -> None:
    said = json.loads(json.dumps(converted_odd[1].to_dict(), allow_nan=False))
    assert said["verdict"] == "match"
    heads = next(reason for reason in said["assumptions"] if reason["name"] == HEADS)
    matching = [trial for trial in heads["trials"] if trial["matches"]]
    assert [trial["values"] for trial in matching] == [{HEADS: 4}]


@pytest.mark.slow
def test_diff_with_the_recording_finds_nothing_in_a_right_folder(
    odd: Path, odd_recording: Path, converted_odd: tuple[Path, Any]
) -> None:
    result = diff(odd, converted_odd[0], recording=odd_recording)
    assert (result.verdict, result.findings) == ("match", ())


@pytest.mark.slow
def test_diff_with_the_recording_finds_a_folder_that_followed_the_guess(
    odd: Path, odd_recording: Path, converted_odd: tuple[Path, Any], tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(converted_odd[0], tmp_path / "broken"))
    config = json.loads((broken / "config.json").read_text())
    config["encoder"]["num_attention_heads"] = 1
    (broken / "config.json").write_text(json.dumps(config))
    result = diff(odd, broken, recording=odd_recording)
    assert [finding.config_keys for finding in result.findings] == [(HEADS,)]


@pytest.mark.wide
def test_a_recording_chooses_without_fairseq(
    odd: Path, odd_recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fairseq", None)
    arguments = ("--no-verify", "--recording", odd_recording, "--json", tmp_path / "said.json")
    outcome = toolkit("convert", odd, tmp_path / "out", *arguments)
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.startswith("? unverified: ")
    assert f"chosen {HEADS}: 4, as the recording" in outcome.output
    assert config_of(tmp_path / "out")["num_attention_heads"] == 4
    said = json.loads((tmp_path / "said.json").read_text())
    assert set(by_name([Namespace(**reason) for reason in said["assumptions"]])) == NETWORK


@pytest.mark.wide
def test_the_command_that_reproduces_a_proof_carries_what_was_chosen(
    converted_odd: tuple[Path, Any], audio: list[Path]
) -> None:
    out, result = converted_odd
    words = shlex.split(result.reproduce)
    named = dict(zip(words[4::2], words[5::2], strict=True))
    assert set(named) == {"--encoder-config", "--recording"}
    assert json.loads(named["--encoder-config"]) == ODD_CONFIG
    outcome = toolkit(
        "verify", *words[2:4], "--encoder-config", named["--encoder-config"], "--audio", audio[0]
    )
    assert words[3] == str(out)
    assert outcome.exit_code == 0, outcome.output


@pytest.mark.wide
def test_strides_that_nobody_would_guess_follow_from_the_recording(
    build: Callable[..., Path], audio: list[Path], tmp_path: Path
) -> None:
    """Five convolutions: no published extractor has so few, and without a recording it is asked."""
    convs = {"conv_feature_layers": "[(16, 10, 5), (16, 8, 4), (16, 4, 2), (16, 4, 2), (16, 4, 2)]"}
    (tmp_path / "built").mkdir()
    checkpoint = build(tmp_path / "built", w2v=convs)
    with pytest.raises(BadInput, match="conv_stride"):
        convert(checkpoint, tmp_path / "out", verify=False)
    known = {**USUAL_CONFIG, "conv_stride": [5, 4, 2, 2, 2]}
    recording = record(checkpoint, tmp_path / "rec", audio=audio, encoder_config=known)
    convert(checkpoint, tmp_path / "out", verify=False, recording=recording)
    assert config_of(tmp_path / "out")["conv_stride"] == [5, 4, 2, 2, 2]


@pytest.mark.slow
def test_a_bundled_encoder_is_chosen_for_as_well(
    build: Callable[..., Path], audio: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "built").mkdir()
    checkpoint = build(tmp_path / "built", model={"adaptor_proj": True})
    recording = record(checkpoint, tmp_path / "rec", audio=audio, encoder_config=USUAL_CONFIG)
    result = convert(checkpoint, tmp_path / "out", verify=False, recording=recording)
    assert config_of(tmp_path / "out")["num_attention_heads"] == 2
    assert unproven(result.assumptions) == ()


# Not chosen


@pytest.mark.wide
def test_values_that_nothing_tells_apart_stay_assumed_and_are_named(
    build: Callable[..., Path], audio: list[Path], tmp_path: Path
) -> None:
    """Without queries, every head attends to all frames alike, however many heads there are."""

    def without_queries(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
        for name, tensor in state.items():
            if name.startswith("encoder.w2v_encoder") and ".q_proj." in name:
                tensor.zero_()
        return without_w2v_args(args, state)

    (tmp_path / "built").mkdir()
    checkpoint = build(tmp_path / "built", save=without_queries)
    recording = record(checkpoint, tmp_path / "rec", audio=audio, encoder_config=USUAL_CONFIG)
    result = convert(checkpoint, tmp_path / "out", verify=False, recording=recording)
    (heads,) = unproven(result.assumptions)
    assert heads.name == HEADS
    assert "cannot tell 1, 2, 4, 8, 16, 32 apart" in heads.because
    assert set(by_name(settled(result.assumptions))) == NETWORK - {HEADS}


@pytest.mark.slow
def test_a_recording_does_not_testify_to_what_it_was_made_under(
    odd: Path, audio: list[Path], tmp_path: Path
) -> None:
    known = {key: value for key, value in ODD_CONFIG.items() if key != "num_attention_heads"}
    recording = record(odd, tmp_path / "rec", audio=audio, encoder_config=known)
    result = convert(odd, tmp_path / "out", verify=False, recording=recording)
    (heads,) = unproven(result.assumptions)
    assert heads.name == HEADS
    assert "was itself made so" in heads.because


def refused(tmp_path: Path, *arguments: object) -> str:
    outcome = toolkit(*arguments)
    assert outcome.exit_code == 2, outcome.output
    assert outcome.stderr.startswith("error: ")
    assert list(tmp_path.iterdir()) == []
    return outcome.stderr


def test_a_recording_of_another_checkpoint_is_refused(
    golden_checkpoint: Path, odd_recording: Path, tmp_path: Path
) -> None:
    """Even where the checkpoint leaves nothing open."""
    error = refused(
        tmp_path, "convert", golden_checkpoint, tmp_path / "out", "--recording", odd_recording
    )
    assert "must be a recording of" in error


def test_a_folder_that_is_no_recording_is_refused(odd: Path, tmp_path: Path) -> None:
    error = refused(
        tmp_path, "convert", odd, tmp_path / "out", "--no-verify", "--recording", odd.parent
    )
    assert f"readable `{INDEX}`" in error


def test_no_match_names_what_was_tried_and_leaves_nothing(
    odd: Path, odd_recording: Path, tmp_path: Path
) -> None:
    arguments = ("--no-verify", "--recording", odd_recording)
    said = ("--encoder-config", '{"hidden_act": "tanh"}')
    error = refused(tmp_path, "convert", odd, tmp_path / "out", *arguments, *said)
    assert "`encoder.encoder.layers.0`" in error
    assert f"with `{NORM_FIRST}` False" in error
    assert f"with `{NORM_FIRST}` True" in error
    assert "by none" in error


def test_pieces_that_fit_do_not_excuse_a_whole_that_does_not(
    odd: Path, odd_recording: Path, tmp_path: Path
) -> None:
    """The epsilon is no candidate, and the attention does not read it."""
    values = {key: value for key, value in ODD_CONFIG.items() if key != "num_attention_heads"}
    wrong = {**values, "layer_norm_eps": 0.1}
    with pytest.raises(BadInput, match="must be repeated by the whole of `encoder`"):
        convert(odd, tmp_path / "out", verify=False, recording=odd_recording, encoder_config=wrong)


@pytest.mark.slow
def test_the_layers_are_the_whole_where_the_projection_is_not_in_the_encoder(
    build: Callable[..., Path], audio: list[Path], tmp_path: Path
) -> None:
    model = {"encoder_proj": True, "decoder_embed_dim": 48, "adaptor_n_layers": 0}
    (tmp_path / "built").mkdir()
    checkpoint = build(tmp_path / "built", model=model)
    recording = record(checkpoint, tmp_path / "rec", audio=audio, encoder_config=USUAL_CONFIG)
    result = convert(checkpoint, tmp_path / "out", verify=False, recording=recording)
    assert unproven(result.assumptions) == ()
    known = {key: value for key, value in USUAL_CONFIG.items() if key != "num_attention_heads"}
    with pytest.raises(BadInput, match=r"must be repeated by the whole of `encoder\.encoder`"):
        convert(
            checkpoint,
            tmp_path / "wrong",
            verify=False,
            recording=recording,
            encoder_config={**known, "layer_norm_eps": 0.1},
        )


def test_a_whole_without_a_counterpart_is_an_error_of_its_family(
    odd: Path, odd_recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = XMTransformer.network
    monkeypatch.setattr(
        XMTransformer, "network", lambda *given: replace(network(*given), whole="nowhere")
    )
    with pytest.raises(BrokenRule, match="`nowhere` must have a counterpart in fairseq"):
        convert(odd, tmp_path / "out", verify=False, recording=odd_recording)
    assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


# Normalization


def unsaid(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    state = without_w2v_args(args, state)
    del state["args"].normalize
    return state


def write_config(checkpoint: Path, name: str = "config.yaml", **hub: str) -> Path:
    config = yaml.safe_load((checkpoint.parent / "config.yaml").read_text())
    config.pop("standardize_audio", None)
    config["hub"] = {"tgt_lang": "en", **hub}
    path = checkpoint.parent / name
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.wide
@pytest.mark.parametrize(
    ("extractor", "assumed", "normalize"),
    [
        pytest.param("layer_norm", True, False, id="False-layer"),
        slow("layer_norm", True, True, id="True-layer"),
        slow("default", False, False, id="False-group"),
        slow("default", False, True, id="True-group"),
    ],
)
def test_normalization_is_assumed_by_the_extractor_and_heard_in_the_recording(
    build: Callable[..., Path],
    audio: list[Path],
    tmp_path: Path,
    extractor: str,
    assumed: bool,
    normalize: bool,
) -> None:
    (tmp_path / "built").mkdir()
    w2v = {"extractor_mode": extractor, "normalize": normalize}
    checkpoint = build(tmp_path / "built", w2v=w2v, model={"normalize": normalize}, save=unsaid)
    input_type = "standardized_waveform" if normalize else "waveform"
    known = write_config(checkpoint, "known.yaml", input_type=input_type)
    write_config(checkpoint)
    (guess,) = inspect(checkpoint, encoder_config=USUAL_CONFIG).assumptions
    assert guess.name == NORMALIZE
    assert guess.because.startswith(f"assumed {assumed!r}, as the checkpoint does not say: ")
    assert "`hub: {input_type: ...}`" in guess.because
    material = {"encoder_config": USUAL_CONFIG}
    recording = record(checkpoint, tmp_path / "rec", audio=audio, config_yaml=known, **material)
    result = convert(checkpoint, tmp_path / "out", verify=True, recording=recording, **material)
    preprocessor = json.loads((tmp_path / "out" / "preprocessor_config.json").read_text())
    assert preprocessor["do_normalize"] is normalize
    assert unproven(result.assumptions) == ()
    assert by_name(result.assumptions)[NORMALIZE].because.startswith(f"{normalize!r}, as ")
    assert result.verdict == "match"


def heard(*sources: torch.Tensor) -> Derived:
    guess = Derived(value=True, evidence="a guess", candidates=(True, False))
    records = [Record(clip="c", waveform=s, source=s, prefix=(2,), calls={}) for s in sources]
    question = Question(key=NORMALIZE, assumed=guess)
    return hear_input(question, records, Path("rec"))


def standardized(waveform: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.layer_norm(waveform, waveform.shape)


SEEDS = st.integers(0, 2**32 - 1)
LOUDNESS = st.floats(1e-5, 0.3)


def noise(seed: int, loudness: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (loudness * torch.randn(8000, generator=generator)).clamp(-1, 1)


@given(SEEDS, LOUDNESS)
def test_a_standardized_waveform_is_never_heard_as_a_plain_one(seed: int, loudness: float) -> None:
    assert heard(standardized(noise(seed, loudness))).value is True


@given(SEEDS, LOUDNESS)
def test_a_plain_waveform_is_never_proven_to_be_standardized(seed: int, loudness: float) -> None:
    said = heard(noise(seed, loudness))
    assert said.value is False or said.candidates


def test_silence_says_nothing_and_another_clip_may() -> None:
    silence = torch.zeros(100)
    assert heard(silence).candidates == (True, False)
    assert "cannot tell" in heard(silence).evidence
    assert heard(silence, noise(1, 0.1)).value is False
    assert heard(silence, standardized(noise(1, 0.1))).candidates == ()


def test_inputs_that_are_neither_are_refused() -> None:
    with pytest.raises(BadInput, match="they are neither: the first has mean"):
        heard(standardized(noise(1, 0.1)), noise(1, 0.1))


# Strides

PLACE = Place(source="w2v_encoder.w2v_model.")
EXTRACTORS = st.lists(
    st.integers(1, 10).flatmap(lambda k: st.tuples(st.just(k), st.integers(1, k))),
    min_size=1,
    max_size=4,
)


def calls_of(convs: Sequence[tuple[int, int]], samples: int) -> dict[str, list[Call]]:
    calls = {}
    for index, (kernel, stride) in enumerate(convs):
        frames = (samples - kernel) // stride + 1
        arguments = {"input": torch.empty(1, 1, samples)}
        calls[f"{PLACE.source}{CONV}{index}.0"] = [Call(arguments, {"": torch.empty(1, 1, frames)})]
        samples = frames
    return calls


def extractor(convs: Sequence[tuple[int, int]], **strides: Any) -> Mapping[str, Derived]:
    return {
        "conv_kernel": Derived(value=[kernel for kernel, _ in convs], evidence=""),
        "conv_stride": Derived(value=None, evidence="", **{"shown_by": "extractor", **strides}),
    }


@pytest.mark.wide
@given(EXTRACTORS, st.integers(0, 5000))
def test_long_clips_leave_the_right_strides_alone(convs: list[tuple[int, int]], more: int) -> None:
    samples = 2 * math.prod(kernel for kernel, _ in convs) * 20 + more
    recorded = [calls_of(convs, samples), calls_of(convs, samples + 997)]
    ((key, candidates),) = possible_strides(PLACE, extractor(convs), recorded)
    assert key == "conv_stride"
    assert [stride for _, stride in convs] in candidates
    assert len(candidates) <= MAX_STRIDES


def test_clips_too_short_to_tell_are_refused_until_a_longer_one_joins() -> None:
    convs = [(2, 20)]
    with pytest.raises(BadInput, match="Record longer clips"):
        list(possible_strides(PLACE, extractor(convs), [calls_of(convs, 40)]))
    recorded = [calls_of(convs, 40), calls_of(convs, 4000)]
    assert list(possible_strides(PLACE, extractor(convs), recorded)) == [("conv_stride", ([20],))]


def test_strides_that_are_known_are_not_asked() -> None:
    assert list(possible_strides(PLACE, extractor([(2, 2)], shown_by=None), [])) == []


def test_lengths_that_no_stride_explains_are_refused() -> None:
    left = Derived(value=None, evidence="", shown_by="extractor")
    with pytest.raises(BadInput, match="fit none"):
        choosing._narrowed(STRIDES, left, [], Path("rec"))


# Supplied by the pretrained checkpoint


def pretrained(path: Path, *, grouped: bool = False, **changes: Any) -> Path:
    values = {**W2V, **ODD, **changes}
    model = {k: v for k, v in values.items() if k not in ("arch", "task", "data", "normalize")}
    task = {"_name": "audio_pretraining", "data": "/cluster", "normalize": values["normalize"]}
    groups = {"model": {"_name": "wav2vec2", **model}, "task": task, "common": {"seed": 1}}
    said = {"cfg": groups} if grouped else {"args": Namespace(**values)}
    torch.save({"args": None, "cfg": None, **said, "model": {"w": torch.ones(1)}}, path)
    return path


@pytest.mark.wide
@pytest.mark.parametrize(("grouped", "where"), [slow(False, "args"), (True, "cfg.model")])
def test_a_pretrained_checkpoint_beside_leaves_no_assumption(
    odd: Path, audio: list[Path], tmp_path: Path, grouped: bool, where: str
) -> None:
    folder = Path(shutil.copytree(odd.parent, tmp_path / "built"))
    pretrained(folder / "xlsr.pt", grouped=grouped)  # the checkpoint names /cluster/xlsr.pt
    result = convert(folder / "model.pt", tmp_path / "out", verify=True, audio=audio)
    assert (result.verdict, result.assumptions) == ("match", ())
    assert {key: config_of(tmp_path / "out")[key] for key in ODD_CONFIG} == ODD_CONFIG
    fields = by_name(inspect(folder / "model.pt").fields)
    assert fields[HEADS].evidence == f"xlsr.pt: {where}.encoder_attention_heads"
    assert verify(folder / "model.pt", tmp_path / "out", audio=audio).verdict == "match"


@pytest.mark.slow
def test_a_pretrained_checkpoint_by_option_serves_every_command(
    odd: Path, audio: list[Path], tmp_path: Path
) -> None:
    w2v = pretrained(tmp_path / "somewhere.pt")
    shared = ("--w2v", w2v, "--audio", audio[0])
    assert toolkit("record", odd, tmp_path / "rec", *shared).exit_code == 0
    outcome = toolkit("convert", odd, tmp_path / "out", *shared)
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.startswith("✓ match (")
    outcome = toolkit("diff", odd, tmp_path / "out", "--recording", tmp_path / "rec")
    assert outcome.exit_code == 0, outcome.output
    assert "somewhere.pt" in toolkit("inspect", odd, "--w2v", w2v).output


@pytest.mark.parametrize(
    ("changes", "said", "found"),
    [
        ({"encoder_embed_dim": 48}, "48", "32"),
        ({"encoder_layers": 12}, "12", "2"),
        ({"encoder_ffn_embed_dim": 96}, "96", "64"),
        ({"extractor_mode": "default"}, "'default'", "'layer_norm'"),
        ({"conv_feature_layers": "[(16, 10, 5)] * 7"}, "(16, 10)", "(16, 3)"),
    ],
)
def test_the_pretrained_checkpoint_of_another_encoder_is_refused_with_both_values(
    odd: Path, tmp_path: Path, changes: Mapping[str, Any], said: str, found: str
) -> None:
    w2v = pretrained(tmp_path / "other.pt", **changes)
    with pytest.raises(BadInput) as caught:
        inspect(odd, w2v=w2v)
    for words in (str(w2v), *changes, said, found):
        assert words in str(caught.value)


def test_a_superfluous_pretrained_checkpoint_is_refused(
    golden_checkpoint: Path, tmp_path: Path
) -> None:
    w2v = pretrained(tmp_path / "w2v.pt")
    outcome = toolkit("convert", golden_checkpoint, tmp_path / "out", "--w2v", w2v)
    assert outcome.exit_code == 2
    assert "`w2v_args` of its own" in outcome.stderr


@pytest.mark.slow
def test_a_folder_of_the_classes_that_a_conversion_writes_is_prepared_once(
    golden_checkpoint, rec_dir, converted, monkeypatch
):
    times = []
    real = prepare

    def counted(inputs):
        times.append(inputs.form)
        return real(inputs)

    monkeypatch.setattr(choosing, "prepare", counted)
    inputs = expecting(Inputs(checkpoint=golden_checkpoint), converted)
    once = choosing.prepare_with(inputs, rec_dir, ())
    assert times == [None]
    again = real(inputs)
    assert once.task.contents == again.task.contents
    assert once.proof == again.proof
    other = replace(
        inputs, form=replace(inputs.form, kinds={**inputs.form.kinds, "decoder": "bart"})
    )
    assert choosing.prepare_with(other, rec_dir, ()).network.misfits
    assert times == [None, None, other.form]
