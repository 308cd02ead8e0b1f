"""Schrödinger bridges learnt as the saddle point of a drift and a potential."""

from __future__ import annotations

from typing import Any

from infotheory._neural_transport import NeuralTransport


class ENOT(NeuralTransport):
    r"""Entropic transport by a diffusion: networks for its drift and for a potential at its end.

    The drift v minimises :math:`E[\tfrac12 \int_0^1 \|v\|^2 dt] - E \beta(X_1)` over diffusions
    :math:`dX_t = v\,dt + \sqrt\varepsilon\,dW_t` from the rows of X; the potential :math:`\beta`
    maximises that plus :math:`E \beta(y)`, until the ends follow the target.

    Parameters
    ----------
    epsilon : float, optional
        Variance that the diffusion gains in a unit of time: the regularisation for the cost half
        the squared distance. None takes a tenth of the spread of the costs, as
        :class:`Sinkhorn` does.
    reference : {"gaussian", None}
        "gaussian" starts from the bridge between the normal laws of the moments, and networks
        learn what it lacks. None starts from Brownian motion that is moved by the difference of
        the means.
    hidden_layer_sizes : array-like of int
        Of both networks.
    activation : {"relu", "silu", "gelu", "tanh"}
    n_steps : int
        Steps of the diffusion, shorter towards the end.
    batch_size : int
        Paths of a training step, eight from a row.
    learning_rate_init : float
    max_iter : int
        Training steps.
    max_seconds : float, optional
        Time for training; the schedule shrinks to fit, and results then depend on the machine.
    device : str
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    cost_ : float
        Mean of half the squared distance between some fitted rows, 1 000 at most, and a draw of y
        for each.
    unit_ : str
        Of `cost_`.
    epsilon_ : float
        What `epsilon` came to.
    loss_curve_ : list of float
        Mean potential at the ends less that at rows of y, in nats: near 0 where they agree.
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule, X or y is not a finite real table with the
        same columns, or has fewer than 10 rows.
    ImportError
        In ``fit``, without torch.
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing.

    Notes
    -----
    The saddle point is that of the source, the way to it is not: steps of the normal bridge are
    exact, so that few suffice; ends are weighed by the density ratio of their path, and may be
    exchanged between rows, which leaves the plan of the potential as it is; and the drift is a
    regression on the potential's gradient along Brownian bridges, without gradients through the
    simulation. Both networks start at zero, which is the reference. ``sample`` simulates the
    diffusion, ``sample_path`` joins its steps by Brownian bridges, and ``transform`` averages 64
    paths with the same noise for all rows, of which half is minus the other. Complexity:
    `max_iter` steps of `n_steps` passes through the drift and three regressions. Neither the plan
    nor its score has a ceiling but the truth. Sources:
    Gushchin, Kolesov, Korotin, Vetrov and Burnaev (2023), arXiv:2211.01156; Havens and others
    (2025), arXiv:2504.11713, for the regression. See :class:`EgEOT` for the same potential without
    a diffusion, and :class:`LightSB` without networks.

    Ctrl-C ends the training, and the plan is that of the weights so far: a note says after how many
    steps, and loops over fits end. After the training it ends ``fit``, and the estimator stays as
    it was before.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import ENOT
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 1))
    >>> y = rng.choice([-2.0, 2.0], size=(1000, 1)) + 0.3 * rng.normal(size=(1000, 1))
    >>> model = ENOT(
    ...     epsilon=1.0, hidden_layer_sizes=(32,), batch_size=128, max_iter=50, random_state=0
    ... )
    >>> model.fit(X, y).sample(X[:3], random_state=0).shape
    (3, 1)
    """

    def __init__(
        self,
        *,
        epsilon: float | None = None,
        reference: str | None = "gaussian",
        hidden_layer_sizes: Any = (128, 128),
        activation: str = "silu",
        n_steps: int = 20,
        batch_size: int = 512,
        learning_rate_init: float = 2e-3,
        max_iter: int = 4000,
        max_seconds: float | None = None,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.epsilon = epsilon
        self.reference = reference
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.max_seconds = max_seconds
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _new_plan(self, layers: tuple[int, ...]) -> Any:
        from infotheory._drift_plan import DriftPlan

        return DriftPlan(self._coordinates, layers, self.activation, self.n_steps)

    def _width(self, n_draws: int) -> int:
        """The mean of a row takes 64 paths."""
        return super()._width(max(n_draws, 64))

    def _train(self, x: Any, y: Any) -> Any:
        return self._plan.fit(x, y, self._words())
