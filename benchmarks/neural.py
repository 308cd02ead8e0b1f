"""Variational bounds beside torch-mist: value, seconds, and milliseconds a training step.

The law is normal, 5 + 5 columns correlated 0.8 pair by pair, n = 10 000, truth 2.554 nats. Run
``python benchmarks/neural.py``; ``--part accuracy`` or ``--part steps`` and ``--estimator MINE``
take a part. Rows go into results/neural.csv and results/neural_steps.csv at once, and a later run
leaves out those that are there. torch-mist is measured in the same run, right after ours. Its
requirements name a NumPy below 2 that it does not need, hence:

    pip install --no-deps --target FOLDER torch-mist pyro-ppl pyro-api opt-einsum
    PYTHONPATH=FOLDER python benchmarks/neural.py
"""

from __future__ import annotations

import contextlib
import io
import math
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from _estimating import number, set_threads
from _results import Results, circumstances, matches, parser
from torch import Tensor, nn

import infotheory
from infotheory.datasets import correlated_normals

# Ours, and the name of the same bound in torch-mist, where it is compared.
BOUNDS = {
    "MINE": "mine",
    "SMILE": "smile",
    "InfoNCE": "infonce",
    "NWJ": "nwj",
    "JensenShannonBound": "js",
    "DonskerVaradhan": "",
    "TUBA": "",
    "FLO": "",
    "DoE": "",
    "LeaveOneOutBound": "",
    "CLUB": "",
    "MINDE": "",
}
STEPPED = ("MINE", "SMILE", "MINDE")
PEER = "torch-mist"
LAW = correlated_normals([0.8] * 5)
BATCH, PEER_STEPS = 256, 4000
# Forty whole batches: the peer goes by epochs.
N_STEPPED = 40 * BATCH
# The network of both sides: three hidden layers of 128, and 32 embeddings where it is separable.
HIDDEN, EMBEDDING = (128, 128, 128), 32
# Partners of each row in a step: all others of the batch, or as many as our networks of pairs take.
PARTNERS = {"separable": BATCH - 1, "concatenated": 4}
DENOISER = "denoiser"
# Inputs of a denoiser beside the rows themselves: of the log-SNR, and lengths.
WAVES = 10

ACCURACY = (
    *("truth", "value", "standard error", "error", "seconds"),
    *("torch-mist", "its error", "its error on new rows", "its seconds"),
    *("seconds of its MINE", "ratio to its MINE"),
)
SPEED = ("ms a step and network", "torch-mist", "ratio", "plain loop", "ratio to plain", "networks")


def peer_or_none() -> Any:
    """The peer, or None and how to get it."""
    try:
        import torch_mist
    except ImportError as error:
        print(f"peers missing ({error}): pip install --no-deps {PEER}; see the top of the script")
        return None
    return torch_mist


def as_float(*arrays: np.ndarray) -> tuple[Tensor, ...]:
    return tuple(torch.as_tensor(a, dtype=torch.float32) for a in arrays)


def peer_value(peer: Any, bound: str, n: int, steps: int) -> tuple[float, float, float]:
    """Value on its training rows, as it comes; the same on new rows; seconds of the first."""
    x, y = as_float(*LAW.sample(n, 0))
    torch.manual_seed(0)
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        value, trained, _ = peer.estimate_mi(
            data={"x": x, "y": y},
            estimator=bound,
            max_iterations=steps,
            batch_size=BATCH,
            return_estimator=True,
            verbose=False,
        )
        seconds = time.perf_counter() - start
        from torch_mist.utils.evaluation import evaluate_mi

        new = dict(zip("xy", as_float(*LAW.sample(n, 1)), strict=True))
        fresh = evaluate_mi(trained, data=new, batch_size=BATCH)
    return float(value), float(fresh), seconds


