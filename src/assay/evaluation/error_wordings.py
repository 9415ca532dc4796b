"""How servers, networks, proxies, clients and LLM providers word their errors. `error_messages` reads by it."""

import re
from collections.abc import Mapping

from assay.contracts.conversation import FailureCause

TIMEOUT, RATE_LIMIT, SERVER_ERROR = FailureCause.TIMEOUT, FailureCause.RATE_LIMIT, FailureCause.SERVER_ERROR
REFUSED, UNAUTHORIZED = FailureCause.REFUSED, FailureCause.UNAUTHORIZED

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
FAILED = re.compile(
    r"\b(?:fail(?:ed|ure|s)|errors?|exceptions?|exhausted|retries|unable|could not|cannot|limited by)\b", re.IGNORECASE
)
SPOKEN_TO = re.compile(r"\b(?:you|your|you're|our|we|here|this|that)\b", re.IGNORECASE)

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
