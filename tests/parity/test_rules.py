"""Files of tolerance rules: every line means something, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.core.errors import BadInput
from toolkit.parity.rules import ToleranceRule, assign_rules, read_rules

MODULES = ("encoder", "encoder.layers.0.fc1", "encoder.layers.1.fc1", "decoder.lm_head")
LEVELS = ("logits:en_1", "logits:de_1", "padding")


def rules_of(tmp_path: Path, *lines: str) -> tuple[ToleranceRule, ...]:
    file = tmp_path / "tolerances.txt"
    file.write_text("\n".join(lines))
    return read_rules(file)


def test_a_rule_has_a_pattern_a_tolerance_and_a_reason(tmp_path: Path) -> None:
    (rule,) = rules_of(
        tmp_path, "# why", "", "encoder.layers.*.fc1 -> 1e-6 because it was quantized"
    )
    assert (rule.pattern, rule.measure, rule.tolerance, rule.because, rule.where) == (
        "encoder.layers.*.fc1",
        None,
        1e-6,
        "it was quantized",
        "tolerances.txt, line 3",
    )


def test_rules_are_given_to_the_modules_and_measures_that_they_are_about(tmp_path: Path) -> None:
    module, level = rules_of(
        tmp_path,
        "encoder.layers.*.fc1 -> 1e-6 because of bfloat16",
        "logits:* / float32 logits -> 1e-5 because of bfloat16",
    )
    assert assign_rules((module, level), MODULES, LEVELS) == {
        "encoder.layers.0.fc1": (module,),
        "encoder.layers.1.fc1": (module,),
        "logits:en_1": (level,),
        "logits:de_1": (level,),
    }


@pytest.mark.parametrize(
    "line",
    [
        "encoder -> 1e-6",
        "encoder -> 1e-6 because",
        "encoder -> small because it is",
        "encoder -> -1 because it is",
        "encoder -> nan because it is",
        "encoder -> inf because it is",
        "encoder 1e-6 because it is",
        "encoder->1e-6 because it is",
    ],
)
def test_a_line_of_another_form_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadInput, match=r"tolerances\.txt, line 2: .*pattern -> tolerance because"):
        rules_of(tmp_path, "encoder -> 1 because a", line)


def test_all_bad_lines_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"(?s)line 1: .*line 3: "):
        rules_of(tmp_path, "bad", "encoder -> 1 because a", "worse")


@pytest.mark.parametrize(
    "line",
    [
        "encoder.layers.*.fc3 -> 1e-6 because a",
        "logits:* -> 1e-6 because a",
        "greedy:* / clips -> 1 because a",
        "encoder / isolated -> 1e-6 because a",
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadInput, match="line 1: .* matches none"):
        assign_rules(rules_of(tmp_path, line), MODULES, LEVELS)


def test_two_rules_for_one_test_are_an_error_naming_both(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "encoder* -> 1e-6 because a", "encoder -> 1e-7 because b")
    with pytest.raises(BadInput, match=r"line 2: `encoder` has .* `encoder\*` already .*line 1"):
        assign_rules(rules, MODULES, LEVELS)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="readable file of tolerance rules"):
        read_rules(tmp_path / "nowhere.txt")
