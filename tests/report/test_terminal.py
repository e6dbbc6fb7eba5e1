import io
from dataclasses import replace

import pytest
from rich.console import Console

from tests.levels import LEVEL_NAMES
from toolkit.core.artifact import Artifact
from toolkit.core.findings import Note
from toolkit.core.result import Deviation, Fixed, Suspicion
from toolkit.report import print_result


def make_console(encoding="utf-8", width=100, terminal=False):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    return Console(file=file, width=width, color_system=None, force_terminal=terminal)


def printed(result, console, report_path=None):
    print_result(result, console, report_path)
    console.file.flush()
    return console.file.buffer.getvalue().decode(console.encoding)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_the_first_line_says_the_verdict_as_a_word(any_result, encoding):
    first = printed(any_result, make_console(encoding)).splitlines()[0]
    assert any_result.verdict in first.replace(":", " ").split()


@pytest.mark.parametrize(
    ("fixture", "times", "first"),
    [
        ("proven", 0, "✓ match ("),
        ("settled_result", 1, "✓ match ("),
        ("matching", 1, "✓ match under 1 assumption ("),
        ("matching", 2, "✓ match under 2 assumptions ("),
        ("mismatching", 1, "✗ mismatch under 1 assumption ("),
    ],
)
def test_the_first_line_counts_what_is_not_proven(fixture, times, first, request):
    result = request.getfixturevalue(fixture)
    said = printed(replace(result, assumptions=result.assumptions * times), make_console())
    assert said.startswith(first)


def test_assumptions_and_chosen_values_follow_the_verdict(matching, settled_result):
    assumed = printed(matching, make_console()).splitlines()
    assert assumed[1] == "assumption task.sample_rate_hz: config.yaml says 16000"
    chosen = printed(settled_result, make_console()).splitlines()
    assert chosen[1].startswith("chosen encoder.num_attention_heads: 16, as the recording `rec` ")


def test_a_plain_ascii_console_shows_every_level_without_colour(mismatching):
    output = printed(mismatching, make_console("ascii"))
    assert output.isascii()
    assert "\x1b" not in output
    rows = [line.split("|") for line in output.splitlines() if line.startswith("|")]
    verdicts = {
        cells[1].strip(): cells[2].split()[1] for cells in rows if len(cells[2].split()) > 1
    }
    assert verdicts == {level.name: level.verdict for level in mismatching.levels}
    assert verdicts.keys() == set(LEVEL_NAMES)


def test_nan_infinity_and_an_empty_level_are_spelled_out(mismatching):
    output = printed(mismatching, make_console("ascii"))
    for words in ("NaN", "infinity", "nothing was compared"):
        assert words in output


def test_coverage_deviations_findings_and_report_are_named(mismatching, tmp_path):
    output = printed(mismatching, make_console(), tmp_path / "report.html")
    assert "modules compared: 611 of 640 (412 of 412 with parameters) · tensors: " in output
    assert "padded_adapter" in output
    for finding in mismatching.findings:
        assert finding.summary in output
        assert f"fix: {finding.fix}" in output
    assert f"report: {tmp_path / 'report.html'}" in output.splitlines()


def test_five_findings_are_printed_and_the_rest_counted(mismatching):
    many = replace(mismatching, findings=mismatching.findings[:1] * 7)
    output = printed(many, make_console())
    assert output.count("fix: ") == 5
    assert "and 2 more" in output


def test_an_unverified_result_has_no_table(unverified):
    output = printed(unverified, make_console())
    assert "Nothing was compared" in output
    assert "tolerance" not in output


def test_markup_escape_sequences_and_foreign_names_stay_harmless(matching):
    name = "[red]m[/red]:smile:\x1b[31m\u202eé.pt"
    hostile = replace(matching, source=Artifact(path=name, sha256=""))
    assert "[red]m[/red]:smile:\\x1b[31m\\u202eé.pt" in printed(hostile, make_console())
    assert "[red]m[/red]:smile:\\x1b[31m\\u202e\\xe9.pt" in printed(hostile, make_console("ascii"))


def test_a_narrow_console_wraps_places_without_losing_any(matching):
    output = printed(matching, make_console("ascii", width=60))
    places = "".join(line.split("|")[4].strip() for line in output.splitlines() if "|" in line)
    assert "encoder.feature_projection.projection.weight" in places


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("undone", "fixed: mended (3 findings undone; verified: match)"),
        ("converted", "fixed: mended (a new conversion, as undoing alone makes no match; "),
    ],
)
def test_a_mended_folder_is_named_with_what_was_done(how, said, mismatching):
    fixed = Fixed(path="mended", how=how, findings=3)
    assert said in printed(replace(mismatching, fixed=fixed), make_console())
    assert "fixed:" not in printed(mismatching, make_console())


def test_one_finding_is_undone_in_the_singular(mismatching):
    fixed = Fixed(path="mended", how="undone", findings=1)
    assert "(1 finding undone; verified: match)" in printed(
        replace(mismatching, fixed=fixed), make_console()
    )


@pytest.mark.parametrize(
    ("consequences", "line"),
    [
        (
            ("training", "none", "training"),
            "3 differences change nothing here (training 2, none 1)",
        ),
        (("none",), "1 difference changes nothing here (none 1)"),
    ],
)
def test_notes_are_counted_in_one_line(consequences, line, matching):
    notes = tuple(Note(key="decoder.dropout", consequence=c, summary="why") for c in consequences)
    lines = printed(replace(matching, notes=notes), make_console()).splitlines()
    assert lines.count(line) == 1
    assert not any("differences change" in said for said in printed(matching, make_console()))


