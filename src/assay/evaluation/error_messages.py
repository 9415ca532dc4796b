"""Texts that are the error message of a server, a network or an LLM provider, told from texts that speak of one.

A text is one only where it begins as machines begin: with a status line, the name of an exception, a JSON error body,
a page of a proxy, a label such as `Error:` before words of such a fault, or a provider's own sentence. A word in the
middle of a sentence is never enough.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.contracts.conversation import FailureCause

LONGEST = 20_000
"""Characters of a text that are read."""
LONGEST_SENTENCE = 1_500
"""Characters of a provider's sentence that stands without a label; longer texts are articles or answers."""
SHOWN = 160
DEEPEST = 5

TIMEOUT, RATE_LIMIT, SERVER_ERROR = FailureCause.TIMEOUT, FailureCause.RATE_LIMIT, FailureCause.SERVER_ERROR
REFUSED, UNAUTHORIZED = FailureCause.REFUSED, FailureCause.UNAUTHORIZED


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """What an error message says went wrong, and the words that say so."""

    cause: FailureCause
    words: str


def spoken_error(text: str) -> ErrorMessage | None:
    """An agent's turn that is nothing but an error message. None: it is talk, or an error of another kind."""
    text = _bare(text)
    return _from_page_or_json(text) or _from_text(text, talk=True) or _after_preface(text)


def returned_error(result: Any) -> ErrorMessage | None:
    """A tool's result (any JSON value) that is an error message."""
    return _from_result(result, depth=0)


def raised_error(text: str) -> ErrorMessage | None:
    """What is known to be a tool's error, where it is one of infrastructure and not of what was asked."""
    text = _bare(text)
    return _from_page_or_json(text) or _from_text(text, labelled=True) or _after_preface(text)


def _bare(text: str) -> str:
    """Without a code fence, quotes and signs of warning around it."""
    text = text[:LONGEST].strip()
    if fenced := re.fullmatch(r"```\w*\s*(.*?)\s*```", text, re.DOTALL):
        text = fenced.group(1)
    return re.sub(r"^[^\w{<\[(\"']+", "", text).strip()


def _found(cause: FailureCause, text: str) -> ErrorMessage:
    words = " ".join(text.split())
    return ErrorMessage(cause, words if len(words) <= SHOWN else f"{words[:SHOWN]}…")


# Names of errors: exception classes, gRPC and provider codes, all without dots, underscores and capitals.

NAMES: Mapping[str, FailureCause] = {
    name: cause
    for cause, names in {
        RATE_LIMIT: """ratelimit ratelimited ratelimiterror ratelimitexception ratelimitexceeded ratelimitexceedederror
            ratelimitreached toomanyrequests toomanyrequestserror toomanyrequestsexception resourceexhausted
            resourceexhaustederror throttling throttled throttlederror throttledexception throttlingerror
            throttlingexception quotaexceeded quotaexceedederror quotaexceededexception insufficientquota
            servicequotaexceededexception provisionedthroughputexceededexception requestlimitexceeded
            billinghardlimitreached tokensperminutelimitexceeded""",
        SERVER_ERROR: """internalservererror internalserverexception internalfailure internalerror servererror
            serviceunavailable serviceunavailableerror serviceunavailableexception overloaded overloadederror badgateway
            badgatewayerror engineoverloaded modeloverloaded modelnotreadyexception modelerrorexception
            modelstreamerrorexception remoteprotocolerror remotedisconnected serverdisconnectederror
            clientpayloaderror connectionreseterror connectionabortederror brokenpipeerror incompleteread
            chunkedencodingerror econnreset epipe inactiverpcerror""",
        TIMEOUT: """timeout timeouterror timeoutexception timedout apitimeouterror apitimeout readtimeout
            readtimeouterror connecttimeout connecttimeouterror writetimeout pooltimeout sockettimeoutexception
            sockettimeout servertimeouterror connectiontimeouterror gatewaytimeout gatewaytimeouterror requesttimeout
            requesttimeouterror deadlineexceeded deadlineexceedederror modeltimeoutexception etimedout
            esockettimedout""",
        REFUSED: """connectionrefused connectionrefusederror apiconnectionerror connectionerror connecterror
            clientconnectorerror clientconnectordnserror endpointconnectionerror newconnectionerror maxretryerror
            nameresolutionerror gaierror econnrefused enotfound ehostunreach eaiagain""",
        UNAUTHORIZED: """invalidapikey incorrectapikey invalidsubscriptionkey unrecognizedclientexception
            expiredtokenexception invalidsignatureexception""",
    }.items()
    for name in names.lower().split()
}
CODES: Mapping[str, FailureCause] = {
    "UNAVAILABLE": SERVER_ERROR,
    "INTERNAL": SERVER_ERROR,
    "DEADLINE_EXCEEDED": TIMEOUT,
    "RESOURCE_EXHAUSTED": RATE_LIMIT,
}
"""Of gRPC and Google, which in small letters are words of any tool: a seat is `unavailable`."""

