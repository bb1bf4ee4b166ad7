"""In the slot: decode, run, catch. What a pool calls, in whatever thread or process it runs tasks."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac import states
from celeriac.context import Context, current
from celeriac.errors import (
    CeleriacError,
    DecodeError,
    Ignore,
    Reject,
    Replaced,
    Retry,
    SoftTimeLimitExceeded,
    TaskRevoked,
    TimeLimitExceeded,
    WorkerLost,
)
from celeriac.failure import ErrorInfo, describe, format_traceback, shown
from celeriac.retrying import retried
from celeriac.specs.backend import Record
from celeriac.specs.pool import CANCEL_SOFT_TIME_LIMIT, CANCEL_TERMINATED, CANCEL_TIME_LIMIT, Outcome, Request, Verdict
from celeriac.unique import SAME_AS
from celeriac.worker.follow import after_failure, after_success, in_place

if TYPE_CHECKING:
    import asyncio

    from celeriac.app import Celeriac
    from celeriac.task import Task
    from celeriac.worker.policy import Policies, Policy


logger = logging.getLogger("celeriac.worker")


class Call(msgspec.Struct, eq=False):
    """A request whose body has been decoded and fits its task."""

    request: Request
    policy: Policy
    task: Task[..., Any]
    context: Context
    started: float = 0.0


class _Unrunnable(Exception):
    """The request cannot be run by this code; perhaps by another version of it."""


class TaskRunner:
    """`celeriac.specs.pool.Runner` over one app."""

    def __init__(self, app: Celeriac, policies: Policies, hostname: str) -> None:
        self._app = app
        self._hooks = app.hooks
        self._policies = policies
        self._hostname = hostname
        self._local = threading.local()
        self._loops: dict[threading.Thread, asyncio.Runner] = {}

    # the contract

    def run(self, request: Request) -> Outcome:
        """Decode, run, catch."""
        call = self._begin(request)
        if isinstance(call, Outcome):
            return call
        token = current.set(call.context)
        try:
            if request.finished is not None:
                return self._resumed(call)
            self._before(call)
            context = call.context
            value = call.policy.function(*context.args, **context.kwargs)
            if call.task.is_async:
                # The loop would otherwise run it in the context of its own first use.
                value = self._loop().run(value, context=copy_context())
            return self._success(call, value)
        except BaseException as error:
            if call.task.is_async:
                self._drop_interrupted_loop()
            return self._ended(call, error)
        finally:
            current.reset(token)

    async def run_async(self, request: Request) -> Outcome:
        """The same in a running event loop."""
        import asyncio  # a tenth of a worker's start-up, which one without coroutines need not pay

        call = self._begin(request)
        if isinstance(call, Outcome):
            return call
        token = current.set(call.context)
        try:
            if request.finished is not None:
                return self._resumed(call)
            self._before(call)
            if call.task.is_async:
                value = await call.policy.function(*call.context.args, **call.context.kwargs)
            else:
                value = await asyncio.to_thread(call.policy.function, *call.context.args, **call.context.kwargs)
            return self._success(call, value)
        except asyncio.CancelledError as error:
            return self._ended(call, _why_cancelled(request, error))
        except BaseException as error:
            return self._ended(call, error)
        finally:
            current.reset(token)

    def ended(self, request: Request, error: BaseException, detail: str = "") -> Outcome:
        """The outcome of a task that the pool had to end."""
        if isinstance(error, WorkerLost):
            return Outcome(request.key, Verdict.LOST, reason=str(error), detail=detail)
        policy = self._policies[request.message.task]
        context = Context(request.message.task, request.message.id, headers=request.message.headers)
        if policy.task is None:
            return Outcome(request.key, Verdict.DEAD, reason=describe(error), detail=detail)
        return self._failure(Call(request, policy, policy.task, context), error, detail)

    def process_started(self) -> None:
        """In a child: own connections, and the plugins' turn."""
        self._loops = {}
        self._app.after_fork()
        if self._app.hooks.worker_process_init:
            self._app.hooks.worker_process_init(app=self._app)

    def process_stopping(self) -> None:
        """In a child that ends in good order."""
        if self._app.hooks.worker_process_shutdown:
            self._app.hooks.worker_process_shutdown(app=self._app)
        self.close()
        self._app.close()

    def close(self) -> None:
        """Close the event loops of threads that ran coroutine tasks, but for one in which a task is stuck."""
        for thread in list(self._loops):
            loop = self._loops.pop(thread)
            if not loop.get_loop().is_running():
                loop.close()

    # opening

    def _begin(self, request: Request) -> Call | Outcome:
        """The call to make, or the outcome of a request that cannot be run by this code."""
        try:
            call = self._open(request)
        except Exception as error:
            return self._unrunnable(request, error)
        call.started = call.context.started = time.perf_counter()
        return call

    def _open(self, request: Request) -> Call:
        message = request.message
        headers = message.headers
        name = message.task
        policy = self._policies[name]
        task = policy.task
        if task is None:
            raise _Unrunnable(f"no task {name!r} is registered in the pool's process")
        body = self._app.codec.decode(message.body, message.content_type, headers.get("compression"))
        try:
            args, kwargs, embed = body
            if not isinstance(kwargs, dict) or not isinstance(args, (list, tuple)):
                raise TypeError
        except (TypeError, ValueError):
            raise DecodeError("the body is not (args, kwargs, embed) as in message protocol 2") from None
        try:
            task.check_arguments(args, kwargs)
        except TypeError as error:
            raise _Unrunnable(str(error)) from error
        if embed is None or (type(embed) is dict and not any(embed.values())):
            embed = {}  # nothing follows, as usual: nobody has to look for each of what might
        context = Context(
            name, message.id, args if type(args) is list else list(args), kwargs, headers, False, False,
            request.queue, request.count, embed, self._hostname, message, self._app,
        )  # fmt: skip
        return Call(request, policy, task, context)

    def _unrunnable(self, request: Request, error: Exception) -> Outcome:
        reason = str(error) if isinstance(error, _Unrunnable) else describe(error)
        detail = "" if isinstance(error, (_Unrunnable, CeleriacError)) else format_traceback(error)
        return Outcome(request.key, Verdict.DELAY, reason=reason, detail=detail)

    def _before(self, call: Call) -> None:
        hooks = self._hooks
        if call.policy.track_started:
            meta = {"pid": os.getpid(), "hostname": self._hostname}
            self._app.store_state(call.context.id or "", states.STARTED, meta)
        if hooks.task_prerun:
            hooks.task_prerun(app=self._app, context=call.context, args=call.context.args, kwargs=call.context.kwargs)
        if call.policy.handlers:
            call.task.before_start(call.context.id or "", call.context.args, call.context.kwargs)

    # ending

    def _success(self, call: Call, value: Any) -> Outcome:
        runtime = time.perf_counter() - call.started
        context, key = call.context, call.request.key
        publications = after_success(self._app, context, value) if context.embed else []
        group = self._group(call) if context.embed else None
        if group is None and context.headers.get("ignore_result"):  # as `_ignores` has it
            state, payload = None, b""
        else:
            state, payload = (
                states.SUCCESS,
                self._app.backend.encode(context.id or "", states.SUCCESS, value, None, context),
            )
        self._told_success(call, value)
        if call.request.told:
            text = shown(value, call.task.resultrepr_maxsize)
            return Outcome(key, Verdict.ACK, state, payload, publications, group, "", "", runtime, shown=text)
        return Outcome(key, Verdict.ACK, state, payload, publications, group, "", "", runtime)

    def _told_success(self, call: Call, value: Any) -> None:
        hooks, context = self._hooks, call.context
        if hooks.task_success:
            hooks.task_success(app=self._app, context=context, result=value)
        if hooks.task_postrun:
            hooks.task_postrun(app=self._app, context=context, state=states.SUCCESS, result=value)
        if call.policy.handlers:
            self._tell(call, call.task.on_success, value, context.id or "", context.args, context.kwargs)
            self._tell(
                call,
                call.task.after_return,
                states.SUCCESS,
                value,
                context.id or "",
                context.args,
                context.kwargs,
                None,
            )

    @staticmethod
    def _tell(call: Call, handler: Callable[..., None], *arguments: Any) -> None:
        """Call a handler. What becomes of the task is decided by then: one that fails is for the log."""
        try:
            handler(*arguments)
        except Exception:
            logger.exception("%s of task %s[%s] failed", handler.__name__, call.task.name, call.context.id)

    def _ended(self, call: Call, error: BaseException) -> Outcome:
        """Everything but a return: the task's own steering, a retry, a failure."""
        try:
            return self._steered(call, error)
        except BaseException as second:  # the failure path never raises
            return self._failure(call, second, format_traceback(second, (__file__,)), quiet=True)

    def _steered(self, call: Call, error: BaseException) -> Outcome:
        key, runtime = call.request.key, time.perf_counter() - call.started
        if isinstance(error, Replaced):
            publications = in_place(self._app, error.signature)
            return Outcome(
                key, Verdict.ACK, None, b"", publications, None, "replaced", "", runtime, ended=states.IGNORED
            )
        if isinstance(error, Ignore):
            return Outcome(key, Verdict.ACK, runtime=runtime, reason="ignored by the task", ended=states.IGNORED)
        if isinstance(error, Reject):
            verdict = Verdict.REQUEUE if error.requeue else Verdict.DEAD
            return Outcome(key, verdict, reason=f"rejected by the task: {error.reason}", runtime=runtime)
        if isinstance(error, Retry):
            return self._retry(call, error)
        if isinstance(error, Exception):
            control = call.task.automatic_retry(error)
            if control is not None:
                return self._retry(call, control)
        return self._failure(call, error, format_traceback(error, (__file__,)))

    def _retry(self, call: Call, control: Retry) -> Outcome:
        app, context = self._app, call.context
        publication = retried(app, context, control)
        error = control.exc or control
        traceback = format_traceback(error if error.__traceback__ is not None else control, (__file__,))
        record = app.backend.failure(context.id or "", error, traceback, states.RETRY, context)
        countdown = max((publication.due or 0) - app.clock.time(), 0)
        if app.hooks.task_retry:
            app.hooks.task_retry(app=app, context=context, error=control.exc, countdown=countdown)
        if call.policy.handlers:
            info = ErrorInfo(traceback, error)
            self._tell(call, call.task.on_retry, error, context.id or "", context.args, context.kwargs, info)
        state = None if self._ignores(call) else states.RETRY
        reason = f"retry in {countdown:.3g}s: {describe(error)}" if control.exc else f"retry in {countdown:.3g}s"
        runtime = time.perf_counter() - call.started
        follows = [] if control.is_sent else [publication]
        return Outcome(
            call.request.key, Verdict.ACK, state, record.payload, follows, None, reason, traceback, runtime,
            ended=states.RETRY,
        )  # fmt: skip

    def _failure(self, call: Call, error: BaseException, traceback: str, quiet: bool = False) -> Outcome:
        app, context = self._app, call.context
        state = states.REVOKED if isinstance(error, TaskRevoked) else states.FAILURE
        record = app.backend.failure(context.id or "", error, traceback, state, context)
        if not quiet:
            if app.hooks.task_failure:
                app.hooks.task_failure(app=app, context=context, error=error, traceback=traceback)
            if app.hooks.task_postrun:
                app.hooks.task_postrun(app=app, context=context, state=state, result=error)
            if call.policy.handlers:
                info = ErrorInfo(traceback, error)
                self._tell(call, call.task.on_failure, error, context.id or "", context.args, context.kwargs, info)
                self._tell(
                    call, call.task.after_return, state, error, context.id or "", context.args, context.kwargs, info
                )
        stored = None if self._ignores(call) and not call.policy.keeps_errors else state
        publications = after_failure(app, context, error, traceback) if context.embed else []
        expected = isinstance(error, call.task.throws) if call.task.throws else False
        runtime = time.perf_counter() - call.started if call.started else 0.0
        verdict = Verdict.ACK
        if call.policy.keeps_failed:
            if isinstance(error, TimeLimitExceeded):
                return Outcome(call.request.key, Verdict.REQUEUE, reason=describe(error), runtime=runtime)
            verdict = Verdict.DEAD
        return Outcome(
            call.request.key,
            verdict,
            stored,
            record.payload,
            publications,
            self._group(call),
            describe(error),
            "" if expected else traceback,
            runtime,
            ended=state,
        )

    def _resumed(self, call: Call) -> Outcome:
        """An earlier run of this message is stored as finished, but was not settled to its end: do the rest again."""
        context = call.context
        document = self._app.backend.decode(Record(context.id or "", states.SUCCESS, call.request.finished or b""))
        publications = []
        if context.embed:
            if document["status"] == states.SUCCESS:
                publications = after_success(self._app, context, document["result"], again=True)
            else:
                error = TaskRevoked("ended in an earlier delivery")
                publications = after_failure(self._app, context, error, document["traceback"] or "", again=True)
        state, payload = None, b""
        if SAME_AS in context.headers:  # the result is that of an equal call, and is to be found under this id too
            state = document["status"]
            result, traceback = document["result"], document["traceback"]
            payload = self._app.backend.encode(context.id or "", state, result, traceback)
        return Outcome(call.request.key, Verdict.ACK, state, payload, publications, self._group(call))

    def _ignores(self, call: Call) -> bool:
        # A member of a chord is counted by its stored result, so it has one.
        return bool(call.context.headers.get("ignore_result")) and self._group(call) is None

    @staticmethod
    def _group(call: Call) -> str | None:
        embed = call.context.embed
        return call.context.headers.get("group") if embed and embed.get("chord") else None

    def _drop_interrupted_loop(self) -> None:
        """A soft limit that hits the loop while it waits leaves the task in it unfinished: it must not go on inside the
        next one."""
        runner: asyncio.Runner | None = getattr(self._local, "loop", None)
        if runner is None:
            return
        import asyncio

        if asyncio.all_tasks(runner.get_loop()):
            self._local.loop = None
            self._loops.pop(threading.current_thread(), None)
            runner.close()

    def _loop(self) -> asyncio.Runner:
        """This thread's event loop, for coroutine tasks in pools that have none."""
        runner: asyncio.Runner | None = getattr(self._local, "loop", None)
        if runner is None or self._local.pid != os.getpid():
            import asyncio

            for thread in [thread for thread in list(self._loops) if not thread.is_alive()]:
                self._loops.pop(thread).close()
            runner = self._local.loop = asyncio.Runner()
            self._loops[threading.current_thread()] = runner
            self._local.pid = os.getpid()
        return runner


def _why_cancelled(request: Request, error: asyncio.CancelledError) -> BaseException:
    reason = error.args[0] if error.args else ""
    if reason == CANCEL_TIME_LIMIT:
        return TimeLimitExceeded(f"the task ran past its time limit of {request.time_limit:g} s")
    if reason == CANCEL_SOFT_TIME_LIMIT:
        return SoftTimeLimitExceeded(f"the task ran past its soft time limit of {request.soft_time_limit:g} s")
    if reason == CANCEL_TERMINATED:
        return TaskRevoked("terminated")
    return error
