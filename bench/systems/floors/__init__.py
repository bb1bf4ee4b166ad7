"""What the brokers allow: the least that a queue must have them do, in a bare loop."""

MESSAGE = b"m" * 480
"""About the size of one of ours."""
RESULT = b"r" * 160
"""About the size of one of ours."""
BATCH = 100
"""Messages that are claimed and settled together."""
