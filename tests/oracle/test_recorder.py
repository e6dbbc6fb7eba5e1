"""The recorder as it runs where fairseq lives: as a file, without the toolkit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

from tests.sampling import slow
from toolkit.oracle.job import digest, pack_job, unpack_job
from toolkit.oracle.recorder import choose_clips, run_job
from toolkit.oracle.refusal import Refusal
from toolkit.pipeline.job import make_job, write_recorder


@pytest.fixture(scope="module")
def job(prepared, clips):
    return make_job(prepared, [clip for clip in clips if clip.name in ("tiny", "ru_2")])


@pytest.fixture(scope="module")
def recorder(job, tmp_path_factory):
    return write_recorder(job, tmp_path_factory.mktemp("recorder") / "recorder.pyz")


def run(recorder, *arguments, cwd=None):
    command = [sys.executable, "-I", str(recorder), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def heard(*_):
    return


def test_a_job_survives_its_file(job, recorder):
    found = unpack_job(str(recorder))
    assert pack_job(found) == pack_job(job)
    assert found.places == job.places
    assert found.clips[0].waveform.tobytes() == job.clips[0].waveform.tobytes()


def test_the_same_job_gives_the_same_file(job, recorder, tmp_path):
    assert write_recorder(job, tmp_path / "again").read_bytes() == recorder.read_bytes()


def test_a_recorder_holds_nothing_but_the_oracle_and_the_job(recorder):
    names = zipfile.ZipFile(recorder).namelist()
    own = ("toolkit/__init__.py", "__main__.py")
    assert all(n.startswith(("toolkit/oracle/", "job/")) or n in own for n in names)


@pytest.mark.wide
def test_a_recorder_runs_as_a_file_and_says_the_size_before_it_starts(
    recorder, golden_checkpoint, tmp_path
):
    done = run(recorder, golden_checkpoint, tmp_path / "rec", "--clips", "tiny")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    (said,) = [i for i, line in enumerate(lines) if "will take about" in line]
    assert said < next(i for i, line in enumerate(lines) if "recording tiny" in line)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rec"]
    index = json.loads((tmp_path / "rec" / "recording.json").read_text())
    assert [clip["name"] for clip in index["clips"]] == ["tiny"]
    assert index["checkpoint"]["sha256"] == digest(golden_checkpoint.read_bytes())
    assert {"python", "torch", "numpy", "fairseq"} <= index["environment"].keys()
    expected = float(lines[said].split("about ")[1].split()[0]) * 1e6
    found = sum(path.stat().st_size for path in (tmp_path / "rec").iterdir())
    assert 0.5 < expected / found < 2


def test_a_foreign_checkpoint_is_refused_in_one_line_and_nothing_is_written(
    recorder, golden_checkpoint, tmp_path
):
    other = tmp_path / "other.pt"
    content = bytearray(golden_checkpoint.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)
    done = run(recorder, other, tmp_path / "rec")
    assert done.returncode == 2
    (error,) = [line for line in done.stderr.splitlines() if not line.startswith("[")]
    assert error.startswith(f"error: `{other}` must be the checkpoint with the sha256")
    assert [path.name for path in tmp_path.iterdir()] == ["other.pt"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--clips", "absent"], "`--clips` must name clips of this recorder, but it has no"),
        slow(["--user-dir", "nowhere"], "`nowhere` must be a folder of code that fairseq imports"),
    ],
)
def test_a_bad_option_is_refused_in_words(
    recorder, golden_checkpoint, tmp_path, arguments, expected
):
    done = run(recorder, golden_checkpoint, tmp_path / "rec", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert f"error: {expected}" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_fork_can_bring_its_own_code(recorder, golden_checkpoint, tmp_path):
    fork = tmp_path / "fork"
    fork.mkdir()
    (fork / "__init__.py").write_text("import sys; sys.stderr.write('the fork speaks\\n')\n")
    done = run(recorder, golden_checkpoint, tmp_path / "rec", "--user-dir", fork, "--clips", "tiny")
    assert done.returncode == 0, done.stderr
    assert "the fork speaks" in done.stderr


def test_an_existing_folder_is_refused(job, golden_checkpoint, tmp_path):
    with pytest.raises(Refusal, match="must not exist yet, but does"):
        run_job(job, str(golden_checkpoint), str(tmp_path), report=heard)


def test_a_missing_parent_is_refused(job, golden_checkpoint, tmp_path):
    with pytest.raises(Refusal, match="must lie in a folder that can be written"):
        run_job(job, str(golden_checkpoint), str(tmp_path / "no" / "rec"), report=heard)


def test_a_recording_that_does_not_fit_is_refused_before_it_starts(
    job, golden_checkpoint, tmp_path, monkeypatch
):
    from types import SimpleNamespace

    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(Refusal, match=r"must have room for about .* MB, but 1.0 kB are free"):
        run_job(job, str(golden_checkpoint), str(tmp_path / "rec"), report=heard)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_fairseq_cannot_build_is_refused_with_its_reason(
    job, golden_checkpoint, tmp_path
):
    settings = {**job.settings, "w2v_args": {**job.settings["w2v_args"], "encoder_layers": 5}}
    wrong = replace(job, settings=settings)
    with pytest.raises(Refusal, match=r"can build, but RuntimeError: .*layers\.3.*--user-dir"):
        run_job(wrong, str(golden_checkpoint), str(tmp_path / "rec"), report=heard)
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_way_leaves_nothing(job, golden_checkpoint, tmp_path):
    def report(what, *_):
        if what.startswith("recording ru_2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(job, str(golden_checkpoint), str(tmp_path / "rec"), report=report)
    assert list(tmp_path.iterdir()) == []


def test_a_job_of_another_version_is_refused(recorder, tmp_path):
    other = tmp_path / "other.pyz"
    with zipfile.ZipFile(recorder) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "job/job.json":
                content = json.dumps({**json.loads(content), "version": 1}).encode()
            new.writestr(name, content)
    with pytest.raises(Refusal, match=r"version 6, but holds one of version 1\."):
        unpack_job(str(other))


def test_a_job_with_other_audio_is_refused(recorder, tmp_path):
    other = tmp_path / "other.pyz"
    with zipfile.ZipFile(recorder) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"\x00" * 8 if name.endswith("000.f32") else old.read(name))
    with pytest.raises(Refusal, match=r"`audio/000.f32` is not what it was"):
        unpack_job(str(other))


def test_what_is_no_recorder_is_refused(golden_checkpoint, tmp_path):
    for path in (golden_checkpoint, tmp_path / "absent"):
        with pytest.raises(Refusal, match="must be a recorder with a job inside"):
            unpack_job(str(path))


def test_clips_are_chosen_by_name(job):
    assert [clip.name for clip in choose_clips(job, ["tiny"]).clips] == ["tiny"]
    assert choose_clips(job, []) is job


def test_an_old_python_is_told_so_by_any_python(recorder):
    main = zipfile.ZipFile(recorder).read("__main__.py").decode()
    code = f"import sys; sys.version_info = (3, 7); exec({main!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "must be Python 3.8 or newer" in done.stderr


@pytest.mark.wide
def test_a_recorder_ends_with_the_process_that_started_it(recorder, golden_checkpoint, tmp_path):
    command = [sys.executable, "-u", str(recorder), "--machine"]
    process = subprocess.Popen(
        [*command, str(golden_checkpoint), str(tmp_path / "rec")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for line in process.stdout:
        if "building" in line:
            break
    process.stdin.close()
    process.stdout.read()
    assert process.wait(30) == 128 + signal.SIGTERM
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_the_oracle_is_written_for_python_3_8():
    import ast
    from pathlib import Path

    import toolkit.oracle

    for path in Path(toolkit.oracle.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(), feature_version=(3, 8))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        words = {(getattr(c.func, "id", ""), k.arg) for c in calls for k in c.keywords}
        assert not words & {("zip", "strict"), ("dataclass", "kw_only")}, path


def test_a_probe_says_what_an_answer_depends_on_beside_the_job(recorder):
    done = run(recorder, "--probe")
    found = json.loads(done.stdout.split(" ", 1)[1])
    assert {"python", "machine", "torch", "numpy", "fairseq_code"} == found.keys()
    assert done.stderr == ""