NAMED = re.compile(r"<?(?P<name>(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)>?(?=\s*(?:$|[:(]|- |of RPC))")


PLAIN = frozenset({"timeout", "timed", "overloaded", "throttled", "throttling", "ratelimited"})
"""Names that are words too: as a name they stand alone."""


def _name(raw: str) -> FailureCause | None:
    last = raw.rsplit(".", 1)[-1]
    return CODES.get(last) or NAMES.get(re.sub(r"[^a-z]", "", last.lower()))


# Status lines

STATUS: Mapping[int, FailureCause] = {
    408: TIMEOUT,
    429: RATE_LIMIT,
    **dict.fromkeys((500, 502, 503, 520, 521, 522, 523, 525, 526, 529, 530), SERVER_ERROR),
    504: TIMEOUT,
    524: TIMEOUT,
}
NUMBER = r"(?P<status>408|429|50[0234]|52[0-69]|530)\b"
REASON = (
    r"(?:request time-?out|too many requests|resource[ _]exhausted|rate limit|you exceeded your current quota|"
    r"internal(?: server)? error|internal\b(?= *[.\[{]|$)|server error|bad gateway|gateway time-?out|"
    r"(?:the )?service (?:is )?(?:temporarily |currently )?unavailable|unavailable\b(?= *[.\[{]|$)|"
    r"deadline[ _]exceeded|overloaded|the model is overloaded|web server is down|connection timed out|"
    r"origin is unreachable|a timeout occurred|unknown error|quota exceeded|"
    r"provider returned error)"
)
SENDER = (
    r"(?:the |an? )?(?:(?:\w+ )?(?:request|api|server|upstream|service|gateway|model|endpoint|backend|proxy|call|"
    r"provider)|openai|anthropic|azure|gemini|google|bedrock|it)"
)
STATUS_CODE = r"(?:(?:http|status|error|response|code)[: ]+)+"
STATUS_LINES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:http(?: ?error|/\d(?:\.\d)?)?|(?:http )?status[ _]?code|http (?:status|error|response)(?: code)?|"
        rf"error[ _]?code|response (?:status|code))(?: code)?\W{{0,3}}{NUMBER}"
        rf"(?=\s*(?:$|[.,:;({{\[\-'\"<]|for\b|from\b|while\b|{REASON}))",
        rf"status\W{{1,3}}{NUMBER}\s*(?:$|{REASON})",
        rf"[\[(]?{NUMBER}\W{{1,4}}(?:(?:client|server) error\W+)?{REASON}(?! (?:is|was|are|errors?|pages?)\b)",
        rf"error {NUMBER}(?:\W{{1,4}}{REASON}|\W*$)",
        rf"(?:client|server) error '{NUMBER} [^']+' for url",
        rf"{NUMBER} (?:client|server) error: .{{0,80}} for url",
        rf"{SENDER} (?:failed with|returned|responded with|answered with|gave|received|got)(?: an?)? "
        rf"{STATUS_CODE}{NUMBER}",
        rf"{SENDER} (?:failed with|returned|responded with|answered with) {NUMBER}(?=\s*(?:$|[.:({{]|{REASON}))",
        rf"(?:received|got|unexpected|bad)(?: an?)? {STATUS_CODE}{NUMBER}",
    )
)
BARE_NUMBER = re.compile(rf"{NUMBER}\W*$")
OPERATION = re.compile(r"an error occurred \((?P<name>\w+)\) when calling the \w+ operation", re.IGNORECASE)
RETRIED = re.compile(r"(?:\w+\.)*RetryError[\[:( ].{0,200}? raised (?P<name>\w+)")
RPC = re.compile(r"rpc error: code = (?P<name>\w+)|<_\w*RpcError\b.{0,80}?StatusCode\.(?P<code>[A-Z_]+)", re.DOTALL)


