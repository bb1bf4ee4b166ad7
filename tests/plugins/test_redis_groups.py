"""Redis behind Sentinels, and Redis Cluster: the same drivers, which find the server to talk to themselves."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from celeriac.errors import BackendDown, ConfigurationError, TransportDown
from celeriac.specs.backend import BackendOptions, Record
from celeriac.specs.transport import TransportOptions
from celeriac.states import SUCCESS
from celeriac.testing.suite import TransportSuite
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import send, take
from celeriac_plugins.backends.redis import RedisBackend
from celeriac_plugins.transports.redis import RedisTransport
from servers.redis_groups import NAME, Cluster, SentinelGroup, cluster, sentinels
from worker_process import WorkerProcess, until

__all__ = ["cluster", "sentinels"]

WATCHED = {"master_name": NAME}


def make(url: str, **options: Any) -> RedisTransport:
    return RedisTransport(TransportOptions(url, **options))


def make_backend(url: str, **options: Any) -> RedisBackend:
    return RedisBackend(BackendOptions(url, **options))


def record(name: str) -> Record:
    return Record(name, SUCCESS, b'{"status": "SUCCESS"}')


def in_time(call: Callable[[], Any], what: str) -> Any:
    """What the call returns, as soon as it does."""
    found: list[Any] = []

    def works() -> bool:
        try:
            found.append(call())
        except (TransportDown, BackendDown):
            return False
        return True

    until(works, what, timeout=15)
    return found[-1]


# Sentinels


def test_transport_and_backend_follow_a_failover(sentinels: SentinelGroup) -> None:
    transport, backend = make(sentinels.url, extra=WATCHED), make_backend(sentinels.url, extra=WATCHED)
    send(transport, "before")
    backend.store([record("before")])
    assert [each.message.id for each in take(transport, 1)] == ["before"]
    waiting = Background(lambda: transport.receive(["q"], 1, None))
    assert waiting.running(after=0.1)
    with sentinels.replica.client() as replica:
        until(lambda: replica.exists("celery-task-meta-before"), "it is replicated")
    sentinels.primary.kill()
    with pytest.raises(TransportDown):
        waiting.result()
    in_time(lambda: send(transport, "after"), "a publish reaches the new primary")
    assert in_time(lambda: transport.receive(["q"], 1, 5), "so does a receive")[0].message.id == "after"
    in_time(lambda: backend.store([record("after")]), "and a result")
    assert backend.fetch(["before", "after"]).keys() == {"before", "after"}
    transport.close()
    backend.close()


SHOP = """
import os
from celeriac import Celeriac

app = Celeriac("shop", broker=os.environ["URL"], backend=os.environ["URL"])
app.conf.update(
    broker_transport_options={"master_name": "mymaster"}, result_backend_transport_options={"master_name": "mymaster"}
)

@app.task(name="add")
def add(x, y):
    return x + y
