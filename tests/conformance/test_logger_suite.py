"""The suite for loggers finds a logger that is wrong: one fault each, and the clause that must fail."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from celeriac.testing.suite import logger as suite

pytest_plugins = "pytester"

HEAD = """
import logging
from celeriac.testing.suite import LoggerSuite
from celeriac_plugins.loggers.text import TextLogger
"""

ONE = """
class Wrong{number}(TextLogger):
{fault}

class TestWrong{number}(LoggerSuite):
    driver = Wrong{number}
"""

FAULTS = {
    "test_it_declares_known_capabilities_and_this_version_of_the_contract": """
        capabilities = frozenset({"poetry"})
    """,
    "test_nothing_changes_when_it_is_made": """
        def __init__(self, options):
            super().__init__(options)
            logging.getLogger("celeriac").setLevel(options.level)
    """,
    "test_installed_it_writes_what_is_logged_from_its_level_up": """
        def install(self):
            super().install()
            logging.getLogger("celeriac").setLevel(logging.INFO)
    """,
    "test_install_again_changes_nothing": """
        def install(self):
            self._installed = None
            super().install()
    """,
    "test_the_root_logger_is_never_touched": """
        def install(self):
            super().install()
            logging.getLogger("celeriac").propagate = True
    """,
    "test_uninstall_puts_back_what_install_found": """
        def uninstall(self):
            super().uninstall()
            logging.getLogger("celeriac").setLevel(logging.WARNING)
    """,
    "test_installed_a_second_time_it_works_again": """
        def uninstall(self):
            found = self._installed
            super().uninstall()
            self._installed = found
    """,
    "test_a_message_is_written_with_its_arguments": """
        def formatter(self, color):
            return logging.Formatter("%(msg)s")
    """,
    "test_an_exception_is_written_with_its_traceback": """
        def formatter(self, color):
            formatter = logging.Formatter()
            formatter.formatException = lambda info: repr(info[1])
            return formatter
    """,
    "test_without_a_terminal_there_is_no_colour": """
        def formatter(self, color):
            return super().formatter(True)
    """,
    "test_one_record_is_one_line": """
        capabilities = frozenset({"structured"})
    """,
    "test_a_file_is_appended_to": """
        def _handler(self):
            return logging.FileHandler(self.options.filename, "w", encoding="utf-8")
    """,
    "test_a_file_may_be_renamed_under_it": """
        def _handler(self):
            return logging.FileHandler(self.options.filename, encoding="utf-8")
    """,
    "test_a_bound_task_is_in_the_line_until_it_is_taken_off": """
        def bind(self, task, task_id):
            if task_id:
                super().bind(task, task_id)
    """,
    "test_each_thread_has_its_own_task": """
        def bind(self, task, task_id):
            self.now = f"{task}[{task_id}] "

        def formatter(self, color):
            formatter = logging.Formatter()
            formatter.formatMessage = lambda record: self.now + record.message
            return formatter
    """,
    "test_each_coroutine_has_its_own_task": """
        import threading

        now = threading.local()

        def bind(self, task, task_id):
            self.now.task = f"{task}[{task_id}] "

        def formatter(self, color):
            formatter = logging.Formatter()
            formatter.formatMessage = lambda record: self.now.task + record.message
            return formatter
    """,
}


def test_each_fault_fails_its_clause(pytester: pytest.Pytester) -> None:
    faults = [ONE.format(number=n, fault=indent(dedent(fault), "    ")) for n, fault in enumerate(FAULTS.values())]
    pytester.makepyfile(test_wrong=HEAD + "".join(faults))
    clauses = [f"test_wrong.py::TestWrong{n}::{clause}" for n, clause in enumerate(FAULTS)]
    _, _, failed = pytester.inline_run("-p", "no:cacheprovider", "--tb=line", *clauses).listoutcomes()
    assert all(report.when == "call" for report in failed), "a fault is to show in a clause, not in a fixture"
    assert {report.nodeid.split("::")[2].partition("[")[0] for report in failed} == FAULTS.keys()


def test_every_clause_has_a_fault_that_it_finds() -> None:
    assert {name for name in vars(suite.LoggerSuite) if name.startswith("test_")} == FAULTS.keys()
