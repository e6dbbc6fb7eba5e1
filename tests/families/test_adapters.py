"""CTC models of several languages: each is converted, proven and blamed by name."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.breaking import set_key
from tests.families.exactness import CLIPS, check_exact
from tests.sampling import wide
from tests.tasks.ctc.test_clip import count_passes
from tests.variants.adapter_kinds import ADAPTER_VARIANTS, SYMBOLS, in_sets
from tests.variants.ctc_building import BuiltCtc, build_ctc, write_dictionary
from tests.variants.ctc_kinds import LETTERS, Groups, State
from toolkit import convert, diff, inspect, record, verify
from toolkit.audio import read_clips
from toolkit.core.errors import BadInput
from toolkit.core.findings import Hypothesis
from toolkit.core.progress import silent
from toolkit.core.result import Result
from toolkit.faults import single_faults
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.case import make_bench
from toolkit.pipeline.clips import clips_for, efforts_for, in_every_language, tag_of
from toolkit.pipeline.difference import Session, diff_folder, open_session
from toolkit.pipeline.faulting import breakable_of, names
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.verification import prove

README = Path(__file__).parents[2] / "README.md"
BY_NAME = {variant.name: variant for variant in ADAPTER_VARIANTS}
SETS = "MMS, a set of weights for each language"
FAST = (SETS,)
TINY = CLIPS[:1]


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """Writes the checkpoint of a variant, of which some may be changed."""

    def make(name: str, **changes: object) -> Path:
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        return build_ctc(replace(BY_NAME[name], **changes), folder).path

    return make


@pytest.fixture(scope="module")
def mms(tmp_path_factory: pytest.TempPathFactory) -> BuiltCtc:
    """A checkpoint with a set of weights for each language, without any other file."""
    built = build_ctc(BY_NAME[SETS], tmp_path_factory.mktemp("mms"))
    (built.path.parent / "dict.ltr.txt").unlink()
    return built


@pytest.fixture(scope="module")
def right(mms: BuiltCtc) -> Path:
    """What it converts to."""
    out = mms.path.parent / "right"
    convert(mms.path, out, verify=False)
    return out


@pytest.fixture
def alone(mms: BuiltCtc, tmp_path: Path) -> Path:
    """What the checkpoint converts to without its languages."""
    state = torch.load(mms.path, weights_only=False)
    del state["adapter"]
    torch.save(state, tmp_path / "model.pt")
    write_dictionary(LETTERS, tmp_path / "dict.ltr.txt")
    convert(tmp_path / "model.pt", tmp_path / "alone", verify=False)
    return tmp_path / "alone"


@pytest.fixture
def broken(right: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(right, tmp_path / "broken"))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.wide)
        for name, variant in BY_NAME.items()
        if "refused" not in variant.ends
    ],
)
def test_every_language_is_proven(name: str, build: Callable[..., Path], tmp_path: Path) -> None:
    result = convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS)
    check_exact(result, padded=True)
    assert result.coverage is not None
    heard = {clip.name for clip in result.coverage.clips}
    languages = {path.name.split(".")[1] for path in (tmp_path / "hf").glob("adapter.*")}
    assert len(languages) == 3
    assert {name.partition("@")[2] for name in heard} - {""} == languages - {"eng", "0"}
    assert {said.clip for said in result.tokens} >= {name for name in heard if "@" in name}
    assert all(clip.duration_s <= 0.5 for clip in result.coverage.clips if "@" in clip.name)
    modules = {level.name: level for level in result.levels}["modules"]
    assert re.search(r"\d+ of them in 2 more languages", modules.summary)


@pytest.mark.wide
@pytest.mark.parametrize("name", [n for n, v in BY_NAME.items() if "refused" in v.ends])
def test_what_no_adapter_of_transformers_computes_is_refused_by_name(
    name: str, build: Callable[..., Path], tmp_path: Path
) -> None:
    refused = BY_NAME[name].ends.partition(": ")[2]
    with pytest.raises(BadInput, match=f"`{refused}`: "):
        convert(build(name), tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


def test_a_user_switches_between_languages_as_in_transformers(mms: BuiltCtc, right: Path) -> None:
    from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

    sound = torch.randn(1, 8000, generator=torch.Generator().manual_seed(1))
    processor = Wav2Vec2Processor.from_pretrained(right)
    model = Wav2Vec2ForCTC.from_pretrained(right)
    for language, symbols in SYMBOLS.items():
        told = Wav2Vec2ForCTC.from_pretrained(
            right, target_lang=language, ignore_mismatched_sizes=True
        )
        model.load_adapter(language)
        processor.tokenizer.set_target_lang(language)
        expected = ask_fairseq(mms, language, sound)
        for one in (told, model):
            torch.testing.assert_close(one.eval()(sound).logits, expected, rtol=0, atol=1e-4)
        ids = list(range(4, 4 + len(symbols)))
        assert processor.tokenizer.convert_ids_to_tokens(ids) == list(symbols)


def ask_fairseq(built: BuiltCtc, language: str, sound: torch.Tensor) -> torch.Tensor:
    """As `examples/speech_recognition/new/infer.py` does it, logits of shape (1, T, V)."""
    held = torch.load(built.path, weights_only=False)["adapter"][language]["model"]
    rows, width = held["w2v_encoder.proj.weight"].shape
    built.model.w2v_encoder.proj = torch.nn.Linear(width, rows)
    with torch.no_grad(), quiet_fairseq():
        for name, parameter in built.model.named_parameters():
            if name in held:
                parameter.copy_(held[name])
        mask = torch.zeros(sound.shape, dtype=torch.bool)
        made = built.model.eval()(source=sound, padding_mask=mask, corpus_key=[0])
    logits: torch.Tensor = made["encoder_out"].transpose(0, 1)
    return logits


def test_the_language_that_a_folder_begins_with_is_english_or_the_users(
    mms: BuiltCtc, right: Path, tmp_path: Path
) -> None:
    assert json.loads((right / "tokenizer_config.json").read_text())["target_lang"] == "eng"
    convert(mms.path, tmp_path / "fra", verify=False, target_lang="fra")
    assert read_json(tmp_path / "fra" / "tokenizer_config.json")["target_lang"] == "fra"
    assert read_json(tmp_path / "fra" / "config.json")["vocab_size"] == len(SYMBOLS["fra"]) + 4
    own = load_file(tmp_path / "fra" / "adapter.fra.safetensors")
    model = load_file(tmp_path / "fra" / "model.safetensors")
    assert all(model[name].equal(tensor) for name, tensor in own.items())
    with pytest.raises(BadInput, match="`--target-lang xyz` must be one of the 3 languages"):
        convert(mms.path, tmp_path / "xyz", verify=False, target_lang="xyz")


def test_languages_without_names_are_numbered_and_that_is_an_assumption(
    build: Callable[..., Path], tmp_path: Path
) -> None:
    result = convert(build("several languages, not named"), tmp_path / "hf", verify=False)
    assert {path.name for path in (tmp_path / "hf").glob("adapter.*")} == {
        f"adapter.{number}.safetensors" for number in range(3)
    }
    assert "languages" in {reason.name for reason in result.assumptions}


def exchange(folder: Path) -> None:
    first, other = folder / "adapter.eng.safetensors", folder / "adapter.fra.safetensors"
    first.rename(folder / "aside")
    other.rename(first)
    (folder / "aside").rename(other)


def copy_first(folder: Path) -> None:
    for path in folder.glob("adapter.*"):
        if "eng" not in path.name:
            shutil.copy(folder / "adapter.eng.safetensors", path)


def take_head(folder: Path) -> None:
    path = folder / "adapter.fra.safetensors"
    others = load_file(folder / "adapter.aze-script_latin.safetensors")
    heads = {name: tensor for name, tensor in others.items() if name.startswith("lm_head")}
    save_file({**load_file(path), **heads}, path, metadata={"format": "pt"})


def take_adapters(folder: Path) -> None:
    path = folder / "model.safetensors"
    others = load_file(folder / "adapter.fra.safetensors")
    own = {name: tensor for name, tensor in others.items() if "adapter_layer" in name}
    save_file({**load_file(path), **own}, path, metadata={"format": "pt"})


def leave_out(folder: Path) -> None:
    (folder / "adapter.fra.safetensors").unlink()


def swap_letters(folder: Path) -> None:
    path = folder / "vocab.json"
    sections = read_json(path)
    section = sections["aze-script_latin"]
    section["E"], section["T"] = section["T"], section["E"]
    path.write_text(json.dumps(sections), encoding="utf-8")


def name_another(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**read_json(path), "target_lang": "fra"}), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


@pytest.mark.parametrize(
    ("break_folder", "said"),
    [
        (exchange, r"`adapter\[eng\]` and `adapter\[fra\]` are exchanged"),
        wide(
            copy_first,
            r"`adapter\[fra\]` holds `adapter\[eng\]`; `adapter\[aze-script_latin\]` holds",
        ),
        wide(
            take_head,
            r"`lm_head` in `adapter\[fra\]` holds `lm_head` in `adapter\[aze-script_latin",
        ),
        wide(take_adapters, r"the model holds `adapter\[fra\]`"),
        wide(
            leave_out,
            r"all 20 tensors of `adapter\[fra\]` are missing .* cannot speak the language",
        ),
        (swap_letters, r"`vocab.json` is not .*: aze-script_latin: \d+: '[ET]' became '[ET]'"),
        wide(name_another, r"`tokenizer_config.target_lang` is not .*: 'fra', not 'eng'"),
    ],
)
def test_what_is_wrong_with_a_language_is_one_finding_that_names_it(
    break_folder: Callable[[Path], None], said: str, mms: BuiltCtc, broken: Path
) -> None:
    break_folder(broken)
    first, *others = diff(mms.path, broken, audio=TINY).findings
    assert others == [], [other.summary for other in others]
    assert re.search(said, first.summary), first.summary
    assert first.hypothesis is not None
    assert first.hypothesis.confirmed


def test_a_model_that_speaks_no_language_is_one_finding_with_its_vocabulary(
    mms: BuiltCtc, alone: Path, broken: Path
) -> None:
    shutil.copy(alone / "model.safetensors", broken)
    set_key("config.json", "vocab_size", len(LETTERS) + 4)(broken)
    (finding,) = diff(mms.path, broken, audio=TINY).findings
    assert finding.hypothesis == Hypothesis(
        name="unspoken", confirmed=True, detail={"language": "eng"}
    )
    assert (len(finding.target_parameters), finding.config_keys) == (20, ("vocab_size",))
    assert "nothing of `eng`, and `vocab_size` says so too" in finding.summary
    assert "`adapter[eng].w2v_encoder." in finding.fix


@pytest.mark.wide
def test_a_model_that_speaks_another_language_is_one_finding_with_its_vocabulary(
    mms: BuiltCtc, broken: Path
) -> None:
    model = broken / "model.safetensors"
    own = load_file(broken / "adapter.fra.safetensors")
    save_file({**load_file(model), **own}, model, metadata={"format": "pt"})
    set_key("config.json", "vocab_size", len(SYMBOLS["fra"]) + 4)(broken)
    (finding,) = diff(mms.path, broken, audio=TINY).findings
    assert "the model holds `adapter[fra]`" in finding.summary
    assert finding.config_keys == ("vocab_size",)


def test_one_weight_of_the_last_layer_in_the_last_language_is_found_in_its_module(
    mms: BuiltCtc, broken: Path
) -> None:
    path = broken / "adapter.aze-script_latin.safetensors"
    held = load_file(path)
    name = max(name for name in held if name.endswith("adapter_layer.linear_2.weight"))
    held[name][0] += 1.0
    save_file(held, path, metadata={"format": "pt"})
    result = verify(mms.path, broken, audio=TINY)
    module = name.removesuffix(".linear_2.weight")
    assert [row.target for row in result.modules if row.verdict == "fail"] == [module]
    (row,) = (row for row in result.modules if row.target == module)
    assert row.clip.endswith("@aze-script_latin")
    assert {"weights", "modules", "logits"} <= failed(result)
    (finding,) = result.findings
    assert finding.target_parameters == (f"adapter[aze-script_latin].{name}",)


def test_a_further_language_is_heard_once_on_either_side_and_thoroughly_as_the_first(
    mms: BuiltCtc, right: Path
) -> None:
    prepared = prepare(Inputs(checkpoint=mms.path))
    clips = clips_for(prepared, TINY)
    heard = {}
    for thorough in (False, True):
        efforts = efforts_for(prepared, clips, beam=False, thorough=thorough)
        with Origin().ask(prepared, clips, silent) as asked:
            bench = make_bench(prepared, asked, prepared.task.kind.target(right))
            tag = tag_of(prepared, clips[1])
            heard[thorough] = count_passes(bench, clips[1], efforts[1], tag)
    assert heard[False] == {"fairseq": 1, "ours": 1}
    assert heard[True] == {"fairseq": 3, "ours": 4}


def test_clips_in_another_language_than_the_folder_begins_with_prove_it_as_well(
    mms: BuiltCtc, right: Path
) -> None:
    prepared = prepare(Inputs(checkpoint=mms.path))
    spoken = [replace(clip, lang="fra") for clip in read_clips(CLIPS[1:2])]
    result = prove(prepared, right, in_every_language(prepared, spoken), Origin(), progress=silent)
    assert result.verdict == "match"
    levels = {level.name: level for level in result.levels}
    assert levels["reload"].measures[3].compared == 1
    assert levels["modules"].clips == 2
    assert "in 1 more language" in levels["modules"].summary


@pytest.mark.wide
def test_verify_finds_the_exchange_in_what_the_languages_say(mms: BuiltCtc, broken: Path) -> None:
    exchange(broken)
    result = verify(mms.path, broken, audio=TINY)
    assert {"weights", "logits"} <= failed(result)
    assert [finding.kind for finding in result.findings] == ["weights"]


def failed(result: Result) -> set[str]:
    return {level.name for level in result.levels if level.verdict == "fail"}


@pytest.mark.wide
def test_a_recording_answers_for_every_language(mms: BuiltCtc, right: Path, tmp_path: Path) -> None:
    record(mms.path, tmp_path / "rec", audio=TINY)
    result = verify(mms.path, right, recording=tmp_path / "rec")
    assert result.verdict == "match"
    assert len(result.tokens) == 3


def test_a_diff_of_a_right_folder_finds_nothing_and_inspect_names_what_is_replaced(
    mms: BuiltCtc, right: Path
) -> None:
    assert diff(mms.path, right, audio=TINY).findings == ()
    dropped = [reason.name for reason in inspect(mms.path).dropped]
    assert any("19 more of `model`" in name for name in dropped)


def changed(change: Callable[[dict[str, Any]], None]) -> Callable[[Groups, State], dict[str, Any]]:
    """Saves sets of which something was changed."""

    def save(groups: Groups, state: State) -> dict[str, Any]:
        saved = in_sets(groups, state)
        change(saved["adapter"])
        return saved

    return save


def lose_a_tensor(sets: dict[str, Any]) -> None:
    sets["fra"]["model"].popitem()


def gain_a_tensor(sets: dict[str, Any]) -> None:
    sets["fra"]["model"]["w2v_encoder.w2v_model.mask_emb"] = torch.zeros(32)


def rename_a_language(sets: dict[str, Any]) -> None:
    sets["../fra"] = sets.pop("fra")


def exchange_dictionaries(sets: dict[str, Any]) -> None:
    sets["fra"]["task_state"] = sets["eng"]["task_state"]


def lose_a_dictionary(sets: dict[str, Any]) -> None:
    del sets["fra"]["task_state"]


def hold_nonsense(sets: dict[str, Any]) -> None:
    sets["fra"]["model"] = [1, 2]


REFUSALS = (
    (lose_a_tensor, "`fra` lacks `w2v_encoder.proj.bias`"),
    (gain_a_tensor, "`fra` has `w2v_encoder.w2v_model.mask_emb`"),
    (rename_a_language, "must name its languages by .* but has `../fra`"),
    (exchange_dictionaries, "The dictionary of `fra` must .* 33 symbols"),
    (lose_a_dictionary, "The dictionary of `fra` must begin with"),
    (hold_nonsense, r"`adapter\[fra\]` is something else"),
)


@pytest.mark.parametrize(("change", "said"), [*REFUSALS[:1], *(wide(*row) for row in REFUSALS[1:])])
def test_odd_sets_are_refused_in_one_sentence(
    change: Callable[[dict[str, Any]], None], said: str, build: Callable[..., Path], tmp_path: Path
) -> None:
    checkpoint = build(SETS, save=changed(change))
    with pytest.raises(BadInput, match=said):
        convert(checkpoint, tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


@pytest.fixture(scope="module")
def session(mms: BuiltCtc) -> Iterator[Session]:
    prepared = prepare(Inputs(checkpoint=mms.path))
    with open_session(prepared, read_clips(TINY)) as opened:
        yield opened


FAULTS = (
    "languages_exchanged:aze-script_latin-eng",
    "output_of_another_language:eng-fra",
    "one_language_everywhere:eng",
    "language_missing:fra",
    "sections_exchanged:vocab.json-eng-fra",
    "section_rows_swapped:vocab.json-aze-script_latin",
    "language_changed:target_lang=aze-script_latin",
    "symbols_shuffled:lm_head",
    "rows_swapped:vocab.json-first",
    "element_nudged:wav2vec2.encoder.layers.2.adapter_layer.norm.weight",
)


@pytest.mark.parametrize("name", [FAULTS[0], *map(wide, FAULTS[1:])])
def test_a_fault_of_the_catalogue_is_the_only_finding(
    name: str, session: Session, right: Path, broken: Path
) -> None:
    known = {f.name: f for f in single_faults(right, breakable_of(session.prepared))}
    fault = known[name]
    fault.break_folder(broken)
    (finding,) = diff_folder(session, broken).findings
    assert names(finding, fault.truth), finding.summary
    assert finding.hypothesis is not None
    assert finding.hypothesis.name in fault.truth.hypotheses


def test_the_card_says_how_another_language_is_spoken(right: Path) -> None:
    card = (right / "README.md").read_text(encoding="utf-8")
    assert 'model.load_adapter("fra")' in card
    assert 'set_target_lang("fra")' in card
    assert "To translate" not in card
