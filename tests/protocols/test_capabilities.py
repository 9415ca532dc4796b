"""What a server refuses is learned from its words, and sent no more."""

import pytest

from assay.protocols import find_error
from assay.protocols.capabilities import Capabilities, capabilities_of, without_system

SENT = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
    "temperature": 0.5,
    "max_tokens": 50,
    "seed": 7,
    "stream": True,
    "stream_options": {"include_usage": True},
}


@pytest.mark.parametrize(
    ("status", "body", "gone"),
    [
        (400, {"error": {"message": "Unsupported value: 'temperature' does not support 0.5 with this model.",
                         "param": "temperature"}}, "temperature"),
        (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs"}]},
         "stream_options"),
        (400, {"error": {"message": "Unrecognized request argument supplied: seed"}}, "seed"),
        (400, {"object": "error", "message": "stream_options is not supported", "code": 400}, "stream_options"),
        (400, {"error": "stream_options: unknown field"}, "stream_options"),
    ],
)  # fmt: skip
def test_a_field_that_is_refused_is_left_out(status: int, body: dict, gone: str) -> None:
    known = Capabilities()
    error = find_error(body, status)
    assert error is not None
    assert known.learn(error, SENT)
    assert known.fitted(SENT) == {name: value for name, value in SENT.items() if name != gone}
    assert not known.learn(error, known.fitted(SENT))


def refused(words: str, status: int = 400):
    error = find_error({"error": {"message": words}}, status)
    assert error is not None
    return error


def test_max_tokens_goes_by_its_other_name_and_is_left_out_if_both_are_refused() -> None:
    known = Capabilities()
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    assert known.learn(refused(words), SENT)
    fitted = known.fitted(SENT)
    assert fitted["max_completion_tokens"] == 50
    assert "max_tokens" not in fitted
    assert known.learn(refused("Unknown parameter: max_completion_tokens"), fitted)
    assert not {"max_tokens", "max_completion_tokens"} & known.fitted(SENT).keys()


def test_a_limit_that_is_too_high_is_not_taken_for_a_name_that_is_refused() -> None:
    assert not Capabilities().learn(refused("max_tokens must be at most 32, got 50"), SENT)


@pytest.mark.parametrize(
    "words",
    [
        "System role not supported",
        "Conversation roles must alternate user/assistant/user/assistant/...",
        "This model does not support system messages",
        "Developer instruction is not enabled for models/gemma-3",
    ],
)
def test_without_a_system_role_its_words_go_before_the_users(words: str) -> None:
    known = Capabilities()
    assert known.learn(refused(words), SENT)
    assert known.fitted(SENT)["messages"] == [{"role": "user", "content": "Be kind.\n\nHi"}]
    assert not known.learn(refused(words), known.fitted(SENT))


@pytest.mark.parametrize(("status", "words"), [(401, "temperature"), (429, "seed"), (400, "context is too long")])
def test_other_refusals_teach_nothing(status: int, words: str) -> None:
    known = Capabilities()
    assert not known.learn(refused(words, status), SENT)
    assert known.fitted(SENT) is SENT


def test_what_was_learned_is_kept_for_the_server_and_the_model() -> None:
    assert capabilities_of("http://x/v1", "m") is capabilities_of("http://x/v1", "m")
    assert capabilities_of("http://x/v1", "m") is not capabilities_of("http://x/v1", "n")


def test_a_system_message_alone_becomes_the_users() -> None:
    assert without_system([{"role": "system", "content": "Hi"}]) == [{"role": "user", "content": "Hi"}]
