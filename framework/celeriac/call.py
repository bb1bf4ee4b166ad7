"""From a call to a message: the options of ``apply_async``, the headers of protocol 2, publishing within a deadline.

More than 500 lines, a third of them the options and their meaning: one path, which each call takes from top to bottom.
"""

from __future__ import annotations

import os
import reprlib
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, TypeVar

from celeriac.context import current
from celeriac.errors import ConfigurationError, TransportDown, UnsupportedCapability
from celeriac.ids import new_id
from celeriac.message import Message, Publication
from celeriac.publish_retry import pause_without_policy, publish_retry_from
from celeriac.retry import HEADER as RETRY_POLICY
from celeriac.retry import policy_from
from celeriac.settings.coercion import to_delivery_mode
from celeriac.unique import UNIQUE, Unique, publishing

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.context import Context
    from celeriac.retry import RetryPolicy
    from celeriac.specs.serializer import Serializer
    from celeriac.specs.transport import Transport
    from celeriac.task import Task

T = TypeVar("T")

AGAIN = "x-celeriac-again"
"""Header of a message that may have been published before: its receiver looks first whether the task is finished."""

_SHORT = 64


class CallOptions(TypedDict, total=False):
    """What ``apply_async`` takes, with Celery's names and meaning."""

    task_id: str
    countdown: float
    """Seconds from now before which the task does not start."""
    eta: datetime
    """The time before which the task does not start; without a zone it is in the app's."""
    expires: float | datetime
    """Seconds from now, or the time, after which the task is not started any more."""
    queue: str
    exchange: str
    """With `routing_key`, instead of `queue`, which wins: the queues of ``task_queues`` that are bound to it."""
    routing_key: str
    """Compared with the bindings of `exchange`, or the default one; where there are none, the name of a queue."""
    delivery_mode: int | str
    """2 or ``persistent``, 1 or ``transient``."""
    retry: bool
    """Whether a publish that failed is tried again; the setting is ``task_publish_retry``."""
    retry_policy: Mapping[str, Any]
    """How; the setting is ``task_publish_retry_policy``."""
    mandatory: bool
    """Taken: there is always a queue, a message is never dropped for the lack of one."""
    priority: int
    """0 to 9, 9 first."""
    serializer: str
    compression: str
    headers: dict[str, Any]
    link: Any
    """A signature, or a list of them, to call with the result."""
    link_error: Any
    """A signature, or a list of them, to call when the task fails."""
    time_limit: float
    soft_time_limit: float
    shadow: str
    """The name to show in logs instead of the task's."""
    ignore_result: bool
    argsrepr: str
    """Shown in logs and events instead of the arguments."""
    kwargsrepr: str
    reply_to: str
    root_id: str
    parent_id: str
    group_id: str
    group_index: int
    chain: list[Any]
    chord: Any
    retries: int
    add_to_parent: bool
    """Off: the task that calls does not remember it among its children."""
    task_retry_policy: RetryPolicy | Mapping[str, Any]
    """How the task is retried, instead of by its own policy."""
    unique: Unique | Literal[True] | Mapping[str, Any] | None
    """Of equal calls one runs; None: the task's own `unique` does not count for this one."""
    publish_timeout: float
    """Seconds within which the message must be with the broker; the setting is ``task_publish_timeout``."""


KNOWN_OPTIONS = frozenset(CallOptions.__annotations__)
_NO_OPTIONS: CallOptions = {}


