"""The documents say what is true: their code runs, their links lead somewhere, and nothing of the code is left out."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from code_blocks import Block, blocks_of, reading

from celeriac import errors
from celeriac.celery_names import NOT_HERE
from celeriac.settings.fields import BY_SUBJECT
from celeriac.settings.refused import REFUSED_BY_SUBJECT
from celeriac.specs import lifecycle

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
RUN = [
    ROOT / "README.md",
    DOCS / "app.md",
    DOCS / "unique.md",
    DOCS / "calling.md",
    DOCS / "first-task.md",
    DOCS / "first-plugin.md",
    DOCS / "tasks.md",
    DOCS / "retries.md",
    DOCS / "events.md",
    DOCS / "testing.md",
]
MARKS = {"run", "background", "install", "not-run"}

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


# code


@pytest.mark.parametrize("page", RUN, ids=short)
def test_the_code_of_a_page_does_what_the_page_says(page: Path, tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        for block in blocks_of(page):
            reader.follow(block)


@pytest.mark.parametrize("page", RUN, ids=short)
def test_every_block_of_a_page_that_is_run_says_what_to_do_with_it(page: Path) -> None:
    def known(block: Block) -> bool:
        return bool(block.file) or block.mark in MARKS

    assert [f"line {block.line}: {block.mark!r}" for block in blocks_of(page) if not known(block)] == []


@pytest.mark.parametrize("page", ["first-task.md", "first-plugin.md", "testing.md"])
def test_nothing_in_a_tutorial_is_left_out(page: str) -> None:
    assert [block.line for block in blocks_of(DOCS / page) if block.mark == "not-run"] == []


# links


@pytest.mark.parametrize("page", DOCUMENTS, ids=short)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_FENCED.sub("", page.read_text())):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert broken == []


def anchors_of(page: Path) -> set[str]:
    """The names that its headings get."""
    headings = _HEADING.findall(_FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_leads_to_every_page() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in _LINK.findall((ROOT / "README.md").read_text())}
    pages = {path for path in DOCS.rglob("*.md") if path.parent.name != "decisions"}
    assert pages - linked == set()
    index = (DOCS / "decisions" / "README.md").read_text()
    decisions = {path.name for path in (DOCS / "decisions").glob("0*.md")}
    assert {name for name in decisions if name not in index} == set()


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("0*.md")), ids=short)
def test_a_decision_gives_the_choice_the_price_and_what_would_change_it(page: Path) -> None:
    headings = _HEADING.findall(page.read_text())
    assert headings[0].startswith(f"{page.name[:4]}: ")
    assert [heading for heading in headings[1:] if heading != "Why"] == [
        "The choice",
        "The price",
        "What would change it",
    ]


# nothing is left out


def reference(page: str) -> str:
    return (DOCS / "reference" / page).read_text()


@pytest.mark.parametrize("hook", [name for name in vars(lifecycle) if name.startswith("celeriac_")])
def test_every_hook_is_documented_with_its_arguments(hook: str) -> None:
    section = reference("hooks.md").partition(f"### {hook}\n")[2].partition("\n#")[0]
    named = re.findall(r"^- `(\w+)`:", section, re.MULTILINE)
    assert named == list(inspect.signature(getattr(lifecycle, hook)).parameters)
    assert inspect.getdoc(getattr(lifecycle, hook)), "a hook without a docstring"


ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, BaseException)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_documented_and_stands_in_the_tree_below_its_base(error: type[BaseException]) -> None:
    assert error.__doc__
    page = reference("errors.md")
    assert f"| `{error.__name__}` |" in page
    bases = {base.__name__ for base in error.__bases__ if base in ERRORS}
    assert parents_in(page)[error.__name__] in (bases or {None})


def parents_in(page: str) -> dict[str, str | None]:
    """The tree as it is drawn: each name, and the name above it."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in page.partition("```text\n")[2].partition("```")[0].splitlines():
        found = re.match(r"([│├└─ ]*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1] if depth else None
    return parents


SETTINGS = [
    setting.name for declared in (BY_SUBJECT, REFUSED_BY_SUBJECT) for some in declared.values() for setting in some
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_documented(setting: str) -> None:
    assert f"| `{setting}` |" in reference("settings.md")


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))], ids=short)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`((?:task|worker|result|beat|broker)_[a-z_]+)`", page.read_text()))
    settings_like = {name for name in named if not name.startswith("task_id")}
    known = {*SETTINGS, *NOT_HERE, *(name.removeprefix("celeriac_") for name in vars(lifecycle))}
    assert settings_like - known == set()


# the extras


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def requirements(listed: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", requirement)[0] for requirement in listed}


def test_the_table_of_extras_is_that_of_the_project() -> None:
    table = (ROOT / "README.md").read_text().partition("| Extra |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    shown = {extra.strip("`"): {name.strip(" `") for name in packages.split(",")} - {""} for extra, _, packages in rows}
    extras = project()["optional-dependencies"]
    assert shown == {name: requirements(listed) - {"celeriac"} for name, listed in extras.items()}
    (everything,) = extras["all"]
    assert set(everything.removeprefix("celeriac[").removesuffix("]").split(",")) == set(extras) - {"all"}


def test_the_changelog_has_this_version() -> None:
    assert f"## {project()['version']} " in (ROOT / "CHANGELOG.md").read_text()


# what does not belong into a document

REGISTRIES = ("pypi.org", "pythonhosted.org", "anaconda.org", "npmjs", "docker.io", "ghcr.io", "quay.io")
PLACES = re.compile(r"(?<![\w.:/<>-])/(?:home|root|Users|tmp|work|mnt|private)/[\w-]+")
EXAMPLES_OF_PATHS = ("/tmp/queue.shelf",)


@pytest.mark.parametrize("page", DOCUMENTS, ids=short)
def test_a_document_names_no_registry_and_no_place_of_a_machine(page: Path) -> None:
    text = page.read_text()
    assert [host for host in REGISTRIES if host in text] == []
    assert [place for place in PLACES.findall(text) if place not in EXAMPLES_OF_PATHS] == []
