import base64
import gzip
import hashlib
import html
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from jinja2 import UndefinedError

from toolkit.core.artifact import Artifact
from toolkit.core.coverage import Reason
from toolkit.core.findings import Hypothesis, Note
from toolkit.core.result import Caution, ModuleRow, Suspicion
from toolkit.report import render_html, write_html
from toolkit.report.html import (
    align_tokens,
    create_environment,
    level_position,
    scale_position,
    worst_first,
)
from toolkit.report.text import drop_marks

HOSTILE = (
    "<script>alert(1)</script>",
    "\"quoted' onload=x",
    "</style><img src=x>",
    "مرحبا\u202egpj.exe",
    "{{ 7 * 7 }}",
    "very/long/" * 400,
)
SHAPE = "1\u00d7123\u00d71024"
VOID = {"meta", "br", "wbr", "img", "link", "input"}


class Page(HTMLParser):
    """Text, tags and attributes of a page, and whether its tags are nested properly."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], "", []
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.extend((tag, name, value) for name, value in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data

    def values(self, attribute):
        return [value for _, name, value in self.attributes if name == attribute]


def packed(markup):
    """What the page's scripts draw from."""
    found = re.search(r'id="page-data">([^<]*)<', markup)
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


@pytest.mark.parametrize(
    ("command", "examples", "said"),
    [
        ("verify", "clips", "clip"),
        ("verify", "sentences", "sentence"),
        ("compare_modules", "clips", "input"),
    ],
)
def test_drawings_name_what_models_were_asked_about(mismatching, command, examples, said):
    result = replace(mismatching, command=command, examples=examples)
    assert packed(render_html(result))["example"] == said


def flat(text):
    return " ".join(text.split())


@pytest.fixture
def page(mismatching):
    return Page(render_html(mismatching))


@pytest.mark.parametrize(
    ("fixture", "words"),
    [("matching", "MATCH"), ("mismatching", "MISMATCH"), ("unverified", "NOT VERIFIED")],
)
def test_the_banner_says_the_verdict_in_words_with_a_symbol(fixture, words, request):
    markup = render_html(request.getfixturevalue(fixture))
    assert f"<h1>{words}</h1>" in markup
    assert re.search(r'class="sign"[^>]*>[✓✗?]<', markup)
    assert f"<title>{words}: checkpoint_best.pt → covost-hf</title>" in markup


def test_every_level_appears_with_verdict_error_tolerance_and_place(mismatching):
    cards = re.findall(r'<article class="level.*?</article>', render_html(mismatching), re.S)
    assert len(cards) == 10
    for card, level in zip(map(Page, cards), worst_first(mismatching.levels), strict=True):
        assert level.name.replace("_", " ") in card.text
        assert level.verdict in card.text
        assert level.worst is None or level.worst.where in card.text
        assert level.summary in card.text
    (modules,) = (card for card in cards if 'id="level-modules"' in card)
    assert "allowed 1.0e-10" in Page(modules).text


def test_files_findings_deviations_and_reasons_appear(page, mismatching):
    for artifact in (mismatching.source, mismatching.target):
        assert artifact.path in page.text
        assert artifact.sha256 in page.text
    for finding in mismatching.findings:
        parts = (
            drop_marks(finding.summary),
            drop_marks(finding.fix),
            finding.kind,
            finding.rule or "no single rule",
        )
        names = (*finding.target_parameters, *finding.source_parameters, *finding.config_keys)
        for words in (*parts, *names):
            assert words in page.text
    for deviation in mismatching.deviations:
        assert deviation.name in page.text
        assert deviation.summary in page.text
        assert "3.4e-03" in page.text
    coverage = mismatching.coverage
    for reason in (*coverage.source_dropped, *coverage.uncompared, *mismatching.assumptions):
        assert reason.name in page.text
        assert reason.because in page.text


def test_a_confirmed_hypothesis_is_told_from_a_guess(page):
    assert "swapped with: confirmed, undoing it makes the error vanish" in flat(page.text)
    assert "wrong language: not confirmed" in flat(page.text)