def test_a_fix_of_several_lines_is_printed_line_by_line(mismatching):
    finding = replace(mismatching.findings[0], fix="map each:\n`a` -> `b`\n`c` -> `d`\u202e")
    output = printed(replace(mismatching, findings=(finding,)), make_console())
    assert "   fix: map each:\n        `a` -> `b`\n        `c` -> `d`" in output
    assert "\u202e" not in output


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_what_is_suspicious_is_warned_of_right_below_the_verdict(matching, encoding):
    suspicion = Suspicion(name="transcripts", summary="Check `/data/dict.txt`.")
    said = printed(replace(matching, suspicious=(suspicion,)), make_console(encoding))
    verdict, warning = said.splitlines()[:2]
    assert "match" in verdict
    assert warning == "WARNING, suspicious transcripts: Check `/data/dict.txt`."
    assert "WARNING" not in printed(matching, make_console(encoding))


@pytest.mark.parametrize(
    ("number", "line"),
    [(2, "   at:  key0, key1"), (9, "   at:  key0, key1, key2, key3 and 5 more")],
)
def test_the_keys_of_a_finding_are_named_as_far_as_they_fit(number, line, mismatching):
    keys = tuple(f"key{i}" for i in range(number))
    finding = replace(mismatching.findings[0], target_module="", config_keys=keys)
    output = printed(replace(mismatching, findings=(finding,)), make_console())
    assert line in output.splitlines()


@pytest.mark.parametrize("width", [70, 80, 120])
def test_no_name_in_the_table_is_broken_within_a_word_or_cut(mismatching, width):
    long = "encoder.w2v_encoder.layers.11.self_attn_layer_norm.weight"
    levels = tuple(
        replace(level, measures=tuple(replace(one, where=long) for one in level.measures))
        for level in mismatching.levels
    )
    output = printed(replace(mismatching, levels=levels, findings=()), make_console(width=width))
    table = output[output.index("where") : output.index("modules compared")]
    assert "…" not in table
    words = {word for line in table.splitlines() for word in line.split()[-1:]}
    broken = {word for word in words if word[-1:] not in "._" and not long.endswith(word)}
    assert {word for word in broken if word in long} == set()
    assert "".join(table.split()).count("norm.weight") == sum(
        level.worst is not None for level in levels
    )


USAGE = "from x import y\n\nmodel = y('out')\nprint(model('a.wav'))"


def test_a_folder_that_was_written_is_followed_by_what_it_says_and_how_it_is_used(matching):
    lines = printed(replace(matching, usage=USAGE), make_console()).splitlines()
    first = matching.tokens[0]
    start = lines.index(f"{first.clip} says: {first.pipeline_text}")
    assert lines[start + 1 :] == [
        "use it:",
        "  from x import y",
        "  model = y('out')",
        "  print(model('a.wav'))",
    ]
    assert "use it:" not in printed(matching, make_console())


def test_what_the_model_says_by_itself_is_told_where_the_pipeline_was_not_asked(matching):
    first = replace(matching.tokens[0], pipeline_text=None)
    lines = printed(replace(matching, tokens=(first,)), make_console()).splitlines()
    assert f"{first.clip} says: {first.greedy.converted_text}" in lines


def test_the_next_command_comes_last(mismatching):
    result = replace(mismatching, next="toolkit diff 'my model.pt' out --spm a.model --fix mended")
    assert printed(result, make_console()).splitlines()[-1] == f"next: {result.next}"
    assert "next: " not in printed(mismatching, make_console())


def test_a_terminal_breaks_sentences_between_words_and_no_command(mismatching):
    command = "toolkit diff model.pt broken --audio " + "clips/" * 20
    summary = "in padded batches an adapter reads beyond a clip's end, which fairseq zeroes"
    deviation = Deviation(name="unmasked", summary=summary, where="tiny", max_error=0.1)
    result = replace(mismatching, next=command, deviations=(deviation,))
    lines = printed(result, make_console(width=60, terminal=True)).splitlines()
    assert f"next: {command}" in lines
    others = [line for line in lines if not line.startswith("next: ")]
    assert all(len(line) <= 60 or " " not in line.strip() for line in others)
    assert summary in printed(result, make_console(width=60))


def test_a_terminal_never_breaks_a_name_but_behind_a_sign(mismatching):
    for width in range(75, 121):
        output = printed(mismatching, make_console(width=width, terminal=True))
        going_on = [line.strip() for line in output.splitlines() if line.startswith(" " * 30)]
        assert not {*going_on} & {".", "_"}, width


def test_what_a_finding_goes_on_with_is_set_in(mismatching):
    output = printed(mismatching, make_console(width=60, terminal=True)).splitlines()
    begins = output.index(next(line for line in output if line.startswith("1. ")))
    ends = next(at for at, line in enumerate(output) if line.startswith(("2. ", "next:")))
    assert ends > begins + 1
    assert all(line.startswith("   ") for line in output[begins + 1 : ends])


def test_a_match_without_words_says_what_its_last_block_gives(matching):
    block, head, part = (
        replace(matching.modules[0], target=target, shape=shape, axes="B T D", order=order)
        for target, shape, order in [
            ("encoder", (1, 49, 768), 51),
            ("final_proj", (1, 49, 256), 52),
            ("encoder.layer_norm", (1, 49, 768), 50),
        ]
    )
    silent = replace(matching, tokens=(), modules=(block, head, part))
    first = matching.coverage.clips[0].name
    assert f"{first} gives 49 frames of 768 features" in printed(silent, make_console())
    unordered = replace(silent, modules=tuple(replace(m, order=None) for m in silent.modules))
    assert " gives " not in printed(unordered, make_console())