# Sentences that no agent of a shop begins with, whatever comes after them.

DISTINCT = {
    cause: re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
    for cause, patterns in {
        RATE_LIMIT: (
            r"you(?: have|'ve)? exceeded your current quota",
            r"you(?: have|'ve) (?:exceeded|reached|hit) (?:your|the) (?:api|tokens?|requests?|rate)[ -]",
            r"rate limit (?:reached|exceeded) for [\w./:@-]+ ?(?:\(|in |on |with |:|per |\.|$)",
            r"(?:this|your) request would exceed (?:your|the) (?:organization|account|workspace|rate limit)",
            r"number of (?:\w+ )?(?:tokens|requests|connections) has exceeded",
            r"quota exceeded for (?:quota )?(?:metric|project|model|aiplatform|\w+\.googleapis)",
            r"resource (?:has been )?exhausted(?: \(|[.:,]|$)",
            r"(?:spike arrest|rate limit quota) violation",
            r"requests to the \S+ operation under azure openai",
            r"your requests to \S+ for \S+ in .{1,60} have exceeded",
            r"too many (?:requests|tokens),? please (?:wait|try|slow)",
            r"too many (?:concurrent )?(?:connections|requests) (?:in \d|from this)",
            r"(?:the )?model is getting throttled",
            r"(?:your )?request (?:was|has been) throttled",
            r"your credit balance is too low to access",
            r"(?:your account is not active|billing hard limit has been reached)",
            r"(?:daily|monthly|api|token|request|project) (?:request |token )?(?:quota|limit) (?:has been )?exceeded",
            r"(?:openai )?api request exceeded rate limit",
        ),
        TIMEOUT: (
            r"context deadline exceeded",
            r"(?:the )?model has timed out in processing",
            r"read timeout on endpoint url",
            r"connect timeout on endpoint url",
            r"httpsconnectionpool\(.{0,200}?(?:read timed out|connecttimeout)",
            r"upstream request timeout",
            r"stream timeout",
            r"the operation was timeout",
            r"timeout of \d+ ?m?s exceeded",
            r"connect etimedout\b",
            r"\[?errno (?:110|60)\b",
        ),
        SERVER_ERROR: (
            r"the server had an error (?:while )?processing your request",
            r"(?:the|that|this) (?:engine|model) is (?:currently |temporarily )?overloaded",
            r"the server is (?:currently )?overloaded or not ready",
            r"upstream connect error",
            r"no healthy upstream",
            r"bedrock is unable to process your request",
            r"the system encountered an unexpected error during processing",
            r"an internal error has occurred\. (?:please )?(?:retry|report)",
            r"(?:\('?connection aborted\b|connection broken: )",
            r"remote end closed connection",
            r"server disconnected(?: without sending a response)?\b",
            r"peer closed connection",
            r"(?:read )?econnreset\b",
            r"socket hang up",
            r"\[?errno (?:104|54|32)\b",
            r"connection reset by peer",
        ),
        REFUSED: (
            r"(?:connect )?econnrefused\b",
            r"could not connect to the endpoint url",
            r"httpsconnectionpool\(",
            r"httpconnectionpool\(",
            r"max retries exceeded with url",
            r"failed to establish a new connection",
            r"cannot connect to host",
            r"all connection attempts failed",
            r"getaddrinfo (?:failed|enotfound|eai_again)",
            r"name or service not known",
            r"temporary failure in name resolution",
            r"error communicating with openai",
            r"\[?errno (?:111|61|-2|-3|113)\b",
            r"<urlopen error",
            r"curl: \(\d+\)",
        ),
        UNAUTHORIZED: (
            r"incorrect api key provided",
            r"invalid x-api-key",
            r"api key not valid",
            r"access denied due to invalid subscription key",
            r"the security token included in the request is (?:invalid|expired)",
            r"you didn't provide an api key",
            r"the api[_ ]key client option must be set",
            r"could not resolve authentication method",
        ),
    }.items()
}

