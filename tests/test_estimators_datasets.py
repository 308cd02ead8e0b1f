"""Bounds fed by Torch datasets: the same numbers as arrays, bounded memory, errors that help."""

from __future__ import annotations

import math
import pickle
import tracemalloc

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import (  # noqa: E402
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)

from infotheory import (  # noqa: E402
    CLUB,
    FLO,
    KSG,
    MINDE,
    MINE,
    NWJ,
    SMILE,
    TUBA,
    DoE,
    DonskerVaradhan,
    InfoNCE,
    JensenShannonBound,
    LeaveOneOutBound,
    WassersteinDependency,
    _row_source,
    _streamed_critics,
    confidence_interval,
    entropy,
    mutual_information,
    permutation_test,
)

BOUNDS = [DonskerVaradhan, MINE, NWJ, TUBA, JensenShannonBound, SMILE, InfoNCE, FLO]


def small(Bound=DonskerVaradhan, **changes):
    words = {"hidden_layer_sizes": 8, "max_iter": 8, "n_folds": 2, "random_state": 0}
    return Bound(**{**words, **changes})


def normal_pair(n=600, rho=0.8, d=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(n, d))


def truth(rho=0.8, d=2):
    return -0.5 * d * math.log(1 - rho**2)


class Rows(Dataset):
    """Any list of rows."""

    def __init__(self, *sides):
        self.sides = sides

    def __len__(self):
        return len(self.sides[0])

    def __getitem__(self, i):
        return tuple(side[i] for side in self.sides)


def tensors(x, y):
    return TensorDataset(torch.as_tensor(x), torch.as_tensor(y))


@pytest.fixture
def streamed(monkeypatch):
    """Rows are fetched however few there are; all of them are in the sample."""
    monkeypatch.setattr(_row_source.RowSource, "fits", False)


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(_row_source, "MOST_ROWS", 500)
    monkeypatch.setattr(_row_source, "ROWS_AT_ONCE", 100)


def assert_same(first, second, tolerance=1e-6):
    for name in ("mutual_information_", "held_out_bound_", "standard_error_", "pointwise_"):
        np.testing.assert_allclose(
            getattr(first, name), getattr(second, name), rtol=tolerance, atol=tolerance
        )


# The same as arrays.


def test_a_small_dataset_is_an_array():
    x, y = normal_pair()
    plain = small().fit(x, y)
    for data in (
        tensors(x, y),
        Rows(x, y),
        Rows(x.tolist(), y.tolist()),
        Subset(Rows(x, y), range(600)),
    ):
        fitted = small().fit(data)
        assert_same(fitted, plain, tolerance=0)
        assert fitted.notes_ == plain.notes_
        assert fitted.n_features_in_ == 2


@pytest.mark.parametrize("Bound", BOUNDS)
def test_rows_that_are_fetched_give_the_value_of_rows_in_memory(Bound, streamed):
    x, y = normal_pair(301)
    y[:, 0] = np.abs(y[:, 0])
    fitted = small(Bound, n_folds=3).fit(tensors(x, y))
    plain = small(Bound, n_folds=3).fit(x, y)
    assert_same(fitted, plain)
    np.testing.assert_allclose(fitted.pointwise(x, y), plain.pointwise(x, y), atol=1e-6)
    np.testing.assert_allclose(fitted.validation_scores_, plain.validation_scores_, atol=1e-6)


class Sum(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1, bias=False)

    def forward(self, x, y):
        return self.layer(torch.cat([x, y], dim=1) ** 2)


@pytest.mark.parametrize("critic", ["bilinear", "concatenated", "module"])
@pytest.mark.parametrize("Bound", [DonskerVaradhan, FLO])
def test_so_do_other_critics(Bound, critic, streamed):
    if critic == "module":
        with torch.random.fork_rng():
            critic = Sum()
    x, y = normal_pair(130)
    # With at most as many partners as there are, all pairs are taken in either case.
    fitted = small(Bound, critic=critic).fit(tensors(x, y))
    assert_same(fitted, small(Bound, critic=critic).fit(x, y))


@pytest.mark.parametrize("Bound", [DonskerVaradhan, InfoNCE, FLO])
@pytest.mark.parametrize(
    "critic", ["separable", pytest.param("concatenated", marks=pytest.mark.slow)]
)
def test_a_sample_of_the_rows_bears_maps_and_selection(Bound, critic, little_memory):
    x, y = normal_pair(2000)
    fitted = small(Bound, critic=critic).fit(Rows(x, y))
    slack = 0.03 if Bound is InfoNCE else 0.005
    assert abs(fitted.mutual_information_ - truth()) < 4 * fitted.standard_error_ + slack
    assert fitted.pointwise_.mean() == pytest.approx(fitted.mutual_information_, abs=1e-9)
    assert any("rest on 500 of the 2000 rows" in note for note in fitted.notes_)
    assert fitted.score(x, y) == pytest.approx(fitted.mutual_information_, abs=0.05)


