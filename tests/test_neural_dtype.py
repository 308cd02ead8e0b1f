"""Networks whatever the default dtype of the process."""

from __future__ import annotations

import numpy as np
import pytest

import infotheory

torch = pytest.importorskip("torch")

PAIRS = (
    *("MINE", "DonskerVaradhan", "NWJ", "TUBA", "InfoNCE", "JensenShannonBound", "SMILE", "FLO"),
    *("DoE", "CLUB", "LeaveOneOutBound", "MINDE", "InfoSEDD", "WassersteinDependency"),
)
SAMPLES = ("VariationalDivergence", "DiffusionDivergence")
SMALL = {
    "hidden_layer_sizes": (8,),
    "n_folds": 2,
    "n_ensemble": 1,
    "random_state": 0,
    "max_iter": 8,
}


@pytest.fixture
def double_by_default():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def fitted(name):
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 200, 1))
    own = {"method": "critic"} if name == "WassersteinDependency" else {}
    estimator = getattr(infotheory, name)(**SMALL, **own)
    if name in SAMPLES:
        return estimator.fit(np.vstack([x, noise + 1]), np.repeat([0, 1], 200)).divergence_
    if name == "DiffusionEntropy":
        return estimator.fit(x).entropy_
    y = x + noise
    if name == "InfoSEDD":
        x, y = (x > 0).astype(int), (y > 0).astype(int)
    return estimator.fit(x, y).mutual_information_


@pytest.mark.parametrize("name", [*PAIRS, *SAMPLES, "DiffusionEntropy"])
def test_the_default_dtype_of_the_process_does_not_matter(name, double_by_default):
    of_double = fitted(name)
    torch.set_default_dtype(torch.float32)
    # The weights are drawn in it and so are other ones, which eight steps hardly move.
    assert of_double == pytest.approx(fitted(name), abs=0.05)
