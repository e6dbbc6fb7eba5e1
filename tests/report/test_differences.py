import pytest

from toolkit.core.findings import Finding, Hypothesis
from toolkit.report.differences import differences, token_ids


def finding(*keys, **detail):
    hypothesis = Hypothesis(name="wrong_value", confirmed=True, detail=detail)
    return Finding(
        kind="config",
        target_module="",
        config_keys=keys,
        summary="",
        fix="",
        hypothesis=hypothesis,
    )


def told(*args, **detail):
    return [
        (row.name, row.expected, row.found)
        for row in differences(finding(*args, **detail), {183: "<lang:de>"})
    ]


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ("93: '▁au' became '▁<b>'", ("id 93", "'▁au'", "'▁<b>'")),
        ("'</s>', not '<s>'", ("tokenizer.json", "'<s>'", "'</s>'")),
        ("the normalizer is missing", ("tokenizer.json", "", "the normalizer is missing")),
    ],
)
def test_a_row_of_the_vocabulary_is_told_with_both_its_values(row, shown):
    assert told("tokenizer.json", rows=[row]) == [shown]


def test_a_key_is_told_with_both_its_values_and_an_id_with_its_token():
    assert told("decoder.d_model", expected="183", found="2") == [("decoder.d_model", "183", "2")]
    key = "generation_config.forced_bos_token_id"
    assert told(key, expected="183", found="182") == [(key, "183 <lang:de>", "182")]
    assert list(token_ids(finding(key, expected="183", found="182"))) == [183, 182]
    assert list(token_ids(finding("decoder.d_model", expected="183", found="2"))) == []


def test_a_finding_about_weights_has_no_rows():
    assert told(swapped_with="x") == []
    assert told("key", missing=True) == []