@pytest.mark.slow
def test_the_normal_reference_knows_all_training_rows(little_memory):
    # From the 200 rows of the sample that a fold trains on it would be off by .5 nats, which
    # batches of other rows unlearn while the correction stays.
    x, y = normal_pair(4000, d=10, rho=0.5)
    words = {"n_ensemble": 1, "max_iter": 50, "learning_rate_init": 0.01}
    fitted = small(**words).fit(tensors(x, y))
    plain = small(**words).fit(x, y)
    assert fitted.mutual_information_ == pytest.approx(plain.mutual_information_, abs=0.02)
    corrections = [n for n in fitted.notes_ if "from 1750 rows" in n]
    assert len(corrections) == 1
    assert fitted.mutual_information_ - fitted.held_out_bound_ == pytest.approx(
        plain.mutual_information_ - plain.held_out_bound_, rel=0.2
    )


def test_the_standard_error_is_that_of_all_rows(little_memory):
    x, y = normal_pair(2000)
    expected = small().fit(x, y).standard_error_
    assert small().fit(Rows(x, y)).standard_error_ == pytest.approx(expected, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("Bound", BOUNDS)
def test_blocks_of_a_fold_make_up_its_value(Bound, little_memory, monkeypatch):
    x, y = normal_pair(1500)
    at_once = small(Bound).fit(Rows(x, y))
    monkeypatch.setattr(_streamed_critics, "_LARGEST_TABLE", 250 * at_once._n_turns)
    in_turn = small(Bound).fit(Rows(x, y))
    assert in_turn.loss_curve_ == at_once.loss_curve_
    # Fewer rows are apart together, so that values differ as those of other folds do.
    assert abs(in_turn.mutual_information_ - at_once.mutual_information_) < 0.03
    assert in_turn.pointwise_.mean() == pytest.approx(in_turn.mutual_information_, abs=1e-9)
    assert in_turn.standard_error_ == pytest.approx(at_once.standard_error_, rel=0.15)


def test_what_a_network_has_to_learn_is_learnt(little_memory):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 1))
    y = np.abs(x) + 0.3 * rng.normal(size=(1500, 1))
    words = {"hidden_layer_sizes": 32, "max_iter": 150, "learning_rate_init": 0.01}
    assert 0.5 < small(n_ensemble=1, **words).fit(Rows(x, y)).mutual_information_ < 1.0


# Loaders.


@pytest.mark.parametrize("workers", [pytest.param(0, marks=pytest.mark.slow), 1])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_loader_lends_its_batches_and_workers(workers, little_memory):
    x, y = normal_pair(700)
    loader = DataLoader(tensors(x, y), batch_size=50, shuffle=True, num_workers=workers)
    fitted = small(max_iter=15).fit(loader)
    expected = small(batch_size=50, max_iter=15).fit(tensors(x, y))
    assert_same(fitted, expected, tolerance=0)
    assert fitted.batch_size == 256
    # What a loader said is forgotten with it.
    assert_same(fitted.fit(tensors(x, y)), small(max_iter=15).fit(tensors(x, y)), tolerance=0)


def test_a_loader_lends_its_collation(little_memory):
    x, y = normal_pair(700)

    def of_squares(items):
        left, right = zip(*items, strict=True)
        return torch.stack(left) ** 2, torch.stack(right) ** 2

    fitted = small().fit(DataLoader(tensors(x, y), batch_size=256, collate_fn=of_squares))
    assert_same(fitted, small().fit(tensors(x**2, y**2)))


def no_batch_of_one(x, y):
    return DataLoader(tensors(x, y))


def weights(x, y):
    return DataLoader(tensors(x, y), batch_size=8, sampler=WeightedRandomSampler([1.0] * len(x), 9))


def dropping(x, y):
    return DataLoader(
        tensors(x, y), batch_size=8, collate_fn=lambda items: (torch.zeros(3, 1), torch.zeros(3, 1))
    )


@pytest.mark.parametrize(
    ("loader", "match"),
    [
        (no_batch_of_one, "batch_size=1"),
        (weights, "take every row once"),
        (dropping, "one row for each item"),
    ],
)
def test_loaders_that_cannot_be(loader, match):
    with pytest.raises(ValueError, match=match):
        small().fit(loader(*normal_pair(60)))


# Memory.


