"""The modules of Celery's tree that have no file of their own here, and the names in them.

A module that only repeats names from elsewhere is a row of `MODULES`, and a row costs nothing until it is imported.
Rows and files are looked up in one place, `finder`; what neither has is in `missing`.
"""

from __future__ import annotations

_UTILS = {
    "LOG_LEVELS": "utils.log:LOG_LEVELS",
    "cached_property": "utils.objects:cached_property",
    "chunks": "utils.functional:chunks",
    "gen_task_name": "utils.imports:gen_task_name",
    "gen_unique_id": "utils.ids:uuid",
    "get_cls_by_name": "utils.imports:symbol_by_name",
    "get_full_cls_name": "utils.imports:qualname",
    "import_from_cwd": "utils.imports:import_from_cwd",
    "instantiate": "utils.imports:instantiate",
    "memoize": "utils.functional:memoize",
    "nodename": "utils.nodenames:nodename",
    "nodesplit": "utils.nodenames:nodesplit",
    "noop": "utils.functional:noop",
    "uuid": "utils.ids:uuid",
    "worker_direct": "utils.nodenames:worker_direct",
}

MODULES: dict[str, dict[str, str]] = {
    "": {
        "Celery": "app.base:Celery",
        "Signature": "canvas:Signature",
        "Task": "app.task:Task",
        "bugreport": "app:bugreport",
        "chain": "canvas:chain",
        "chord": "canvas:chord",
        "chunks": "canvas:chunks",
        "current_app": "_state:current_app",
        "current_task": "_state:current_task",
        "group": "canvas:group",
        "maybe_signature": "canvas:maybe_signature",
        "shared_task": "app:shared_task",
        "signature": "canvas:signature",
        "subtask": "canvas:signature",
        "uuid": "utils.ids:uuid",
        "xmap": "canvas:xmap",
        "xstarmap": "canvas:xstarmap",
    },
    "app.events": {"Events": "events:Events"},
    "events.dispatcher": {"EventDispatcher": "events:EventDispatcher"},
    "events.event": {"Event": "events:Event", "group_from": "events:group_from"},
    "events.receiver": {"EventReceiver": "events:EventReceiver"},
    "registry": {"tasks": "_state:tasks"},
    "app.registry": {"TaskRegistry": "app.tasks:TaskRegistry"},
    "bin.beat": {"beat": "=celeriac.cli.beat:beat"},
    "bin.call": {"call": "=celeriac.cli.call:call"},
    "bin.control": {
        "control": "=celeriac.cli.control:control",
        "inspect": "=celeriac.cli.inspect:inspect",
        "status": "=celeriac.cli.status:status",
    },
    "bin.purge": {"purge": "=celeriac.cli.purge:purge"},
    "bin.result": {"result": "=celeriac.cli.result:result"},
    "bin.worker": {"worker": "=celeriac.cli.worker:worker"},
    "utils": _UTILS,
    "utils.abstract": {"CallableSignature": "canvas:Signature", "CallableTask": "app.task:Task"},
    "utils.dispatch": {"Signal": "utils.dispatch.signal:Signal"},
    "worker.request": {"Request": "app.hooks:Request"},
    "worker": {"WorkController": "apps.worker:Worker"},
    "worker.worker": {"WorkController": "apps.worker:Worker"},
}
"""Module to name to the place where the name is (``module:attr``): below this package, or with ``=`` anywhere."""