# Words that are an error message only where little else is said.

MACHINE = (
    r"(?:(?:the|a|an) )?(?:(?:http|https|api|endpoint|tool|model|upstream|llm|database|agent|read|connect|network|"
    r"backend|remote|openai|anthropic|bedrock|gemini|azure) )*(?:request|operation|call|connection|read|query|stream|"
    r"server|gateway|model|upstream|tool|function|api|command|execution|socket|llm|completion|response|service|"
    r"database)(?: call| request| execution)?(?: [`'\"][^`'\"\s]{1,80}[`'\"])?"
)
BARE = {
    cause: "|".join(patterns)
    for cause, patterns in {
        RATE_LIMIT: (
            r"(?:the )?(?:(?:api|token|request) )?rate[ _-]?limit"
            r"(?: has been| was| is)? ?(?:exceeded|reached|hit|error)",
            r"rate (?:limited|exceeded)",
            r"(?:(?:daily|weekly|monthly|session|ai|claude) ){0,2}usage limit (?:has been )?(?:reached|exceeded)",
            r"exceeded (?:the |your )?(?:api |token )?(?:quota|rate limit)",
            r"too many requests",
            r"(?:api |token )?quota (?:has been |was |is )?(?:exceeded|exhausted)",
            r"(?:insufficient|out of)[ _]quota",
        ),
        TIMEOUT: (
            rf"{MACHINE}(?: has| was| is)? (?:timed[ -]?out|time-?out)(?: error)?",
            r"(?:timeout|timed out|timeout error|read timed out|gateway time-?out|deadline exceeded)",
            r"timeout (?:exceeded|expired|reached|waiting|while)",
        ),
        SERVER_ERROR: (
            r"internal(?: server)? error",
            r"(?:unexpected )?server error",
            r"bad gateway",
            r"(?:backend|upstream) error",
            r"(?:the )?(?:service|server|model|api|backend|upstream|system)(?: is)?(?: currently| temporarily)?"
            r" (?:unavailable|overloaded)",
            r"overloaded",
            r"(?:the )?connection (?:was |has been )?(?:reset|closed|aborted|dropped|lost)"
            r"(?: by (?:peer|the server|server|remote host|the remote host))?",
        ),
        REFUSED: (
            r"(?:the )?connection (?:was )?refused",
            r"(?:api )?connection error",
            r"network error",
            r"max(?:imum)? retries (?:exceeded|reached)",
            r"(?:could not|cannot|can't|failed to|unable to) (?:connect to|reach)(?: the)? (?:\w+ )?"
            r"(?:server|api|host|model|backend|endpoint|service|database|provider|openai|anthropic|bedrock|gemini)",
        ),
        UNAUTHORIZED: (r"(?:invalid|incorrect|missing|expired|no)[ _]api[ _-]?key(?: provided)?",),
    }.items()
}
LITTLE_ELSE = (
    r"(?: after [\d.]+ ?\w+| [\[({<].*|: ?(?=[\[({<'\"]|https?:|\w+[._]\w+).*|[.,;:!]? *(?:please )?(?:re-?try|try)\b.*"
    r"| (?:for|at) url\b.*)?[.!…]*\s*$"
)
MORE = (
    r"(?:\W*$|[.,:;!(\[{<\n]| - | [\[({<]| (?:after|while|at|when|waiting|please|contacting|connecting|calling|"
    r"error|due to|from (?:the )?(?:server|upstream|host|https?)|for (?:url|host|https?|request|model|tool))\b)"
)
ALONE = {cause: re.compile(f"(?:{bare}){LITTLE_ELSE}", re.IGNORECASE | re.DOTALL) for cause, bare in BARE.items()}
LABELLED = {cause: re.compile(f"(?:{bare}){MORE}", re.IGNORECASE) for cause, bare in BARE.items()}