class Endless(Dataset):
    """Rows made from their numbers, which remembers how many were asked for at once."""

    def __init__(self, n, d):
        self.n, self.d = n, d
        self.most, self.seen = 0, np.zeros(n, dtype=np.int64)

    def __len__(self):
        return self.n

    def __getitems__(self, rows):
        self.most = max(self.most, len(rows))
        self.seen[rows] += 1
        number = np.asarray(rows)[:, None] + np.arange(2 * self.d) * 0.37
        x, noise = np.split(np.sin(number * 12.9898) * 3.0, 2, axis=1)
        return list(zip(x, x + noise, strict=True))

    def __getitem__(self, i):
        raise AssertionError("rows are there in one call")


def test_memory_is_bounded(little_memory, monkeypatch):
    monkeypatch.setattr(_streamed_critics, "_LARGEST_TABLE", 64 * 500)
    data = Endless(12_000, 50)
    estimator = small(max_iter=4, n_ensemble=1, hidden_layer_sizes=4, batch_size=64)
    tracemalloc.start()
    try:
        fitted = estimator.fit(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert math.isfinite(fitted.mutual_information_)
    assert 0 < data.most <= _row_source.ROWS_AT_ONCE
    # Once in the first pass and once held out, besides partners, batches and the sample.
    assert data.seen.min() >= 2
    assert data.seen.mean() < 3
    # Both tables would take 9.6 MB.
    assert peak < 12_000 * 100 * 8 / 2
    assert len(fitted.pointwise_) == 12_000


def test_a_fit_keeps_no_rows(little_memory):
    x, y = normal_pair(2000)
    fitted = small(max_iter=2).fit(Rows(x, y))
    stored = pickle.dumps(fitted)
    np.testing.assert_array_equal(
        pickle.loads(stored).pointwise(x[:9], y[:9]), fitted.pointwise(x[:9], y[:9])
    )
    # Two values a row are results.
    assert len(stored) < 2000 * 8 * 3 + 150_000


def test_batches_that_are_never_drawn_have_no_rows_in_memory(little_memory, monkeypatch):
    longest = []

    class Batches(_streamed_critics._Batches):
        def __init__(self, rows, batch_size, rng):
            longest.append(max(len(r) for r in rows))
            super().__init__(rows, batch_size, rng)

    monkeypatch.setattr(_streamed_critics, "_Batches", Batches)
    small(max_iter=3, batch_size=20).fit(tensors(*normal_pair(1000)))
    assert longest == [60]


# Labels and constants.


def test_labels_come_as_indicators(little_memory):
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c"], size=1500)
    x = np.where(labels == "a", 3.0, np.where(labels == "b", 0.0, -3.0))[:, None]
    x = x + rng.normal(size=x.shape)
    labels[7] = "rare"
    assert 7 not in _row_source.RowSource(Rows(x, labels)).sampled
    words = {"max_iter": 60, "learning_rate_init": 0.01, "hidden_layer_sizes": 16}
    fitted = small(**words).fit(Rows(x, labels))
    assert 0.6 < fitted.mutual_information_ < math.log(3)
    assert any("1 of all rows has one" in note for note in fitted.notes_)
    assert fitted.pointwise(x[:4], labels[:4]).shape == (4,)


def test_a_constant_shares_nothing(little_memory):
    x, y = normal_pair(700)
    fitted = small().fit(Rows(x, np.ones_like(y)))
    assert fitted.mutual_information_ == 0
    assert len(fitted.pointwise_) == 700


def test_a_warm_start_goes_on(little_memory):
    x, y = normal_pair(700)
    y = np.abs(y)
    words = {"warm_start": True, "max_iter": 40, "learning_rate_init": 0.01, "random_state": None}
    estimator = small(**words).fit(Rows(x, y))
    best = max(estimator.validation_scores_)
    estimator.fit(Rows(x, y))
    assert estimator.validation_scores_[0] >= best - 1e-6
    estimator.fit(Rows(x[:-1], y[:-1]))
    assert any("training began anew" in note for note in estimator.notes_)


# Errors.


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(*normal_pair(10), strict=True)


class NoLength(Dataset):
    def __getitem__(self, i):
        return [0.0], [0.0]


@pytest.mark.parametrize("data", [Stream(), NoLength(), DataLoader(Stream(), batch_size=8)])
def test_rows_must_have_numbers(data):
    with pytest.raises(TypeError, match="map-style"):
        small().fit(data)


@pytest.mark.parametrize("size", [300, 700])
def test_what_is_wrong_with_a_row_is_said_with_its_number(size, little_memory):
    x, y = normal_pair(size)
    elsewhere = np.setdiff1d(np.arange(size), _row_source.RowSource(Rows(x, y)).sampled)
    bad = 123 if size == 300 else int(elsewhere[-1])
    for value, what in ((np.nan, "missing value"), (np.inf, "infinite value")):
        broken = y.copy()
        broken[bad, 1] = value
        with pytest.raises(ValueError, match=rf"y contains .*{what}.* at row {bad} of .*column 1"):
            small().fit(Rows(x, broken))
    rows = [list(row) for row in x]
    rows[bad] = [1.0]
    with pytest.raises(ValueError, match=rf"x at row {bad} has shape"):
        small().fit(Rows(rows, y))


def test_items_must_be_pairs_of_rows():
    x, y = normal_pair(60)
    with pytest.raises(
        TypeError, match=r"must be a pair \(x, y\) of rows, got a tuple of 1 at row"
    ):
        small().fit(TensorDataset(torch.as_tensor(x)))
    with pytest.raises(TypeError, match=r"must be a pair .* of 3"):
        small().fit(Rows(x, y, y))
    with pytest.raises(ValueError, match=r"must be 1-D, got shape \(1, 2\)"):
        small().fit(Rows(x[:, None], y))
    with pytest.raises(TypeError, match="must hold numbers"):
        small().fit(Rows(x, [None] * 60))


def test_other_arguments_do_not_go_with_a_dataset():
    data = tensors(*normal_pair(60))
    with pytest.raises(ValueError, match="y must be None"):
        small().fit(data, normal_pair(60)[1])
    with pytest.raises(ValueError, match="groups is not possible"):
        small().fit(data, groups=np.arange(60))
    with pytest.raises(ValueError, match="condition is not possible"):
        small().fit(data, condition=np.arange(60))
    with pytest.raises(ValueError, match="y is None"):
        small().fit(normal_pair(60)[0])


@pytest.mark.parametrize("n", [0, 1, 9])
def test_too_few_rows(n):
    with pytest.raises(ValueError, match=r"sample|too few"):
        DonskerVaradhan().fit(Rows(*normal_pair(n)))


def test_too_few_rows_in_the_sample(little_memory):
    with pytest.raises(ValueError, match="Raise validation_fraction"):
        small(validation_fraction=1e-4).fit(Rows(*normal_pair(5000)))


@pytest.mark.parametrize("Other", [MINDE, DoE, CLUB, LeaveOneOutBound, WassersteinDependency])
def test_other_networks_say_who_takes_datasets(Other):
    with pytest.raises(TypeError, match=r"takes arrays.*such as DonskerVaradhan"):
        Other().fit(tensors(*normal_pair(60)))


# Doors.


def test_the_door_takes_a_dataset():
    x, y = normal_pair()
    expected = mutual_information(x, y, estimator=small(), random_state=0)
    data = tensors(x, y)
    for rows in (data, DataLoader(data, batch_size=256)):
        told = mutual_information(rows, estimator=small(), random_state=0)
        assert (told.value, told.interval, told.n_samples) == (
            expected.value,
            expected.interval,
            600,
        )
    assert mutual_information(
        data, estimator=small(), confidence_level=None
    ).value == pytest.approx(expected.value, abs=1e-9)


@pytest.mark.parametrize("estimator", ["auto", "ksg", KSG(), "minde"])
def test_the_door_names_estimators_that_take_datasets(estimator):
    with pytest.raises(TypeError, match=r"donsker-varadhan, mine, .*flo"):
        mutual_information(tensors(*normal_pair(60)), estimator=estimator)


def test_what_a_door_cannot_do_with_a_dataset():
    x, y = normal_pair(60)
    data = tensors(x, y)
    for words in ({"y": y}, {"discrete": True}, {"groups": y[:, 0]}, {"n_permutations": 9}):
        with pytest.raises(ValueError, match=f"{next(iter(words))} must be left out"):
            mutual_information(data, estimator=small(), **words)
    for call in (lambda: entropy(data), lambda: KSG().fit(data, y), lambda: KSG().fit(x, data)):
        with pytest.raises(TypeError, match="rows are not in memory"):
            call()
    with pytest.raises(TypeError, match="rows are not in memory"):
        small().fit(data).pointwise(data, None)
    with pytest.raises(TypeError, match="must be an array for a permutation test"):
        permutation_test(small(), data, None)


def test_the_interval_counts_rows_and_not_batches():
    x, y = normal_pair()
    loader = DataLoader(tensors(x, y), batch_size=256)
    expected = confidence_interval(small(), x, y)
    told = confidence_interval(small(), loader)
    assert (told.interval, told.n_samples) == (expected.interval, 600)