def test_every_module_pair_has_a_tile_with_an_anchor_and_its_numbers_in_words(mismatching):
    tiles = re.findall(r'<a class="tile[^>]*>', render_html(mismatching))
    said = [html.unescape(re.search(r'aria-label="([^"]*)"', tile)[1]) for tile in tiles]
    anchors = [html.unescape(re.search(r' id="([^"]*)"', tile)[1]) for tile in tiles]
    uncompared = {reason.name for reason in mismatching.coverage.uncompared}
    assert set(anchors) == {row.target for row in mismatching.modules} | uncompared
    for label in said:
        assert "isolated error" in label or "not compared" in label
    assert sum("wrong by itself" in label for label in said) == 1


def test_the_scripts_get_every_pair_with_all_that_is_known(mismatching):
    rows = packed(render_html(mismatching))["rows"]
    compared = [row for row in rows if row["state"] != "uncompared"]
    for said, row in zip(compared, mismatching.modules, strict=True):
        assert (said["path"], said["source"], said["kind"]) == (row.target, row.source, row.kind)
        assert (said["shape"], said["axes"], said["clip"]) == (SHAPE, row.axes, row.clip)
        assert said["tolerance"] == row.isolated_tolerance
    assert [row["because"] for row in rows if row["state"] == "uncompared"] == [
        reason.because for reason in mismatching.coverage.uncompared
    ]


def test_a_clip_that_the_pipeline_was_not_asked_about_says_so(mismatching):
    first = replace(mismatching.tokens[0], pipeline_text=None)
    assert "not asked" in Page(render_html(replace(mismatching, tokens=(first,)))).text


def test_every_clip_appears_with_texts_tokens_and_hypotheses(page, mismatching):
    for clip in mismatching.tokens:
        greedy = clip.greedy
        texts = (greedy.reference_text, greedy.converted_text, clip.heard, clip.clip)
        for words in texts:
            assert words in page.text
        for hypothesis in clip.beam:
            assert f"{hypothesis.reference_score:.4f}" in page.text
            assert f"{hypothesis.converted_score:.4f}" in page.text
    assert "not asked" not in page.text
    assert "differs from position 4" in page.text
    assert "all tokens equal" in page.text
    assert "≠ 4" in page.text


def test_nan_and_infinity_are_shown_as_such(page):
    assert "NaN" in page.text
    assert "infinity" in page.text
    assert "inf " not in page.text


def test_a_module_whose_error_is_nan_fails_in_words(matching):
    row = replace(matching.modules[0], isolated_error=math.nan, propagated_ratio=math.inf)
    markup = render_html(replace(matching, modules=(row,)))
    assert "wrong by itself: isolated error NaN" in markup
    said = packed(markup)["rows"][0]
    assert said["state"] == "fail"
    assert said["words"]["isolated"] == "NaN"
    assert said["words"]["ratio"] == "infinity"
    assert said["isolated"] == 1e300


def test_environment_and_command_appear(page, mismatching):
    for name, version in mismatching.environment.items():
        assert name in page.text
        assert version in page.text
    assert mismatching.reproduce in page.text


def test_an_unverified_page_never_says_that_nothing_was_wrong(unverified):
    text = flat(Page(render_html(unverified)).text)
    assert "whether the conversion is right is not known" in text
    assert "Findings0 Nothing was compared." in text
    assert "✓" not in text
    assert "pass" not in text


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:12]))
def test_hostile_names_stay_text(name, mismatching):
    row: ModuleRow = replace(mismatching.modules[0], target=name, source=name, kind=name, clip=name)
    finding = replace(
        mismatching.findings[0],
        target_module=name,
        target_parameters=(name,),
        rule=name,
        summary=name,
        fix=name,
        evidence={name: name},
    )
    tokens = replace(mismatching.tokens[0], clip=name, transcript=name, pipeline_text=name, beam=())
    coverage = replace(mismatching.coverage, source_dropped=(Reason(name=name, because=name),))
    hostile = replace(
        mismatching,
        source=Artifact(path=name, sha256=name),
        modules=(row,),
        findings=(finding,),
        tokens=(tokens,),
        coverage=coverage,
        environment={name: name},
        assumptions=(Reason(name=name, because=name),),
        reproduce=name,
    )
    page = Page(render_html(hostile))
    assert page.tags.count("script") == 3
    assert "img" not in page.tags
    assert page.values("onload") == []
    assert name.replace("\u202e", "\\u202e") in page.text
    assert name in page.values("id")
    said = packed(render_html(hostile))
    assert said["rows"][0]["path"] == name


