"""`every` and `crontab`: which instants they name."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celeriac.errors import ConfigurationError
from celeriac.schedules import crontab, every, schedule

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC).timestamp()  # a Wednesday


def local(zone: str, year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=ZoneInfo(zone))


def firings(rule: crontab, begin: datetime, end: datetime) -> list[str]:
    """All firings from `begin` up to `end`, as the rule's own clocks show them with their offset."""
    found = []
    due = rule.next_after(begin.timestamp() - 1)
    while due is not None and due < end.timestamp():
        found.append(datetime.fromtimestamp(due, rule.tz).strftime("%d %H:%M%z"))
        due = rule.next_after(due)
    return found


def next_of(rule: crontab, after: float = NOON) -> str | None:
    due = rule.next_after(after)
    return None if due is None else datetime.fromtimestamp(due, rule.tz).strftime("%Y-%m-%d %H:%M")


# every


@pytest.mark.parametrize("interval", [30, 30.0, timedelta(seconds=30)])
def test_an_interval_is_seconds_or_a_timedelta(interval: float | timedelta) -> None:
    assert every(interval).run_every == timedelta(seconds=30)
    assert every(interval).seconds == 30.0
    assert schedule(run_every=interval) == every(30)


def test_an_interval_fires_at_its_multiples_so_that_all_schedulers_agree() -> None:
    assert every(3600).next_after(NOON) == NOON + 3600
    assert every(3600).next_after(NOON + 1) == NOON + 3600
    assert every(timedelta(days=1)).next_after(NOON) == NOON + 12 * 3600


@given(st.floats(1e-6, 1e7), st.floats(0, 4e9))
def test_the_next_multiple_is_after_the_instant_and_at_most_one_interval_away(seconds: float, instant: float) -> None:
    rule = every(seconds)
    due = rule.next_after(instant)
    assert instant < due <= instant + rule.seconds + 1e-5
    assert rule.next_after(due) == pytest.approx(due + rule.seconds, abs=1e-5)


@pytest.mark.parametrize("wrong", [0, -1, 1e-9, float("nan"), float("inf"), timedelta(0), True, "30", None])
def test_what_is_no_interval_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="run_every"):
        every(wrong)  # type: ignore[arg-type]


# the grammar of crontab


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("*", set(range(60))),
        (7, {7}),
        ("7", {7}),
        ("*/15", {0, 15, 30, 45}),
        ("1-5", {1, 2, 3, 4, 5}),
        ("10-20/5", {10, 15, 20}),
        ("1,13,30-32,50-59/4", {1, 13, 30, 31, 32, 50, 54, 58}),
        ("55-4", {55, 56, 57, 58, 59, 0, 1, 2, 3, 4}),
        ("55-4/2", {55, 57, 59, 1, 3}),
        ("*/45", {0, 45}),
        ("0-0", {0}),
        ([0, 30], {0, 30}),
        ({1, 2}, {1, 2}),
        (range(3), {0, 1, 2}),
        (("1-2", 5), {1, 2, 5}),
        ("1, 2", {1, 2}),
    ],
)
def test_a_field_means_what_it_means_in_celery(spec: str | int | list[int], values: set[int]) -> None:
    assert set(crontab(minute=spec).minute) == values


@pytest.mark.parametrize(
    ("spec", "days"),
    [("sun", {0}), ("Monday", {1}), ("mon-fri", {1, 2, 3, 4, 5}), ("fri-mon", {5, 6, 0, 1}), ("sat,2", {6, 2})],
)
def test_days_of_the_week_have_names(spec: str, days: set[int]) -> None:
    assert set(crontab(day_of_week=spec).day_of_week) == days


def test_months_have_names() -> None:
    assert crontab(month_of_year="nov-feb").month_of_year == (1, 2, 11, 12)
    assert crontab(month_of_year="*/3").month_of_year == (1, 4, 7, 10)


