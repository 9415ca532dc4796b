"""Error messages of servers are told from talk about errors."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.conversation import FailureCause
from assay.evaluation.error_messages import raised_error, returned_error, spoken_error
from assay.evaluation.infrastructure import find_fault
from tests.evaluation.make import conversation

TIMEOUT, RATE_LIMIT, SERVER_ERROR = FailureCause.TIMEOUT, FailureCause.RATE_LIMIT, FailureCause.SERVER_ERROR
REFUSED, UNAUTHORIZED = FailureCause.REFUSED, FailureCause.UNAUTHORIZED

OPENAI_QUOTA = {
    "error": {
        "message": "You exceeded your current quota, please check your plan and billing details. For more information "
        "on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
    }
}
ERRORS = [
    # OpenAI
    (RATE_LIMIT, f"Error code: 429 - {OPENAI_QUOTA}"),
    (RATE_LIMIT, json.dumps(OPENAI_QUOTA)),
    (RATE_LIMIT, str(OPENAI_QUOTA)),
    (RATE_LIMIT, "You exceeded your current quota, please check your plan and billing details."),
    (RATE_LIMIT, f"openai.RateLimitError: Error code: 429 - {OPENAI_QUOTA}"),
    (
        RATE_LIMIT,
        "Rate limit reached for gpt-4o in organization org-abc on tokens per min (TPM): Limit 30000, Used 29000, "
        "Requested 2000. Please try again in 2s. Visit https://platform.openai.com/account/rate-limits to learn more.",
    ),
    (
        SERVER_ERROR,
        "The server had an error while processing your request. Sorry about that! You can retry your request, or "
        "contact us through our help center at help.openai.com if the error persists.",
    ),
    (SERVER_ERROR, "That model is currently overloaded with other requests. You can retry your request."),
    (SERVER_ERROR, "The engine is currently overloaded, please try again later"),
    (TIMEOUT, "Request timed out."),
    (TIMEOUT, "openai.APITimeoutError: Request timed out."),
    (REFUSED, "openai.APIConnectionError: Connection error."),
    (REFUSED, "Connection error."),
    (
        UNAUTHORIZED,
        "Incorrect API key provided: sk-abc***xyz. You can find your API key at https://platform.openai.com.",
    ),
    (REFUSED, "Error communicating with OpenAI: HTTPSConnectionPool(host='api.openai.com', port=443)"),
    (RATE_LIMIT, "RateLimitError"),
    (RATE_LIMIT, "insufficient_quota"),
    # Anthropic
    (SERVER_ERROR, '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'),
    (
        SERVER_ERROR,
        "Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}",
    ),
    (SERVER_ERROR, '{"type":"error","error":{"type":"api_error","message":"Internal server error"}}'),
    (
        RATE_LIMIT,
        '{"type":"error","error":{"type":"rate_limit_error","message":"Number of request tokens has exceeded"}}',
    ),
    (
        RATE_LIMIT,
        "This request would exceed your organization's rate limit of 50,000 input tokens per minute. For details, see "
        "https://docs.anthropic.com. Please reduce the prompt length or try later.",
    ),
    (RATE_LIMIT, "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."),
    (UNAUTHORIZED, '{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}'),
    (SERVER_ERROR, "anthropic.InternalServerError: Error code: 500"),
    (SERVER_ERROR, "Overloaded"),
    # Google
    (RATE_LIMIT, '{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}'),
    (RATE_LIMIT, "429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'message': 'Resource has been exhausted'}}"),
    (RATE_LIMIT, "google.api_core.exceptions.ResourceExhausted: 429 Quota exceeded for quota metric 'Generate'"),
    (RATE_LIMIT, "429 Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute"),
    (SERVER_ERROR, "503 UNAVAILABLE. {'error': {'code': 503, 'message': 'The model is overloaded.'}}"),
    (SERVER_ERROR, "500 INTERNAL. {'error': {'code': 500}}"),
    (TIMEOUT, "504 DEADLINE_EXCEEDED"),
    (TIMEOUT, "google.api_core.exceptions.DeadlineExceeded: 504 Deadline Exceeded"),
    (
        SERVER_ERROR,
        "[GoogleGenerativeAI Error]: Error fetching from https://generativelanguage.googleapis.com/v1beta/models/"
        "gemini-pro:generateContent: [503 Service Unavailable] The model is overloaded. Please try again later.",
    ),
    (UNAUTHORIZED, "API key not valid. Please pass a valid API key."),
    (SERVER_ERROR, "The service is currently unavailable."),
    # Azure
    (
        RATE_LIMIT,
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-02-01 have exceeded the "
        "token rate limit of your current OpenAI S0 pricing tier. Please retry after 20 seconds.",
    ),
    (RATE_LIMIT, '{"statusCode": 429, "message": "Rate limit is exceeded. Try again in 12 seconds."}'),
    (UNAUTHORIZED, "Access denied due to invalid subscription key or wrong API endpoint."),
    (TIMEOUT, '{"error":{"code":"Timeout","message":"The operation was timeout."}}'),
    # Bedrock
    (
        RATE_LIMIT,
        "An error occurred (ThrottlingException) when calling the InvokeModel operation (reached max retries: 4): Too "
        "many requests, please wait before trying again.",
    ),
    (RATE_LIMIT, "botocore.errorfactory.ThrottlingException: An error occurred"),
    (RATE_LIMIT, '{"__type":"ThrottlingException","message":"Too many tokens, please wait before trying again."}'),
    (TIMEOUT, "An error occurred (ModelTimeoutException) when calling the Converse operation: timed out"),
    (SERVER_ERROR, "An error occurred (ServiceUnavailableException) when calling the Converse operation"),
    (TIMEOUT, 'Read timeout on endpoint URL: "https://bedrock-runtime.us-east-1.amazonaws.com/model"'),
    (REFUSED, 'Could not connect to the endpoint URL: "https://bedrock-runtime.us-east-1.amazonaws.com/"'),
    (UNAUTHORIZED, "An error occurred (UnrecognizedClientException) when calling the Converse operation: bad token"),
    # HTTP, proxies, networks
    (RATE_LIMIT, "429 Too Many Requests"),
    (RATE_LIMIT, "Error: 429 Too Many Requests"),
    (RATE_LIMIT, "HTTP 429"),
    (RATE_LIMIT, "Client error '429 Too Many Requests' for url 'https://api.openai.com/v1/chat/completions'"),
    (SERVER_ERROR, "HTTP/1.1 502 Bad Gateway"),
    (SERVER_ERROR, "502 Bad Gateway"),
    (SERVER_ERROR, "503 Server Error: Service Unavailable for url: https://shop.example/orders"),
    (SERVER_ERROR, "500 Internal Server Error"),
    (SERVER_ERROR, "Internal Server Error"),
    (TIMEOUT, "504 Gateway Time-out"),
    (SERVER_ERROR, "Request failed with status code 503"),
    (SERVER_ERROR, "The server returned status 500"),
    (SERVER_ERROR, "API error: service unavailable"),
    (SERVER_ERROR, "upstream connect error or disconnect/reset before headers. reset reason: connection termination"),
    (
        SERVER_ERROR,
        "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>nginx</body></html>",
    ),
    (SERVER_ERROR, "<!DOCTYPE html><html><head><title>shop.example | 522: Connection timed out</title></head></html>"),
    (TIMEOUT, "context deadline exceeded"),
    (TIMEOUT, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
    (SERVER_ERROR, "14 UNAVAILABLE: No connection established"),
    (TIMEOUT, "timeout of 30000ms exceeded"),
    (TIMEOUT, "httpx.ReadTimeout: The read operation timed out"),
    (TIMEOUT, "TimeoutError"),
    (REFUSED, "connect ECONNREFUSED 127.0.0.1:8080"),
    (REFUSED, "ConnectionRefusedError: [Errno 111] Connection refused"),
    (SERVER_ERROR, "ConnectionResetError: [Errno 104] Connection reset by peer"),
    (SERVER_ERROR, "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))"),
    (REFUSED, "HTTPSConnectionPool(host='api.shop.example', port=443): Max retries exceeded with url: /v1/orders"),
    (REFUSED, "Error: getaddrinfo ENOTFOUND api.shop.example"),
    (SERVER_ERROR, "socket hang up"),
    (TIMEOUT, "⚠️ Error: the request timed out after 60 s"),
    (TIMEOUT, "MCP error -32001: Request timed out"),
    (RATE_LIMIT, "litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota"),
    (RATE_LIMIT, "Error: quota exceeded"),
    (RATE_LIMIT, "Error executing tool search_orders: 429 Too Many Requests"),
    (
        RATE_LIMIT,
        "Traceback (most recent call last):\n  File 'agent.py', line 3, in reply\n    raise\n"
        "openai.RateLimitError: Error code: 429",
    ),
    (RATE_LIMIT, "I'm sorry, something went wrong: openai.RateLimitError: Error code: 429"),
    (RATE_LIMIT, "Sorry, I ran into an error: You exceeded your current quota, please check your plan."),
]


@pytest.mark.parametrize(("cause", "text"), ERRORS, ids=[text[:50] for _, text in ERRORS])
def test_an_error_message_is_one_as_an_answer_a_result_and_an_error(cause, text):
    for read in (spoken_error, returned_error, raised_error):
        found = read(text)
        assert found is not None, read
        assert found.cause is cause
    assert find_fault(conversation("Hi.", text))[1].cause is cause


HARMLESS = [
    "I'm sorry that your parcel is late; the carrier's time-out at customs was two days.",
    "There was an error in your order: you were charged 500 dollars instead of 429.",
    "Your flight HAT500 leaves at 5:03 and costs $503.",
    "429 Main Street is the address we have. Is that right?",
    "500 points were added to your account.",
    "502 is your room number; breakfast is from seven.",
    "The server will bring your bill in a moment.",
    "Our servers are busy tonight, so a table for two takes 20 minutes.",
    "Server: Anna. Table: 12.",
    "You have exceeded your baggage quota of two bags, so a third costs 50 dollars.",
    "Your return window timed out last week, I'm afraid.",
    "Your session timed out because the payment page was open for too long. Would you like to start again?",
    "I see an error with the payment method. Could you use another card?",
    "Error: flight HAT030 not available on date 2024-05-13",
    "Error: gift card balance is not enough",
    "Error: payment amount does not add up, total price is 500, but paid 429",
    "Error: reservation 503 not found",
    "Error 501: passenger not found",
    "Error: seat quota exceeded on flight HAT290",
    "Error: user not found",
    "KeyError: 'order'",
    "ValueError: amount 500 is more than what was paid",
    "Connection flights leave from gate 12.",
    "Your connection was refused boarding because the visa is missing.",
    "The connection in Frankfurt is tight: 45 minutes.",
    "The service is unavailable on Sundays, so I booked it for Monday.",
    "The rate limit on this card is 5000 dollars a day.",
    "Too many requests for window seats came in, so I put you on the waiting list.",
    "Time out! Let me check that for you.",
    "A 502 Bad Gateway means that a server between you and the site got a bad answer. Have you tried another browser?",
    "The error openai.RateLimitError means that you sent too many requests; wait a minute.",
    "Rate limit exceeded errors usually go away by themselves. Let me look at your plan.",
    "Invalid API key? You should make a new one under Settings.",
    "I checked: your router says 'connection refused'. Let me restart it from here.",
    "Internal server racks ship in two days.",
    "Deadline exceeded: your return window has closed.",
    "Overloaded trucks are the reason why it is late.",
    "Unavailable seats are grey on the map.",
    "Our quota for discounts is used up this month.",
    "The model is unavailable in blue; I can offer it in red.",
    "Thank you! Your order number is 429-500-503.",
    '{"status": "unavailable", "seat": "12A"}',
    '{"flight_number": "HAT500", "status": "available", "prices": {"economy": 429, "business": 503}}',
    '{"order": 500, "error": null, "status": "delayed"}',
    '{"error": "flight HAT500 is not available"}',
    '{"code": 429, "message": "Happy birthday!"}',
    '{"error": {"code": "seat_taken", "message": "Seat 12A is taken"}}',
    '{"success": false, "reason": "card declined", "amount": 500}',
    '{"server": "Anna", "table": 500, "status": "served"}',
    "[429, 500, 503]",
    "500",
    "<html><head><title>Our restaurant: meet your server</title></head></html>",
    "",
]


OF_A_TOOL = {"500", "Deadline exceeded: your return window has closed."}
"""Harmless as an answer; as the text of what is known to be an error they are not."""


@pytest.mark.parametrize("text", HARMLESS, ids=[text[:50] for text in HARMLESS])
def test_talk_about_errors_numbers_and_servers_is_no_error_message(text):
    assert spoken_error(text) is None
    assert returned_error(text) is None
    if text not in OF_A_TOOL:
        assert raised_error(text) is None
    if text:
        assert find_fault(conversation(text, text, text, text)) is None


MORE_ERRORS = r"""
Error code: 503 - {'error': {'message': 'The server is overloaded or not ready yet.', 'type': 'server_error'}}
openai.InternalServerError: Error code: 502 - <html>
openai.error.ServiceUnavailableError: The server is overloaded or not ready yet.
The server is overloaded or not ready yet.
openai.error.RateLimitError: You exceeded your current quota
openai.error.APIError: Bad gateway. {"error":{"code":502,"message":"Bad gateway."}} 502
aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected
asyncio.exceptions.TimeoutError
concurrent.futures._base.TimeoutError
requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='x', port=443): Read timed out. (read timeout=30)
urllib3.exceptions.MaxRetryError: HTTPSConnectionPool
httpcore.ConnectError: [Errno 111] Connection refused
httpx.HTTPStatusError: Server error '503 Service Unavailable' for url 'https://x'
Error: AxiosError: Request failed with status code 429
AxiosError: timeout of 60000ms exceeded
FetchError: request to https://api.openai.com failed, reason: connect ETIMEDOUT 1.2.3.4:443
Error: connect ETIMEDOUT 1.2.3.4:443
anthropic.APIStatusError: Error code: 529
Number of concurrent connections has exceeded your rate limit
litellm.exceptions.ServiceUnavailableError: AzureException - Error code: 503
litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out.
litellm.InternalServerError: AnthropicException - Overloaded
ThrottlingException: Rate exceeded
Rate exceeded
Error: Rate limit exceeded, please try again in 20s
Rate limit exceeded. Please try again later.
Rate limit exceeded
Rate limit reached
{"error":"rate_limit_exceeded"}
{"error":"Too many requests"}
{"error":"Service temporarily unavailable"}
{"message":"Internal server error"}
{"message": "Endpoint request timed out"}
{"detail":"Internal Server Error"}
{"errors":[{"message":"Gateway Timeout","extensions":{"code":504}}]}
{"status":"error","message":"Connection refused"}
{"status": 503, "title": "Service Unavailable", "type": "about:blank"}
{"fault":{"faultstring":"Spike arrest violation","detail":{"errorcode":"policies.ratelimit.SpikeArrestViolation"}}}
{"error":{"code":"429","message":"Requests to the Embeddings Operation under Azure OpenAI API"}}
upstream connect error or disconnect/reset before headers
no healthy upstream
<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>
<h1>504 Gateway Time-out</h1>
Service Unavailable
Service temporarily unavailable. Please try again later.
The service is temporarily unavailable
Gateway Timeout
Timeout
Timed out
timeout error
Request timeout
The request timed out.
The operation timed out after 30 seconds
Tool call timed out after 30s
Tool execution timed out
Error calling tool: timeout
Error in tool get_order: ReadTimeout
Failed to call the model: 503 Service Unavailable
LLM call failed: 429
Agent error: Connection reset by peer
API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}
API Error: 500 Internal Server Error
API Error: Rate limit reached
[ERROR] 429 Too Many Requests
ERROR: Rate limit exceeded
[Error: quota exceeded]
Quota exceeded for quota metric 'Generate Content API requests per minute'
Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai
The model is overloaded. Please try again later.
Deadline Exceeded
An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting
botocore.exceptions.ReadTimeoutError: Read timeout on endpoint URL: "https://x"
botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL: "https://x"
I encountered an error: Error code: 429 - {'error': {}}
An error occurred: Request timed out.
An error occurred while processing your request: 503 Service Unavailable
Something went wrong: HTTP 500
Sorry, an error occurred: RateLimitError
Error generating response: 429 Too Many Requests
Error processing request: Connection error.
Error: Invalid API key
invalid_api_key
Error: the model `gpt-4o` timed out
psycopg2.OperationalError: could not connect to server: Connection refused
redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.
Error: 504
Error 502
status_code: 503
status=503
Exception: 429 Client Error: Too Many Requests for url: https://x
Max retries exceeded
Error: Max retries exceeded with url: /v1
RetryError[<Future at 0x7f state=finished raised RateLimitError>]
tenacity.RetryError: RetryError[<Future at 0x7f state=finished raised APITimeoutError>]
429 Provider returned error
Rate limited by OpenAI: Error code: 429 - {'error': {'code': '1113', 'message': 'Insufficient balance'}}
llm: (qwen2.5-3b-instruct) exhausted retries: 429 Too Many Requests: {"error":{"code":"rate_limit_exceeded"}}
LLM correction failed: HTTP 429 Too Many Requests.
{"name": "ThrottlingException", "$fault": "client", "$metadata": {"httpStatusCode": 429, "attempts": 3}}
InternalServerException: Internal Server Exception
Agent reported error (code -32000): llm: (q) exhausted retries: 429 Too Many Requests
503:overloaded
Weekly usage limit reached
""".strip().splitlines()


@pytest.mark.parametrize("text", MORE_ERRORS)
def test_errors_as_clients_proxies_and_frameworks_write_them_are_found(text):
    assert spoken_error(text) is not None
    assert returned_error(text) is not None
    assert raised_error(text) is not None


MORE_HARMLESS = """
We had a rate limit of two bags on your ticket.
Rate limits for hotel rooms: the limit is reached at 500 dollars a night.
The request for a refund timed out because 30 days have passed.
Your request timed out after 30 days: the return window is closed.
The system is unavailable to guests; I booked the room for you.
Service is unavailable in your area. I can send a technician on Monday.
The gateway is closed at 22:00.
Gate 503 is where flight HAT429 leaves.
Error in your order 500: we sent the wrong size.
Error: the item is unavailable
Error: order 429 was cancelled
Error: the server is not on shift
Error: timed entry tickets are sold out
Error: request denied by policy
Error: connection not found between JFK and SEA
Error: connection flight HAT503 is full
Error: no connection available
Error: limit reached for free changes
Error: quota of 5 passengers reached
Error: too many passengers
Error: too many requests for this seat
Error: invalid key for booking
Error: invalid reservation id
Transfer successful
{"error": "Connection flight not found"}
{"error": "timeout must be positive"}
{"error": "invalid argument: limit"}
{"error":{"message":"Order not found","code":404}}
{"status":"failed","message":"Payment declined"}
{"status":500,"item":"pens"}
{"status":"error","message":"Room 503 is taken"}
{"code":500,"name":"Route 500"}
{"ok":false,"reason":"customer unreachable"}
{"error":"driver unreachable"}
{"message":"Your order 500 is on its way"}
{"title":"The 429 Diner","detail":"A restaurant"}
{"type":"server","name":"Anna"}
{"timeout": 30, "retries": 5}
{"type":"timeout","team":"Lakers","message":"Second timeout"}
{"text":"Timeout! Lakers call a timeout."}
Timeout called by the Lakers with 5:03 to go.
Timeouts: 3 left.
The status is 500 points.
Status: 500 points
Status 429: shipped
Code 500: 20% off
Your code 429 gives 5% off.
HTTP 500 is an error code for servers.
500: that is the number of seats.
500 - internal use only.
503 service points.
It failed with 500 guests waiting.
The server returned 500 dollars to the guest.
It returned 500 euros to your card.
I apologize for the inconvenience: your flight was cancelled.
I'm sorry about the error: 500 dollars were charged twice.
Sorry, our system had a time-out: the booking is made now.
Unfortunately: the connection was refused by the gate agent.
Unfortunately, the API for seats timed out, so I will transfer you to a human agent.
I'm sorry, I could not reach the server. I transfer you to a person.
Our booking system is currently unavailable, so I noted your request and will call you.
Connection closed: the airport shuttle no longer runs.
Network error rates fell by 20% this month according to your report.
Internal error handling is described in chapter 3.
Too many requests? Then take the bus.
Quota exceeded? You can buy more storage in Settings.
Here is the log: 503 Service Unavailable. That is from your web host.
Resource exhausted soils need nitrogen.
No API key is needed for this.
Invalid API key: make a new one in the dashboard under Settings > Keys.
###STOP###
500 Internal Server Error is what you told me you see; I opened a ticket.
The page shows this error: 503 Service Unavailable. That is from the web host.
The error on your screen: 502 Bad Gateway. It comes from the proxy.
Here is what failed in the order: 500 pens and 429 pads.
The delivery failed: nobody was at home.
Payment error: card declined.
Two flights could not be booked: HAT500 and HAT503.
""".strip().splitlines()


@pytest.mark.parametrize("text", MORE_HARMLESS)
def test_more_talk_that_is_no_error_message(text):
    assert spoken_error(text) is None
    assert returned_error(text) is None


@pytest.mark.parametrize("text", [text for _, text in ERRORS])
def test_what_a_customer_says_is_never_taken_for_a_fault(text):
    assert find_fault(conversation(text, "I will look into that.", text)) is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from([t for _, t in ERRORS]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "code", "status", "message", "detail", "type", "statusCode", "content"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON, st.text(max_size=200) | st.sampled_from(HARMLESS), st.integers(0, 60), st.integers(0, 60))
def test_reading_never_raises_whatever_is_there(value, text, start, end):
    cut = text[:start] + str(value)[end:]
    for words in (text, cut, json.dumps(value), str(value)):
        spoken_error(words)
        raised_error(words)
        returned_error(words)
    returned_error(value)


@pytest.mark.parametrize(
    "text", ["[" * 19_000, "{'a':" * 4_000, "Error: " * 3_000, "a " * 10_000, "a.b" * 7_000, "(" * 20_000]
)
def test_a_long_or_deep_text_is_read_in_little_cpu_time(text):
    began = time.process_time()
    spoken_error(text)
    returned_error(text)
    raised_error(text)
    assert time.process_time() - began < 20, "a pattern that backtracks takes hours"