LABEL = re.compile(
    r"""
    (?: \[?(?:fatal\s|critical\s|unhandled\s|unexpected\s|uncaught\s)?
        (?:error|exception|failure|failed|fatal|critical)\]?\s*[:\-–]\s*
      | \[[\w .]{0,40}(?:error|exception|fatal)\]:?\s*
      | (?:(?:error|status)\ code:?\ ?)?\d{3}(?:\ -|:)?\ (?=[{<])
      | <class\ '[\w.]+'>:?\s*
      | request\ to\ \S+\ failed,\ reason:\s*
      | (?:(?:api|llm|model|agent|tool|function|server|http|internal|network|system|runtime|provider|openai|anthropic|
            azure|gemini|google|vertex\ ai|bedrock|litellm|upstream|execution|completion|request|call|status|
            mcp)\s){1,3}
        (?:error|exception|failed|failure|call\ failed)(?:\s-?\d{5})?\s*[:\-–(]\s*
      | error\s(?:executing|calling|running|invoking|in|from|during|while|communicating|generating|fetching|getting|
            processing|making|on|at)\b[^:\n]{0,100}(?:https?://\S+)?:\s+
      | (?:failed|unable|could\snot)\s(?:to\s)?(?:call|execute|run|invoke|generate|get|fetch|complete)\b[^:\n]{0,80}:\s+
      | (?:an?\s)?(?:\w+\s)?(?:error|exception)\s(?:occurred|was\sraised|happened)[^:\n(]{0,80}:\s*
      | (?:[A-Za-z_]\w*\.)*(?-i:[A-Z])\w*(?:(?-i:Error|Exception))\s*[:(]\s*["']?
    )""",
    re.IGNORECASE | re.VERBOSE,
)
TALK = re.compile(
    r"\?\s*$|\bmeans\b|\blet me\b|\b(?:would|can|could|may) you\b|\bi(?:'ll|'ve|'m)\b|"
    r"\bi (?:can|will|see|understand|recommend|suggest|would|have|am|checked|looked)\b|\byou should\b|\busually\b",
    re.IGNORECASE,
)
APOLOGY = re.compile(
    r"(?:(?:i'?m|i am|we'?re|we are|i|we) )?(?:(?:so|very|really|terribly) )?"
    r"(?:sorry|apologi[sz]e|apologies|oops|unfortunately|something went wrong|"
    r"(?:encountered|ran into|got|received|hit) an? [^:\n]{0,40}(?:error|problem|issue))[^:\n]{0,160}[:\n]\s*",
    re.IGNORECASE,
)

PREFACE = 200
FAILED = re.compile(
    r"\b(?:fail(?:ed|ure|s)|errors?|exceptions?|exhausted|retries|unable|could not|cannot|limited by)\b", re.IGNORECASE
)
SPOKEN_TO = re.compile(r"\b(?:you|your|you're|our|we|here|this|that)\b", re.IGNORECASE)