def test_the_banner_counts_assumptions_and_leads_to_them(matching, settled_result, proven):
    words = '<strong><a href="#section-assumptions">under 1 assumption</a></strong>'
    assert words in render_html(matching).split("</header>")[0]
    for result in (settled_result, proven):
        assert "under 1 assumption" not in render_html(result)
    assert "Nothing here proves these" in render_html(matching)
    assert "Nothing here proves these" not in render_html(settled_result)


def test_assumptions_come_before_levels(any_result):
    markup = render_html(any_result)
    assert markup.index('id="section-assumptions"') < markup.index('id="section-levels"')


def test_every_candidate_that_was_tried_is_shown_with_its_error(settled_result):
    markup = render_html(settled_result)
    table = markup[markup.index('<caption id="trials"') :].split("</table>")[0]
    body = table.split("<tbody>")[1].split("</tr>")[:-1]
    rows = [flat(Page(f"{row}</tr>").text) for row in body]
    for row, value, error, verdict in zip(
        rows,
        ("8", "16", "24"),
        ("4.1e-01", "3.1e-16", "infinity"),
        ("differs", "matches", "differs"),
        strict=True,
    ):
        assert f"encoder.num_attention_heads {value}" in row
        assert error in row
        assert verdict in row


def test_the_page_loads_nothing_and_runs_its_own_scripts_alone(any_result):
    markup = render_html(any_result)
    page = Page(markup)
    assert not {"link", "img", "iframe", "object", "base"} & set(page.tags)
    assert page.values("src") == []
    assert all(href.startswith("#") for href in page.values("href"))
    own = re.sub(r"<script.*?</script>", "", markup, flags=re.S)
    assert not re.search(r"@import|url\(|https?:|//[a-z]", own)
    policy = page.values("content")[0]
    assert policy.startswith("default-src 'none'; script-src ")
    assert "unsafe-eval" not in policy
    for script in re.findall(r"<script>(.*?)</script>", markup, re.S):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in html.unescape(policy)


def test_the_policy_lets_the_plot_library_run_that_the_page_carries(mismatching):
    markup = render_html(mismatching)
    carried = re.search(r'id="plot-library">([^<]*)<', markup)[1]
    library = gzip.decompress(base64.b64decode(carried))
    digest = base64.b64encode(hashlib.sha256(library).digest()).decode()
    assert f"'sha256-{digest}'" in html.unescape(Page(markup).values("content")[0])


def test_ids_are_unique_and_every_link_and_label_leads_to_one(any_result):
    page = Page(render_html(any_result))
    identifiers = page.values("id")
    assert len(identifiers) == len(set(identifiers))
    labels = page.values("aria-labelledby")
    links = [unquote(href[1:]) for href in page.values("href")]
    assert set(labels) | set(links) <= set(identifiers)


def test_every_table_has_a_caption_and_every_header_a_scope(any_result):
    markup = render_html(any_result)
    tables = re.findall(r"<table.*?</table>", markup, re.S)
    assert all("<caption" in table for table in tables)
    assert markup.count("<th ") == len(re.findall(r"<th scope=", markup))
    assert "<th>" not in markup


