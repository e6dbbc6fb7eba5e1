"""The pytest plugin, in real runs of pytest in projects of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

import toolkit
from tests.breaking import scale, set_key
from tests.sampling import slow, wide
from toolkit.audio import golden_folder
from toolkit.pipeline.prepare import Prepared
from toolkit.replay.pairs import parameterized

pytest_plugins = ["pytester"]

Q_PROJ = "encoder.encoder.layers.1.attention.q_proj"
EMBED = "decoder.model.decoder.embed_tokens"
CLIPS = ("ru_2", "tiny")
"""The slow part compares on both, and has two processes share the tests of a broken folder."""
END_TO_END = ("modules", "logits", "greedy", "beam", "padding")
"""Levels at which whatever is wrong anywhere may show."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run of pytest left."""

    code: int
    text: str
    cases: dict[str, ET.Element]
    """Of the junit file, by name."""

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(outcome(case) for case in self.cases.values())

    def named(self, kind: str) -> set[str]:
        return {name for name, case in self.cases.items() if outcome(case) == kind}


def outcome(case: ET.Element) -> str:
    kinds = [c.tag for c in case if c.tag in ("failure", "error", "skipped")]
    return kinds[0] if kinds else "passed"


def run_pytest(folder: Path, *arguments: str) -> Run:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"OMP_NUM_THREADS": "1", "COLUMNS": "300"}
    command = [sys.executable, "-m", "pytest", "--junitxml=junit.xml", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=500,
    )
    junit = folder / "junit.xml"
    cases = ET.parse(junit).iter("testcase") if junit.exists() else ()
    return Run(code=done.returncode, text=done.stdout, cases={c.attrib["name"]: c for c in cases})


def make_project(folder: Path, hf: Path) -> Path:
    """A project with the golden checkpoint and a folder, and nothing of ours."""
    folder.mkdir(exist_ok=True)
    shutil.copytree(hf, folder / "hf")
    (folder / "models").symlink_to(golden_folder() / "checkpoint")
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def pair(*clips: str) -> list[str]:
    audio = [f"--toolkit-audio={golden_folder() / f'{clip}.flac'}" for clip in clips or CLIPS]
    return ["--toolkit-checkpoint=models/model.pt", "--toolkit-target=hf", *audio]


def pair_of(rec_dir: Path) -> list[str]:
    options = {"checkpoint": "models/model.pt", "target": "hf", "recording": rec_dir}
    return [f"--toolkit-{name}={value}" for name, value in options.items()]


@pytest.fixture
def project(converted: Path, tmp_path: Path) -> Path:
    return make_project(tmp_path / "project", converted)


