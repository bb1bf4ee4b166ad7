"""What Celery has and the face has not: each with the reason, and what to use instead.

A test compares this with the names of Celery itself: every one of them is here or there, and none in both. What has no
row of its own falls to a pattern; the first that fits counts.
"""

from __future__ import annotations

_DRIVER = "result backends are drivers, chosen by the URL in result_backend; docs/reference/drivers.md has the list"
_STEPS = "the worker has no bootsteps; hooks act at the same moments (docs/reference/hooks.md)"
_POOL = "pools are drivers, chosen by worker_pool or -P; docs/reference/drivers.md has the list"
_EVENTS = "events are told and heard by celery.events (app.events); what lives on them is not here"
_EXCHANGES = "queues are reached by their names; set task_queues, task_routes and task_default_queue"
_CONNECTION = (
    "there are no connections of kombu's behind an app; publishing keeps its own (setting task_publish_timeout)"
)
_DAEMON = "a worker stays in the foreground; systemd, a container or another supervisor keeps it"
_MOVE = "`celeriac dlq` and `celeriac queue` look after messages; moving between brokers needs a worker at each"
_SECURITY = "signing is the serializer 'auth': app.setup_security(…), or the settings security_…"
_GRAPH = "AsyncResult.build_graph gives the graph of results, and draws it as DOT"
_CLI = "the command line is celeriac's own; docs/reference/cli.md has its commands"
_INTERNAL = "it is a part of Celery's machinery that Celeriac does without"
_TRACE = "how a task is run is no function here; hooks are called before and after (task_prerun, task_postrun)"
_BEAT = "beat's memory is a driver (setting beat_scheduler); celeriac.specs.scheduler says what one must do"

MODULES: dict[str, str] = {
    "app.amqp": _EXCHANGES,
    "app.annotations": "annotations are applied where tasks are made (setting task_annotations)",
    "app.backends": _DRIVER,
    "app.builtins": "the tasks that Celery builds in are carried out by the worker itself",
    "app.routes": "task_routes takes mappings, lists and functions; the router itself is celeriac.routing",
    "apps.multi": _DAEMON,
    "backends.*": _DRIVER,
    "bin.*": _CLI,
    "bootsteps": _STEPS,
    "concurrency.*": _POOL,
    "contrib.migrate": _MOVE,
    "contrib.rdb": "use debugpy or another remote debugger, or a worker with -P solo and pdb",
    "contrib.sphinx": "tasks keep the docstrings of their functions; autodoc shows them under `__wrapped__`",
    "contrib.testing.manager": "it is the helper of Celery's own integration tests",
    "events.*": _EVENTS,
    "platforms": _DAEMON,
    "security.*": _SECURITY,
    "utils.annotations": "it reads annotations for Celery's pydantic tasks",
    "utils.debug": "use memray, tracemalloc or psutil",
    "utils.graph": _GRAPH,
    "utils.quorum_queues": "quorum queues are broker_transport_options={'queue_type': 'quorum'}; nothing detects them",
    "utils.static": _INTERNAL,
    "utils.term": "click.style colours text, also for this command line",
    "utils.threads": "use threading, or contextvars",
    "utils.timer2": "what is not yet due waits in the queue, there is no timer",
    "worker.*": _STEPS,
}
"""Patterns of modules, without ``celery.``."""

