"""Which task waited for which, as a graph that can be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from celeriac.result import AsyncResult, GroupResult

T = TypeVar("T")


class DependencyGraph(Generic[T]):
    """Nodes, and for each those that it depends on."""

    def __init__(self) -> None:
        self._edges: dict[T, list[T]] = {}

    def add_arc(self, node: T) -> None:
        """Add a node, if it is not there."""
        self._edges.setdefault(node, [])

    def add_edge(self, node: T, depends_on: T) -> None:
        """Note that one depends on the other; both are added."""
        self.add_arc(depends_on)
        self.add_arc(node)
        if depends_on not in self._edges[node]:
            self._edges[node].append(depends_on)

    def edges(self) -> Iterator[tuple[T, T]]:
        """Each node with one that it depends on."""
        for node, others in self._edges.items():
            for other in others:
                yield node, other

    def topsort(self) -> list[T]:
        """The nodes, each after those that it depends on."""
        done: dict[T, None] = {}

        def visit(node: T) -> None:
            stack: list[tuple[T, Iterator[T]]] = [(node, iter(self._edges[node]))]
            begun = {node}
            while stack:
                current, others = stack[-1]
                following = next((each for each in others if each not in done and each not in begun), None)
                if following is None:
                    done.setdefault(current)
                    stack.pop()
                else:
                    begun.add(following)
                    stack.append((following, iter(self._edges[following])))

        for node in self._edges:
            if node not in done:
                visit(node)
        return list(done)

    def to_dot(self, file: IO[str]) -> None:
        """Write it in Graphviz' language: each node once, then the edges."""
        file.write("digraph results {\n")
        for node in self._edges:
            file.write(f"    {_quoted(node)};\n")
        for node, other in self.edges():
            file.write(f"    {_quoted(other)} -> {_quoted(node)};\n")
        file.write("}\n")

    def __iter__(self) -> Iterator[T]:
        return iter(self._edges)

    def __len__(self) -> int:
        return len(self._edges)

    def __getitem__(self, node: T) -> list[T]:
        return self._edges[node]

    def __contains__(self, node: object) -> bool:
        return node in self._edges

    def __repr__(self) -> str:
        return f"<DependencyGraph: {len(self)} nodes>"


def graph_of(result: AsyncResult[Any] | GroupResult[Any], intermediate: bool) -> DependencyGraph[str]:
    """The graph of the workflow of which this is a result, from its first step on."""
    graph: DependencyGraph[str] = DependencyGraph()
    _add_line(graph, result, [], intermediate)
    return graph


def _add_line(
    graph: DependencyGraph[str],
    end: AsyncResult[Any] | GroupResult[Any],
    before: Sequence[AsyncResult[Any]],
    intermediate: bool,
) -> None:
    """Add what leads to `end`, from what comes after `before` on, and all that came of it."""
    known = {one.id for one in before}
    line = [end]
    while line[-1].parent is not None and not known.intersection(_ids(line[-1].parent)):
        line.append(line[-1].parent)
    for level in reversed(line):
        members: Sequence[AsyncResult[Any]] | None = getattr(level, "results", None)
        if members is not None:
            for member in members:
                _add_line(graph, member, before, intermediate)
            before = members
            continue
        node = cast("AsyncResult[Any]", level)
        for parent, each in node.iterdeps(intermediate):
            graph.add_arc(each.id)
            if parent is not None:
                graph.add_edge(each.id, parent.id)
        for one in before:
            graph.add_edge(node.id, one.id)
        before = [node]


def _ids(result: AsyncResult[Any] | GroupResult[Any]) -> set[str]:
    return {each.id for each in getattr(result, "results", None) or [result]}


def _quoted(node: object) -> str:
    text = str(node).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