class _Prepared:
    """What is the same for every call of one task."""

    __slots__ = (
        "compression", "expires", "headers", "is_answered", "is_plain", "joins_parts", "priority", "queue",
        "queues", "serializer", "shadow", "unique", "writer",
    )  # fmt: skip

    def __init__(self, app: Celeriac, name: str, task: Task[..., Any] | None) -> None:
        conf = app.conf

        def of_task(attribute: str, default: Any = None) -> Any:
            value = getattr(task, attribute, None)
            return default if value is None else value

        self.queues = _queues_of(app, of_task("queue"), of_task("exchange"), of_task("routing_key"))
        """Where the task's own options lead; more than one behind an exchange that copies."""
        self.queue = self.queues[0] if self.queues else None
        shadow = of_task("shadow_name")
        self.shadow = shadow if callable(shadow) else None
        """What gives the name to show for each call, where it is not always the same."""
        self.priority: int | None = of_task("priority", conf.task_default_priority)
        self.serializer: str = of_task("serializer", conf.task_serializer)
        self.writer: Serializer = app.codec.serializer(self.serializer)
        self.compression: str | None = of_task("compression", conf.task_compression)
        self.expires: Any = of_task("expires")
        self.unique: Any = of_task("unique")
        is_bare = self.compression is None and self.expires is None and self.shadow is None
        self.is_plain = is_bare and not self.unique and len(self.queues) < 2
        self.joins_parts = self.writer.supports("json-parts")
        self.is_answered = not app.backend.driver.supports("shared")
        """Whether messages say where their results go."""
        self.headers: dict[str, Any] = {
            "lang": "py",
            "task": name,
            "id": None,
            "shadow": None if callable(shadow) else shadow,
            "eta": None,
            "expires": None,
            "group": None,
            "group_index": None,
            "retries": 0,
            "timelimit": [of_task("time_limit"), of_task("soft_time_limit")],
            "root_id": None,
            "parent_id": None,
            "argsrepr": "()",
            "kwargsrepr": "{}",
            "origin": f"gen{os.getpid()}@{socket.gethostname()}",
            "ignore_result": bool(of_task("ignore_result", conf.task_ignore_result)),
            "replaced_task_nesting": 0,
            "stamped_headers": None,
            "stamps": {},
        }

    def body(self, args: Sequence[Any], kwargs: dict[str, Any], embed: dict[str, Any]) -> bytes:
        """The body of a call."""
        if kwargs or embed is not _EMPTY_EMBED or not self.joins_parts:
            return self.writer.dumps((args, kwargs, embed))
        return _BODY_OF_ARGS % self.writer.dumps(args)


def _queues_of(app: Celeriac, queue: str | None, exchange: str | None, key: str | None) -> list[str]:
    """The queues that a call or a task names, itself or by exchange and routing key; empty when it names none."""
    if queue:
        return [queue]
    return app.bindings.queues(exchange, key) if exchange or key else []


