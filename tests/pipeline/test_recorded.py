"""A recording answers as the fairseq that it is a recording of, or says what it does not know."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest
import torch

from toolkit.core.errors import BadInput, NotRecorded
from toolkit.oracle.search import BEAM, Search, capped, with_beam
from toolkit.pipeline.clips import tag_of
from toolkit.pipeline.pairing import pair_with
from toolkit.pipeline.recorded import open_recorded
from toolkit.pipeline.truth import expect_texts
from toolkit.replay.source import read_source
from toolkit.tasks.speech.run import record_clip
from toolkit.tasks.speech_seq2seq.clip import run_clip
from toolkit.tasks.speech_seq2seq.padding import padding_level
from toolkit.trial.bench import Bench

TAG = 188
"""Russian."""


@pytest.fixture
def waveform(recorded_clips):
    return torch.from_numpy(next(c for c in recorded_clips if c.name == "ru_2").waveform)


@pytest.fixture
def recorded_bench(bench, prepared, recorded):
    pairing = pair_with(prepared, recorded.index.facts.paths, bench.target)
    return Bench(
        **{
            field.name: getattr(bench, field.name)
            for field in dataclasses.fields(bench)
            if field.name not in ("reference", "source", "pairing")
        },
        reference=recorded,
        source=recorded.index.facts,
        pairing=pairing,
    )


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.equal(other)
    return one == other or bool(np.isnan(one) and np.isnan(other))


def test_a_comparison_with_a_recording_is_the_one_with_fairseq(
    bench, recorded_bench, prepared, recorded_clips, recorded
):
    assert recorded_bench.pairing.pairs == bench.pairing.pairs
    runs, recorded_runs = (
        [run_clip(b, clip, tag=tag_of(prepared, clip)) for clip in clips]
        for b, clips in ((bench, recorded_clips), (recorded_bench, recorded.read_clips()))
    )
    for run, other in zip(runs, recorded_runs, strict=True):
        names = [field.name for field in dataclasses.fields(run) if field.name != "clip"]
        assert [n for n in names if not same(getattr(run, n), getattr(other, n))] == []
    probes = prepared.task.padding
    for thorough in (False, True):
        asked = {"thorough": thorough}
        assert padding_level(bench, runs, probes, **asked) == padding_level(
            recorded_bench, recorded_runs, probes, **asked
        )
    texts = [run.greedy.reference_text for run in runs]
    assert expect_texts(prepared, bench.reference, texts) == expect_texts(
        prepared, recorded_bench.reference, texts
    )


def test_a_clip_is_recorded_for_a_diff_as_fairseq_does_it(reference, recorded, prepared, waveform):
    expected, actual = (
        record_clip(asked, "ru_2", waveform, prepared.task.search, TAG)
        for asked in (reference, recorded)
    )
    assert actual.prefix == expected.prefix
    assert actual.source.equal(expected.source)
    assert set(actual.calls) <= set(expected.calls)
    for path, made in actual.calls.items():
        for one, other in zip(expected.calls[path], made, strict=True):
            assert one.inputs.keys() == other.inputs.keys()
            for side in ("inputs", "outputs"):
                left, right = getattr(one, side), getattr(other, side)
                assert all(right[key].equal(tensor) for key, tensor in left.items()), path


def test_facts_are_those_of_the_model(reference, recorded, prepared):
    assert recorded.index.facts == read_source(reference.model, prepared.network.layouts)
    assert recorded.start_token == reference.start_token
    assert recorded.index.assumed == frozenset(r.name for r in prepared.assumptions)


def test_clips_come_back_as_they_were(recorded, recorded_clips):
    for clip, found in zip(recorded_clips, recorded.read_clips(), strict=True):
        assert found.waveform.tobytes() == clip.waveform.tobytes()
        for name in ("name", "transcript", "lang", "kind"):
            assert getattr(found, name) == getattr(clip, name)


def test_a_front_end_of_the_folders_own_has_its_search_and_text(
    reference, recorded, target, prepared, waveform
):
    once = with_beam(capped(prepared.task.search, waveform.numel()), 1)
    for source in (target.front_end(waveform), waveform):
        expected = reference.search(source, once, TAG)
        assert recorded.search(source, once, TAG) == expected
        assert recorded.text(expected[0].tokens) == reference.text(expected[0].tokens)


def test_an_input_that_rounds_differently_counts_as_the_recorded_one(recorded, prepared, waveform):
    once = with_beam(capped(prepared.task.search, waveform.numel()), 1)
    source = recorded.front_end(waveform)
    expected = recorded.search(source, once, TAG)
    largest = float(source.abs().max())
    assert recorded.search(source + 0.5e-6 * largest, once, TAG) == expected
    with pytest.raises(NotRecorded, match="a search with beam 1 and tag 188 on an input of"):
        recorded.search(source + 4e-6 * largest, once, TAG)


QUESTIONS = {
    "another clip": (lambda r, w: r.front_end(w[1:]), "audio of"),
    "another beam": (lambda r, w: r.search(r.front_end(w), Search(beam=7), TAG), "beam 7"),
    "another tag": (lambda r, w: r.search(r.front_end(w), Search(beam=BEAM), 5), "tag 5"),
    "another prefix": (lambda r, w: r.forward([r.front_end(w)], [[2, 5]]), "a teacher-"),
    "another batch": (lambda r, w: r.forward([w, w], [[2], [2]]), "over 2 inputs"),
    "another text": (lambda r, _: r.encode("never said"), "the ids of 'never said'"),
    "other tokens": (lambda r, _: r.text((9, 9, 9)), r"the text of the tokens \[9, 9, 9\]"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_was_not_asked_is_not_known(recorded, waveform, name):
    ask, wanted = QUESTIONS[name]
    with pytest.raises(NotRecorded, match=f"must hold .*{wanted}.* but holds .*--fairseq-python"):
        ask(recorded, waveform)


def test_a_module_that_was_not_recorded_is_an_error_and_not_a_silence(recorded, prepared, waveform):
    record = record_clip(recorded, "ru_2", waveform, prepared.task.search, TAG)
    forced = recorded.forward([record.source], [record.prefix])
    with pytest.raises(NotRecorded, match="must hold the calls of `decoder`"):
        forced.calls["decoder"]


def test_a_whole_recording_passes(recorded):
    recorded.tensors.check()


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "a changed byte": (lambda f: flip(f / "clip-000-float64.safetensors"), "bytes with the sha256"),
    "a cut file": (
        lambda f: os.truncate(f / "clip-000-float64.safetensors", 1000),
        "has 1000 bytes with",
    ),
    "a longer file": (
        lambda f: (f / "batch.safetensors").open("ab").write(b"more"),
        "bytes with the sha256",
    ),
    "a missing file": (lambda f: (f / "batch.safetensors").unlink(), "cannot be read: No such"),
    "a pipe": (
        lambda f: ((f / "batch.safetensors").unlink(), os.mkfifo(f / "batch.safetensors")),  # type: ignore[func-returns-value]
        "is no plain file",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_refused(damaged, prepared, name):
    damage, said = DAMAGES[name]
    damage(damaged)
    recorded = open_recorded(damaged, prepared.checkpoint)
    with pytest.raises(BadInput, match=f"must be a whole recording, but is damaged: .*{said}"):
        recorded.tensors.check()


def test_a_changed_token_is_refused(damaged, prepared):
    path = damaged / "recording.json"
    said = json.loads(path.read_text())
    said["searches"][0]["hypotheses"][0]["tokens"][0] += 1
    path.write_text(json.dumps(said))
    with pytest.raises(BadInput, match="does not have the digest that it names"):
        open_recorded(damaged, prepared.checkpoint)


def test_a_cut_index_is_refused(damaged, prepared):
    os.truncate(damaged / "recording.json", 1000)
    with pytest.raises(BadInput, match=r"with a readable `recording\.json`, but is none"):
        open_recorded(damaged, prepared.checkpoint)


def test_what_is_no_recording_is_refused(tmp_path, prepared):
    with pytest.raises(BadInput, match=r"with a readable `recording\.json`, but is none"):
        open_recorded(tmp_path, prepared.checkpoint)


def test_another_version_is_refused(rewrite, prepared):
    folder = rewrite(lambda said: said.update(version=1))
    with pytest.raises(BadInput, match="must be a recording of version 6, but is of version 1"):
        open_recorded(folder, prepared.checkpoint)


def test_a_recording_of_another_checkpoint_is_refused(rewrite, prepared):
    folder = rewrite(lambda said: said["checkpoint"].update(sha256="0" * 64))
    with pytest.raises(BadInput, match=r"must be a recording of `.*model\.pt`, but is of a file"):
        open_recorded(folder, prepared.checkpoint)


def test_a_recording_of_weights_in_another_dtype_is_refused(rewrite, prepared):
    rounded = prepared.checkpoint.as_dtype("float16")
    folder = rewrite(lambda _: None)
    open_recorded(folder, prepared.checkpoint)
    with pytest.raises(BadInput, match=r"weights in float16, but is of weights in float32\. Give"):
        open_recorded(folder, rounded)


def nest(said):
    value = []
    for _ in range(900):
        value = [value]
    said["encodings"] = value


HOSTILE = {
    "a path out of the folder": lambda said: said["files"].update(
        {"../../etc/passwd": {"num_bytes": 1, "sha256": ""}}
    ),
    "no clips": lambda said: said.pop("clips"),
    "clips of another kind": lambda said: said.update(clips=7),
    "a name for a terminal": lambda said: said["clips"][0].update(name="\x1b[2J"),
    "a name without end": lambda said: said["clips"][0].update(name="a" * 10_000),
    "another search": lambda said: said["searches"][0]["search"].update(beams=3),
    "tokens that are none": lambda said: said["searches"][0]["hypotheses"][0].update(tokens="ab"),
    "nests": nest,
    "a pass without outputs": lambda said: said["passes"][0].pop("outputs"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_index_that_no_recorder_wrote_is_refused(rewrite, prepared, name):
    folder = rewrite(HOSTILE[name])
    with pytest.raises(BadInput, match=r"is damaged: `recording\.json` does not say what it must"):
        open_recorded(folder, prepared.checkpoint)


def test_a_tensor_that_is_not_there_is_refused(rewrite, prepared, waveform):
    def point_elsewhere(said):
        for clip in said["clips"]:
            clip["source"] = "clip-000:absent"

    recorded = open_recorded(rewrite(point_elsewhere), prepared.checkpoint)
    with pytest.raises(BadInput, match=r"`clip-000\.safetensors` holds no `absent`"):
        recorded.front_end(waveform)


def test_a_file_that_is_not_listed_is_not_opened(rewrite, prepared, waveform):
    def point_elsewhere(said):
        for clip in said["clips"]:
            clip["source"] = "../secret:source"

    recorded = open_recorded(rewrite(point_elsewhere), prepared.checkpoint)
    with pytest.raises(BadInput, match=r"lists no file `\.\./secret\.safetensors`"):
        recorded.front_end(waveform)
