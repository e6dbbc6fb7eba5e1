"""A batch's page says the worst first and leads to the pages of its jobs."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.browser.overviews import make_overview
from toolkit.core.batches import Overview
from toolkit.report.files import GENERATOR
from toolkit.report.overview import render_overview

HOME = Path("/results")


def rows(page: str) -> list[dict[str, Any]]:
    found = re.search(r'id="page-data">([^<]*)<', page)
    assert found
    return json.loads(gzip.decompress(base64.b64decode(found[1])))["rows"]


def title(page: str) -> str:
    found = re.search(r"<h1>(.*)</h1>", page)
    assert found
    return found[1]


def with_counts(**counts: int) -> Overview:
    made = make_overview(HOME, matching=0)
    summary = replace(made.summary, jobs=sum(counts.values()), counts=Counter(counts))
    return replace(made, summary=summary)


def test_links_are_seen_from_where_the_page_lies() -> None:
    overview = make_overview(HOME, matching=1)
    assert rows(render_overview(overview, HOME))[0]["page"] == "reports/7.html"
    elsewhere = rows(render_overview(overview, Path("/tmp/a b")))[0]["page"]
    assert elsewhere == "../../results/reports/7.html"


def test_checkpoints_are_seen_from_the_folder_that_they_share() -> None:
    page = render_overview(make_overview(HOME, matching=1), HOME)
    assert rows(page)[0]["name"] == "bad/model.pt"
    assert "<wbr>models/" in page


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"match": 3, "mismatch": 1, "died": 2}, "1 OF 6 JOBS DO NOT MATCH"),
        ({"match": 3, "died": 2, "refused": 1}, "2 OF 6 JOBS DIED"),
        ({"refused": 1, "waiting": 1}, "1 OF 2 JOBS REFUSED"),
        ({"match": 1, "running": 1, "waiting": 1}, "2 OF 3 JOBS NOT DONE"),
        ({"match": 1, "unverified": 4}, "4 OF 5 JOBS NOT VERIFIED"),
        ({"match": 1, "recorded": 1}, "2 JOBS DONE"),
        ({"match": 1}, "1 JOB MATCH"),
        ({}, "NO JOBS"),
    ],
)
def test_the_worst_is_the_headline(counts: dict[str, int], said: str) -> None:
    assert title(render_overview(with_counts(**counts), HOME)) == said


def test_the_page_is_known_as_a_report_and_loads_nothing() -> None:
    page = render_overview(make_overview(HOME), HOME)
    assert GENERATOR in page[:4096]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_checkpoints_of_no_common_folder_keep_their_paths() -> None:
    made = make_overview(HOME, matching=0)
    odd = replace(made, rows=(made.rows[0], replace(made.rows[1], checkpoint="here/model.pt")))
    names = [row["name"] for row in rows(render_overview(odd, HOME))]
    assert names == ["/models/bad/model.pt", "here/model.pt"]