NAMES: dict[str, str] = {
    "app.base:Celery.Pickler": _INTERNAL,
    "app.base:Celery.SYSTEM": "use platform.system()",
    "app.base:Celery.amqp": _EXCHANGES,
    "app.base:Celery.amqp_cls": _EXCHANGES,
    "app.base:Celery.backend_cls": _DRIVER,
    "app.base:Celery.control_cls": "subclass celery.app.control.Control and call it with the app",
    "app.base:Celery.default_producer": _CONNECTION,
    "app.base:Celery.events_cls": _EVENTS,
    "app.base:Celery.log_cls": "logging is a driver (setting worker_logger); connect to the signal setup_logging",
    "app.base:Celery.pool": _CONNECTION,
    "app.base:Celery.producer_or_acquire": _CONNECTION,
    "app.base:Celery.producer_pool": _CONNECTION,
    "app.base:Celery.type_checker": "arguments are checked against the function's signature; typing=False turns it off",
    "app.control:Control.Mailbox": _INTERNAL,
    "app.control:Control.election": "workers elect nobody; a schedule shared by several beats fires once anyway",
    "app.defaults:NAMESPACES": "celery.app.defaults.find(name), or docs/reference/settings.md",
    "app.defaults:Option": "celery.app.defaults.find(name), or docs/reference/settings.md",
    "app.task:Task.acks_on_failure": "a task that failed is settled; raise Reject(requeue=True) to have it run again",
    "app.task:Task.acks_on_timeout": "a task that ran too long is settled; raise Reject(requeue=True)",
    "app.task:Task.add_around": "annotations are applied where the task is made",
    "app.task:Task.annotate": "annotations are applied where the task is made",
    "app.task:Task.from_config": _INTERNAL,
    "app.task:Task.pop_request": "the request of a run is a context variable; celery.current_task.request reads it",
    "app.task:Task.push_request": "call task.apply() to run with a request of one's own",
    "app.task:Task.request_stack": "the request of a run is a context variable; celery.current_task.request reads it",
    "app.task:Task.retry_on_worker_lost": "reject_on_worker_lost, and acks_late: the task is delivered again",
    "app.task:Task.run": "a task's class defines it; the base has none",
    "app.trace:*": _TRACE,
    "beat:*": _BEAT,
    "bin.celery:*": _CLI,
    "events:*": _EXCHANGES,
    "events.event:*": _EXCHANGES,
    "bin.worker:*": _CLI,
    "utils.deprecated:*": _INTERNAL,
    "utils.sysinfo:*": "the number of processes is worker_concurrency; None is one for each CPU",
    "canvas:Signature.append_to_list_option": "link() and link_error() add to the lists",
    "canvas:Signature.election": "workers elect nobody",
    "canvas:Signature.extend_list_option": "link() and link_error() add to the lists",
    "canvas:Signature.parent_id": "it stands in the options of a signature: signature.options.get('parent_id')",
    "canvas:Signature.root_id": "it stands in the options of a signature: signature.options.get('root_id')",
    "canvas:basemap.apply_async": _INTERNAL,
    "canvas:basemap.from_dict": _INTERNAL,
    "canvas:chain.prepare_steps": _INTERNAL,
    "canvas:chain.run": "call apply_async",
    "canvas:chain.unchain_tasks": "chain.tasks are the steps",
    "canvas:chord.run": "call apply_async",
    "result:AsyncResult.supports_native_join": "results are waited for together in every backend",
    "result:EagerResult.supports_native_join": "results are waited for together in every backend",
    "schedules:crontab_parser": "celery.schedules.crontab reads the fields; crontab.from_string a whole line",
    "schedules:solar": "events of the sun are not part of this release; write a schedule with next_after",
    "utils.collections:*": _INTERNAL,
    "utils.functional:head_from_fun": "use inspect.signature",
    "utils.functional:lazy": "use functools.cache on a function without arguments",
    "utils.functional:mlazy": "use functools.cache on a function without arguments",
    "utils.log:ColorFormatter": "the log's colours are the logger's (setting worker_log_color)",
    "utils.log:LoggingProxy": "standard output is left alone; contextlib.redirect_stdout takes it elsewhere",
    "utils.log:in_sighandler": _INTERNAL,
    "utils.log:set_in_sighandler": _INTERNAL,
    "utils.log:reset_multiprocessing_logger": _INTERNAL,
    "utils.objects:getitem_property": "use a property",
    "utils.saferepr:reprstream": "use celery.utils.saferepr.saferepr",
    "utils.serialization:*": "errors that cannot be written are stored by name and text anyway",
    "utils.time:*": "use zoneinfo and datetime",
    "canvas:Signature.AsyncResult": "freeze() gives the result of a signature before it is called",
    "canvas:Signature.partial": "clone(args, kwargs) gives a copy with more arguments",
    "result:AsyncResult.ignored": "whether a result is kept is said by the task: task.ignore_result",
    "result:AsyncResult.revoke_by_stamped_headers": "app.control.revoke with the ids of the tasks",
    "result:ResultSet.backend": "result_set.app.backend",
    "utils.dispatch.signal:Signal.receivers": "connect and disconnect change it",
}
"""Single names, as ``module:name``; ``module:*`` for what a module has no other row for."""