@pytest.fixture(
    scope="module",
    params=[pytest.param(("tiny",), id="one clip"), slow(CLIPS, id="two clips")],
)
def named(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The clips."""
    chosen: tuple[str, ...] = request.param
    return chosen


@pytest.fixture(scope="module")
def golden_run(
    converted: Path, named: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """The golden pair, all tests."""
    project = make_project(tmp_path_factory.mktemp("golden") / "project", converted)
    return run_pytest(project, *pair(*named))


@pytest.fixture(scope="module")
def processes(named: tuple[str, ...]) -> list[str]:
    """Options that say how many processes share the tests of a broken folder."""
    return [] if len(named) == 1 else ["-n", "2"]


@pytest.fixture(scope="module")
def broken_project(
    converted: Path, named: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A project whose folder has one wrong element in one tensor."""
    assert named
    project = make_project(tmp_path_factory.mktemp("broken") / "project", converted)
    scale(f"{Q_PROJ}.weight", 1.5)(project / "hf")
    return project


@pytest.fixture(scope="module")
def broken_run(broken_project: Path, named: tuple[str, ...], processes: list[str]) -> Run:
    """All its tests."""
    return run_pytest(broken_project, *pair(*named), *processes)


@pytest.mark.wide
class TestGolden:
    def test_everything_passes(self, golden_run: Run) -> None:
        assert golden_run.code == 0, golden_run.text
        assert set(golden_run.outcomes) == {"passed"}
        assert re.search(rf"=+ {len(golden_run.cases)} passed", golden_run.text)

    def test_every_parameterized_module_has_a_test(
        self, golden_run: Run, prepared: Prepared
    ) -> None:
        owners = parameterized(prepared.proof, prepared.network.unpaired)
        assert len(owners) >= 89
        assert {f"parity[{path}]" for path in owners} <= set(golden_run.cases)
        assert len(golden_run.cases) >= len(owners)

    def test_every_level_has_a_test_per_clip_where_it_has_clips(
        self, golden_run: Run, named: tuple[str, ...]
    ) -> None:
        for clip in named:
            for level in ("front_end", "modules", "logits", "greedy", "beam"):
                assert f"parity[{level}:{clip}]" in golden_run.cases
        for level in ("loading", "config", "vocabulary", "coverage", "padding", "reload"):
            assert f"parity[{level}]" in golden_run.cases

    def test_junit_has_the_measured_errors_and_the_declared_deviations(
        self, golden_run: Run
    ) -> None:
        module = properties(golden_run.cases[f"parity[{Q_PROJ}]"])
        assert float(module["error"]) <= float(module["tolerance"]) == 1e-9
        assert "logits differ" in properties(golden_run.cases["parity[padding]"])["deviation"]
        assert {case.attrib["classname"] for case in golden_run.cases.values()} == {
            "hf.config.json"
        }


def properties(case: ET.Element) -> dict[str, str]:
    return {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}


@pytest.mark.wide
class TestBroken:
    def test_the_tests_of_the_blamed_module_and_of_the_end_to_end_levels_fail(
        self, broken_run: Run, named: tuple[str, ...]
    ) -> None:
        assert broken_run.code == 1
        failed = broken_run.named("failure")
        own = {f"parity[{Q_PROJ}]", f"parity[weights:{Q_PROJ}]"}
        assert own <= failed
        assert failed - own == {n for n in failed if n[7:].split(":")[0].rstrip("]") in END_TO_END}
        assert {f"parity[modules:{clip}]" for clip in named} <= failed
        assert {f"parity[logits:{clip}]" for clip in named} <= failed

    def test_what_is_around_the_module_is_undecided_with_the_reason(self, broken_run: Run) -> None:
        around = (
            "encoder",
            "encoder.encoder",
            "encoder.encoder.layers.1",
            Q_PROJ.rpartition(".")[0],
        )
        assert broken_run.named("skipped") == {f"parity[{path}]" for path in around}
        for case in (broken_run.cases[f"parity[{path}]"] for path in around):
            assert f"`{Q_PROJ}` fails" in case.find("skipped").attrib["message"]

    def test_the_failure_says_what_where_how_much_why_and_what_to_do(self, broken_run: Run) -> None:
        text = broken_run.cases[f"parity[{Q_PROJ}]"].findtext("failure") or ""
        error = re.search(r"Greatest relative difference: (\S+) \(up to 1e-09 allowed\)", text)
        assert error is not None, text
        assert f"`{Q_PROJ}` errs by" in text
        assert "Where: clip `" in text
        assert f"Smallest tolerance that would pass: {error[1]}" in text
        assert f"Likely cause: `{Q_PROJ}.weight` differs in one element" in text
        assert "confirmed by undoing it" in text
        assert "rule: xm_transformer, row " in text
        assert (
            "fix:  write `encoder.w2v_encoder.w2v_model.encoder.layers.1.self_attn.q_proj" in text
        )
        assert text in broken_run.text

    def test_the_report_is_where_the_failure_says(
        self, broken_run: Run, broken_project: Path
    ) -> None:
        report = broken_project / ".toolkit-parity" / "hf.html"
        assert f"Report: {report}" in broken_run.text
        assert Q_PROJ in report.read_text(encoding="utf-8")

    @pytest.mark.slow
    def test_the_summary_names_every_failure_by_a_name_that_runs_it_again(
        self, broken_run: Run, broken_project: Path, named: tuple[str, ...]
    ) -> None:
        assert (
            f"FAILED hf/config.json::parity[{Q_PROJ}] - Failed: `{Q_PROJ}` errs by"
            in broken_run.text
        )
        name = f"hf/config.json::parity[{Q_PROJ}]"
        again = run_pytest(broken_project, *pair(*named), name)
        assert again.named("failure") == set(again.cases) == {f"parity[{Q_PROJ}]"}

    @pytest.mark.slow
    def test_the_failed_ones_run_again_and_the_first_can_end_the_run(
        self,
        broken_run: Run,
        broken_project: Path,
        named: tuple[str, ...],
    ) -> None:
        again = run_pytest(broken_project, *pair(*named), "--lf", "-x", "--durations=0")
        assert again.code == 1
        assert again.outcomes == {"failure": 1}
        assert f"{len(broken_run.named('failure'))} failed" not in again.text
        assert "stopping after 1 failures" in again.text

    @pytest.mark.slow
    def test_a_whole_fails_where_nobody_runs_its_broken_part(
        self, broken_run: Run, broken_project: Path, named: tuple[str, ...]
    ) -> None:
        assert broken_run.code == 1
        only = f"hf/config.json::parity[{Q_PROJ.rpartition('.')[0]}]"
        alone = run_pytest(broken_project, *pair(*named), only)
        assert alone.code == 1
        assert f"Likely cause: `{Q_PROJ}.weight`" in alone.text

    @pytest.mark.slow
    def test_a_rule_lets_it_pass_and_says_why(
        self, broken_run: Run, broken_project: Path, named: tuple[str, ...]
    ) -> None:
        assert broken_run.code == 1
        rules = "encoder.encoder.layers.{}.attention.q_proj -> 0.5 because it was pruned\n"
        (broken_project / "tolerances.txt").write_text(rules.replace("{}", "*"))
        chosen = [f"hf/config.json::parity[{Q_PROJ}]", "--toolkit-tolerances=tolerances.txt"]
        ruled = run_pytest(broken_project, *pair(*named), *chosen)
        assert ruled.code == 0, ruled.text
        found = properties(ruled.cases[f"parity[{Q_PROJ}]"])
        assert (found["tolerance"], found["tolerance_because"]) == ("0.5", "it was pruned")


@pytest.fixture(scope="module")
def rec_dir(
    golden_checkpoint: Path, named: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A recording of the clips; read it, never write to it."""
    folder = tmp_path_factory.mktemp("recorded") / "rec"
    toolkit.record(
        golden_checkpoint, folder, audio=[golden_folder() / f"{clip}.flac" for clip in named]
    )
    return folder


def hide_fairseq(project: Path) -> None:
    """Every test of the project runs where no fairseq is found."""
    (project / "conftest.py").write_text(
        """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *rest):
        hidden = name.partition(".")[0] == "fairseq"
        return None if hidden else self.finder.find_spec(name, *rest)

    def __getattr__(self, name):
        return getattr(self.finder, name)

assert "fairseq" not in sys.modules
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""
    )


