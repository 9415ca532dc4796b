"""Feedback from an application to the gateway, with nothing but the standard library."""

import json
import urllib.error
import urllib.request
from typing import Literal

from assay.errors import BadInput

PATH = "/assay/feedback"


def send_feedback(
    gateway: str,
    *,
    feedback_id: str,
    conversation_id: str,
    thumbs: Literal["up", "down"] | None = None,
    rating: int | None = None,
    comment: str | None = None,
    user: str | None = None,
    token: str | None = None,
    timeout_s: float = 5.0,
) -> None:
    """Posts one item. Sending the same feedback_id again changes nothing, so a call may be repeated.

    conversation_id: what the answer carried as `x-assay-receipt`; with the gateway's feedback token, also what it
    carried as `x-assay-conversation`. user: a pseudonym. token: the feedback token; None: the receipt is enough.

    Raises BadInput with the gateway's own words where it refuses the item, or cannot be reached.
    """
    fields = {"thumbs": thumbs, "rating": rating, "comment": comment, "user": user}
    item = {name: value for name, value in fields.items() if value is not None}
    body = json.dumps({"feedback_id": feedback_id, "conversation_id": conversation_id, **item}).encode()
    url = gateway.rstrip("/") + PATH
    if not url.startswith(("http://", "https://")):
        raise BadInput(f"gateway: {gateway!r} is no address: write it as http://host:8080")
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310, checked above
            answer.read()
    except urllib.error.HTTPError as error:
        raise BadInput(f"gateway: {error.read().decode(errors='replace')[:300]}") from error
    except OSError as error:
        raise BadInput(f"gateway: {url} cannot be reached: {error}") from error
