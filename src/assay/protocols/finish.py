"""Why an answer ended, in the words of each protocol."""

from assay.contracts.conversation import FinishReason

_REASONS: dict[FinishReason, tuple[str, ...]] = {
    FinishReason.STOP: (
        *("stop", "stop_sequence", "end_turn", "pause_turn", "eos", "eos_token", "complete", "completed", "done"),
        *("end", "finished", "finish", "stop_token"),
    ),
    FinishReason.LENGTH: (
        *("length", "max_tokens", "max_output_tokens", "model_length", "limit", "max_length", "token_limit"),
        *("model_context_window_exceeded", "context_length_exceeded", "incomplete"),
    ),
    FinishReason.CONTENT_FILTER: (
        *("content_filter", "content_filtered", "safety", "recitation", "blocklist", "prohibited_content", "spii"),
        *("image_safety", "guardrail_intervened", "error_toxic", "sensitive", "model_armor", "blocked"),
    ),
    FinishReason.REFUSAL: ("refusal", "refused"),
    FinishReason.TOOL_CALLS: ("tool_calls", "tool_call", "tool_use", "function_call", "tool_calls_required"),
    FinishReason.ERROR: (
        *("error", "failed", "cancelled", "canceled", "abort", "aborted", "malformed_function_call"),
        *("unexpected_tool_call", "insufficient_system_resource", "timeout"),
    ),
}
_BY_WORD = {word: reason for reason, words in _REASONS.items() for word in words}


def read_finish_reason(reason: object) -> FinishReason | None:
    """None: the server does not say. What it says in words of its own is UNKNOWN.

    Knows the words of OpenAI (chat, Responses), Anthropic, Gemini, Bedrock, Cohere, Mistral, Ollama, TGI and
    llama.cpp.
    """
    if isinstance(reason, dict):  # some servers wrap it: {"type": "stop"}
        reason = reason.get("type") or reason.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        return None
    word = reason.strip().lower().replace("-", "_").replace(" ", "_").removeprefix("finish_reason_")
    if word in ("null", "none", "unspecified", "in_progress"):
        return None
    return _BY_WORD.get(word, FinishReason.UNKNOWN)
