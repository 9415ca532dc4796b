"""A model's reasoning, kept apart from what it says.

Servers send reasoning in fields of its own, or leave it in the text between marks. The marks are those that models
are trained on: `<think>` (DeepSeek, Qwen), `<thinking>`, `[THINK]` (Mistral), `<|START_THINKING|>` (Cohere),
`◁think▷` (Kimi), and the channels of OpenAI's harmony format (gpt-oss).
"""

import re
from typing import NamedTuple

MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
_CLOSING = dict(MARKS)
_STARTS = (*_CLOSING, "<|channel|>", "<|start|>assistant<|channel|>")
_OPEN = re.compile(r"^[ \t]*(" + "|".join(re.escape(mark) for mark, _ in MARKS) + r")", re.MULTILINE)
_NEXT = re.compile(r"\s*(" + "|".join(re.escape(mark) for mark, _ in MARKS) + r")")
_CLOSE = re.compile("|".join(re.escape(mark) for _, mark in MARKS))
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)

_HARMONY = re.compile(r"<\|(?:start|channel|message|end|return|call|constrain)\|>")
_HARMONY_PART = re.compile(
    r"(?:<\|start\|>(?P<role>[^<]*))?"
    r"<\|channel\|>(?P<channel>[^<]*)(?:<\|constrain\|>(?P<format>[^<]*))?"
    r"<\|message\|>(?P<text>.*?)(?=<\|end\|>|<\|return\|>|<\|call\|>|<\|start\|>|<\|channel\|>|\Z)",
    re.DOTALL,
)
_BARE_HARMONY = re.compile(
    r"\A(?:assistant)?analysis(?=[A-Z\s\W])(?P<reasoning>.*?)assistantfinal(?P<text>.*)\Z", re.DOTALL
)
"""Harmony after a server has dropped its special tokens."""


class HarmonyCall(NamedTuple):
    name: str
    arguments: str


class Split(NamedTuple):
    text: str
    """What is said to the user."""
    reasoning: str
    """Empty: there is none."""
    calls: tuple[HarmonyCall, ...] = ()
    """Tool calls that are written in the text, as harmony does."""


def split_reasoning(text: str) -> Split:
    """The text without the reasoning in it, and the reasoning.

    Reasoning that is never closed, as in an answer that was cut, leaves nothing that was said. A closing mark without
    an opening one ends reasoning too: some servers put the opening one into the prompt. A mark counts at the start of
    a line only, and not inside code.
    """
    if _HARMONY.search(text):
        return _split_harmony(text)
    if match := _BARE_HARMONY.match(text):
        return Split(match["text"].strip(), match["reasoning"].strip())
    if not _CLOSE.search(text) and not _OPEN.search(text):
        return Split(text, "")
    said: list[str] = []
    thought: list[str] = []
    at = 0
    while at < len(text):
        code = [match.span() for match in _CODE.finditer(text, at)]
        opening = _NEXT.match(text, at) if thought else None
        opening = opening or _outside(_OPEN, text, at, code)
        closing = _outside(_CLOSE, text, at, code) if not thought else None
        if closing is not None and (opening is None or closing.start() < opening.start()):
            thought.append(text[at : closing.start()])
            at = closing.end()
        elif opening is not None:
            said.append(text[at : opening.start()])
            mark = _CLOSING[opening[1]]
            end = text.find(mark, opening.end())
            thought.append(text[opening.end() :] if end < 0 else text[opening.end() : end])
            at = len(text) if end < 0 else end + len(mark)
        else:
            break
    if not thought:
        return Split(text, "")
    said.append(text[at:])
    return Split("".join(said).strip(), "\n".join(part.strip() for part in thought if part.strip()))


def opens_reasoning(start: str) -> bool:
    """Whether a text that starts so is, or may become, one that starts with reasoning."""
    return any(start.startswith(mark) or mark.startswith(start) for mark in _STARTS) if start else False


def closes_reasoning(end: str) -> bool:
    """Whether reasoning ends somewhere in it."""
    return _CLOSE.search(end) is not None or "<|channel|>final" in end


def _outside(pattern: re.Pattern[str], text: str, at: int, code: list[tuple[int, int]]) -> re.Match[str] | None:
    for match in pattern.finditer(text, at):
        if not any(start <= match.start() < end for start, end in code):
            return match
    return None


def _split_harmony(text: str) -> Split:
    said: list[str] = []
    thought: list[str] = []
    calls: list[HarmonyCall] = []
    at = 0
    for part in _HARMONY_PART.finditer(text):
        if outside := _HARMONY.sub("", text[at : part.start()]).strip():
            said.append(outside)
        at = part.end()
        header = f"{part['role'] or ''} {part['channel']}"
        recipient = re.search(r"\bto=(\S+)", header)
        channel = part["channel"].split()[0] if part["channel"].split() else ""
        if recipient:
            calls.append(HarmonyCall(recipient[1].removeprefix("functions."), part["text"].strip()))
        elif channel == "analysis":
            thought.append(part["text"].strip())
        else:
            said.append(part["text"].strip())
    rest = text[at:]
    if not at:
        rest = re.sub(r"\A<\|start\|>\s*\w*", "", rest)
    if rest := _HARMONY.sub("", rest).strip():
        said.append(rest)
    return Split("\n".join(part for part in said if part), "\n".join(part for part in thought if part), tuple(calls))
