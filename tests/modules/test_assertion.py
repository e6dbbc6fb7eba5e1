"""The comparison as an assertion, with the report of a mismatch."""

from __future__ import annotations

import re

import pytest

import toolkit
from tests.modules.ports import make_torch_encoder


def test_models_that_agree_give_their_result():
    port = make_torch_encoder()
    result = toolkit.assert_modules_agree(port.source, port.target, **port.asked())
    assert repr(result) == "<Result: match (3 pass): TransformerEncoder → BertEncoder>"


def test_models_that_do_not_agree_raise_with_place_cause_and_fix_and_leave_a_report(tmp_path):
    port, report = make_torch_encoder(), tmp_path / "report.html"
    port.target.layer[1].output.LayerNorm.eps = 1e-12
    with pytest.raises(AssertionError) as raised:
        toolkit.assert_modules_agree(port.source, port.target, **port.asked(), report=report)
    lines = str(raised.value).splitlines()
    assert lines[0] == "`BertEncoder` does not match `TransformerEncoder`: modules, outputs"
    assert "    fix:  set `layer.1.output.LayerNorm.eps` to 1e-05" in lines
    assert lines[-1] == f"Report: {report}"
    assert "layer.1.output.LayerNorm" in report.read_text(encoding="utf-8")
    page = re.sub(r"<script.*?</script>|<style.*?</style>", "", report.read_text(), flags=re.DOTALL)
    said = re.findall(r"[^<>\n]*fairseq[^<>\n]*", page)
    assert all("fairseq-hf-toolkit" in line or "Clips that" in line for line in said), said