def _from_text(text: str, *, labelled: bool = False, talk: bool = False) -> ErrorMessage | None:
    """`labelled`: it is known to be an error. `talk`: it may be a person's or an agent's sentence."""
    if talk and TALK.search(text[:LONGEST_SENTENCE]) and not STATUS_LINES[0].match(text):
        return None
    if text.startswith("Traceback (most recent call last)"):
        return _from_text(text.splitlines()[-1].strip(), labelled=True)
    rest = text
    for _ in range(6):
        if (found := _machine(rest)) is not None:
            return _found(found, text)
        label = LABEL.match(rest)
        if label is None:
            break
        rest, labelled = rest[label.end() :], True
        if rest.startswith(("{", "[", "<")) and (inner := _from_page_or_json(rest)) is not None:
            return _found(inner.cause, text)
    if labelled and BARE_NUMBER.match(rest):
        return _found(STATUS[int(rest[:3])], text)
    if not labelled and len(rest) > LONGEST_SENTENCE:
        return None
    sentences = (DISTINCT, LABELLED) if labelled else (DISTINCT, ALONE)
    for patterns in sentences:
        for cause, pattern in patterns.items():
            if pattern.match(rest):
                return _found(cause, text)
    return None


def _machine(text: str) -> FailureCause | None:
    """Status lines and names of exceptions: no one speaks like that."""
    if named := NAMED.match(text):
        word = named["name"].lower() in PLAIN and text[named.end() :].strip(" .!")
        if not word and (cause := _name(named["name"])) is not None:
            return cause
    if operation := OPERATION.match(text):
        return _name(operation["name"])
    if retried := RETRIED.match(text):
        return _name(retried["name"])
    if (rpc := RPC.match(text)) and (cause := _name(rpc["name"] or rpc["code"])):
        return cause
    if (rpc := re.match(r"\[?\d{1,3} (?P<code>[A-Z_]{8,20})\b", text)) and rpc["code"] in CODES:
        return CODES[rpc["code"]]
    for line in STATUS_LINES:
        if status := line.match(text):
            return STATUS.get(int(status["status"]), SERVER_ERROR)
    return None


def _after_preface(text: str) -> ErrorMessage | None:
    """`I'm sorry, something went wrong: openai.RateLimitError: …`, `Summary failed: HTTP 503 Service Unavailable`."""
    prefaces = [preface.end() for preface in [APOLOGY.match(text)] if preface]
    for colon in re.finditer(r":\s+", text[:PREFACE]):
        said = text[: colon.start()]
        if FAILED.search(said) and not SPOKEN_TO.search(said):
            prefaces.append(colon.end())
    return next((_found(cause, text) for end in prefaces if (cause := _unmistakable(text[end:]))), None)


def _unmistakable(text: str) -> FailureCause | None:
    """What no one says: the rest of a text whose beginning may be anyone's."""
    if TALK.search(text[:LONGEST_SENTENCE]):
        return None
    if inner := _from_page_or_json(text):
        return inner.cause
    for _ in range(3):
        cause = _machine(text) or next((cause for cause, pattern in DISTINCT.items() if pattern.match(text)), None)
        if cause is not None:
            return cause
        label = LABEL.match(text)
        if label is None:
            return None
        text = text[label.end() :]
    return None


# JSON and pages

TITLE = re.compile(r"<(?:title|h1)>\s*(.{0,200}?)\s*</(?:title|h1)>", re.IGNORECASE | re.DOTALL)
PAGE_TITLE = re.compile(rf"(?:[\w.-]+ ?\| ?)?(?:error )?{NUMBER}\W{{0,4}}(?:{REASON}|$)|{REASON}$", re.IGNORECASE)
NAME_KEYS = ("code", "type", "__type", "status", "reason", "name", "error", "error_code", "errorCode", "Code")
STATUS_KEYS = ("statusCode", "status_code", "http_status", "httpStatus", "httpStatusCode", "HTTPStatusCode")
CODE_KEYS = ("code", "status", "error_code", "errorCode")
MESSAGE_KEYS = (
    *("message", "error", "detail", "title", "reason", "error_message", "errorMessage", "error_description", "msg"),
    *("Message", "faultstring", "description", "text", "statusText", "content", "errors", "result", "output"),
)
INNER_KEYS = ("error", "errors", "fault", "detail", "cause", "body", "response", "data", "message", "content", "Error")
WRAPPERS = frozenset({"result", "output", "content", "response", "text", "data", "type"})