class Caller:
    """Builds and publishes the messages of one app. Thread-safe."""

    def __init__(self, app: Celeriac) -> None:
        # What settings and hooks say is asked once: a change of settings makes another caller.
        conf = app.conf
        self._app = app
        self._prepared: dict[str, _Prepared] = {}
        self._routes = app.routes
        self._queue: str = conf.task_default_queue
        self._inherits: bool = conf.task_inherit_parent_priority
        self._timeout: float = conf.task_publish_timeout
        self._max_size = app.codec.max_size
        self._delivery_mode: int = conf.task_default_delivery_mode
        self._fans_out = bool(conf.task_queues)
        """Whether a message may go to several queues."""
        self._known_queues = app.known_queues
        self._tracks: bool = conf.task_track_queued
        if conf.task_send_sent_event:
            from celeriac.events.sent import tell_of_sent

            tell_of_sent(app.hooks)

    def build(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        options: CallOptions = _NO_OPTIONS,
        task: Task[..., Any] | None = None,
    ) -> Publication:
        """The message for a call, and its queue; nothing is sent.

        Raises:
            EncodeError: the arguments cannot be written.
            ConfigurationError: an option that does not exist.
        """
        prepared = self._prepared.get(name)
        if prepared is None:
            prepared = self._prepared[name] = _Prepared(self._app, name, task or self._app.tasks.get(name))
        if kwargs is None:
            kwargs = {}
        if self._routes:
            options = self._routed(name, args, kwargs, options, task, prepared)
        task_id = (options and options.get("task_id")) or new_id()
        headers = prepared.headers.copy()
        headers["id"] = headers["root_id"] = task_id
        if args:
            headers["argsrepr"] = safe_repr(args if type(args) is tuple else tuple(args))
        if kwargs:
            headers["kwargsrepr"] = safe_repr(kwargs)
        priority = prepared.priority
        context = current.get()
        if context is not None and not context.called_directly:
            priority = self._inherit(context, headers, priority)
        properties: dict[str, Any] = {"correlation_id": task_id, "delivery_mode": self._delivery_mode}
        if prepared.is_answered and "reply_to" not in options:
            address = self.address()
            if address is not None:
                properties["reply_to"] = address
        if priority is not None:
            properties["priority"] = priority
        if prepared.is_plain and (not options or options.keys() <= _PLACE):
            embed = _in_place(options, headers) if options else _EMPTY_EMBED
            writer = prepared.writer
            body = prepared.body(args, kwargs, embed)
            if len(body) <= self._max_size:
                message = Message(headers, properties, body, writer.content_type, writer.content_encoding)
                return Publication(prepared.queue or self._queue, message)
        queue = prepared.queue or self._queue
        return self._with_options(prepared, args, kwargs, options, headers, properties, queue)

    def _inherit(self, context: Context, headers: dict[str, Any], priority: int | None) -> int | None:
        """What a call from within a task has of that task; returns the priority."""
        headers["root_id"] = context.root_id
        headers["parent_id"] = context.id
        return context.priority if self._inherits and context.priority is not None else priority

    def _with_options(
        self,
        prepared: _Prepared,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        options: CallOptions,
        headers: dict[str, Any],
        properties: dict[str, Any],
        queue: str,
    ) -> Publication:
        options = _checked(options)
        if prepared.shadow is not None:
            headers["shadow"] = prepared.shadow(args, kwargs, options)
        due = self._due(options, headers)
        self.set_expiry(options.get("expires", prepared.expires), headers)
        for option, header in _PLAIN_HEADERS:
            if option in options:
                headers[header] = options[option]  # type: ignore[literal-required]
        if "time_limit" in options or "soft_time_limit" in options:
            hard, soft = headers["timelimit"]
            headers["timelimit"] = [options.get("time_limit", hard), options.get("soft_time_limit", soft)]
        if options.get("headers"):
            headers.update(options["headers"])
        if options.get("task_retry_policy"):
            headers[RETRY_POLICY] = policy_from(options["task_retry_policy"]).as_header()
        _set_properties(options, properties)
        embed = {
            "callbacks": _as_list(options.get("link")),
            "errbacks": _as_list(options.get("link_error")),
            "chain": options.get("chain"),
            "chord": options.get("chord"),
        }
        encoded = self._app.codec.encode(
            (args, kwargs, embed),
            options.get("serializer", prepared.serializer),
            options.get("compression", prepared.compression),
        )
        if encoded.compression:
            headers["compression"] = encoded.compression
        message = Message(headers, properties, encoded.body, encoded.content_type, encoded.content_encoding)
        named = _queues_of(self._app, options.get("queue"), options.get("exchange"), options.get("routing_key"))
        chosen, *also = named or prepared.queues or [queue]
        publication = Publication(chosen, message, due, tuple(also))
        unique = options.get("unique", prepared.unique)
        if unique:
            self._claim(unique, publication, args, kwargs, any(embed.values()), "task_id" not in options)
        return publication

    def _claim(
        self,
        unique: Any,
        publication: Publication,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        is_followed: bool,
        may_adopt: bool,
    ) -> None:
        """Of equal calls of a unique task one is sent; the message of another stands for that one."""
        from celeriac.unique import claim, name_of, unique_from

        self._app.has_unique = True
        unique = unique_from(unique)
        task_name = publication.message.task
        name = name_of(unique, task_name, self._app.tasks.get(task_name), args, kwargs)
        claim(self._app, unique, name, publication, is_followed, may_adopt)

    def address(self) -> str | None:
        """Where the results of calls made here go; None where that need not be said.

        Raises:
            TransportDown: the broker could not be made ready to take them there in time.
        """
        driver = self._app.backend.driver
        return None if driver.supports("shared") else driver.reply_to(self._app.conf.task_publish_timeout)

    def publish(
        self,
        batch: Sequence[Publication],
        timeout: float | None = None,
        options: CallOptions = _NO_OPTIONS,
        claimed: bool = False,
    ) -> None:
        """Hand messages to the broker, all or none, within one hard deadline that covers everything. `claimed`: unique
        tasks have been looked after.

        Raises:
            TransportDown: the broker did not take them in time.
        """
        app = self._app
        if app.has_unique and not claimed and self.holds_names(batch):
            with publishing(app, batch) as sent:
                if sent:
                    self.publish(sent, timeout, options, claimed=True)
            return
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        transport = app.write_transport
        batch = self.ready(batch, transport)
        self.deliver(batch, deadline, options, transport)
        if app.hooks.after_publish:
            app.hooks.after_publish(app=app, batch=batch)

    def publish_all(self, batches: Iterable[Sequence[Publication]]) -> None:
        """Publish batch after batch, each within a deadline of its own."""
        from celeriac.overlap import publish_all

        publish_all(self._app, batches)

    # the steps of publishing

    def holds_names(self, batch: Sequence[Publication]) -> bool:
        """Whether there are unique tasks among them."""
        return any(UNIQUE in publication.message.headers for publication in batch)

    def deadline(self) -> float:
        """Of a publish that begins now."""
        return time.monotonic() + self._timeout

    def ready(self, batch: Sequence[Publication], transport: Transport) -> Sequence[Publication]:
        """What is to be sent, once all have been heard that have a say in it."""
        app = self._app
        if self._fans_out:
            batch = [each for publication in batch for each in _fanned_out(publication)]
        if self._known_queues is not None:
            self.check_queues(batch)
        if not transport.supports("delay") and any(publication.due is not None for publication in batch):
            raise UnsupportedCapability("this transport cannot delay messages: no countdown, eta or retry with a delay")
        if app.hooks.before_publish:
            app.hooks.before_publish(app=app, batch=batch)
        if self._tracks:
            app.backend.store_queued(batch)
        return batch

    def deliver(
        self,
        batch: Sequence[Publication],
        deadline: float,
        options: CallOptions,
        transport: Transport,
        attempt: Callable[[float], T] | None = None,
    ) -> T | None:
        """Publish them, or do `attempt` within the seconds that are left and return what it returns. When that fails,
        all of the batch is published again as long as there is time.

        Raises:
            TransportDown: the broker did not take them in time.
        """
        retries = 0
        while True:
            left = max(deadline - time.monotonic(), 0.001)
            try:
                if attempt is not None:
                    return attempt(left)
                transport.publish(batch, left)
                return None
            except TransportDown as error:
                pause = self._pause(retries, error, options, transport)
                if pause is None or time.monotonic() + pause >= deadline:
                    raise
            _mark_again(batch)
            time.sleep(pause)
            retries += 1
            transport, attempt = self._app.write_transport, None

    def _pause(self, retries: int, error: TransportDown, options: CallOptions, transport: Transport) -> float | None:
        """Seconds before a publish is tried again; None: it is not. Of several brokers, the next is tried at once."""
        conf = self._app.conf
        if self._app.fail_over(transport) and retries < len(self._app.write_brokers) - 1:
            return 0.0
        if not options.get("retry", conf.task_publish_retry):
            return None
        policy = options.get("retry_policy") or conf.task_publish_retry_policy
        return publish_retry_from(policy).pause(retries, error) if policy else pause_without_policy(retries)

    def check_queues(self, batch: Sequence[Publication]) -> None:
        """Refuse queues that are not configured, where ``task_create_missing_queues`` is off."""
        known = self._known_queues
        if known is None:
            return
        for publication in batch:
            if publication.queue not in known:
                from celeriac.nearest import did_you_mean

                raise ConfigurationError(
                    f"queue {publication.queue!r} is not in task_queues and task_create_missing_queues is off"
                    f"{did_you_mean(publication.queue, known)}"
                )

    def _routed(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        options: CallOptions,
        task: Task[..., Any] | None,
        prepared: _Prepared,
    ) -> CallOptions:
        """Options of the call come before the task's own, those before the route's."""
        route = dict(self._routes.match(name, args, kwargs, options, task))
        if prepared.queues:
            for place in ("queue", "exchange", "routing_key"):
                route.pop(place, None)
        return {**route, **options}  # type: ignore[typeddict-item]

    def _due(self, options: CallOptions, headers: dict[str, Any]) -> float | None:
        countdown, eta = options.get("countdown"), options.get("eta")
        if countdown is not None:
            due = self._app.clock.time() + countdown
        elif eta is not None:
            due = self._app.localize(eta).timestamp()
        else:
            return None
        headers["eta"] = datetime.fromtimestamp(due, UTC).isoformat()
        return due

    def set_expiry(self, expires: Any, headers: dict[str, Any]) -> None:
        """Write the time after which the task does not start any more: seconds from now, or the time."""
        if expires is None:
            return
        if isinstance(expires, timedelta):
            expires = expires.total_seconds()
        if isinstance(expires, datetime):
            moment = self._app.localize(expires)
        else:
            moment = datetime.fromtimestamp(self._app.clock.time() + float(expires), UTC)
        headers["expires"] = moment.isoformat()


