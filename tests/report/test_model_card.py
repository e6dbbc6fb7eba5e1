import re
from dataclasses import replace

import pytest
import yaml

from toolkit.core.artifact import Artifact
from toolkit.core.coverage import Reason
from toolkit.core.result import Caution, Deviation, Suspicion
from toolkit.proof.document import Verification
from toolkit.report import render_model_card
from toolkit.report.model_card import fence_code, quote_cell_code, quote_code

HOSTILE = "a`b``c|d\n# e <script>x</script> [f](g) ---\n```\n"


def render(result, facts, **more):
    return render_model_card(Verification(result=result, model=facts, **more))


def split(card):
    _, front, body = card.split("---\n", 2)
    return yaml.safe_load(front), body


def python_blocks(card):
    return re.findall(r"^(`{3,})python\n(.*?)\n\1$", card, re.S | re.M)


def test_front_matter_names_library_pipeline_and_quoted_languages(matching, facts):
    front, _ = split(render(matching, facts))
    assert front["library_name"] == "transformers"
    assert front["pipeline_tag"] == "automatic-speech-recognition"
    assert front["language"] == ["de", "ca", "no"]
    assert "fairseq" in front["tags"]


def test_the_snippets_are_python_and_choose_another_language(matching, facts):
    blocks = [code for _, code in python_blocks(render(matching, facts))]
    for code in blocks:
        compile(code, "card", "exec")
    assert 'model="someone/covost-en-xx"' in blocks[0]
    assert 'convert_tokens_to_ids("<lang:ca>")' in blocks[1]
    assert '{"forced_bos_token_id": language}' in blocks[1]


def test_a_single_language_leaves_nothing_to_choose(matching, facts):
    card = render(matching, replace(facts, languages=("de",)))
    assert len(python_blocks(card)) == 1
    assert "convert_tokens_to_ids" not in card


def test_a_model_without_languages_has_no_language_field(matching, facts):
    card = render(matching, replace(facts, languages=(), default_language=None))
    assert "language" not in split(card)[0]


def test_remote_code_is_in_the_snippet_and_warned_about(matching, facts):
    card = render(matching, replace(facts, needs_remote_code=True))
    assert "trust_remote_code=True)" in python_blocks(card)[0][1]
    assert "read them first" in card


def test_every_level_is_in_the_verification_table(matching, facts):
    card = render(matching, facts)
    for level in matching.levels:
        row = f"| {level.name.replace('_', ' ')} | "
        assert re.search(re.escape(row) + rf"\S {level.verdict} \|", card)


@pytest.mark.parametrize(
    ("fixture", "words"),
    [
        ("matching", "**✓ It matches, under 1 assumption.**"),
        ("settled_result", "**✓ It matches.**"),
        ("proven", "**✓ It matches.**"),
        ("unverified", "**Not verified.**"),
    ],
)
def test_the_card_is_honest_about_the_verdict(fixture, words, request, facts):
    assert words in render(request.getfixturevalue(fixture), facts)


def test_a_card_tells_what_was_assumed_from_what_a_recording_gave(matching, settled_result, facts):
    assumed, given = (render(result, facts) for result in (matching, settled_result))
    assert "was assumed. Nothing here proves it" in assumed
    assert "- `task.sample_rate_hz`: config.yaml says 16000" in assumed
    assert "a recording of fairseq, or" not in assumed
    assert "or the model itself, gave:\n\n- `encoder.num_attention_heads`: 16, as" in given
    assert "was assumed" not in given


def test_a_card_without_assumptions_mentions_none(proven, facts):
    card = render(proven, facts)
    assert "assum" not in card
    assert "a recording of fairseq, or" not in card


def test_an_unverified_conversion_says_how_much_it_assumed(unverified, matching, facts):
    under = replace(unverified, assumptions=matching.assumptions * 2)
    card = render(under, facts)
    assert "**Not verified, under 2 assumptions.**" in card
    assert "- `task.sample_rate_hz`: " in card


def test_an_unverified_card_claims_nothing(unverified, facts):
    card = render(unverified, facts)
    assert "| level |" not in card
    assert "Not known: nothing was compared." in card


def test_provenance_deviations_and_command_appear(matching, facts):
    card = render(matching, facts)
    for words in ("`checkpoint_best.pt`", matching.source.sha256, matching.reproduce):
        assert words in card
    assert "/models/covost/checkpoint_best.pt`" not in card
    assert "- `padded_adapter`, at most 3.4e-03 in `encoder.adapter.layers.0`: " in card


def test_a_card_has_a_date_where_somebody_said_it(matching, facts):
    assert "| date | 2026-01-02T03:04:05Z |" in render(matching, facts, date="2026-01-02T03:04:05Z")
    assert "| date |" not in render(matching, facts)


def test_hostile_names_do_not_break_the_card(matching, facts):
    hostile = replace(
        matching,
        source=Artifact(path=HOSTILE.replace("/", ""), sha256=HOSTILE),
        deviations=(Deviation(name=HOSTILE, summary=HOSTILE, where=HOSTILE, max_error=1.0),),
        cautions=(Caution(name=HOSTILE, summary=HOSTILE, where=HOSTILE, max_error=1.0),),
        suspicious=(Suspicion(name=HOSTILE, summary=HOSTILE),),
        assumptions=(Reason(name=HOSTILE, because=HOSTILE),),
        environment={HOSTILE: HOSTILE},
        reproduce=HOSTILE,
    )
    names = replace(facts, model_name=HOSTILE, languages=(HOSTILE, "de"), architecture=HOSTILE)
    card = render(hostile, names)
    front, body = split(card)
    assert front["language"] == [HOSTILE, "de"]
    for _, code in python_blocks(card):
        compile(code, "card", "exec")
    outside = re.sub(r"^(`{3,})\w*\n.*?\n\1$", "", body, flags=re.S | re.M)
    headings = [line for line in outside.splitlines() if line.startswith("#")]
    assert len(headings) == 8
    assert "# e" not in [line.strip() for line in outside.splitlines()]
    for row in (line for line in outside.splitlines() if line.startswith("|")):
        assert len(re.findall(r"(?<!\\)\|", row)) in {3, 4}
    prose = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", outside.replace(r"\`", ""))
    assert "<script>" not in prose


@pytest.mark.parametrize(
    ("plain", "quoted"),
    [
        ("a", "`a`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a\nb", "`a b`"),
        ("", "`  `"),
    ],
)
def test_code_spans_have_more_backticks_than_their_content(plain, quoted):
    assert quote_code(plain) == quoted


def test_pipes_in_code_are_escaped_in_table_cells_only():
    assert quote_code("a|b") == "`a|b`"
    assert quote_cell_code("a|b") == r"`a\|b`"


def test_a_fence_cannot_be_closed_by_its_content():
    assert fence_code("```\nx", "sh") == "````sh\n```\nx\n````"


def test_what_is_suspicious_is_told_beside_the_verdict(matching, facts):
    suspicion = Suspicion(name="transcripts", summary="None of 4 comes out.")
    card = render(replace(matching, suspicious=(suspicion,)), facts)
    assert "**Suspicious transcripts.** None of 4 comes out" in card
    assert "Suspicious" not in render(matching, facts)


def test_what_another_use_is_off_by_has_a_section_of_its_own_where_it_was_measured(matching, facts):
    caution = Caution(name="attention_mask", summary="Pad `x`.", where="de_1", max_error=1.2)
    card = render(replace(matching, cautions=(caution,)), facts)
    assert "- `attention_mask`, in `de_1`: Pad" in card
    assert "## Used otherwise" not in render(matching, facts)
