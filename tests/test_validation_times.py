"""Dates and durations: numbers in seconds, labels on request, and what is refused."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from infotheory import (
    KSG,
    DiscreteEntropy,
    GaussianEntropy,
    GaussianMutualInformation,
    NeighborsEntropy,
    divergence,
    entropy,
    mutual_information,
    two_samples,
)
from infotheory._validation import describe

N = 60
RNG = np.random.default_rng(0)
BARE = {"confidence_level": None}
START = 1577836800.0  # 2020-01-01 in UTC
HOURS = RNG.permutation(N)
SECONDS = START + 3600.0 * HOURS
STAMPS = np.datetime64("2020-01-01", "h") + HOURS
OBJECTS = STAMPS.astype("M8[us]").tolist()
OTHER = HOURS + RNG.normal(size=N)

DATES = {
    "hours": STAMPS,
    "nanoseconds": STAMPS.astype("M8[ns]"),
    "datetime": OBJECTS,
    "zoned datetime": [v.replace(tzinfo=datetime.UTC) for v in OBJECTS],
    "NumPy objects": np.array(list(STAMPS), dtype=object),
    "series": pd.Series(STAMPS),
    "zoned series": pd.Series(STAMPS).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
    "object series": pd.Series(STAMPS).astype(object),
    "index": pd.DatetimeIndex(STAMPS),
    "zoned index": pd.DatetimeIndex(STAMPS, tz="UTC").tz_convert("Asia/Tokyo"),
    "periods": pd.Series(pd.PeriodIndex(STAMPS, freq="h")),
    "frame": pd.DataFrame({"time": STAMPS}),
}
LENGTHS = {
    "hours": HOURS.astype("m8[h]"),
    "nanoseconds": HOURS.astype("m8[h]").astype("m8[ns]"),
    "timedelta": [datetime.timedelta(hours=int(h)) for h in HOURS],
    "series": pd.Series(pd.to_timedelta(HOURS, unit="h")),
    "NumPy objects": np.array(list(HOURS.astype("m8[h]")), dtype=object),
}


@pytest.mark.parametrize("raw", DATES.values(), ids=DATES)
def test_dates_are_seconds_since_1970_in_utc(raw):
    variable = describe(raw)
    assert variable.kind == "continuous"
    assert_array_equal(variable.values[:, 0], SECONDS)


@pytest.mark.parametrize("raw", LENGTHS.values(), ids=LENGTHS)
def test_durations_are_seconds(raw):
    variable = describe(raw)
    assert variable.kind == "continuous"
    assert_array_equal(variable.values[:, 0], 3600.0 * HOURS)


def test_fractions_of_a_second_stay():
    stamps = np.datetime64("2020-01-01", "us") + np.arange(5).astype("m8[us]")
    assert len(np.unique(describe(stamps).values)) == 5
    assert describe(np.arange(3).astype("m8[ns]")).values[:, 0] == pytest.approx([0, 1e-9, 2e-9])


def test_days_on_which_several_rows_fall_are_mixed_as_repeated_numbers_are():
    assert describe(STAMPS.astype("M8[D]")).kind == "mixed"


@pytest.mark.parametrize("raw", [DATES["hours"], DATES["datetime"], DATES["zoned series"]])
def test_the_doors_and_estimators_read_times_as_numbers(raw):
    e = mutual_information(raw, OTHER, **BARE)
    assert type(e.estimator) is KSG
    assert e.value == mutual_information(SECONDS, OTHER, **BARE).value
    assert entropy(raw, **BARE).value == entropy(SECONDS, **BARE).value
    column = np.asarray(raw, dtype=object).reshape(-1, 1)
    for estimator in (GaussianEntropy(), NeighborsEntropy()):
        assert estimator.fit(column).entropy_ == estimator.fit(SECONDS[:, None]).entropy_
    shared = GaussianMutualInformation().fit(column, OTHER).mutual_information_
    assert shared == GaussianMutualInformation().fit(SECONDS[:, None], OTHER).mutual_information_


def test_times_are_labels_on_request():
    days = STAMPS.astype("M8[D]")
    e = entropy(days, discrete=True, **BARE)
    assert type(e.estimator) is DiscreteEntropy
    _, counts = np.unique(days, return_counts=True)
    plugin = entropy(days, discrete=True, estimator=DiscreteEntropy(method="plugin"), **BARE)
    assert plugin.value == pytest.approx(-np.sum(counts / N * np.log(counts / N)))
    labels = describe(days, discrete=True)
    assert_array_equal(labels.labels[0], np.unique(days))
    assert_array_equal(labels.labelled(False).values[:, 0], days.astype("M8[s]").astype(float))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (np.append(STAMPS, np.datetime64("NaT")), r"\(NaT\) at row 60, column 0.*Drop those rows"),
        ([*OBJECTS[:5], None], r"\(NaT\) at row 5"),
        (pd.Series([pd.NaT, pd.Timestamp("2020")]), r"\(NaT\) at row 0"),
        (HOURS.astype("m8[M]"), r"durations of fixed length.*timedelta64\[M\].*Convert it to days"),
        (
            np.datetime64("2020-01-01", "ns") + HOURS.astype("m8[ns]"),
            r"column 0 holds some such as 2020.*the same number\. Subtract their earliest first",
        ),
        (
            [OBJECTS[0], OBJECTS[1].replace(tzinfo=datetime.UTC)],
            r"X must hold dates that all have a time zone or all have none, got 2020",
        ),
    ],
)
def test_times_that_are_no_numbers_are_refused(raw: Any, words: str):
    with pytest.raises(ValueError, match=words):
        entropy(raw)


def test_a_duration_between_close_times_is_told_apart():
    stamps = np.datetime64("2020-01-01", "ns") + HOURS.astype("m8[ns]")
    assert len(np.unique(describe(stamps - stamps.min()).values)) == N


def test_two_samples_of_times():
    later = divergence(STAMPS, STAMPS + np.timedelta64(1, "D"), **BARE)
    assert later.value == divergence(SECONDS, SECONDS + 86400, **BARE).value
    X, _ = two_samples(pd.DataFrame({"t": STAMPS}), pd.DataFrame({"t": STAMPS.astype("M8[D]")}))
    assert describe(X).n_symbols == (0,)
    words = r"Column 0 of P and Q .*got times in P and float64 in Q\. Pass times in both"
    with pytest.raises(ValueError, match=words):
        divergence(STAMPS, SECONDS)
    with pytest.raises(ValueError, match=words):
        divergence(pd.DataFrame({"t": STAMPS}), pd.DataFrame({"t": SECONDS}))