class TestRecording:
    """Where fairseq is not installed."""

    @pytest.mark.slow
    def test_every_test_passes_that_passes_with_fairseq(
        self, golden_run: Run, project: Path, rec_dir: Path
    ) -> None:
        hide_fairseq(project)
        (project / "pytest.ini").write_text(
            f"[pytest]\ntoolkit_parity =\n    models/model.pt -> hf recording={rec_dir}\n"
        )
        run = run_pytest(project)
        assert run.code == 0, run.text
        assert set(run.outcomes) == {"passed"}
        assert set(run.cases) == set(golden_run.cases)

    @pytest.mark.slow
    def test_a_broken_folder_fails_as_with_fairseq(
        self,
        broken_run: Run,
        broken_project: Path,
        processes: list[str],
        rec_dir: Path,
        tmp_path: Path,
    ) -> None:
        project = make_project(tmp_path / "project", broken_project / "hf")
        hide_fairseq(project)
        run = run_pytest(project, *pair_of(rec_dir), *processes)
        assert run.code == 1
        assert {f"parity[{Q_PROJ}]", f"parity[weights:{Q_PROJ}]"} <= run.named("failure")
        for kind in ("failure", "skipped", "passed"):
            assert run.named(kind) == broken_run.named(kind)
        text = run.cases[f"parity[{Q_PROJ}]"].findtext("failure") or ""
        assert f"Likely cause: `{Q_PROJ}.weight` differs in one element" in text
        assert "confirmed by undoing it" in text
        assert (project / ".toolkit-parity" / "hf.html").is_file()

    @pytest.mark.wide
    def test_without_the_recording_the_missing_fairseq_is_named(self, project: Path) -> None:
        hide_fairseq(project)
        run = run_pytest(project, *pair("ru_2"), "-k", "logits")
        assert run.named("failure") == set(run.cases) == {"parity[logits:ru_2]"}
        assert "`fairseq` must be installed" in run.text

    @pytest.mark.wide
    @pytest.mark.slow
    def test_tests_of_ones_own_ask_the_recording(
        self, project: Path, named: tuple[str, ...], rec_dir: Path
    ) -> None:
        hide_fairseq(project)
        (project / "test_own.py").write_text(
            f"""
import torch

def test_front_ends(parity, reference, converted):
    assert [clip.name for clip in parity.clips] == {list(named)!r}
    clip = torch.from_numpy(parity.clips[0].waveform)
    expected, actual = reference.front_end(clip), converted.front_end(clip)
    parity.assert_close(actual, expected, tolerance=1e-2, what="inputs")
    parity.assert_module({Q_PROJ!r})
"""
        )
        run = run_pytest(project, *pair_of(rec_dir), "test_own.py", "-k", "test_own")
        assert run.code == 0, run.text
        assert run.outcomes == {"passed": 1}


