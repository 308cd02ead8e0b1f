"""How irreversible a stationary diffusion process is, from its drift and its score."""

from __future__ import annotations

from infotheory._xp._namespace import Array, array_namespace


def entropy_production_rate(drift: Array, score: Array, diffusion: Array | float) -> Array:
    r"""Entropy that a diffusion process produces at each state, per unit of time.

    Parameters
    ----------
    drift : array of shape (..., n, d)
        b(x) at rows from the stationary law of :math:`dx = b\,dt + \sqrt{2 D}\,dW`.
    score : array of shape (..., n, d)
        :math:`\nabla \ln p(x)` of that law.
    diffusion : array of shape (d, d) or float
        D, symmetric and positive definite; a number stands for that multiple of the identity.

    Returns
    -------
    array of shape (..., n)
        :math:`v^\top D^{-1} v` with :math:`v = b - D \nabla \ln p`, in nats per unit of time,
        never negative; differentiable. Its mean is the entropy production rate.

    Notes
    -----
    It is 0 at every row if and only if the process is reversible. An error s of the score that is
    a gradient field adds the mean of :math:`s^\top D s` and nothing of first order, since
    :math:`\nabla \cdot (p v) = 0`. Complexity :math:`O(d^3 + n d^2)`. Source: Boffi and
    Vanden-Eijnden (2024), arXiv:2309.12991.

    Examples
    --------
    A rotating Ornstein-Uhlenbeck process, :math:`b = -k x + w \times x`, has rate
    :math:`2 w^2 / k`; the mean of :math:`|x|^2` is 2 for unit k and D:

    >>> import numpy as np
    >>> from infotheory.functional import entropy_production_rate
    >>> x = np.array([[1.0, 1.0]])
    >>> drift = -x @ np.array([[1.0, -3.0], [3.0, 1.0]]).T
    >>> entropy_production_rate(drift, -x, 1.0).tolist()
    [18.0]
    """
    xp = array_namespace(drift, score, diffusion)
    if isinstance(diffusion, (int, float)) or diffusion.ndim == 0:
        velocity = drift - diffusion * score
        return xp.sum(velocity**2, axis=-1) / diffusion
    velocity = drift - score @ diffusion
    return xp.sum(velocity * (velocity @ xp.linalg.inv(diffusion)), axis=-1)
