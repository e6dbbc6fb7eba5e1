"""What `diff` says of folders that are wrong in one way or another, on one short clip."""

import json
from dataclasses import replace

import pytest
import torch

from tests.breaking import add, change, edit_tensors, remove, scale, set_key, swap, swap_rows
from tests.sampling import slow
from toolkit.compare.pictures import shortest
from toolkit.core.errors import BadInput
from toolkit.core.findings import Finding
from toolkit.diagnosis.findings import smallest_failing
from toolkit.pipeline import difference
from toolkit.pipeline.difference import diff, diff_folder, open_session
from toolkit.pipeline.undoing import undo_keys

ATTENTION = "encoder.encoder.layers.1.attention"
POS_CONV = "encoder.encoder.pos_conv_embed.conv.parametrizations.weight"


@pytest.fixture(scope="module")
def session(prepared, clips):
    with open_session(prepared, shortest(clips, 1)) as opened:
        yield opened


@pytest.fixture
def found(session, broken):
    """The result for the broken folder after some breaks; every result is strict JSON."""

    def look(*breaks):
        for spoil in breaks:
            spoil(broken)
        before = {file: file.read_bytes() for file in broken.rglob("*") if file.is_file()}
        result = diff_folder(session, broken)
        assert {file: file.read_bytes() for file in broken.rglob("*") if file.is_file()} == before
        json.dumps(result.to_dict(), allow_nan=False)
        return result

    return look


def write(file, text):
    return lambda folder: (folder / file).write_text(text)


def unlink(*files):
    return lambda folder: [(folder / file).unlink() for file in files]


def swap_projections(folder):
    for ending in ("weight", "bias"):
        swap(f"{ATTENTION}.q_proj.{ending}", f"{ATTENTION}.k_proj.{ending}")(folder)


def off_by_a_layer(folder):
    def edit(tensors):
        old = dict(tensors)
        for name in old:
            for layer in (0, 1):
                here, there = (
                    f"encoder.encoder.layers.{layer}.",
                    (f"encoder.encoder.layers.{layer + 1}."),
                )
                if name.startswith(here):
                    tensors[name] = old[name.replace(here, there)].clone()

    edit_tensors(folder, edit)


def test_a_right_folder_matches_without_any_finding(found):
    result = found()
    assert (result.command, result.verdict, result.findings) == ("diff", "match", ())
    assert {level.verdict for level in result.levels} == {"pass"}
    assert len(result.modules) > 100
    assert all(row.verdict == "pass" for row in result.modules)


def test_the_shortest_clips_with_a_transcript_are_taken(clips):
    chosen = shortest(clips)
    assert len(chosen) == 2
    longest = max(clip.duration_s for clip in chosen)
    rest = [clip for clip in clips if clip.transcript and clip not in chosen]
    assert all(clip.transcript for clip in chosen)
    assert all(clip.duration_s >= longest for clip in rest)


def test_a_zeroed_tensor_is_one_confirmed_finding_with_its_modules_errors(found):
    result = found(change(f"{ATTENTION}.q_proj.weight", torch.zeros_like))
    (finding,) = result.findings
    assert result.verdict == "mismatch"
    assert (finding.kind, finding.target_module) == ("weights", f"{ATTENTION}.q_proj")
    assert (finding.hypothesis.name, finding.hypothesis.confirmed) == ("zeroed", True)
    assert finding.evidence["isolated_error"] > 0.1
    assert finding.evidence["clip"]
    failed = {level.name for level in result.levels if level.verdict == "fail"}
    assert failed == {"weights", "modules"}


def test_swapped_projections_are_one_confirmed_finding(found):
    (finding,) = found(swap_projections).findings
    assert (finding.hypothesis.name, finding.hypothesis.confirmed) == ("swapped_with", True)
    assert len(finding.target_parameters) == 4


def test_a_level_counts_tensors_and_rows_and_not_what_is_said_of_them(found):
    result = found(swap_projections, swap_rows(20, 21))
    assert len(result.findings) == 2
    assert result.level("weights").measures[0].error == 4.0
    assert result.level("vocabulary").measures[0].error == 2.0


def test_layers_that_are_off_by_one_are_one_confirmed_finding(found):
    (finding,) = found(off_by_a_layer).findings
    assert (finding.hypothesis.name, finding.hypothesis.confirmed) == ("layer_offset", True)
    assert len(finding.target_parameters) == 32


