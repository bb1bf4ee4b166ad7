"""celeriac_contrib.pytest_plugin, as its users meet it: in a test run of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["celeriac_contrib.pytest_plugin"]\n'


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    return pytester


def run(project: pytest.Pytester, tests: str) -> pytest.RunResult:
    """Run these tests in a fresh interpreter, with warnings as errors and no unknown marks."""
    project.makepyfile(tests)
    return project.runpytest_subprocess("-W", "error", "--strict-markers", "-p", "no:cacheprovider")


def test_the_fixtures_give_an_app_and_a_worker_with_a_clock(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
        def test_the_reminder_comes_a_day_later(celeriac_app, celeriac_worker):
            @celeriac_app.task
            def remind(customer):
                return f"reminded {customer}"

            result = remind.apply_async(("ada",), countdown=86400)
            celeriac_worker.drain()
            assert not result.ready()
            celeriac_worker.advance(86400)
            assert result.get(timeout=5) == "reminded ada"
        """,
    )
    result.assert_outcomes(passed=1)


def test_each_test_has_an_app_of_its_own(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
        import pytest

        @pytest.mark.parametrize("time", [1, 2])
        def test_the_queue_is_empty_at_first(celeriac_app, time):
            assert celeriac_app.tasks == {}
            assert celeriac_app.transport.counts("celery").ready == 0
            celeriac_app.send_task("something", ())
            assert celeriac_app.transport.counts("celery").ready == 1
        """,
    )
    result.assert_outcomes(passed=2)


def test_the_app_may_be_the_projects_own_and_is_left_as_it_was(project: pytest.Pytester) -> None:
    project.makepyfile(
        shop="""
        from celeriac import Celeriac

        app = Celeriac("shop", broker="memory://shop", backend="memory://shop")

        @app.task
        def price(name):
            return {"leek": 120}[name]
        """
    )
    project.makeconftest(
        CONFTEST
        + """
import pytest
import shop

@pytest.fixture
def celeriac_app():
    before = shop.app.conf.broker_url, shop.app.clock
    yield shop.app
    assert (shop.app.conf.broker_url, shop.app.clock) == before
"""
    )
    result = run(
        project,
        """
        import pytest
        import shop

        def test_a_price(celeriac_worker):
            assert shop.app.conf.broker_url != "memory://shop"
            assert shop.price.delay("leek").get(timeout=5) == 120

        def test_no_price(celeriac_worker):
            with pytest.raises(KeyError):
                shop.price.delay("truffle").get(timeout=5)
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_mark_says_how_the_worker_runs_and_the_nearest_one_wins(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
        import pytest

        pytestmark = pytest.mark.celeriac(pool="threads", concurrency=3)

        def test_the_mark_of_the_module(celeriac_worker):
            assert (celeriac_worker.worker.pool_name, celeriac_worker.worker.concurrency) == ("threads", 3)

        @pytest.mark.celeriac(concurrency=2, task_max_deliveries=1)
        def test_the_mark_of_the_test(celeriac_app, celeriac_worker):
            assert (celeriac_worker.worker.pool_name, celeriac_worker.worker.concurrency) == ("threads", 2)
            assert celeriac_app.conf.task_max_deliveries == 1
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_mark_with_a_plain_argument_is_an_error_that_says_so(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
        import pytest

        @pytest.mark.celeriac("threads")
        def test_it(celeriac_worker): ...
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*takes keyword arguments only*"])


def test_what_cannot_be_run_is_among_the_dead_letters(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
        import pytest

        @pytest.mark.celeriac(task_max_deliveries=2)
        def test_it(celeriac_app, celeriac_worker):
            sent = celeriac_app.send_task("no.such.task")
            with pytest.raises(Exception, match="unknown task"):
                sent.get(timeout=5)
            celeriac_worker.drain()
            (letter,) = celeriac_worker.dead_letters()
            assert (letter.message.id, letter.deliveries) == (sent.id, 2)
        """,
    )
    result.assert_outcomes(passed=1)


def test_it_does_not_load_itself(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_it(celeriac_worker): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'celeriac_worker' not found*"])
