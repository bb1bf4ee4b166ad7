"""What may stand after -A."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeriac import Celeriac
from celeriac.cli.session import Session

from .conftest import PROJECT, celeriac

APP = 'from celeriac import Celeriac\n{} = Celeriac("found")\n'


def find_app(name: str) -> Celeriac:
    session = Session()
    session.app_name = name
    return session.app


def package(folder: Path, **modules: str) -> None:
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


def explained(result) -> str:
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("name", ["hello", "hello:app", "hello.app", "hello.py", "./hello.py", "./hello.py:app"])
def test_it_is_a_module_an_attribute_or_a_file(project: Path, name: str) -> None:
    assert find_app(name).main == "hello"


def test_it_is_the_absolute_path_of_a_file(project: Path, monkeypatch) -> None:
    monkeypatch.chdir("/")
    assert find_app(str(project / "hello.py")).main == "hello"


@pytest.mark.parametrize("attribute", ["app", "celeriac", "celery", "anything"])
def test_the_attribute_may_have_any_name(folder: Path, attribute: str) -> None:
    (folder / "found.py").write_text(APP.format(attribute))
    assert find_app("found").main == "found"


@pytest.mark.parametrize("module", ["celeriac", "celery", "app", "tasks"])
def test_a_package_may_hold_it_in_one_of_the_usual_modules(folder: Path, module: str) -> None:
    package(folder / "proj", **{module: APP.format("app")})
    assert find_app("proj").main == "found"


@pytest.mark.parametrize("path", ["outer/inner/tasks.py", "./outer/inner", "outer/inner/"])
def test_the_path_into_a_package_gives_the_module_its_full_name(folder: Path, path: str) -> None:
    package(folder / "outer")
    package(folder / "outer" / "inner", tasks=APP.format("app") + "\n@app.task\ndef one() -> None: ...\n")
    assert list(find_app(path).tasks) == ["outer.inner.tasks.one"]


@pytest.mark.parametrize("path", ["./loose", "."])
def test_a_folder_that_is_no_package_holds_it_in_app_or_tasks(folder: Path, monkeypatch, path: str) -> None:
    (folder / "loose").mkdir()
    (folder / "loose" / "tasks.py").write_text(APP.format("app") + "\n@app.task\ndef one() -> None: ...\n")
    monkeypatch.chdir(folder / "loose" if path == "." else folder)
    assert list(find_app(path).tasks) == ["tasks.one"]


def test_a_bare_name_may_be_a_folder_without_an_init_file(folder: Path) -> None:
    (folder / "bare").mkdir()
    (folder / "bare" / "app.py").write_text(APP.format("app") + "\n@app.task\ndef one() -> None: ...\n")
    assert list(find_app("bare").tasks) == ["bare.app.one"]


@pytest.mark.parametrize("words", [("-A", "hello", "config", "show"), ("config", "-A", "hello", "show")])
def test_the_option_stands_before_or_behind_the_command(project: Path, read, words: tuple[str, ...]) -> None:
    assert "task_unknown_delay" in read(*words)
    assert "task_unknown_delay" in read("config", "show", "-A", "hello")


def test_the_environment_names_it_and_the_option_wins(project: Path, read, monkeypatch) -> None:
    monkeypatch.setenv("CELERIAC_APP", "hello")
    assert "task_unknown_delay" in read("config", "show")
    (project / "other.py").write_text(APP.format("app"))
    assert "task_unknown_delay" not in read("config", "show", "-A", "other")


def test_workdir_is_where_it_is_looked_for(project: Path, read, monkeypatch) -> None:
    monkeypatch.chdir("/")
    assert "task_unknown_delay" in read("config", "show", "-A", "hello", "--workdir", str(project))


def test_the_current_folder_is_on_the_path(project: Path) -> None:
    ended = celeriac("-A", "hello", "config", "show", "--json", cwd=project)
    assert ended.returncode == 0, ended.stderr
    assert "task_unknown_delay" in ended.stdout


def test_nothing_of_that_name_says_what_was_tried_and_what_is_near(project: Path, run) -> None:
    text = explained(run("-A", "helo", "config", "show"))
    assert "did you mean 'hello'?" in text
    assert "the module 'helo'" in text
    assert "entry points celeriac.apps" in text


def test_no_such_file_says_so(folder: Path, run) -> None:
    assert "no such file" in explained(run("-A", "./none.py", "config", "show"))


def test_no_app_in_the_module_says_where_it_should_be(folder: Path, run) -> None:
    (folder / "empty.py").touch()
    assert "no app in the module 'empty'" in explained(run("-A", "empty", "config", "show"))


def test_several_apps_say_how_to_choose(folder: Path, run) -> None:
    (folder / "two.py").write_text(APP.format("one") + APP.format("other"))
    assert "'two:one' or 'two:other'" in explained(run("-A", "two", "config", "show"))


def test_a_misspelt_attribute_gets_the_nearest(project: Path, run) -> None:
    assert "did you mean 'app'?" in explained(run("-A", "hello:ap", "config", "show"))


def test_something_else_under_the_name_says_what_it_is(project: Path, run) -> None:
    assert "is a type, not a Celeriac app" in explained(run("-A", "hello:Path", "config", "show"))


def test_a_module_that_misses_another_names_that_one(folder: Path, run) -> None:
    (folder / "needy.py").write_text("import quite_missing\n")
    assert "needs the module 'quite_missing'" in explained(run("-A", "needy", "config", "show"))


def test_a_module_that_fails_says_where(folder: Path, run) -> None:
    (folder / "bad.py").write_text("\n1 / 0\n")
    text = explained(run("-A", "bad", "config", "show"))
    assert "ZeroDivisionError" in text
    assert "bad.py, line 2" in text


def test_a_file_that_another_module_hides_is_not_taken_for_it(folder: Path, run) -> None:
    (folder / "json.py").write_text(APP.format("app"))
    assert "is hidden by another module 'json'" in explained(run("-A", "./json.py", "config", "show"))


def test_a_worker_without_an_app_says_how_to_name_one(folder: Path, run) -> None:
    result = run("worker")
    assert result.exit_code == 2
    assert "no app is named; write -A" in result.stderr


def test_without_an_app_a_broker_is_enough(app, run, project: Path) -> None:
    app.send_task("any.name")
    assert run("queue", "count", "celery", "-b", f"sqlite://{project}/hello.celeriac.db").stdout == "1\n"
    result = run("queue", "count")
    assert result.exit_code == 2
    assert "neither an app nor a broker" in result.stderr


def test_an_installed_app_is_found_by_the_name_of_its_entry_point(folder: Path) -> None:
    site = folder / "site"
    package(site / "shop_package", app=PROJECT)
    info = site / "shop-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[celeriac.apps]\nshop = shop_package.app:app\nbad = shop_package:nothing\n")
    env = {"PYTHONPATH": str(site)}
    (folder / "shop").mkdir()  # a folder of that name holds no app and is not in the way
    ended = celeriac("-A", "shop", "config", "show", "--json", cwd=folder, env=env)
    assert ended.returncode == 0, ended.stderr
    assert "task_unknown_delay" in ended.stdout
    ended = celeriac("-A", "shopp", "config", "show", cwd=folder, env=env)
    assert ended.returncode == 2
    assert "did you mean 'shop'?" in ended.stderr
    ended = celeriac("-A", "bad", "config", "show", cwd=folder, env=env)
    assert ended.returncode == 2
    assert ended.stderr.startswith("Error: the installed app 'bad'")