@pytest.mark.slow
def test_a_wrong_key_fails_its_level_its_module_and_the_end_to_end_levels(project: Path) -> None:
    set_key("config.json", "decoder.scale_embedding", False)(project / "hf")
    run = run_pytest(project, *pair("ru_2"))
    failed = run.named("failure")
    own = {"parity[config]", f"parity[{EMBED}]"}
    assert own <= failed
    assert {n for n in failed - own if n[7:].split(":")[0].rstrip("]") not in END_TO_END} == set()
    assert "fix:  set `decoder.scale_embedding` to True" in run.text


@pytest.mark.slow
def test_a_folder_that_does_not_load_fails_and_says_what_transformers_said(project: Path) -> None:
    (project / "hf" / "model.safetensors").write_bytes(b"damaged")
    run = run_pytest(project, *pair("ru_2"), "-k", "logits or q_proj")
    assert run.code == 1
    assert set(run.outcomes) == {"failure"}
    assert "Traceback" not in run.text


@pytest.mark.slow
def test_models_are_loaded_once_per_worker(project: Path) -> None:
    (project / "conftest.py").write_text(
        """
import os, pathlib
import toolkit.pipeline.reference as home
from toolkit.replay import target

def noted(name, function):
    def call(*arguments, **options):
        with open(f"loaded-{name}.txt", "a") as file:
            file.write(f"{os.getpid()}\\n")
        return function(*arguments, **options)
    return call

home.open_reference = noted("reference", home.open_reference)
target.Target.__init__ = noted("target", target.Target.__init__)
"""
    )
    run = run_pytest(project, *pair(), "-n", "2", "-k", "not reload")
    assert run.code == 0, run.text
    for name in ("reference", "target"):
        loads = (project / f"loaded-{name}.txt").read_text().split()
        assert len(loads) == len(set(loads)) == 2, name


@pytest.mark.slow
def test_tests_of_ones_own_ask_both_models(project: Path) -> None:
    (project / "test_own.py").write_text(
        f"""
import logging
import pytest

def test_front_ends(parity, reference, converted):
    import torch
    clip = torch.from_numpy(parity.clips[0].waveform)
    expected, actual = reference.front_end(clip), converted.front_end(clip)
    parity.assert_close(actual, expected, tolerance=1e-2, what="inputs")
    with pytest.raises(AssertionError, match="inputs err by .* 1e-12 allowed"):
        parity.assert_close(actual, expected + 1, tolerance=1e-12, what="inputs")

def test_a_module(parity):
    assert len(parity.modules) == 117
    parity.assert_module({Q_PROJ!r})

def test_logging_is_heard(reference, caplog):
    logging.getLogger("mine").warning("heard")
    assert "heard" in caplog.text
"""
    )
    run = run_pytest(project, *pair("ru_2"), "test_own.py", "-k", "test_own")
    assert run.code == 0, run.text
    assert run.outcomes == {"passed": 3}