def test_a_wrong_head_count_names_the_attention(found):
    result = found(set_key("config.json", "encoder.num_attention_heads", 4))
    (finding,) = result.findings
    assert finding.config_keys == ("encoder.num_attention_heads",)
    assert finding.target_module == "encoder.encoder.layers.0.attention"
    assert (finding.hypothesis.name, finding.hypothesis.confirmed) == ("wrong_head_count", True)
    assert all(level.verdict == "pass" for level in result.levels if level.name == "weights")


def test_two_faults_at_once_are_two_confirmed_findings(found):
    result = found(
        set_key("config.json", "decoder.scale_embedding", False),
        scale(f"{ATTENTION}.q_proj.weight", 1.5),
    )
    assert {f.target_module: f.hypothesis.name for f in result.findings} == {
        f"{ATTENTION}.q_proj": "wrong_value",
        "decoder.model.decoder.embed_tokens": "missing_scale",
    }
    assert all(finding.hypothesis.confirmed for finding in result.findings)


def test_faults_of_every_file_are_all_found(found):
    findings = found(
        remove(f"{POS_CONV}.original0"),
        add("decoder.extra", torch.ones(2)),
        set_key("generation_config.json", "temperature", 0.5),
        set_key("preprocessor_config.json", "do_normalize", False),
        swap_rows(20, 21),
    ).findings
    kinds = [finding.kind for finding in findings]
    assert kinds == ["missing", "weights", "front_end", "generation", "vocabulary"]
    assert findings[0].target_parameters == (f"{POS_CONV}.original0",)


@pytest.mark.parametrize(
    ("key", "value", "module"),
    [
        slow("encoder.adapter_stride", 3, "encoder.adapter.layers.0.conv"),
        slow(
            "encoder.conv_stride",
            [5, 2, 2, 2, 2, 2, 1],
            "encoder.feature_extractor.conv_layers.6.conv",
        ),
        ("encoder.num_hidden_layers", 2, "encoder.encoder"),
        slow("encoder.num_hidden_layers", 4, "encoder.encoder"),
        ("encoder.num_conv_pos_embeddings", 15, "encoder.encoder.pos_conv_embed.conv"),
        ("encoder.hidden_size", 96, "encoder.feature_projection.projection"),
        slow("decoder.decoder_layers", 2, "decoder"),
        ("decoder.tie_word_embeddings", False, "decoder.lm_head"),
    ],
)
def test_a_key_that_changes_shapes_or_modules_is_the_one_finding(key, value, module, found):
    (finding,) = found(set_key("config.json", key, value)).findings
    assert (finding.config_keys, finding.target_module) == ((key,), module)
    assert finding.hypothesis.confirmed


@pytest.mark.parametrize(
    "spoil",
    [
        write("config.json", "{"),
        write("config.json", "[]"),
        unlink("config.json"),
        set_key("config.json", "model_type", "nothing"),
        set_key("config.json", "encoder", []),
        set_key("config.json", "encoder.hidden_act", "nonsense"),
        set_key("config.json", "encoder.hidden_size", 50),
        set_key("config.json", "encoder.conv_stride", "many"),
        write("generation_config.json", "[]"),
    ],
    ids=[
        "broken JSON",
        "a list",
        "no file",
        "unknown kind",
        "a list as encoder",
        "unknown activation",
        "width that heads do not divide",
        "a word as strides",
        "broken generation",
    ],
)
def test_a_folder_that_does_not_load_has_findings_and_no_traceback(spoil, found):
    result = found(spoil)
    assert result.verdict == "mismatch"
    assert result.modules == ()
    assert result.findings
    assert {finding.kind for finding in result.findings} <= {"config", "generation", "vocabulary"}
    assert all(finding.fix for finding in result.findings)


@pytest.mark.parametrize(
    ("key", "value"),
    [("decoder.return_dict", False), ("encoder.return_dict", False), ("is_encoder_decoder", False)],
)
def test_a_model_that_loads_and_may_not_run_has_the_key_as_its_one_finding(key, value, found):
    (finding,) = found(set_key("config.json", key, value)).findings
    assert finding.config_keys == (key,)


def test_a_folder_that_does_not_load_for_a_reason_that_no_file_shows_says_why(session, broken):
    def refuse(*_args, **_kwargs):
        raise BadInput("the model must load, but the disk is on fire")

    task = session.prepared.task
    refusing = replace(task, kind=replace(task.kind, target=refuse))
    session = replace(session, prepared=replace(session.prepared, task=refusing))
    (finding,) = diff_folder(session, broken).findings
    assert finding.kind == "config"
    assert "the disk is on fire" in finding.summary


