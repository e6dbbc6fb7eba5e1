from dataclasses import replace

from toolkit.core.pushed import Pushed
from toolkit.report.pushed import MAX_FILES, describe_push

PUSHED = Pushed(
    folder="hf",
    repository="org/name",
    verdict="match",
    seal="ab" * 32,
    is_new=False,
    is_private=False,
    new={"config.json": 7},
    replaced={"README.md": 1_000_000},
    same=("vocab.json",),
    beside=("notes.txt",),
    is_known=False,
)


def test_a_dry_run_says_what_goes_where_what_stays_and_what_to_do_first():
    assert describe_push(PUSHED, 200).splitlines() == [
        "dry run   nothing is sent; with `--yes` 2 files, 1 MB, of hf",
        "to        org/name, which is there, public: everybody sees it",
        "file      config.json, 7 bytes, new",
        "file      README.md, 1 MB, replaces another",
        "there     1 file with the same bytes",
        "beside    notes.txt: stays, and an audit will call it added",
        "proof     match",
        f"seal      {'ab' * 32}",
        "next      hf auth login",
    ]


def test_what_was_sent_names_its_commit_and_how_to_audit_it():
    said = describe_push(replace(PUSHED, commit="1f2e", is_known=True), 200)
    assert said.startswith("sent      2 files, 1 MB, of hf; the hub has them as they are\n")
    assert "org/name, which is there, public: everybody sees it, at commit 1f2e" in said
    assert said.endswith(f"next      toolkit audit hf://org/name@1f2e --seal {'ab' * 32}")


def test_not_all_of_many_files_are_named():
    many = replace(PUSHED, new={f"{n}.json": 1 for n in range(30)}, replaced={})
    said = describe_push(many, 200)
    assert said.count("file      ") == MAX_FILES
    assert "and 22 more" in said
