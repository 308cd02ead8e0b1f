"""Input that is taken for what it is not: a note or an error that says so."""

from __future__ import annotations

import numpy as np
import pytest

import infotheory
from infotheory import (
    KSG,
    MINE,
    DiffusionEntropy,
    DiscreteMutualInformation,
    EntropySum,
    GaussianEntropy,
    GaussianMutualInformation,
    InfoSEDD,
    MixedKSG,
    mutual_information_matrix,
)

SMALL = {"hidden_layer_sizes": (4,), "max_iter": 4, "n_folds": 2, "n_ensemble": 1}
SMALL["random_state"] = 0


def frames():
    pandas = pytest.importorskip("pandas")
    x, noise = np.random.default_rng(0).normal(size=(2, 100))
    X, y = pandas.DataFrame({"a": x}), pandas.Series(x + noise, name="b")
    return X, y, y.sort_values()


@pytest.mark.parametrize(
    "estimator",
    [
        KSG(),
        MixedKSG(),
        GaussianMutualInformation(),
        DiscreteMutualInformation(),
        EntropySum(GaussianEntropy()),
    ],
    ids=lambda e: type(e).__name__,
)
def test_row_indexes_that_disagree_are_told(estimator):
    X, y, shuffled = frames()
    assert not any("row indexes" in n for n in estimator.fit(X, y).notes_)
    assert not any("row indexes" in n for n in estimator.fit(X, shuffled.to_numpy()).notes_)
    told = estimator.fit(X, shuffled).notes_
    assert any("X and y have different row indexes" in n and "y.loc[X.index]" in n for n in told)


def test_functions_tell_of_row_indexes_too():
    X, y, shuffled = frames()
    for estimator in ("auto", "ksg"):
        e = infotheory.mutual_information(X, shuffled, estimator=estimator, confidence_level=None)
        assert sum("different row indexes" in n for n in e.notes) == 1
    e = infotheory.conditional_mutual_information(X, y, shuffled, confidence_level=None)
    assert any("X and condition have different row indexes" in n for n in e.notes)
    m = mutual_information_matrix(X, shuffled, confidence_level=None)
    assert any("different row indexes" in n for n in m.notes)


def test_bfloat16_is_read_as_float32():
    torch = pytest.importorskip("torch")
    x = torch.arange(64, dtype=torch.bfloat16).reshape(32, 2) / 7
    y = x[:, :1] ** 2
    found = KSG().fit(x, y).mutual_information_
    assert found == KSG().fit(x.float(), y.float()).mutual_information_


@pytest.mark.parametrize("wrong", [np.inf, np.nan, "a", None, 1e9, True])
def test_a_log_snr_that_is_none_is_refused_by_name(wrong):
    pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(100, 2))
    model = DiffusionEntropy(margins="raw", **SMALL).fit(x)
    with pytest.raises(ValueError, match=r"log_snr must be a number between .* Pass 6"):
        model.log_density_gradient(x, log_snr=wrong)


def test_rows_that_are_repeated_exactly_are_told():
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2))
    told = DiffusionEntropy(**SMALL).fit(np.repeat(x, 10, axis=0)).notes_
    assert any("100% of the rows repeat another one exactly" in n and "-inf" in n for n in told)
    # Columns may repeat values, and a few rows too.
    for rows in (rng.normal(size=(500, 2)), np.vstack([x, x[:2]])):
        told = DiffusionEntropy(**SMALL).fit(rows).notes_
        assert not any("repeat another one" in n for n in told)


def test_symbols_that_occur_once_are_told():
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 200, 1))
    told = InfoSEDD(**SMALL).fit(x, y).notes_
    assert any("X: most values of column 0 (200 of 200 rows)" in n and "KSG" in n for n in told)
    names = np.array([f"name {i}" for i in range(200)])[:, None]
    told = InfoSEDD(**SMALL).fit(names, y > 0).notes_
    assert any("occur once" in n and "group them" in n for n in told)
    told = InfoSEDD(**SMALL).fit((x > 0).astype(float), rng.integers(9, size=(200, 1))).notes_
    assert not any("occur once" in n for n in told)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_dataset_that_is_shorter_than_it_says(at_once):
    torch = pytest.importorskip("torch")

    class Short(torch.utils.data.Dataset):
        rows = np.random.default_rng(0).normal(size=(100, 2, 1))

        def __len__(self):
            return 200

        def __getitem__(self, i):
            if i >= len(self.rows):
                raise IndexError
            return tuple(self.rows[i])

    if at_once:
        Short.__getitems__ = lambda self, rows: [self[i] for i in rows]
    with pytest.raises(ValueError, match=r"has 200 rows, but fails at row.* Return from __len__"):
        MINE(**SMALL).fit(Short())
