"""A real browser, without network, that opens report files from disk as a person would."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.faults import broken_results
from tests.browser.results import (
    FAULT,
    make_result,
    with_hostile_names,
    with_letters,
    with_sentences,
)
from toolkit.report import write_html

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=20_000)
HOSTILE = "<script>alert(1)</script>\"'مرحبا\u202egpj." + "very.long." * 40
CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # A missing browser fails: a skip would count as a pass.
    assert CHROMIUM, "install Debian's `chromium`, or name one with CHROMIUM; `make test-browser`"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


class Opened:
    """A page with what went wrong on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._listen)
        page.on("request", lambda request: self.requests.append(request.url))

    def _listen(self, message) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)


@pytest.fixture
def open_report(browser):
    """Opens a file with the network off; afterwards nothing may have gone wrong."""
    contexts, pages = [], []

    def open_file(
        path: Path, anchor="", width=1600, height=1000, scheme="light", has_scripts=True
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        pages.append(opened)
        opened.page.goto(f"{path.as_uri()}{anchor}")
        # No `wait_for_function`: the page's policy forbids to evaluate strings.
        if has_scripts:
            opened.page.locator("html[data-ready=true]").wait_for(state="attached")
        return opened.page

    yield open_file
    for opened in pages:
        assert opened.errors == []
        assert all(url.startswith(("file:", "data:", "blob:")) for url in opened.requests)
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def reports(tmp_path_factory) -> dict[str, Path]:
    """Reports by name: two faults, none, 1,500 pairs, letters, sentences, hostile names."""
    folder = tmp_path_factory.mktemp("reports")
    broken = make_result()
    results = {
        "broken": broken,
        "right": make_result(faults=()),
        "large": make_result(encoder_layers=70, decoder_layers=50, faults=(FAULT,)),
        "letters": with_letters(make_result(faults=())),
        "sentences": with_sentences(make_result(faults=())),
        "hostile": with_hostile_names(make_result(2, 2, 1), HOSTILE),
    }
    for name, result in results.items():
        write_html(result, folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in results}


@pytest.fixture(scope="session")
def broken(tmp_path_factory):
    """By the kind of fault: the page, and the result that it shows."""
    folder = tmp_path_factory.mktemp("faults")
    found = {}
    for fault, result in broken_results(folder):
        path = folder / f"{fault.kind}.html"
        write_html(result, path)
        found[fault.kind] = path, result
    return found