def _mark_again(batch: Sequence[Publication]) -> None:
    """The first one may be there, and only its confirmation was lost."""
    for publication in batch:
        publication.message.headers[AGAIN] = True


def _set_properties(options: CallOptions, properties: dict[str, Any]) -> None:
    """What a broker is to know of a message."""
    if "priority" in options:
        properties["priority"] = options["priority"]
    if options.get("reply_to"):
        properties["reply_to"] = options["reply_to"]
    if options.get("delivery_mode"):
        properties["delivery_mode"] = to_delivery_mode(options["delivery_mode"])


def _fanned_out(publication: Publication) -> Iterator[Publication]:
    """One for each queue that the message goes to."""
    yield publication
    for queue in publication.also:
        yield Publication(queue, publication.message, publication.due)


_EMPTY_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_BODY_OF_ARGS: Final = b'[%b,{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]'
"""The body of a call without keyword arguments, where its parts can be written apart."""

_PLACE = frozenset({"task_id", "group_id", "group_index", "chord"})
"""All the options that the members of most groups have."""

_PLAIN_HEADERS = (
    ("root_id", "root_id"),
    ("parent_id", "parent_id"),
    ("group_id", "group"),
    ("group_index", "group_index"),
    ("retries", "retries"),
    ("shadow", "shadow"),
    ("ignore_result", "ignore_result"),
    ("argsrepr", "argsrepr"),
    ("kwargsrepr", "kwargsrepr"),
)