def test_every_coloured_verdict_is_also_a_word(mismatching):
    badges = re.findall(
        r'<span class="badge is-(?:fail|pass)">(.*?)</span></', render_html(mismatching)
    )
    assert badges
    assert all(re.search(r"[✓✗]</span> \w+", badge) for badge in badges)


def test_the_page_has_a_language_and_a_single_main_heading(page):
    assert ("html", "lang", "en") in page.attributes
    assert page.tags.count("h1") == 1


def test_the_page_follows_the_colour_scheme_and_prints(mismatching):
    markup = render_html(mismatching)
    assert "@media (prefers-color-scheme: dark)" in markup
    assert "@media print" in markup


def test_an_undefined_name_in_the_template_is_an_error(matching):
    with pytest.raises(UndefinedError):
        create_environment().from_string("{{ result.no_such_field }}").render(result=matching)
    with pytest.raises(UndefinedError):
        create_environment().get_template("report.html.j2").render(result=matching)


def test_the_file_holds_the_page_in_utf_8(matching, tmp_path):
    path = tmp_path / "report.html"
    write_html(matching, path)
    assert path.read_bytes().decode("utf-8") == render_html(matching)


def test_a_path_that_is_no_utf_8_can_be_written(matching, tmp_path):
    odd = replace(matching, source=Artifact(path="m\udcff.pt", sha256=""), reproduce="m\udcff.pt")
    write_html(odd, tmp_path / "report.html")
    assert "m\\udcff" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "position"),
    [
        (0.0, "0%"),
        (1e-30, "0.0%"),
        (1e-18, "0.0%"),
        (1e-9, "50.0%"),
        (1.0, "100.0%"),
        (50.0, "100.0%"),
        (math.inf, "100%"),
        (math.nan, "100%"),
    ],
)
def test_errors_lie_on_a_logarithmic_scale(error, position):
    assert scale_position(error) == position


@pytest.mark.parametrize(
    ("error", "tolerance", "position"),
    [
        (0.0, 1e-9, "0%"),
        (1e-21, 1e-9, "0.0%"),
        (1e-9, 1e-9, "75.0%"),
        (4.0, 4.0, "75.0%"),
        (1e-7, 1e-9, "87.5%"),
        (1.0, 1e-9, "100.0%"),
        (3, 0.0, "100%"),
        (math.nan, 1e-9, "100%"),
    ],
)
def test_the_tolerance_of_a_level_is_at_a_fixed_place(error, tolerance, position):
    assert level_position(error, tolerance) == position


def test_failures_come_first_among_levels_and_measures(mismatching):
    markup = render_html(mismatching)
    verdicts = re.findall(r'<article class="level is-(\w+)"', markup)
    assert verdicts == sorted(verdicts, key=["fail", "unverified", "deviation", "pass"].index)
    assert set(verdicts) == {"fail", "pass"}
    clips = re.findall(r'<article class="panel clip" id="clip:([^"]*)"', markup)
    assert clips == [clip.clip for clip in reversed(mismatching.tokens)]


def test_a_fault_of_keys_shows_them_and_folds_the_map_away(matching, mismatching):
    hypothesis = Hypothesis(
        name="wrong_vocabulary", confirmed=True, detail={"rows": ["93: 'a' became 'b'"]}
    )
    finding = replace(
        mismatching.findings[1], config_keys=("tokenizer.json",), hypothesis=hypothesis
    )
    page = render_html(replace(matching, findings=(finding,)))
    folded = page[page.index('id="map"') :].split("</section>")[0]
    before, inside = folded.split("<details>")
    assert "93" in before
    assert 'class="tile' not in before
    assert 'class="tile' in inside
    assert "<summary>The map:" not in render_html(mismatching)


def test_tokens_are_aligned_and_the_first_difference_is_marked_once(mismatching):
    aligned = align_tokens(mismatching.tokens[1].greedy)
    assert [mark for *_, mark in aligned].count("first") == 1
    assert aligned[4] == (4, "2603", "77", "first")
    assert aligned[5] == (5, "15", "15", "equal")
    assert aligned[10] == (10, "2", "end", "later")


