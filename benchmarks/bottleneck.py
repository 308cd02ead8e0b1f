"""Regression with and without a bottleneck: test error of Cauchy-Schwarz, variational and plain.

Run ``python benchmarks/bottleneck.py``; ``--only diabetes`` takes a part. Data: diabetes of
scikit-learn (442 rows, 10 columns) and make_friedman1 (500 rows, 10 columns, noise 1). For each of
five seeds 64 % of the rows train, 16 % choose and 20 % test. All methods have one architecture
(128-128-16, ReLU, then a linear head), 2000 steps at most, and stop by a part of the training rows.
The price beta is the one with the lowest root mean squared error on the rows that choose; the plain
network has no price, "Cauchy-Schwarz, no price" has the loss of the bottleneck and beta = 0. For
each seed the chosen model is tested as it is, without another fit on all rows.

The figures are the mean and the standard deviation over seeds of the test error, in units of y
(and, for friedman1, of the noise), and the mean difference to the plain network on the same splits
with its standard error. Rows go into results/bottleneck.csv.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from _estimating import number
from _results import Results, circumstances, matches, parser

SETS = ("diabetes", "friedman1")
SEEDS = range(5)
PLAIN = "plain network"
# Of the variational one in nats of log-likelihood, of the other a share of the dependence.
METHODS = {
    PLAIN: (0.0,),
    "variational": (0.01, 0.1, 0.3),
    "Cauchy-Schwarz, no price": (0.0,),
    "Cauchy-Schwarz": (0.01, 0.1, 0.5),
}
KEYS = ("data", "method")
MEASURED = (
    "test RMSE",
    "standard deviation",
    "difference to plain",
    "its standard error",
    "seeds better",
    "chosen beta",
)


def data(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_diabetes, make_friedman1

    if name == "diabetes":
        return load_diabetes(return_X_y=True)
    return make_friedman1(500, n_features=10, noise=1.0, random_state=seed)


def model(method: str, beta: float, seed: int, max_iter: int) -> Any:
    from infotheory import CauchySchwarzBottleneckRegressor, VariationalBottleneckRegressor

    words = {"beta": beta, "random_state": seed, "max_iter": max_iter}
    if method == "variational":
        return VariationalBottleneckRegressor(**words)
    loss = "squared-error" if method == PLAIN else "conditional-cauchy-schwarz"
    return CauchySchwarzBottleneckRegressor(**words, loss=loss)


def error(fitted: Any, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.mean((fitted.predict(X) - y) ** 2)))


def tested(name: str, method: str, seed: int, max_iter: int) -> tuple[float, float]:
    """Test error of the price that was chosen, and that price."""
    from sklearn.model_selection import train_test_split

    X, y = data(name, seed)
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed)
    train, choose = train_test_split(rest, test_size=0.2, random_state=seed)
    found = []
    for beta in METHODS[method]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = model(method, beta, seed, max_iter).fit(X[train], y[train])
        found.append((error(fitted, X[choose], y[choose]), beta, error(fitted, X[test], y[test])))
    _, beta, at_test = min(found)
    return at_test, beta


def main() -> None:
    arguments = parser(__doc__, tuple(METHODS)).parse_args()
    import torch

    torch.set_num_threads(1)
    stamp = circumstances(threads="1 Torch thread")
    results = Results("bottleneck", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    seeds, max_iter = (range(2), 50) if arguments.quick else (SEEDS, 2000)
    for name in SETS:
        if not matches(arguments.only, name):
            continue
        plain: list[float] = []
        for method in METHODS:
            is_needed = arguments.again or not results.has(data=name, method=method)
            if method not in arguments.estimator and method != PLAIN:
                continue
            if not is_needed and method != PLAIN:
                continue
            runs = [tested(name, method, seed, max_iter) for seed in seeds]
            errors = [run[0] for run in runs]
            plain = errors if method == PLAIN else plain
            gains = np.subtract(errors, plain)
            row: dict[str, object] = {
                "data": name,
                "method": method,
                "test RMSE": number(float(np.mean(errors)), 4),
                "standard deviation": number(float(np.std(errors, ddof=1)), 2),
            }
            if method != PLAIN:
                row |= {
                    "difference to plain": number(float(np.mean(gains)), 2),
                    "its standard error": number(
                        float(np.std(gains, ddof=1) / np.sqrt(len(gains))), 2
                    ),
                    "seeds better": int(np.sum(gains < 0)),
                }
            if len(METHODS[method]) > 1:
                row["chosen beta"] = " ".join(f"{run[1]:g}" for run in runs)
            results.keep(row, stamp)


if __name__ == "__main__":
    main()
