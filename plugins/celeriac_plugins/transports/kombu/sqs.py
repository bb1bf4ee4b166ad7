"""What SQS can do beyond what kombu has words for: delays, and leases that are renewed.

SQS delays a message for 15 minutes at most. A longer delay is made of several: who receives the message too early
sends it again. What a worker holds is invisible to others for the queue's visibility timeout, and each renewal counts
that anew, so the queue's own is never too short for a task.
"""

from __future__ import annotations

import math
from typing import Any, Final

from .envelope import Received

_LONGEST_DELAY: Final = 900
_LONGEST_HOLD: Final = 43_200
_GONE: Final = ("InvalidParameterValue", "ReceiptHandleIsInvalid", "MessageNotInflight")


def can_delay(queue: str) -> bool:
    """Whether SQS takes a delay for each message of this queue."""
    return not queue.endswith(".fifo")


def delay(seconds: float) -> dict[str, Any]:
    """The property that makes kombu ask SQS for the delay, or for as much of it as it can have."""
    return {"DelaySeconds": min(math.ceil(seconds), _LONGEST_DELAY)} if seconds > 0 else {}


def is_too_large(error: Exception) -> bool:
    """Whether SQS refuses a message for its size, which no second try mends."""
    answer = getattr(error, "response", None)
    said = answer.get("Error", {}) if isinstance(answer, dict) else {}
    return said.get("Code") == "InvalidParameterValue" and "shorter than" in said.get("Message", "")


def prolong(channel: Any, received: Received, seconds: float) -> bool:
    """Hold the message for so long from now; False when it is not held any more."""
    from botocore.exceptions import ClientError  # type: ignore[import-untyped,unused-ignore]

    info = received.delivery_info
    client = channel.sqs(queue=channel.canonical_queue_name(info["routing_key"]))
    try:
        client.change_message_visibility(
            QueueUrl=info["sqs_queue"],
            ReceiptHandle=info["sqs_message"]["ReceiptHandle"],
            VisibilityTimeout=min(math.ceil(seconds), _LONGEST_HOLD),
        )
    except ClientError as error:
        if any(error.response["Error"]["Code"].endswith(code) for code in _GONE):
            return False
        raise
    return True
