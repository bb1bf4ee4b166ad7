"""Queues and dead letters, looked after from outside."""

from __future__ import annotations

import pytest

from celeriac import Celeriac
from celeriac.message import Message, Publication

HELLO = ("-A", "hello")


def bury(
    app: Celeriac, *publications: Publication, reason: str = "worker lost", detail: str = "Traceback\n\tin it"
) -> None:
    """Make dead letters of what is published, or of one call of ``hello.add``."""
    if publications:
        app.transport.publish(publications, 5.0)
    else:
        app.send_task("hello.add", (1, 2))
    held = app.transport.receive(["celery"], max(len(publications), 1), 5.0)
    app.transport.dead_letter([(delivery, reason, detail) for delivery in held])


def message(body: bytes = b"[[1, 2], {}, {}]", kind: str = "application/json", id_: str = "t-1") -> Publication:
    return Publication("celery", Message({"id": id_, "task": "hello.add"}, {}, body, kind))


# queues


def test_list_counts_what_is_ready_held_and_delayed(app, read) -> None:
    for _ in range(3):
        app.send_task("hello.mark", queue="busy")
    app.send_task("hello.mark", queue="busy", countdown=600)
    app.transport.receive(["busy"], 1, 5.0)
    [found] = read(*HELLO, "queue", "list")
    assert found.pop("oldest") >= 0
    assert found == {"queue": "busy", "ready": 2, "held": 1, "delayed": 1}


def test_list_is_a_plain_table_for_people(app, run) -> None:
    app.send_task("hello.mark")
    head, row = run(*HELLO, "queue", "list").stdout.splitlines()
    assert head.split() == ["Queue", "Ready", "Held", "Delayed", "Oldest"]
    assert row.split()[:4] == ["celery", "1", "0", "0"]


def test_count_of_one_queue_is_a_bare_number(app, run, read) -> None:
    app.send_task("hello.mark")
    app.send_task("hello.mark", queue="other")
    assert run(*HELLO, "queue", "count", "celery").stdout == "1\n"
    assert read(*HELLO, "queue", "count") == {"celery": 1, "other": 1}


def test_peek_shows_messages_and_leaves_them(app, read) -> None:
    ids = [app.send_task("hello.add", (number, 1)).id for number in range(3)]
    shown = read(*HELLO, "queue", "peek", "celery", "-n", "2")
    assert [row["id"] for row in shown] == ids[:2]
    assert shown[0]["args"] == "(0, 1)"
    assert app.transport.counts("celery").ready == 3


def test_what_a_stranger_wrote_cannot_steer_the_terminal(app, run) -> None:
    app.transport.publish([Publication("celery", Message({"id": "x", "task": "a\x1b[31mb\nc"}, {}, b""))], 5.0)
    shown = run(*HELLO, "queue", "peek", "celery").stdout
    assert "\x1b" not in shown
    assert r"a\x1b[31mb\nc" in shown


def test_purge_refuses_where_nobody_can_be_asked(app, run) -> None:
    app.send_task("hello.mark")
    result = run(*HELLO, "purge")
    assert result.exit_code == 2
    assert "write -f" in result.stderr
    assert app.transport.counts("celery").ready == 1


def test_purge_drops_what_waits_in_the_configured_or_given_queues(app, read) -> None:
    app.send_task("hello.mark")
    app.send_task("hello.mark", queue="other")
    assert read(*HELLO, "purge", "-f") == {"celery": 1}
    assert read(*HELLO, "purge", "-f", "-Q", "other,none") == {"other": 1, "none": 0}


# dead letters


def test_dead_letters_are_listed_with_their_reason(app, read) -> None:
    bury(app)
    [letter] = read(*HELLO, "dlq", "list")
    assert letter["task"] == "hello.add"
    assert letter["reason"] == "worker lost"


@pytest.mark.parametrize("which", ["id", "task_id"])
def test_show_tells_everything_by_either_id(app, read, which: str) -> None:
    bury(app)
    [letter] = read(*HELLO, "dlq", "list")
    shown = read(*HELLO, "dlq", "show", letter[which])
    assert shown["args"] == [1, 2]
    assert shown["headers"]["argsrepr"] == "(1, 2)"
    assert shown["detail"] == "Traceback\n\tin it"


def test_show_prints_the_traceback_last(app, run) -> None:
    bury(app)
    task_id = app.transport.dead_letters()[0].message.id
    assert run(*HELLO, "dlq", "show", task_id).stdout.endswith("\nTraceback\n    in it\n")


@pytest.mark.parametrize(
    ("publication", "why"),
    [
        (message(kind="application/x-python-serialize"), "is not accepted here"),
        (message(b"{"), "JSON"),
        (message(b"7"), ""),
    ],
)
def test_show_says_why_arguments_are_not_decoded(app, read, publication: Publication, why: str) -> None:
    bury(app, publication)
    shown = read(*HELLO, "dlq", "show", "t-1")
    assert why in shown["undecoded"]
    assert "args" not in shown


def test_show_never_decodes_what_may_run_code_even_where_it_is_accepted(app, read, monkeypatch) -> None:
    monkeypatch.setenv("CELERIAC_ACCEPT_CONTENT", "json,pickle")
    bury(app, message(b"cos\nsystem\n(S'touch ran'\ntR.", "application/x-python-serialize"))
    assert "may run code" in read(*HELLO, "dlq", "show", "t-1")["undecoded"]


def test_replay_publishes_again(app, read) -> None:
    bury(app)
    bury(app)
    assert read(*HELLO, "dlq", "replay", app.transport.dead_letters()[0].message.id) == {"replayed": 1}
    assert read(*HELLO, "dlq", "replay", "--all") == {"replayed": 1}
    assert app.transport.counts("celery").ready == 2
    assert read(*HELLO, "dlq", "list") == []


def test_drop_deletes(app, run, read) -> None:
    for _ in range(3):
        bury(app)
    assert read(*HELLO, "dlq", "drop", app.transport.dead_letters()[0].id) == {"dropped": 1}
    assert run(*HELLO, "dlq", "drop", "--all").exit_code == 2
    assert read(*HELLO, "dlq", "drop", "--all", "-f") == {"dropped": 2}
    assert app.transport.counts("celery").ready == 0


def test_an_id_that_is_not_there_changes_nothing(app, run) -> None:
    bury(app)
    there = app.transport.dead_letters()[0].id
    result = run(*HELLO, "dlq", "drop", there, "none")
    assert result.exit_code == 1
    assert "there is no dead letter 'none'" in result.stderr
    assert len(app.transport.dead_letters()) == 1


@pytest.mark.parametrize("words", [["replay"], ["replay", "x", "--all"], ["drop"]])
def test_ids_or_all_must_be_written_and_not_both(app, run, words: list[str]) -> None:
    result = run(*HELLO, "dlq", *words)
    assert result.exit_code == 2
    assert "or --all" in result.stderr
