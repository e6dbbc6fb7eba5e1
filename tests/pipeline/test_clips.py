"""What a checkpoint asks of the clips, and how much work they are."""

from __future__ import annotations

from toolkit.audio import golden_folder, read_clips
from toolkit.pipeline.clips import clips_for, efforts_for, short_ones, size_of, with_excerpt
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.trial.effort import FULL, NOTHING

CLIPS = tuple(golden_folder() / f"{name}.flac" for name in ("tiny", "ru_2", "it_1", "long"))


def test_a_frame_meets_every_weight_but_those_of_words(prepared):
    words = len(prepared.task.contents.dictionary)
    size = size_of(prepared, read_clips(CLIPS))
    stored = [prepared.plan.targets[name] for name in prepared.plan.assignments]
    of_words = sum(spec.numel for spec in stored if spec.shape[:1] == (words,))
    assert of_words > 0
    assert size.per_frame == sum(spec.numel for spec in stored) - of_words
    assert size.per_token == sum(spec.numel for spec in stored) // 2


def test_longer_clips_have_more_frames_and_may_say_more(prepared):
    size = size_of(prepared, read_clips(CLIPS))
    for numbers in (size.frames, size.tokens):
        assert sorted(numbers) == list(numbers)
        assert numbers[0] < numbers[-1]


def test_where_nothing_is_searched_step_by_step_no_token_is_counted():
    ctc = prepare(Inputs(checkpoint=golden_folder() / "ctc" / "model.pt"))
    assert set(size_of(ctc, read_clips(CLIPS)).tokens) == {0}


def test_without_a_beam_no_clip_is_searched_with_one(prepared):
    clips = read_clips(CLIPS)
    efforts = efforts_for(prepared, clips, beam=False, thorough=True)
    assert not any(effort.beamed for effort in efforts)
    assert set(efforts_for(prepared, clips, beam=True, thorough=True)) == {FULL}
    assert NOTHING not in efforts


def test_modules_are_compared_on_a_part_where_every_clip_is_long(prepared):
    (long,) = read_clips([golden_folder() / "long.flac"])
    clips = with_excerpt(prepared, [long])
    assert [len(clip.waveform) for clip in clips] == [len(long.waveform), 16_000]
    efforts = efforts_for(prepared, clips, beam=True, thorough=False)
    assert [(e.replayed, e.searched, e.piped) for e in efforts] == [
        (False, True, False),
        (True,) * 3,
    ]
    assert short_ones(prepared, clips) == clips[1:]
    assert clips_for(prepared, [golden_folder() / "long.flac"])[1].name == clips[1].name


def test_where_one_clip_is_short_none_is_cut(prepared):
    clips = read_clips(CLIPS)
    assert with_excerpt(prepared, clips) == clips


def test_a_part_that_is_long_itself_spares_nothing_and_is_not_added(prepared, monkeypatch):
    monkeypatch.setattr("toolkit.trial.effort.REPLAYED_FRAMES", 40)
    (long,) = read_clips([golden_folder() / "long.flac"])
    assert with_excerpt(prepared, [long]) == (long,)
