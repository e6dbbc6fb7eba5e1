import pytest

from toolkit.compare.frames import error_code
from toolkit.core.pictures import ClipPicture, Track
from toolkit.report.frames import find_stretches, say_when, tell_frames

FRAMES = 100


def followed(*wrong, name="Features", frames=FRAMES, error=0.3):
    errors = [error_code(error if place in wrong else 1e-15) for place in range(frames)]
    return Track(
        name=name, positions=frames, errors=bytes(errors), tolerance=1e-9, wrong=len(wrong)
    )


def clip(**tracks):
    return ClipPicture(name="clip", duration_s=2.0, **tracks)


def tell(*, matches=False, **tracks):
    return tell_frames(clip(**tracks), matches=matches)


def test_the_seconds_at_fault_are_said_and_marked():
    told = tell(result=followed(10, 11, 12, 50))
    assert told.sentence == (
        "Features: wrong from 0.20 to 0.26 s and 1.00 to 1.02 s, in 4 of 100 frames."
    )
    assert told.is_wrong
    assert [(s.left, s.width) for s in told.stretches] == [("10.00%", "3.00%"), ("50.00%", "1.00%")]


def test_many_stretches_are_counted_beyond_the_first():
    told = tell(result=followed(*range(0, 10, 2)))
    assert "from 0.00 to 0.02 s, 0.04 to 0.06 s, 0.08 to 0.10 s and in 2 more" in told.sentence
    assert "stretches up to 0.18 s, in 5 of 100 frames" in told.sentence
    assert "in 1 more stretch up to" in tell(result=followed(*range(0, 8, 2))).sentence


def test_a_clip_that_is_wrong_throughout_is_said_to_be():
    told = tell(result=followed(*range(FRAMES)))
    assert told.sentence == "Features: wrong throughout, in all 100 frames."


def test_a_right_clip_is_said_to_be_right_with_how_near_it_is():
    told = tell(result=followed())
    assert told.sentence == (
        "Features: right in all 100 frames, within 1.0e-15 of the largest value."
    )
    assert (told.is_wrong, told.stretches) == (False, ())
    assert "in all 1 frame, within exactly" not in tell(result=followed(frames=1)).sentence
    assert "right in all 1 frame, within" in tell(result=followed(frames=1)).sentence


def test_rounding_of_a_folder_that_matches_is_no_fault():
    told = tell(result=followed(3, error=3e-6), letters=followed(3, error=1.0), matches=True)
    assert told.sentence.startswith("Features: right in all 100 frames, within 3.2e-06")
    assert told.stretches == ()


def test_other_letters_come_before_scores_that_are_apart():
    told = tell(result=followed(*range(90)), letters=followed(7, name="Letters", error=1.0))
    assert told.sentence == "Letters: others from 0.14 to 0.16 s, in 1 of 100 frames."
    right = tell(result=followed(5), letters=followed(name="Letters", error=0.0))
    assert right.sentence.startswith("Features: wrong from 0.10 to 0.12 s")


def test_layers_are_told_one_by_one_and_the_first_wrong_one_by_name():
    layers = (
        followed(name="encoder.layers.0"),
        followed(1, 2, name="encoder.layers.1"),
        followed(*range(FRAMES), name="encoder.layers.2"),
    )
    told = tell(result=followed(*range(FRAMES)), layers=layers)
    assert told.sentence.endswith(
        "; of the layers compared `encoder.layers.1` is the first wrong one."
    )
    assert [line.when for line in told.layers] == ["", "from 0.02 to 0.06 s", "throughout"]
    assert [line.short for line in told.layers] == ["layers.0", "layers.1", "layers.2"]
    assert [line.largest for line in told.layers] == ["1.0e-15", "3.2e-01", "3.2e-01"]
    assert told.gist == "3 layers by frame, 2 at fault"


def test_the_last_layer_stands_for_a_result_that_was_not_followed():
    layers = (followed(name="encoder.layers.0"), followed(4, name="encoder.layers.1"))
    assert tell(layers=layers).sentence == (
        "`encoder.layers.1`: wrong from 0.08 to 0.10 s, in 1 of 100 frames; of the layers compared "
        "`encoder.layers.1` is the first wrong one."
    )


def test_of_a_clip_whose_frames_were_not_compared_nothing_is_said():
    told = tell()
    assert (told.sentence, told.is_wrong, told.stretches, told.layers) == ("", False, (), ())


@pytest.mark.parametrize(("positions", "codes"), [(200, 200), (401, 134), (1000, 200)])
def test_frames_that_share_a_code_are_marked_together_and_end_with_the_clip(positions, codes):
    errors = bytes([0] * (codes - 1) + [error_code(1.0)])
    long = Track(name="Features", positions=positions, errors=errors, tolerance=1e-9, wrong=1)
    (stretch,) = find_stretches(long, 8.0)
    assert stretch.end_s == pytest.approx(8.0)
    assert stretch.start_s == pytest.approx(8.0 * (codes - 1) * -(-positions // codes) / positions)
    assert say_when([stretch]).endswith("to 8.00 s")