@pytest.mark.parametrize("name", ["original0", "original1"])
def test_a_factor_of_another_shape_is_a_finding(name, found):
    result = found(change(f"{POS_CONV}.{name}", lambda t: t[..., :8]))
    assert result.findings[0].target_module == "encoder.encoder.pos_conv_embed.conv"


def test_a_tensor_of_another_shape_is_a_finding_that_nothing_explains(found):
    (finding,) = found(change(f"{ATTENTION}.q_proj.weight", lambda t: t[:24])).findings
    assert finding.target_module == f"{ATTENTION}.q_proj"
    assert (finding.hypothesis.name, finding.hypothesis.confirmed) == ("wrong_value", False)


def test_a_tensor_of_nan_is_a_finding(found):
    result = found(change(f"{ATTENTION}.q_proj.weight", lambda t: t * float("nan")))
    assert result.findings[0].target_module == f"{ATTENTION}.q_proj"
    assert result.to_dict()["findings"][0]["evidence"]["isolated_error"] == "nan"


def test_a_folder_without_a_tokenizer_is_compared_but_for_its_vocabulary(found):
    result = found(unlink("tokenizer.json", "tokenizer_config.json"))
    (finding,) = result.findings
    assert finding.kind == "vocabulary"
    assert {level.name for level in result.levels if level.verdict == "fail"} == {"vocabulary"}
    assert len(result.modules) > 100


def test_what_the_undone_copy_does_not_mend_is_doubted_and_the_rest_is_named(found, monkeypatch):
    """The copy breaks another module, as if the fault had hidden that it is wrong."""

    def forget(session, view, findings, folder):
        undo(session, view, findings, folder)
        set_key("config.json", "decoder.scale_embedding", False)(folder)

    undo = difference._undo
    monkeypatch.setattr(difference, "_undo", forget)
    findings = found(change(f"{ATTENTION}.q_proj.weight", torch.zeros_like)).findings
    assert findings[0].hypothesis.name == "zeroed"
    assert not findings[0].hypothesis.confirmed
    assert [(f.kind, f.target_module) for f in findings[1:]] == [
        ("wiring", "decoder.model.decoder.embed_tokens")
    ]


def test_the_undone_copy_is_a_right_folder_and_goes_away(found, monkeypatch):
    undo, seen = difference._undo, []

    def watch(session, view, findings, folder):
        undo(session, view, findings, folder)
        replayed = difference._replay(session, folder)
        rows, refusal = replayed.rows, replayed.refusal
        seen.append((folder, refusal, smallest_failing(rows)))

    monkeypatch.setattr(difference, "_undo", watch)
    found(
        set_key("config.json", "encoder.num_attention_heads", 4),
        remove("decoder.model.decoder.layers.0.fc1.bias"),
        add("decoder.lm_head.weight", torch.zeros(189, 48)),
        swap_projections,
    )
    ((folder, refusal, failing),) = seen
    assert (refusal, failing) == (None, ())
    assert not folder.exists()


def test_a_key_of_a_side_that_is_no_object_can_be_undone(session, broken):
    set_key("config.json", "encoder", None)(broken)
    keys = ("encoder.hidden_size", "tie_word_embeddings")
    finding = Finding(kind="config", target_module="", config_keys=keys, summary="", fix="")
    undo_keys(session.truth.contents, [finding], broken)
    config = json.loads((broken / "config.json").read_text())
    assert config["encoder"] == {"hidden_size": 48}


def test_a_folder_without_weights_is_bad_input(session, broken):
    (broken / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="must hold its weights"):
        diff_folder(session, broken)


@pytest.mark.parametrize("name", ["nowhere", "config.json"])
def test_what_is_no_folder_is_bad_input_before_anything_is_read(name, broken, tmp_path):
    with pytest.raises(BadInput, match="is no folder"):
        diff(tmp_path / "no checkpoint either.pt", broken / name)


def test_diff_reads_a_checkpoint_and_tells_its_progress(golden_checkpoint, broken, prepared):
    set_key("config.json", "decoder.scale_embedding", False)(broken)
    steps = []
    result = diff(golden_checkpoint, broken, progress=lambda *step: steps.append(step))
    assert [finding.config_keys for finding in result.findings] == [("decoder.scale_embedding",)]
    assert result.source.sha256 == prepared.checkpoint.sha256()
    assert len(result.coverage.clips) == 2
    assert result.reproduce == f"toolkit diff {golden_checkpoint} {broken}"
    assert [done for _, done, _ in steps] == [0, 1, 2]
