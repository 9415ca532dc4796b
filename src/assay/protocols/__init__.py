"""What LLM servers and agent frameworks send, read in one place: messages, tool calls, answers, streams, errors.

Everything here is pure: bytes or JSON in, values out. Text is cleaned on the way (`contracts.text.clean`).
"""

from assay.protocols.answers import Answer, read_answer
from assay.protocols.bodies import BodyReader, Response, decompressed, read_refusal, read_response
from assay.protocols.capabilities import Capabilities, capabilities_of
from assay.protocols.errors import ServerError, UnusableAnswer, cause_of_status, find_error
from assay.protocols.finish import read_finish_reason
from assay.protocols.messages import UnknownRole, is_message, messages_in, read_message, turns_of
from assay.protocols.parts import text_of
from assay.protocols.reasoning import split_reasoning
from assay.protocols.sse import Event, EventReader
from assay.protocols.streams import StreamedAnswer
from assay.protocols.tool_calls import read_arguments, read_result
from assay.protocols.usage import Tokens, read_count, read_usage
from assay.protocols.values import parse_json, storable

__all__ = [
    "Answer",
    "BodyReader",
    "Capabilities",
    "Event",
    "EventReader",
    "Response",
    "ServerError",
    "StreamedAnswer",
    "Tokens",
    "UnknownRole",
    "UnusableAnswer",
    "capabilities_of",
    "cause_of_status",
    "decompressed",
    "find_error",
    "is_message",
    "messages_in",
    "parse_json",
    "read_answer",
    "read_arguments",
    "read_count",
    "read_finish_reason",
    "read_message",
    "read_refusal",
    "read_response",
    "read_result",
    "read_usage",
    "split_reasoning",
    "storable",
    "text_of",
    "turns_of",
]
