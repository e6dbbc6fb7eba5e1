import pytest

from toolkit.core.errors import BadInput
from toolkit.tasks import ctc, features, speech_seq2seq
from toolkit.tasks.known import Described, find_kind


def described(task, architecture="HubertModel", languages=(), default=None):
    return Described(
        task=task, architecture=architecture, languages=languages, default_language=default
    )


def test_a_task_is_known_by_its_name():
    assert find_kind(described("speech_seq2seq")) is speech_seq2seq.TASK
    assert find_kind(described("ctc")) is ctc.TASK
    assert find_kind(described("features")) is features.TASK


def test_what_pretraining_left_is_known_by_the_class_of_the_model():
    assert find_kind(described("features", "Wav2Vec2ForPreTraining")) is features.PRETRAINED


def test_languages_with_letters_of_their_own_are_asked_each_in_its_own():
    kind = find_kind(described("ctc", languages=("de", "fr"), default="fr"))
    assert 'set_target_lang("de")' in kind.words.notes
    assert kind.name == "ctc"


def test_a_task_that_this_version_does_not_know_is_refused():
    with pytest.raises(BadInput, match="`task` must be one of speech_seq2seq, ctc, .*, but is 'x'"):
        find_kind(described("x"))
