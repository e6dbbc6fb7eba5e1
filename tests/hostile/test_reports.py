"""Names from a foreign folder, end to end: through `toolkit diff` into the report, as text."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

import toolkit.report
from tests.hostile.streams import root, zipped
from tests.sampling import slow
from toolkit.audio import golden_folder
from toolkit.cli import app

SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)>"
QUOTE = "\"'><svg onload=alert(3)>"
TURN = "\u202eevil\u2066"
CONTROL = "\x1b[2J\x07\x00"
LONG = "very.long." * 500
HOSTILE = (SCRIPT, IMAGE, QUOTE, TURN + SCRIPT, CONTROL, LONG)
TURNS_TEXT_INTO_MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\("
FORBIDDEN_TAGS = {"img", "iframe", "object", "embed", "base", "link", "audio", "video", "marquee"}


class Markup(HTMLParser):
    """What a browser would act on, and what it would show."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], ""
        self.programs, self.data = [], []
        self._into = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag == "script":
            self._into = self.data if dict(attrs).get("type") else self.programs
            self._into.append("")

    def handle_endtag(self, _tag):
        self._into = None

    def handle_data(self, data):
        if self._into is None:
            self.text += data
        else:
            self._into[-1] += data


def check_harmless(page):
    markup = Markup(page)
    assert not markup.tags & FORBIDDEN_TAGS
    for key, value in markup.attributes:
        assert not key.startswith("on")
        assert key not in {"src", "action", "formaction", "srcdoc"}
        assert not (value or "").strip().lower().startswith(("javascript:", "data:", "http:"))
    # Our own program is the only one, and no name stands in it; data is packed, so inert.
    assert len(markup.programs) <= 1
    assert not any("alert(" in program for program in markup.programs)
    assert all(re.fullmatch(r"[A-Za-z0-9+/=\s]*", data) for data in markup.data)
    if markup.programs:
        (policy,) = (v for k, v in markup.attributes if k == "content" and "script-src" in v)
        digest = hashlib.sha256(markup.programs[0].encode()).digest()
        assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    # A name that turns the line would show another name than it is.
    assert re.findall(r".{0,60}[\0-\x08\x0b-\x1f].{0,20}", page) == []
    assert not set(page) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
    return markup


def test_our_own_program_never_turns_text_into_markup():
    scripts = Path(toolkit.report.__file__).parent / "templates" / "scripts"
    for script in scripts.glob("*.js"):
        if not script.name.endswith(".min.js"):
            text = script.read_text(encoding="utf-8")
            assert re.findall(TURNS_TEXT_INTO_MARKUP, text) == []


@pytest.fixture(scope="module")
def hostile_folder(converted, tmp_path_factory):
    """A right conversion, but for names that nobody gives in good faith."""
    folder = shutil.copytree(converted, tmp_path_factory.mktemp("hostile") / f"hf{IMAGE}")
    tensors = load_file(folder / "model.safetensors")
    like = next(iter(tensors.values()))
    for name in HOSTILE[:-2]:
        tensors[name] = like[:1].clone()
    tensors[f"encoder.{LONG}"] = like[:1].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    _poison(folder / "config.json", nested=("encoder", "decoder"))
    _poison(folder / "generation_config.json")
    _poison(folder / "preprocessor_config.json")
    _poison(folder / "tokenizer_config.json")
    return folder


def _poison(path, *, nested=()):
    if not path.is_file():
        return
    values = json.loads(path.read_text(encoding="utf-8"))
    for target in (values, *(values[key] for key in nested)):
        for number, text in enumerate(HOSTILE):
            target[f"key {text}"] = text
            target[f"extra_{number}"] = [text, {text: text}]
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.fixture(scope="module")
def hostile_audio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    names = (IMAGE, "\"'><b onclick=alert(4)>")
    for name, source in zip(names, ("en_1", "en_2"), strict=True):
        shutil.copy(golden_folder() / f"{source}.flac", folder / f"{name}.flac")
    return folder


@pytest.mark.wide
@pytest.mark.parametrize("command", [slow("diff"), "verify"])
def test_a_report_on_a_hostile_folder_is_text_only(
    command, golden_checkpoint, hostile_folder, hostile_audio, tmp_path
):
    html, said = tmp_path / "report.html", tmp_path / "said.json"
    arguments = [command, golden_checkpoint, hostile_folder, "--audio", hostile_audio]
    outcome = CliRunner().invoke(
        app, [*map(str, arguments), "--html", str(html), "--json", str(said)]
    )
    assert isinstance(outcome.exception, SystemExit | None), repr(outcome.exception)
    assert not {c for c in outcome.output if ord(c) < 32} - {"\n"}
    if outcome.exit_code == 2:
        assert outcome.stderr.startswith("error: ")
        return
    json.loads(said.read_text(encoding="utf-8"))
    markup = check_harmless(html.read_text(encoding="utf-8"))
    assert "alert(1)" in markup.text
    assert len(html.read_bytes()) < 5_000_000


def test_an_inspection_of_hostile_settings_is_text_only(golden_checkpoint, tmp_path):
    material = tmp_path / f"d{IMAGE}"
    shutil.copytree(golden_checkpoint.parent, material)
    dictionary = material / "dict.txt"
    dictionary.write_text(
        dictionary.read_text(encoding="utf-8") + f"<lang:{SCRIPT}> 1\n<lang:{IMAGE}> 1\n",
        encoding="utf-8",
    )
    html = tmp_path / "report.html"
    outcome = CliRunner().invoke(app, ["inspect", str(material / "model.pt"), "--html", str(html)])
    assert isinstance(outcome.exception, SystemExit | None), repr(outcome.exception)
    if outcome.exit_code == 0:
        assert "alert(1)" in check_harmless(html.read_text(encoding="utf-8")).text


def test_an_error_about_hostile_names_has_no_control_characters(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(zipped(root(title=f"{TURN}{CONTROL}{SCRIPT}")))
    outcome = CliRunner().invoke(app, ["inspect", str(path)])
    assert outcome.exit_code == 2
    assert outcome.stderr.removesuffix("\n").isprintable()
