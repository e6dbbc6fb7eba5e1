"""The README of a converted folder: what it is, where it comes from, how far it is proven."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from toolkit.core.settled import settled, unproven
from toolkit.proof.document import Verification
from toolkit.proof.facts import CardFacts
from toolkit.report import measured, text


def render_model_card(verification: Verification) -> str:
    """The model card in Markdown, with its YAML front matter: what `verification.json` says."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("toolkit.report"),
        # Markdown, not HTML: the filters below escape what Markdown would interpret.
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        md=escape_markdown,
        code=quote_code,
        cell_code=quote_cell_code,
        fenced=fence_code,
        yaml=_quote_yaml,
        error=text.format_error,
        found=measured.describe_error,
        words=text.format_name,
        symbol=text.SYMBOLS.__getitem__,
        file_name=_file_name,
        level_counts=measured.describe_levels,
        coverage_line=measured.describe_coverage,
        under=text.describe_assumptions,
        unproven=unproven,
        settled=settled,
    )
    facts = verification.model
    snippets = {
        "usage": describe_usage(facts),
        "language_usage": "\n".join(_language_lines(facts)),
        "notes": facts.notes.replace("{name}", _quote_python(facts.model_name)),
    }
    template = environment.get_template("model_card.md.j2")
    result, date = verification.result, verification.date
    return template.render(result=result, facts=facts, date=date, **snippets)


def escape_markdown(plain: str) -> str:
    """The text in one line, with everything escaped that Markdown or HTML would interpret."""
    escaped = re.sub(r"([\\`*_{}\[\]()#!|~$])", r"\\\1", _one_line(plain))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quote_code(plain: str) -> str:
    """The text in one line as a code span, in more backticks than it holds itself."""
    line = _one_line(plain)
    ticks = "`" * (_longest_backtick_run(line) + 1)
    # A space keeps a backtick at either end apart from the fence; Markdown takes it off again.
    pad = " " if line.startswith(("`", " ")) or line.endswith(("`", " ")) or not line else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def quote_cell_code(plain: str) -> str:
    """A code span for a table cell, where a pipe must be escaped even inside of code."""
    return quote_code(plain).replace("|", r"\|")


def fence_code(plain: str, language: str = "") -> str:
    """A fenced code block that its content cannot close."""
    ticks = "`" * max(3, _longest_backtick_run(plain) + 1)
    return f"{ticks}{language}\n{plain}\n{ticks}"


def describe_usage(facts: CardFacts) -> str:
    """How the folder is used, in Python."""
    remote = ", trust_remote_code=True" if facts.needs_remote_code else ""
    name = _quote_python(facts.model_name)
    return facts.usage.format(name=name, caller=facts.caller, remote=remote)


def _language_lines(facts: CardFacts) -> Iterator[str]:
    other = next((code for code in facts.languages if code != facts.default_language), None)
    if other is None or not facts.language_token:
        return
    token = _quote_python(facts.language_token.replace("{code}", other))
    yield f"language = {facts.caller}.tokenizer.convert_tokens_to_ids({token})"
    yield 'options = {"forced_bos_token_id": language}'
    yield f'print({facts.caller}("speech.wav", generate_kwargs=options)["text"])'


def _quote_python(plain: str) -> str:
    return json.dumps(plain)


def _quote_yaml(plain: str) -> str:
    # A JSON string is a YAML string, and quotes keep `no` a language and not a boolean.
    return json.dumps(plain)


def _file_name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or path


def _one_line(plain: str) -> str:
    return text.show_controls(" ".join(plain.split()))


def _longest_backtick_run(plain: str) -> int:
    return max((len(run) for run in re.findall("`+", plain)), default=0)