def accuracy(results: Results, bound: str, peer: Any, *, quick: bool) -> None:
    """One row: our cross-fitted bound, and the peer's."""
    n = 500 if quick else 10_000
    changes = {"max_iter": 20} if quick else {}
    X, y = LAW.sample(n, 0)
    start = time.perf_counter()
    fitted = getattr(infotheory, bound)(random_state=0, **changes).fit(X, y)
    seconds = time.perf_counter() - start
    row = {
        "bound": bound,
        "n": n,
        "truth": number(LAW.mutual_information),
        "value": number(fitted.mutual_information_),
        "standard error": number(getattr(fitted, "standard_error_", math.nan)),
        "error": number(fitted.mutual_information_ - LAW.mutual_information, sign=True),
        "seconds": number(seconds, 1),
    }
    if peer is not None:
        steps = 20 if quick else PEER_STEPS
        # The yardstick is measured beside every row: a machine's speed changes on the way.
        yardstick = peer_value(peer, BOUNDS["MINE"], n, steps)
        row |= {
            "seconds of its MINE": number(yardstick[2], 1),
            "ratio to its MINE": number(seconds / yardstick[2], 2),
        }
        if BOUNDS[bound]:
            its = yardstick if bound == "MINE" else peer_value(peer, BOUNDS[bound], n, steps)
            told, fresh, its_seconds = its
            row |= {
                "torch-mist": number(told),
                "its error": number(told - LAW.mutual_information, sign=True),
                "its error on new rows": number(fresh - LAW.mutual_information, sign=True),
                "its seconds": number(its_seconds, 1),
            }
    results.keep(row, circumstances((PEER,)))


