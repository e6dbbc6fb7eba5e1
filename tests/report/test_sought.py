import pytest

from toolkit.report.sought import was_sought

KINDS = {
    "weights": "weights",
    "modules": "wiring",
    "outputs": "wiring",
    "greedy": "generation",
    "beam": "generation",
}


def run(*failing, right=(), left_out=(), kinds=KINDS):
    verdicts = {
        **dict.fromkeys(right, "pass"),
        **dict.fromkeys(left_out, "unverified"),
        **dict.fromkeys(failing, "fail"),
    }
    levels = {name: {"verdict": verdict} for name, verdict in verdicts.items()}
    return {"levels": levels, "finding_kinds": kinds}


def test_a_finding_of_a_kind_that_no_level_is_called_was_sought_by_what_shows_it():
    found = run("modules", "greedy")
    assert was_sought(run(right=["modules"]), [found], "wiring", has_place=True)
    assert not was_sought(run(right=["weights"]), [found], "wiring", has_place=True)
    assert not was_sought(run(right=["modules"]), [found], "generation", has_place=True)


def test_a_level_that_was_left_out_sought_nothing():
    assert not was_sought(run(left_out=["modules"]), [run("modules")], "wiring", has_place=True)


@pytest.mark.parametrize(("compared", "sought"), [(["greedy"], False), (["greedy", "beam"], True)])
def test_a_finding_without_a_place_was_sought_by_all_levels_that_failed_with_it(compared, sought):
    found = run("greedy", "beam")
    assert was_sought(run(right=compared), [found], "generation", has_place=False) == sought


def test_a_finding_without_a_place_or_a_failing_level_was_sought_by_any_level_of_its_kind():
    found = run("weights", right=["modules"])
    assert was_sought(run(right=["outputs"]), [found], "wiring", has_place=False)
    assert not was_sought(run(right=["greedy"]), [found], "wiring", has_place=False)


def test_missing_tensors_are_sought_by_who_compares_weights():
    found = run("weights")
    assert was_sought(run(right=["weights"]), [found], "missing", has_place=True)
    assert not was_sought(run(right=["modules"]), [found], "missing", has_place=True)


def test_in_results_that_do_not_tell_kinds_levels_are_called_as_kinds_are():
    found = run("weights", kinds={})
    assert was_sought(run(right=["weights"], kinds={}), [found], "weights", has_place=True)
    assert not was_sought(run(right=["modules"], kinds={}), [found], "weights", has_place=True)