def _in_place(options: CallOptions, headers: dict[str, Any]) -> dict[str, Any]:
    """What a message of a group's member has that says where it belongs; the embed of it."""
    headers["group"] = options.get("group_id")
    headers["group_index"] = options.get("group_index")
    chord = options.get("chord")
    return _EMPTY_EMBED if chord is None else {**_EMPTY_EMBED, "chord": chord}


def _checked(options: CallOptions) -> CallOptions:
    """The options, with stamps where they travel."""
    if "stamped_headers" in options:
        from celeriac.canvas.stamps import in_headers

        options = in_headers(options)  # type: ignore[assignment]
    unknown = options.keys() - KNOWN_OPTIONS
    if unknown:
        raise unknown_option(sorted(unknown)[0])
    return options


def _as_list(value: Any) -> list[Any] | None:
    if not value:
        return None
    return list(value) if isinstance(value, (list, tuple)) else [value]


def unknown_option(name: str) -> ConfigurationError:
    """What to raise for an option that calls do not have."""
    from celeriac.nearest import did_you_mean

    if name in _NOT_OPTIONS:
        return ConfigurationError(f"apply_async takes no {name!r}: {_NOT_OPTIONS[name]}")
    return ConfigurationError(f"apply_async has no option {name!r}{did_you_mean(name, KNOWN_OPTIONS)}")


_OWN_CONNECTION = "an app has one connection for all its calls (app.write_transport); leave it out"
_NOT_OPTIONS = {
    "connection": _OWN_CONNECTION,
    "producer": _OWN_CONNECTION,
    "publisher": _OWN_CONNECTION,
    "immediate": "no broker of today knows it; set `expires`",
    "group": "membership of a group is given by canvas: group(…), or group_id=",
}


_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 128
_repr.maxlist = _repr.maxtuple = _repr.maxdict = 16
_repr.maxlevel = 3


def safe_repr(value: Any) -> str:
    """A short repr for headers and logs: cheap for small plain values, bounded for the rest, and never failing."""
    items = value.values() if isinstance(value, dict) else value
    for item in items:
        kind = type(item)
        if not (kind is int or kind is float or kind is bool or item is None or (kind is str and len(item) <= _SHORT)):
            break
    else:
        if len(value) <= 16:
            return repr(value)
    try:
        return _repr.repr(value)
    except Exception:
        return f"<{type(value).__qualname__} without a repr>"
