"""Several Redis servers that belong together: a primary with its replica and a Sentinel; a cluster."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from servers.ports import free_port
from servers.redis_server import PATIENCE, RedisServer, binary

NAME = "mymaster"


class SentinelServer(RedisServer):
    """A Sentinel that watches a primary."""

    def __init__(self, folder: Path, primary: RedisServer) -> None:
        folder.mkdir()
        self.folder, self.port, self.socket = folder, free_port(), str(folder / "redis.sock")
        configuration = folder / "sentinel.conf"
        configuration.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\nunixsocket {self.socket}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {primary.port} 1\n"
            f"sentinel down-after-milliseconds {NAME} 500\n"
            f"sentinel failover-timeout {NAME} 3000\n"
        )
        self._command = [binary(), str(configuration), "--sentinel"]
        self.start()


class SentinelGroup:
    """A primary, a replica, and a Sentinel that looks after them."""

    def __init__(self, folder: Path) -> None:
        self.servers: list[RedisServer] = []
        try:
            self._start(folder)
        except BaseException:
            self.stop()
            raise

    def _start(self, folder: Path) -> None:
        self.primary = self._server(folder / "primary")
        self.replica = self._server(folder / "replica", "--replicaof", f"127.0.0.1 {self.primary.port}")
        self.sentinel = SentinelServer(folder / "sentinel", self.primary)
        self.servers.append(self.sentinel)
        _wait(lambda: self._state()["num-slaves"] == 1, "the Sentinel knows the replica")
        _wait(lambda: _follows(self.replica), "the replica follows")

    def _server(self, folder: Path, *options: str) -> RedisServer:
        folder.mkdir()
        server = RedisServer(folder, "--repl-diskless-sync-delay", "0", *options)
        self.servers.append(server)
        return server

    @property
    def url(self) -> str:
        """With one more address, of a Sentinel that is down."""
        return f"sentinel://127.0.0.1:{free_port()};sentinel://127.0.0.1:{self.sentinel.port}/0"

    def _state(self) -> Any:
        with self.sentinel.client() as client:
            return client.sentinel_master(NAME)

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()


class Cluster:
    """Three nodes that share the slots, and a replica of the one that holds those of `tag`."""

    def __init__(self, folder: Path, tag: str) -> None:
        self.nodes: list[RedisServer] = []
        try:
            self._start(folder, tag)
        except BaseException:
            self.stop()
            raise

    def _start(self, folder: Path, tag: str) -> None:
        for number in range(4):
            self.nodes.append(self._node(folder / f"node{number}"))
        addresses = [f"127.0.0.1:{node.port}" for node in self.nodes[:3]]
        create = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(create, check=True, capture_output=True, timeout=30)
        self.owner = self._owner(tag)
        self._follow(self.nodes[3], self.owner)

    @staticmethod
    def _node(folder: Path) -> RedisServer:
        folder.mkdir()
        bus = (
            "--repl-diskless-sync-delay",
            "0",
            "--cluster-port",
            str(free_port()),
            "--cluster-config-file",
            "nodes.conf",
        )
        return RedisServer(folder, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", *bus)

    @property
    def url(self) -> str:
        return ";".join(f"redis+cluster://127.0.0.1:{node.port}" for node in self.nodes[:3])

    def _owner(self, tag: str) -> RedisServer:
        _wait(
            lambda: all(_ask(node, "CLUSTER", "INFO").startswith("cluster_state:ok") for node in self.nodes[:3]),
            "it is up",
        )
        for node in self.nodes[:3]:
            try:
                _ask(node, "GET", tag)
            except redis.ResponseError:
                continue
            return node
        raise AssertionError(f"nobody holds the slot of {tag}")

    def _follow(self, node: RedisServer, primary: RedisServer) -> None:
        identity = _ask(primary, "CLUSTER", "MYID")
        address = _ask(primary, "CLUSTER", "NODES").split(f"{identity} ")[1].split(" ")[0]
        port, bus = address.partition(",")[0].rpartition(":")[2].split("@")
        _ask(node, "CLUSTER", "MEET", "127.0.0.1", port, bus)
        _wait(lambda: identity in _ask(node, "CLUSTER", "NODES"), "they have met")
        _wait(lambda: _tried(node, "CLUSTER", "REPLICATE", identity), "it may follow")
        _wait(lambda: _follows(node), "it follows")
        _wait(lambda: all("slave" in _ask(each, "CLUSTER", "NODES") for each in self.nodes), "all know of it")

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


def _ask(server: RedisServer, *command: str) -> str:
    with server.client(decode_responses=True) as client:
        return str(client.execute_command(*command))


def _follows(server: RedisServer) -> bool:
    with server.client() as client:
        facts: Any = client.info("replication")
        return facts.get("master_link_status") == "up"


def _tried(server: RedisServer, *command: str) -> bool:
    try:
        _ask(server, *command)
    except redis.ResponseError:
        return False
    return True


def _wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.02)


@pytest.fixture
def sentinels() -> Iterator[SentinelGroup]:
    with tempfile.TemporaryDirectory(prefix="celeriac-redis-") as folder:
        group = SentinelGroup(Path(folder))
        yield group
        group.stop()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="celeriac-redis-") as folder:
        cluster = Cluster(Path(folder), "{celeriac}:")
        yield cluster
        cluster.stop()