def test_notes_stand_in_one_collapsed_group_per_consequence(matching):
    notes = (
        Note(key="decoder.dropout", consequence="training", summary="only fine-tuning"),
        Note(key="encoder.<b>", consequence="none", summary="nothing <reads> it"),
        Note(key="encoder.layerdrop", consequence="training", summary="only fine-tuning"),
    )
    page = render_html(replace(matching, notes=notes))
    (section,) = re.findall(r'<section aria-labelledby="section-notes">.*?</section>', page, re.S)
    groups = re.findall(r"<details>\s*<summary>(.*?)</summary>", section)
    assert groups == ["2 that only fine-tuning shows", "1 that nothing shows"]
    assert "nothing &lt;reads&gt; it" in section
    assert section.count("<tbody>") == 2
    assert "section-notes" not in render_html(matching)


def test_what_another_use_is_off_by_stands_below_the_deviations(matching):
    caution = Caution(name="attention_mask", summary="<b>Pad</b>", where="de_1", max_error=1.2)
    page = render_html(replace(matching, cautions=(caution,)))
    assert "<strong>Used otherwise</strong>" in page
    assert "&lt;b&gt;Pad" in page
    assert "<strong>Used otherwise</strong>" not in render_html(matching)


def test_what_is_suspicious_is_an_alert_in_the_banner(matching):
    suspicion = Suspicion(name="transcripts", summary="Check <b>dict.txt</b>.")
    page = render_html(replace(matching, suspicious=(suspicion,)))
    banner = page[page.index('<div class="banner') : page.index('<ol class="strip"')]
    (alert,) = re.findall(r'<p class="is-deviation" role="alert">.*?</p>', banner)
    assert "Suspicious transcripts" in alert
    assert "Check &lt;b&gt;dict.txt&lt;/b&gt;." in alert
    assert 'role="alert"' not in render_html(matching)


def test_a_fix_of_several_lines_stands_in_several_lines(mismatching):
    finding = replace(mismatching.findings[0], fix="map each:\n`a` -> `b`\u202e\n`c` -> `d`")
    page = render_html(replace(mismatching, findings=(finding,)))
    shown = re.findall(
        r"map each:</bdi><br>.*?a.*? -&gt; .*?b.*?\\u202e</bdi><br>.*?c.*? -&gt; .*?d.*?</bdi>",
        page,
    )
    assert len(shown) == 1
    assert "\u202e" not in page


def test_names_between_backticks_become_code_and_no_backtick_is_left(mismatching):
    finding = replace(mismatching.findings[0], summary="`a<b>.c` is not `d`", fix="set `e")
    page = render_html(replace(mismatching, findings=(finding,)))
    assert "<code><bdi>a&lt;b&gt;.<wbr>c</bdi></code> is not <code><bdi>d</bdi></code>" in page
    assert "set `e" in page
    assert "`" not in Page(render_html(mismatching)).text


@pytest.mark.parametrize(
    ("consequence", "words"),
    [("output", "numbers of some clip"), ("generation", "searches"), ("text", "ids of texts")],
)
def test_a_finding_says_what_it_changes(consequence, words, mismatching):
    finding = replace(mismatching.findings[0], consequence=consequence)
    assert f"<dt>Changes</dt><dd>{words}" in render_html(replace(mismatching, findings=(finding,)))


def test_a_task_without_words_has_no_section_of_them(matching):
    assert 'id="section-tokens"' in render_html(matching)
    wordless = replace(matching, tokens=(), absent_levels={"greedy": "it says no words"})
    assert "section-tokens" not in render_html(wordless)


def test_the_strip_of_levels_has_as_many_columns_as_there_are_levels(matching):
    assert 'class="strip" style="--levels:10;--half:5"' in render_html(matching)
    seven = replace(matching, levels=matching.levels[:7], task_levels=())
    assert 'class="strip" style="--levels:7;--half:4"' in render_html(seven)