class PlainCritic(nn.Module):
    """The same network in the fewest lines."""

    def __init__(self, kind: str, width: int = 5) -> None:
        super().__init__()
        self.kind = kind
        one, two = ((2 * width, 1),), ((width, EMBEDDING),) * 2
        self.sides = nn.ModuleList(
            nn.Sequential(
                *(nn.Linear(sizes[0], HIDDEN[0]), nn.SiLU(), nn.Linear(*HIDDEN[:2]), nn.SiLU()),
                *(nn.Linear(*HIDDEN[1:]), nn.SiLU(), nn.Linear(HIDDEN[2], sizes[1])),
            )
            for sizes in (two if kind == "separable" else one)
        )

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Values at the rows together, and apart."""
        if self.kind == "separable":
            table = self.sides[0](x) @ self.sides[1](y).T
            apart = ~torch.eye(len(x), dtype=torch.bool)
            return table.diagonal(), table[apart]
        rolled = torch.stack([y, *(y.roll(s, 0) for s in range(1, 1 + PARTNERS[self.kind]))])
        values = self.sides[0](torch.cat([x.expand_as(rolled), rolled], -1)).squeeze(-1)
        return values[0], values[1:].flatten()


def plain_denoiser_steps(steps: int) -> None:
    """The plainest loop of denoising: as many inputs as ours has, noise predicted, step."""
    x, y = as_float(*LAW.sample(N_STEPPED, 0))
    width, sizes = x.shape[1], (6 * x.shape[1] + WAVES, *HIDDEN)
    layers = [part for two in pairwise(sizes) for part in (nn.Linear(*two), nn.SiLU())]
    network = nn.Sequential(*layers, nn.Linear(HIDDEN[-1], 2 * width))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    frequencies = torch.linspace(0.1, 1, WAVES)
    for _ in range(steps):
        rows = torch.randint(len(x), (BATCH,))
        clean = torch.cat([x[rows], y[rows]], -1)
        log_snr = 24 * torch.rand(BATCH, 1) - 12
        noise = torch.randn_like(clean)
        seen = log_snr.sigmoid().sqrt() * clean + (-log_snr).sigmoid().sqrt() * noise
        inputs = torch.cat([seen, clean, seen.abs().tanh(), (log_snr * frequencies).sin()], -1)
        loss = (network(inputs) - noise).square().sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def plain_steps(bound: str, kind: str, steps: int) -> None:
    """The plainest loop: draw rows, loss, step."""
    x, y = as_float(*LAW.sample(N_STEPPED, 0))
    critic = PlainCritic(kind)
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
    running = torch.zeros(())
    for _ in range(steps):
        rows = torch.randint(len(x), (BATCH,))
        joint, apart = critic(x[rows], y[rows])
        if bound == "MINE":
            mean = apart.exp().mean()
            running = 0.9 * running + 0.1 * mean.detach()
            loss = mean / running - joint.mean()
        else:
            loss = nn.functional.softplus(-joint).mean() + nn.functional.softplus(apart).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def our_steps(bound: str, kind: str, steps: int) -> int:
    """A whole fit of this many steps, its checks on held-out rows included; how many networks."""
    changes: dict[str, Any] = {} if kind == DENOISER else {"critic": kind}
    estimator = getattr(infotheory, bound)(
        **changes,
        hidden_layer_sizes=HIDDEN,
        batch_size=BATCH,
        max_iter=steps,
        early_stopping=False,
        random_state=0,
    )
    estimator.fit(*LAW.sample(N_STEPPED, 0))
    # MINDE has one network that sees y and one that does not.
    return estimator.n_folds * estimator.n_ensemble * (2 if kind == DENOISER else 1)


def peer_steps(bound: str, kind: str, steps: int) -> None:
    """Its training alone: no log, no validation, no early stopping."""
    from torch_mist import estimators
    from torch_mist.utils.train import train_mi_estimator

    x, y = as_float(*LAW.sample(N_STEPPED, 0))
    is_separable = kind == "separable"
    estimator = getattr(estimators, BOUNDS[bound])(
        x_dim=5,
        y_dim=5,
        hidden_dims=[*HIDDEN, EMBEDDING] if is_separable else list(HIDDEN),
        critic_type="separable" if is_separable else "joint",
        # -1 is all others of the batch.
        neg_samples=-1 if is_separable else PARTNERS[kind],
        nonlinearity=nn.SiLU(),
    )
    with contextlib.redirect_stdout(io.StringIO()):
        train_mi_estimator(
            estimator,
            train_data={"x": x, "y": y},
            valid_percentage=0,
            batch_size=BATCH,
            max_iterations=steps,
            early_stopping=False,
            verbose=False,
            logger=False,
        )


def milliseconds(run: Callable[[int], Any], few: int, many: int, repeats: int) -> float:
    """Time of a step, what comes before and after the steps subtracted."""

    def best(steps: int) -> float:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            run(steps)
            times.append(time.perf_counter() - start)
        return min(times)

    return 1e3 * (best(many) - best(few)) / (many - few)


def speed(results: Results, bound: str, kind: str, peer: Any, *, quick: bool) -> None:
    """One row: a step of ours for each network, of the peer, and of the plain loop."""
    # From 200 steps on, our fits check the held-out rows every 50.
    few, many, repeats = (40, 80, 1) if quick else (200, 600, 3)
    networks = our_steps(bound, kind, 1)
    ours = milliseconds(lambda steps: our_steps(bound, kind, steps), few, many, repeats) / networks
    loop = plain_denoiser_steps if kind == DENOISER else partial(plain_steps, bound, kind)
    plain = milliseconds(loop, few, many, repeats)
    row = {
        "bound": bound,
        "critic": kind,
        "partners a row": PARTNERS.get(kind, 0),
        "batch": BATCH,
        "ms a step and network": number(ours, 3),
        "plain loop": number(plain, 3),
        "ratio to plain": number(ours / plain, 2),
        "networks": networks,
    }
    if peer is not None and kind != DENOISER:
        its = milliseconds(lambda steps: peer_steps(bound, kind, steps), few, many, repeats)
        row |= {"torch-mist": number(its, 3), "ratio": number(ours / its, 2)}
    results.keep(row, circumstances((PEER,)))


def built(names: list[str]) -> list[str]:
    """The bounds that there is a class for; the others are reported."""
    found = [name for name in names if hasattr(infotheory, name)]
    for name in names:
        if name not in found:
            print(f"{name} is left out: infotheory has no {name}")
    return found


def main() -> None:
    options = parser(__doc__, tuple(BOUNDS))
    options.add_argument("--part", choices=("accuracy", "steps", "both"), default="both")
    arguments = options.parse_args()
    set_threads(quick=arguments.quick)
    quick, peer = arguments.quick, peer_or_none()
    bounds = [name for name in built(arguments.estimator) if matches(arguments.only, name)]
    if arguments.part != "steps":
        results = Results("neural", ("bound", "n"), ACCURACY, quick=quick)
        results.head()
        n = 500 if quick else 10_000
        # Imports are no part of the first time that is measured.
        infotheory.MINE(max_iter=2).fit(*LAW.sample(100, 0))
        for bound in bounds:
            if results.has(bound=bound, n=n) and not arguments.again:
                continue
            try:
                accuracy(results, bound, peer, quick=quick)
            except Exception as error:
                # One bound that fails must not end the run.
                print(f"{bound} failed: {type(error).__name__}: {error}", flush=True)
    if arguments.part != "accuracy":
        keys = ("bound", "critic", "partners a row", "batch")
        results = Results("neural_steps", keys, SPEED, quick=quick)
        results.head()
        stepped = [name for name in bounds if name in STEPPED]
        for bound in stepped[:1] if quick else stepped:
            kinds = {DENOISER: 0} if bound == "MINDE" else PARTNERS
            for kind, partners in kinds.items():
                key = dict(zip(keys, (bound, kind, partners, BATCH), strict=True))
                if arguments.again or not results.has(**key):
                    speed(results, bound, kind, peer, quick=quick)


if __name__ == "__main__":
    main()