class TestSettings:
    """Nothing here loads a model."""

    @pytest.fixture
    def two(self, project: Path) -> Path:
        shutil.copytree(project / "hf", project / "build" / "second")
        (project / "tests").mkdir()
        (project / "tests" / "test_one.py").write_text("def test_one(): pass")
        return project

    def collected(self, folder: Path, *arguments: str) -> list[str]:
        run = run_pytest(folder, "--collect-only", "-q", *arguments)
        assert run.code == 0, run.text
        return [line for line in run.text.splitlines() if "::" in line]

    @pytest.fixture
    def pairs_in_pyproject(self, two: Path) -> Path:
        (two / "pytest.ini").unlink()
        (two / "pyproject.toml").write_text(
            """
[tool.pytest.ini_options]
testpaths = ["tests"]

[tool.toolkit.parity]
checkpoint = "models/model.pt"

[[tool.toolkit.parity.pairs]]
target = "hf"

[[tool.toolkit.parity.pairs]]
name = "other"
target = "build/second"
target_lang = "fr"
"""
        )
        return two

    def test_several_pairs_in_pyproject(self, pairs_in_pyproject: Path) -> None:
        names = self.collected(pairs_in_pyproject)
        assert "tests/test_one.py::test_one" in names
        assert f"hf/config.json::parity[{Q_PROJ}]" in names
        assert f"build/second/config.json::parity[{Q_PROJ}]" in names
        assert len(names) == 1 + 2 * 333

    @pytest.mark.slow
    def test_pairs_are_chosen_by_path_and_by_name(self, pairs_in_pyproject: Path) -> None:
        two = pairs_in_pyproject
        assert self.collected(two, "tests") == ["tests/test_one.py::test_one"]
        assert len(self.collected(two, "-k", "other and decoder")) < 333
        assert {n.split("::")[0] for n in self.collected(two, "-k", "other")} == {
            "build/second/config.json"
        }
        assert self.collected(two, "-k", "config") == [
            "hf/config.json::parity[config]",
            "build/second/config.json::parity[config]",
        ]

    @pytest.mark.wide
    def test_several_pairs_in_pytest_ini(self, two: Path) -> None:
        audio = golden_folder() / "ru_2.flac"
        (two / "pytest.ini").write_text(
            f"""[pytest]
toolkit_parity =
    models/model.pt -> hf
    models/model.pt -> build/second name=other audio={audio} exact_padding=false
"""
        )
        names = self.collected(two)
        assert "build/second/config.json::parity[logits:ru_2]" in names
        assert "build/second/config.json::parity[logits:en_1]" not in names
        assert "hf/config.json::parity[logits:en_1]" in names

    @pytest.mark.wide
    def test_a_fixture_runs_once_per_pair(self, two: Path) -> None:
        (two / "tests" / "test_one.py").write_text("def test_one(parity): assert parity.modules")
        (two / "pytest.ini").write_text(
            "[pytest]\ntoolkit_parity =\n models/model.pt -> hf\n models/model.pt -> build/second\n"
        )
        run = run_pytest(two, "tests")
        assert set(run.cases) == {"test_one[hf]", "test_one[second]"}
        assert run.outcomes == {"passed": 2}

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--toolkit-checkpoint=models/model.pt"], "must be given together"),
            wide(
                ["--toolkit-checkpoint=no.pt", "--toolkit-target=hf"], "must be a checkpoint, but"
            ),
            wide(
                ["--toolkit-checkpoint=models/model.pt", "--toolkit-target=no"],
                "Hugging Face folder",
            ),
            wide([*pair(), "-o", "toolkit_parity=models/model.pt hf"], "CHECKPOINT -> HF_DIR"),
            (
                [*pair(), "-o", "toolkit_parity=models/model.pt -> build/second x=1"],
                "`x` is no set",
            ),
            wide(
                [*pair(), "-o", "toolkit_parity=models/model.pt -> hf name=x"],
                "`target` of its own",
            ),
            wide(
                [*pair(), "-o", "toolkit_parity=models/model.pt -> build/second name=hf"],
                "`name` of its own",
            ),
            wide([*pair("ru_2"), "--toolkit-recording=rec"], "has both"),
        ],
    )
    def test_a_wrong_setting_is_one_error(self, two: Path, arguments: list[str], said: str) -> None:
        run = run_pytest(two, *arguments)
        assert run.code == 4
        assert run.text.startswith("ERROR: ")
        assert said in run.text
        assert "Traceback" not in run.text

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ("[tool.toolkit.parity]\n", "lists none"),
            wide("[tool.toolkit.parity]\npairs = []\n", "lists none"),
            wide("[[tool.toolkit.parity.pairs]]\ntarget = 'hf'\n", "`checkpoint` and `target`"),
            wide(
                "[[tool.toolkit.parity.pairs]]\ncheckpoint = 1\ntarget = 'hf'\n", "must be a text"
            ),
        ],
    )
    def test_a_wrong_table_is_one_error(self, two: Path, table: str, said: str) -> None:
        (two / "pyproject.toml").write_text(table)
        run = run_pytest(two)
        assert (run.code, said in run.text, "Traceback" in run.text) == (4, True, False), run.text

    @pytest.mark.parametrize("name", ["conftest.py", wide("__init__.py")])
    def test_a_folder_with_code_that_pytest_would_run_is_refused(
        self, project: Path, name: str
    ) -> None:
        (project / "hf" / name).write_text("open('ran', 'w')")
        run = run_pytest(project, *pair())
        assert run.code == 4
        assert f"holds `{name}`, which pytest would run" in run.text
        assert not (project / "ran").exists()

    @pytest.mark.wide
    def test_a_tolerance_that_matches_nothing_is_an_error(self, project: Path) -> None:
        (project / "tolerances.txt").write_text("encoder.nowhere -> 1e-6 because of a typo\n")
        run = run_pytest(project, *pair(), "--toolkit-tolerances=tolerances.txt")
        assert run.code == 2
        assert "tolerances.txt, line 1: `encoder.nowhere` must be the pattern" in run.text

    @pytest.mark.slow
    def test_a_folder_that_is_no_recording_fails_the_pair(self, project: Path) -> None:
        run = run_pytest(project, *pair_of(project / "hf"))
        assert run.code == 2
        assert "must be a recording with a readable `recording.json`, but is none" in run.text

    @pytest.mark.wide
    def test_a_checkpoint_that_cannot_be_used_fails_the_pair(self, project: Path) -> None:
        (project / "model.pt").write_text("no checkpoint")
        run = run_pytest(project, "--toolkit-checkpoint=model.pt", "--toolkit-target=hf")
        assert run.code == 2
        assert "ERROR hf/config.json" in run.text

    def test_a_pair_that_nothing_collects_is_an_error(self, project: Path) -> None:
        run = run_pytest(project, *pair(), "--ignore=hf")
        assert run.code == 4
        assert "`hf` collected none" in run.text

    def test_a_fixture_without_a_pair_fails_and_says_what_to_set(
        self, pytester: pytest.Pytester
    ) -> None:
        pytester.makepyfile("def test_one(parity): pass")
        outcome = pytester.runpytest_subprocess()
        outcome.assert_outcomes(errors=1)
        outcome.stdout.fnmatch_lines(["*need a pair: give `--toolkit-checkpoint`*"])


class TestUnused:
    def test_nothing_of_the_toolkit_is_imported_but_the_plugin(
        self, pytester: pytest.Pytester
    ) -> None:
        pytester.makepyfile(
            """
            import sys
            def test_modules():
                ours = {name for name in sys.modules if name.split(".")[0] == "toolkit"}
                assert ours == {"toolkit", "toolkit.pytest_plugin"}
                heavy = {"torch", "transformers", "numpy", "fairseq"}
                assert not heavy & set(sys.modules)
            """
        )
        outcome = pytester.runpytest_subprocess()
        outcome.assert_outcomes(passed=1)

    def test_importing_it_takes_next_to_nothing(self) -> None:
        code = "import time, pytest; t = time.perf_counter(); import toolkit.pytest_plugin; "
        code += "print(time.perf_counter() - t)"
        times = [
            float(subprocess.check_output([sys.executable, "-c", code], text=True))
            for _ in range(3)
        ]
        assert min(times) < 0.02