def _from_page_or_json(text: str) -> ErrorMessage | None:
    if text[:1] == "<":
        if title := TITLE.search(text[:4_000]):
            words = " ".join(title.group(1).split())
            if (match := PAGE_TITLE.match(words)) is not None:
                return _found(STATUS.get(int(match["status"] or 500), SERVER_ERROR), words)
        return None
    if text[:1] in ("{", "["):
        value = _loaded(text)
        return None if value is None or isinstance(value, str) else _from_result(value, depth=0)
    return None


def _loaded(text: str) -> Any:
    """JSON, or a Python literal as str() of a dict writes it. None: neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _from_result(value: Any, depth: int) -> ErrorMessage | None:
    if depth > DEEPEST:
        return None
    match value:
        case str():
            return spoken_error(value)
        case [only]:
            return _from_result(only, depth + 1)
        case dict() if _is_error_body(value):
            return _from_body(value)
        case dict() if value and value.keys() <= WRAPPERS:
            inner = [part for key, part in value.items() if key != "type"]
            return _from_result(inner[0], depth + 1) if len(inner) == 1 else None
        case _:
            return None


def _is_error_body(value: Mapping[Any, Any]) -> bool:
    return bool(
        value.get("error")
        or value.get("errors")
        or value.get("Error")
        or value.get("fault")
        or value.get("type") == "error"
        or "__type" in value
        or value.get("isError") is True
        or value.get("is_error") is True
        or str(value.get("name", "")).endswith(("Error", "Exception"))
        or value.get("success") is False
        or value.get("ok") is False
        or str(value.get("status", "")).lower() in ("error", "failed", "failure")
        or any(_status(value.get(key)) for key in STATUS_KEYS)
        or (value.keys() <= {"message", "detail", "title", "status", "type", "instance", "code", "Message"})
    )


def _from_body(body: Mapping[Any, Any]) -> ErrorMessage | None:
    """By its codes, then its words, then its status."""
    parts = list(_parts(body, 0))
    shown = json.dumps(body, ensure_ascii=False, default=str)
    for part in parts:
        for key in NAME_KEYS:
            raw = part.get(key)
            if isinstance(raw, str) and len(raw) < 80 and (cause := _name(raw)) is not None:
                return _found(cause, shown)
    for part in parts:
        for key in MESSAGE_KEYS:
            raw = part.get(key)
            if isinstance(raw, str) and (found := raised_error(raw) if raw[:1] not in "{[" else None) is not None:
                return _found(found.cause, shown)
    marked = (
        any(key in body for key in ("error", "errors", "Error", "fault", "success", "ok"))
        or body.get("type") == "error"
    )
    for part in parts:
        for key in (*STATUS_KEYS, *(CODE_KEYS if marked else ())):
            if (cause := _status(part.get(key))) is not None:
                return _found(cause, shown)
    return None


def _status(raw: Any) -> FailureCause | None:
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) == 3:
        raw = int(raw)
    return STATUS.get(raw) if isinstance(raw, int) and not isinstance(raw, bool) else None


def _parts(body: Mapping[Any, Any], depth: int) -> Iterator[Mapping[Any, Any]]:
    """The body and the objects in it that say more of the error."""
    yield body
    if depth >= DEEPEST:
        return
    for key in INNER_KEYS:
        inner = body.get(key)
        if isinstance(inner, str) and inner[:1] == "{":
            inner = _loaded(inner[:LONGEST])
        for part in inner if isinstance(inner, list) else [inner]:
            if isinstance(part, dict):
                yield from _parts(part, depth + 1)