def test_a_line_of_a_crontab_file_is_read() -> None:
    rule = crontab.from_string("*/5 8-18 1,15 * mon-fri")
    assert rule == crontab("*/5", "8-18", day_of_month="1,15", day_of_week="mon-fri")
    with pytest.raises(ConfigurationError, match=r"takes 5 fields .* has 4"):
        crontab.from_string("* * * *")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"minute": 60}, r"minute=60: it takes 0 to 59"),
        ({"minute": -1}, r"minute=-1: it takes 0 to 59"),
        ({"minute": [0, 75]}, r"minute=75: it takes 0 to 59"),
        ({"hour": "8-24"}, r"hour='8-24': it takes 0 to 23; '24' is not"),
        ({"hour": "8/2"}, r"hour='8/2': .*a step follows '\*' or a range: '8-23/2'"),
        ({"minute": "*/0"}, r"minute='\*/0': .*the step '0'"),
        ({"minute": "*/x"}, r"minute='\*/x': .*the step 'x'"),
        ({"minute": "1,,2"}, r"minute='1,,2': it takes 0 to 59; '' is not"),
        ({"minute": ""}, r"minute=''"),
        ({"minute": []}, r"minute=\[\]"),
        ({"minute": None}, r"minute=None"),
        ({"minute": 1.5}, r"minute=1.5"),
        ({"minute": True}, r"minute=True"),
        ({"minute": "²"}, r"minute='²'"),
        ({"day_of_week": 7}, r"day_of_week=7: it takes 0 to 6 or sun to sat"),
        ({"day_of_week": "someday"}, r"day_of_week='someday'"),
        ({"day_of_month": 0}, r"day_of_month=0: it takes 1 to 31"),
        ({"month_of_year": "13"}, r"month_of_year='13': it takes 1 to 12 or jan to dec"),
        ({"month_of_year": "mon"}, r"month_of_year='mon'"),
        ({"tz": "Europe/Berln"}, r"no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'\?"),
    ],
)
def test_a_wrong_field_is_an_error_with_its_name_its_value_and_its_range(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        crontab(**fields)  # type: ignore[arg-type]


# what makes two rules the same


def test_rules_are_equal_when_they_name_the_same_instants_by_the_same_clocks() -> None:
    assert crontab("*/30", tz="UTC") == crontab([0, 30], tz=ZoneInfo("UTC"))
    assert len({crontab("0,30"), crontab("*/30"), crontab("*/30", tz="Europe/Berlin"), every(30), every(30.0)}) == 3
    assert crontab("1") != crontab("2")
    assert crontab("1") != every(60)


RULES = st.builds(
    crontab,
    minute=st.sets(st.integers(0, 59), min_size=1, max_size=4) | st.sampled_from(["*", "*/7", "*/15"]),
    hour=st.sets(st.integers(0, 23), min_size=1, max_size=4) | st.sampled_from(["*", "1-3", "*/5"]),
    day_of_week=st.just("*") | st.sets(st.integers(0, 6), min_size=1),
    day_of_month=st.just("*") | st.sets(st.integers(1, 31), min_size=1),
    month_of_year=st.just("*") | st.sets(st.integers(1, 12), min_size=1),
    tz=st.sampled_from([None, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)


@given(RULES)
def test_a_rule_survives_its_repr_and_pickle(rule: crontab) -> None:
    again = eval(repr(rule))
    assert (again, hash(again), repr(again)) == (rule, hash(rule), repr(rule))
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert pickle.loads(pickle.dumps(every(2.5))) == every(2.5)


def test_the_repr_is_what_one_would_write() -> None:
    assert repr(crontab("*/15", 8, tz="Europe/Berlin")) == "crontab(minute='*/15', hour='8', tz='Europe/Berlin')"
    assert repr(crontab()) == "crontab()"
    assert repr(every(timedelta(minutes=1))) == "every(60.0)"


def test_a_rule_without_a_zone_takes_that_of_the_app() -> None:
    rule = crontab(0, 9)
    assert rule.tz is UTC
    assert rule.in_zone("Asia/Tokyo") == crontab(0, 9, tz="Asia/Tokyo")
    assert rule.in_zone("Asia/Tokyo").in_zone("Europe/Berlin").tz == ZoneInfo("Asia/Tokyo")


# the next instant


@pytest.mark.parametrize(
    ("line", "due"),
    [
        ("* * * * *", "2024-05-15 12:01"),
        ("0 * * * *", "2024-05-15 13:00"),
        ("0 12 * * *", "2024-05-16 12:00"),
        ("30 7 * * mon", "2024-05-20 07:30"),
        ("0 0 1 * *", "2024-06-01 00:00"),
        ("0 0 31 * *", "2024-05-31 00:00"),
        ("0 0 31 nov,jan *", "2025-01-31 00:00"),
        ("0 0 29 feb *", "2028-02-29 00:00"),
        ("0 0 29 feb mon", "2044-02-29 00:00"),
        ("0 0 13 * fri", "2024-09-13 00:00"),
        ("59 23 31 12 *", "2024-12-31 23:59"),
        ("0 0 31 feb *", None),
        ("0 0 30,31 2 *", None),
        ("* * 31 apr,jun,sep,nov *", None),
    ],
)
def test_the_next_firing(line: str, due: str | None) -> None:
    assert next_of(crontab.from_string(line)) == due


def test_a_29_february_on_a_weekday_is_found_across_a_century() -> None:
    rule = crontab.from_string("0 0 29 feb sun")
    before = datetime(2088, 3, 1, tzinfo=UTC).timestamp()
    assert next_of(rule, before) == "2128-02-29 00:00"


def test_strictly_after_means_not_now_and_not_a_moment_ago() -> None:
    rule = crontab.from_string("0 12 * * *")
    assert rule.next_after(NOON - 1e-6) == NOON
    assert rule.next_after(NOON) == NOON + 86400
    assert rule.next_after(NOON + 1e-6) == NOON + 86400


def test_the_end_of_the_calendar_is_the_end() -> None:
    assert crontab("0", "0", day_of_month=1).next_after(datetime(9998, 12, 2, tzinfo=UTC).timestamp()) is None


# where clocks change: (zone, the day, its firings by rule)

SPRING: list[tuple[str, tuple[int, ...], str, list[str]]] = [
    ("Europe/Berlin", (2024, 3, 31), "30 2 * * *", ["31 03:00+0200"]),
    ("Europe/Berlin", (2024, 3, 31), "*/20 2 * * *", ["31 03:00+0200"]),
    ("Europe/Berlin", (2024, 3, 31), "0 2,3 * * *", ["31 03:00+0200"]),
    ("Europe/Berlin", (2024, 3, 31), "30 1,3 * * *", ["31 01:30+0100", "31 03:30+0200"]),
    ("America/New_York", (2024, 3, 10), "30 2 * * *", ["10 03:00-0400"]),
    ("America/New_York", (2024, 3, 10), "59 1,2 * * *", ["10 01:59-0500", "10 03:00-0400"]),
    ("Australia/Lord_Howe", (2024, 10, 6), "15 2 * * *", ["06 02:30+1100"]),
    ("Australia/Lord_Howe", (2024, 10, 6), "30 2 * * *", ["06 02:30+1100"]),
    ("Pacific/Apia", (2011, 12, 29, 12), "0 9 * * *", ["31 00:00+1400", "31 09:00+1400"]),
]

AUTUMN: list[tuple[str, tuple[int, ...], str, list[str]]] = [
    ("Europe/Berlin", (2024, 10, 27), "30 2 * * *", ["27 02:30+0200"]),
    ("Europe/Berlin", (2024, 10, 27), "0 2,3 * * *", ["27 02:00+0200", "27 03:00+0100"]),
    ("America/New_York", (2024, 11, 3), "30 1 * * *", ["03 01:30-0400"]),
    ("America/New_York", (2024, 11, 3), "0 1,2 * * *", ["03 01:00-0400", "03 02:00-0500"]),
    ("Australia/Lord_Howe", (2024, 4, 7), "45 1 * * *", ["07 01:45+1100"]),
    (
        "Australia/Lord_Howe",
        (2024, 4, 7),
        "*/15 1 * * *",
        [f"07 01:{m}+1100" for m in ("00", "15", "30", "45")],
    ),
]


@pytest.mark.parametrize(("zone", "day", "line", "expected"), SPRING + AUTUMN)
def test_a_time_on_the_clock_fires_once_a_day_where_clocks_change(
    zone: str, day: tuple[int, ...], line: str, expected: list[str]
) -> None:
    begin = local(zone, *day)
    assert firings(crontab.from_string(line, tz=zone), begin, begin + timedelta(days=1)) == expected


CHANGES = [
    ("Europe/Berlin", (2024, 3, 31), 23),
    ("Europe/Berlin", (2024, 10, 27), 25),
    ("America/New_York", (2024, 3, 10), 23),
    ("America/New_York", (2024, 11, 3), 25),
    ("Australia/Lord_Howe", (2024, 10, 6), 23.5),
    ("Australia/Lord_Howe", (2024, 4, 7), 24.5),
]


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
def test_a_rule_for_every_minute_never_pauses_where_clocks_change(
    zone: str, day: tuple[int, ...], hours: float
) -> None:
    rule = crontab(tz=zone)
    begin = local(zone, *day).timestamp()
    dues = [begin]
    while (due := rule.next_after(dues[-1])) is not None and due < begin + hours * 3600:
        dues.append(due)
    assert len(dues) == hours * 60
    assert {later - earlier for earlier, later in pairwise(dues)} == {60.0}
    assert datetime.fromtimestamp(begin + hours * 3600, rule.tz).strftime("%H:%M") == "00:00"


def test_a_rule_for_every_hour_follows_the_hours_that_pass() -> None:
    zone = "Europe/Berlin"
    rule = crontab(30, tz=zone)
    spring = firings(rule, local(zone, 2024, 3, 31, 1), local(zone, 2024, 3, 31, 4))
    assert spring == ["31 01:30+0100", "31 03:30+0200"]
    autumn = firings(rule, local(zone, 2024, 10, 27, 1), local(zone, 2024, 10, 27, 4))
    assert autumn == ["27 01:30+0200", "27 02:30+0200", "27 02:30+0100", "27 03:30+0100"]


# against a scan of every minute


def scan(rule: crontab, instant: float, minutes: int) -> float | None:
    """The first firing within so many minutes, found by looking at each: the rules of the class, word by word."""
    due = instant // 60 * 60
    for _ in range(minutes):
        due += 60
        if any(fits(rule, wall) for wall in walls_of(rule, due)):
            return due
    return None


def walls_of(rule: crontab, due: float) -> list[datetime]:
    """The times on the clock that fire at this minute."""
    now = datetime.fromtimestamp(due, rule.tz)
    wall = now.replace(tzinfo=None, fold=0)
    if len(rule.hour) == 24:
        return [wall]
    before = datetime.fromtimestamp(due - 60, rule.tz).replace(tzinfo=None, fold=0)
    skipped = range(1, int((wall - before).total_seconds()) // 60)
    return ([] if now.fold else [wall]) + [before + timedelta(minutes=n) for n in skipped]


def fits(rule: crontab, wall: datetime) -> bool:
    return (
        wall.minute in rule.minute
        and wall.hour in rule.hour
        and wall.day in rule.day_of_month
        and wall.month in rule.month_of_year
        and wall.isoweekday() % 7 in rule.day_of_week
    )


AROUND_CHANGES = st.builds(
    lambda day, hours: local("UTC", *day).timestamp() + hours * 3600,
    st.sampled_from([(2024, 3, 31), (2024, 10, 27), (2024, 3, 10), (2024, 11, 3), (2024, 10, 5), (2024, 4, 6)]),
    st.floats(-30, 30),
)


@settings(max_examples=150, deadline=None)
@given(RULES, AROUND_CHANGES | st.floats(NOON, NOON + 400 * 86400))
def test_the_next_firing_is_what_a_scan_of_every_minute_finds(rule: crontab, instant: float) -> None:
    minutes = 2 * 1440
    expected = scan(rule, instant, minutes)
    due = rule.next_after(instant)
    if expected is None:
        assert due is None or due > instant // 60 * 60 + minutes * 60
    else:
        assert due == expected