"""


def test_a_worker_runs_new_tasks_after_a_failover(
    sentinels: SentinelGroup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URL", sentinels.url)
    (tmp_path / "sentinel_shop.py").write_text(SHOP)
    monkeypatch.syspath_prepend(str(tmp_path))
    from sentinel_shop import app

    with WorkerProcess(
        tmp_path, "-P", "threads", "-c", "2", app="sentinel_shop", PYTHONPATH=str(tmp_path), URL=sentinels.url
    ) as worker:
        assert app.send_task("add", (1, 2)).get(timeout=15) == 3, worker.text()
        sentinels.primary.kill()
        result = in_time(lambda: app.send_task("add", (2, 3)), "it can be sent")
        assert in_time(lambda: result.get(timeout=15), "it has run") == 5, worker.text()
        assert worker.stop() == 0
    app.close()
    sys.modules.pop("sentinel_shop")


def test_without_a_primary_the_error_names_the_sentinels_and_no_password(sentinels: SentinelGroup) -> None:
    extra = {"master_name": "another", "sentinel_kwargs": {"password": "sesame"}}
    transport = make(f"sentinel://:sesame@127.0.0.1:{sentinels.sentinel.port}/0", extra=extra)
    with pytest.raises(TransportDown, match=f"127.0.0.1:{sentinels.sentinel.port}.*'another'") as caught:
        send(transport, "a")
    error: BaseException | None = caught.value
    while error is not None:
        assert "sesame" not in str(error)
        error = error.__cause__
    transport.close()


def test_what_is_missing_or_contradicts_itself_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="master_name"):
        make("sentinel://h:26379/0")
    with pytest.raises(ConfigurationError, match="different databases"):
        make("sentinel://h/1;sentinel://g/2", extra=WATCHED)
    with pytest.raises(ConfigurationError, match="master_name"):
        make("redis://h:6379/0", extra=WATCHED)
    with pytest.raises(ConfigurationError, match=r"tag in braces"):
        make("redis+cluster://h:6379", extra={"global_keyprefix": "shop:"})
    with pytest.raises(ConfigurationError, match="no database but 0"):
        make("redis+cluster://h:6379/1")


# a cluster


class InACluster:
    @pytest.fixture
    def emptied(self, cluster: Cluster) -> str:
        with cluster.owner.client() as client:
            client.flushall()
        return cluster.url


class TestTransportInACluster(InACluster, TransportSuite):
    driver = RedisTransport
    url = "redis+cluster://127.0.0.1:1"
    unreachable = "redis+cluster://127.0.0.1:1"
    option = "global_keyprefix"

    @pytest.fixture
    def address(self, emptied: str) -> str:
        return emptied


def test_the_backend_and_the_transport_keep_their_keys_in_one_slot(cluster: Cluster) -> None:
    transport, backend = make(cluster.url), make_backend(cluster.url)
    waiting = Background(lambda: backend.wait(["a"], None))
    send(transport, "a", "b", due=time.time() + 60)
    send(transport, "c")
    take(transport, 1)
    backend.join_open("g", 1, b"body")
    assert backend.join_arrive("g", ["m"], 10) == b"body"
    backend.store([record("a")])
    assert waiting.result().keys() == {"a"}
    for node in cluster.nodes[:3]:
        with node.client() as client:
            found = cast("list[bytes]", client.keys())
            assert bool(found) == (node is cluster.owner)
            assert all(key.startswith(b"{celeriac}:") for key in found)
    transport.close()
    backend.close()


def test_apps_with_other_tags_are_on_other_nodes(cluster: Cluster) -> None:
    owners = set()
    for tag in ("a", "b", "c", "d"):
        transport = make(cluster.url, extra={"global_keyprefix": f"{{{tag}}}:"})
        send(transport, "x")
        assert transport.counts("q").ready == 1
        transport.close()
    for number, node in enumerate(cluster.nodes[:3]):
        with node.client() as client:
            if client.keys("{?}:q*"):
                owners.add(number)
            client.flushall()
    assert len(owners) > 1


def take_over(replica: redis.Redis) -> None:
    """Ask for a failover, and again: the nodes give it up when they have not agreed within five seconds."""
    until(lambda: _takes_over(replica), "it has taken over", 60)


def _takes_over(replica: redis.Redis) -> bool:
    with suppress(AssertionError, redis.ResponseError):  # an error: it is no replica any more
        replica.execute_command("CLUSTER", "FAILOVER")
        until(lambda: replica.info("replication")["role"] == "master", "the others agree", 6)
    return bool(replica.info("replication")["role"] == "master")


def test_a_slot_that_moves_is_followed(cluster: Cluster) -> None:
    """The primary hands its slots to its replica, which is what a failover is."""
    transport = make(cluster.url)
    send(transport, "before")
    waiting = Background(lambda: in_time(lambda: transport.receive(["q", "p"], 1, 10), "it comes"))
    with cluster.nodes[3].client() as replica:
        until(lambda: replica.info("replication")["master_link_status"] == "up", "it follows")
        assert waiting.result()[0].message.id == "before"
        waiting = Background(lambda: in_time(lambda: transport.receive(["q"], 1, 10), "it comes"))
        assert waiting.running(after=0.2)
        take_over(replica)
    in_time(lambda: send(transport, "after"), "a publish finds the new primary")
    assert waiting.result()[0].message.id == "after"
    transport.close()


def test_when_the_node_dies_its_replica_takes_over(cluster: Cluster) -> None:
    transport = make(cluster.url)
    send(transport, "a")
    primary = next(node for node in (cluster.owner, cluster.nodes[3]) if _is_primary(node))
    primary.kill()
    in_time(lambda: send(transport, "b"), "a publish reaches the replica")
    transport.close()
    primary.start()


def _is_primary(node: Any) -> bool:
    with node.client() as client:
        return bool(client.info("replication")["role"] == "master")
