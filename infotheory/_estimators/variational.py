"""Bounds that are a mean over pairs drawn together minus one over pairs drawn apart."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._dual_bounds import OBJECTIVES, DualBound, objective_of
from infotheory._reference import log_ratio
from infotheory._variational_docs import with_shared_sections

_N_DRAWS_CLIPPING = 2**16


@with_shared_sections
class DonskerVaradhan(DualBound):
    r"""Mutual information by the Donsker-Varadhan bound at held-out rows.

    Parameters
    ----------
    objective : {"info-nce", "donsker-varadhan", "jensen-shannon"}, default="info-nce"
        What training maximises. InfoNCE in both directions leaves only a constant of the critic
        open, which the value does not see.
    <parameters of all bounds>

    Attributes
    ----------
    <attributes of all bounds>

    Raises
    ------
    <raises of all bounds>

    Notes
    -----
    Reports :math:`E_{xy} f - \ln E_x E_y e^f`, where the critic never saw the rows. A lower bound
    where the second mean is exact; all pairs of a held-out fold are used, so that little is lost,
    but the log of an average errs upwards on few rows. The variance grows like :math:`e^I / n`
    without a reference. No ceiling. The value is stationary at the best critic: an error of the
    critic enters squared.
    <cost of all bounds>
    Sources: Donsker and Varadhan (1983), doi:10.1002/cpa.3160360204; Poole et al. (2019),
    arXiv:1905.06922.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import DonskerVaradhan
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 1))  # truth .511
    >>> fitted = DonskerVaradhan(hidden_layer_sizes=16, max_iter=20, n_folds=2, random_state=0)
    >>> bool(abs(fitted.fit(x, y).mutual_information_ - 0.511) < 0.1)
    True
    """

    _form = "donsker-varadhan"
    _constant_is_open = True
    _parameter_constraints: dict = {
        **DualBound._parameter_constraints,
        "objective": [StrOptions(set(OBJECTIVES))],
    }

    def __init__(
        self,
        *,
        objective: str = "info-nce",
        critic: Any = "separable",
        reference: str | None = "gaussian",
        hidden_layer_sizes: Any = (128, 128, 128),
        activation: str = "silu",
        batch_size: int = 256,
        learning_rate_init: float = 3e-3,
        max_iter: int = 2000,
        max_seconds: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 8,
        tol: float = 5e-4,
        n_folds: int = 5,
        n_ensemble: int = 2,
        warm_start: bool = False,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            critic=critic,
            reference=reference,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            max_seconds=max_seconds,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            n_folds=n_folds,
            n_ensemble=n_ensemble,
            warm_start=warm_start,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.objective = objective

    def _objective(self) -> Any:
        return objective_of(self.objective)


@with_shared_sections
class MINE(DualBound):
    r"""Mutual information neural estimation: Donsker-Varadhan with a running mean.

    Parameters
    ----------
    ema_rate : float, default=0.01
        Weight of the newest batch in the running mean of :math:`e^f`, inside (0, 1].
    <parameters of all bounds>

    Attributes
    ----------
    <attributes of all bounds>

    Raises
    ------
    <raises of all bounds>

    Notes
    -----
    Trains the Donsker-Varadhan bound with the gradient :math:`E_{xy} \nabla f - E_x E_y [e^f
    \nabla f] / m`, where m is a running mean of :math:`E e^f` over batches; dividing by the mean
    of the same batch would bias the gradient. Each fit starts a mean of its own. Reports the
    Donsker-Varadhan value at held-out rows: a lower bound where the second mean is exact, of
    variance like :math:`e^I / n` without a reference, without a ceiling.
    <cost of all bounds>
    Source: Belghazi et al. (2018), arXiv:1801.04062.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import MINE
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 1))  # truth .511
    >>> fitted = MINE(hidden_layer_sizes=16, max_iter=20, n_folds=2, random_state=0)
    >>> bool(abs(fitted.fit(x, y).mutual_information_ - 0.511) < 0.1)
    True
    """

    _form = "donsker-varadhan"
    _constant_is_open = True
    _parameter_constraints: dict = {
        **DualBound._parameter_constraints,
        "ema_rate": [Interval(Real, 0, 1, closed="right")],
    }

    def __init__(
        self,
        *,
        ema_rate: float = 0.01,
        critic: Any = "separable",
        reference: str | None = "gaussian",
        hidden_layer_sizes: Any = (128, 128, 128),
        activation: str = "silu",
        batch_size: int = 256,
        learning_rate_init: float = 3e-3,
        max_iter: int = 2000,
        max_seconds: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 8,
        tol: float = 5e-4,
        n_folds: int = 5,
        n_ensemble: int = 2,
        warm_start: bool = False,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            critic=critic,
            reference=reference,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            max_seconds=max_seconds,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            n_folds=n_folds,
            n_ensemble=n_ensemble,
            warm_start=warm_start,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.ema_rate = ema_rate

    def _objective(self) -> Any:
        from infotheory.functional import donsker_varadhan, mine_surrogate, running_log_mean

        if self.ema_rate == 1:
            return lambda s: donsker_varadhan(s.joint, s.product.flatten(1))
        log_mean = None

        def objective(scores: Any) -> Any:
            nonlocal log_mean
            product = scores.product.flatten(1)
            log_mean = running_log_mean(log_mean, product, self.ema_rate)
            return mine_surrogate(scores.joint, product, log_mean)

        return objective


@with_shared_sections
class NWJ(DualBound):
    r"""Mutual information by the bound of Nguyen, Wainwright and Jordan.

    Parameters
    ----------
    <parameters of all bounds>

    Attributes
    ----------
    <attributes of all bounds>

    Raises
    ------
    <raises of all bounds>

    Notes
    -----
    Trains and reports :math:`1 + E_{xy} f - E_x E_y e^f` for a critic f that is the log ratio at
    the optimum. A lower bound in expectation on any number of rows. Its variance is at least
    :math:`(e^I - 1) / n` in independent pairs, and an error of the critic's constant costs too,
    which :class:`DonskerVaradhan` forgives. No ceiling. Also known as f-GAN-KL and MINE-f.
    <cost of all bounds>
    Sources: Nguyen, Wainwright and Jordan (2010), arXiv:0809.0853; variance: Song and Ermon
    (2020), arXiv:1910.06222.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import NWJ
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 1))  # truth .511
    >>> fitted = NWJ(hidden_layer_sizes=16, max_iter=20, n_folds=2, random_state=0)
    >>> bool(abs(fitted.fit(x, y).mutual_information_ - 0.511) < 0.1)
    True
    """

    _form = "nwj"
    _shift = 1.0

    def _objective(self) -> Any:
        from infotheory.functional import nwj

        return lambda s: nwj(s.joint + 1.0, s.product.flatten(1) + 1.0)

    def _selected_by(self, held_out: Any) -> Any:
        from infotheory.functional import nwj

        return nwj(held_out.joint + 1.0, held_out.product.flatten(1) + 1.0)


@with_shared_sections
class TUBA(NWJ):
    r"""Mutual information by a bound with a learnt baseline of y.

    Parameters
    ----------
    <parameters of all bounds>

    Attributes
    ----------
    <attributes of all bounds>

    Raises
    ------
    <raises of all bounds>

    Notes
    -----
    Trains and reports :math:`1 + E_{xy} [f - \ln a(y)] - E_x E_y e^f / a(y)`, where the log of
    the baseline a is a network of y with the first of the hidden layers alone. A lower bound in
    expectation on any number of rows, with the variance of :class:`NWJ` and no ceiling. The
    critic may be the log of :math:`p(y | x)` up to any function of y. `pointwise_` is
    :math:`f - \ln a(y)`.
    <cost of all bounds>
    Source: Poole, Ozair, van den Oord, Alemi and Tucker (2019), arXiv:1905.06922.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import TUBA
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 1))  # truth .511
    >>> fitted = TUBA(hidden_layer_sizes=16, max_iter=20, n_folds=2, random_state=0)
    >>> bool(abs(fitted.fit(x, y).mutual_information_ - 0.511) < 0.1)
    True
    """

    _baseline = True


@with_shared_sections
class JensenShannonBound(NWJ):
    r"""Mutual information by NWJ's bound with a critic trained as a classifier.

    Parameters
    ----------
    <parameters of all bounds>

    Attributes
    ----------
    <attributes of all bounds>

    Raises
    ------
    <raises of all bounds>

    Notes
    -----
    Trains :math:`-E_{xy} \ln(1 + e^{-f}) - E_x E_y \ln(1 + e^f)`, whose slopes are bounded and
    whose best critic is the log ratio, and reports :math:`1 + E_{xy} f - E_x E_y e^f`. A lower
    bound in expectation on any number of rows, with the variance of :class:`NWJ` and no ceiling;
    training is calmer than NWJ's.
    <cost of all bounds>
    Sources: Hjelm et al. (2019), arXiv:1808.06670; Poole et al. (2019), arXiv:1905.06922.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import JensenShannonBound
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 1))  # truth .511
    >>> fitted = JensenShannonBound(hidden_layer_sizes=16, max_iter=20, n_folds=2, random_state=0)
    >>> bool(abs(fitted.fit(x, y).mutual_information_ - 0.511) < 0.1)
    True
    """

    def _objective(self) -> Any:
        return objective_of("jensen-shannon")


@with_shared_sections
class SMILE(DualBound):
    r"""Mutual information with a clipped critic in the partition term.

    Parameters
    ----------
    clip : float, default=5.0
        The critic is held inside [-clip, clip] at pairs drawn apart, in the value alone.
    <parameters of all bounds>

    Attributes
    ----------
    <attributes of all bounds>

    Raises
    ------
    <raises of all bounds>

    Notes
    -----
    Trains as a classifier, as :class:`JensenShannonBound`, and reports :math:`E_{xy} f - \ln E_x
    E_y e^{\min(\max(f, -c), c)}`. Neither a lower nor an upper bound: clipping bounds the variance
    and errs upwards where it cuts large values, by .038 nats for five pairs of normals correlated
    at .8 and c = 5. With ``reference="gaussian"`` this error of the normal law is computed and
    taken off, which a note says; `held_out_bound_` has the value as published. No ceiling.
    <cost of all bounds>
    Source: Song and Ermon (2020), arXiv:1910.06222.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import SMILE
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 1))  # truth .511
    >>> fitted = SMILE(hidden_layer_sizes=16, max_iter=20, n_folds=2, random_state=0)
    >>> bool(abs(fitted.fit(x, y).mutual_information_ - 0.511) < 0.1)
    True
    """

    bound_ = "neither"
    _form = "smile"
    _parameter_constraints: dict = {
        **DualBound._parameter_constraints,
        "clip": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        clip: float = 5.0,
        critic: Any = "separable",
        reference: str | None = "gaussian",
        hidden_layer_sizes: Any = (128, 128, 128),
        activation: str = "silu",
        batch_size: int = 256,
        learning_rate_init: float = 3e-3,
        max_iter: int = 2000,
        max_seconds: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 8,
        tol: float = 5e-4,
        n_folds: int = 5,
        n_ensemble: int = 2,
        warm_start: bool = False,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            critic=critic,
            reference=reference,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            max_seconds=max_seconds,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            n_folds=n_folds,
            n_ensemble=n_ensemble,
            warm_start=warm_start,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.clip = clip

    def _form_parameters(self) -> dict[str, float]:
        return {"clip": self.clip}

    def _objective(self) -> Any:
        return objective_of("jensen-shannon")

    def _selected_by(self, held_out: Any) -> Any:
        from infotheory.functional import jensen_shannon

        return jensen_shannon(held_out.joint, held_out.product.flatten(1))

    def _corrections(
        self, reference: Any, n_train: int, rng: np.random.Generator
    ) -> list[tuple[float, str]]:
        gained = _gain_by_clipping(reference, self.clip, rng)
        reason = f"what clip={self.clip:g} does to the normal reference"
        return [*super()._corrections(reference, n_train, rng), (-gained, reason)]


def _gain_by_clipping(reference: Any, clip: float, rng: np.random.Generator) -> float:
    """How much clipping raises the value of a normal law's own log ratio.

    The mean of e^f over pairs drawn apart is 1 without it. What is cut above is a mean over pairs
    drawn together of a variable in [0, 1], so that few draws give it.
    """
    rho = reference.correlations
    u, noise = rng.normal(size=(2, _N_DRAWS_CLIPPING, len(rho)))
    together = log_ratio(u, rho * u + np.sqrt(1 - rho**2) * noise, reference.quadratic())
    apart = log_ratio(u, noise, reference.quadratic())
    cut = -np.expm1(np.minimum(clip - together, 0.0)).mean()
    filled = np.maximum(np.exp(-clip) - np.exp(np.minimum(apart, -clip)), 0.0).mean()
    return float(-np.log1p(filled - cut))
