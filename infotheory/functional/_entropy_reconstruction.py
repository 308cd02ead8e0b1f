"""Mutual information of two views from below: entropy of one, and how well the other tells it."""

from __future__ import annotations

import math

from array_api_compat import device

from infotheory._xp._namespace import Array, array_namespace
from infotheory._xp._special import logsumexp, xlogy
from infotheory.functional._dual_forms import mean
from infotheory.functional._pmf_entropy import entropy
from infotheory.functional._von_mises_fisher import log_vmf_normalizer


def _kernel_entropy(Z: Array, concentration: Array, form: str) -> Array:
    """The entropy up to the log normalizer of the kernel, which leaves the sum of both terms."""
    xp = array_namespace(Z)
    scores = concentration * (Z @ xp.matrix_transpose(Z))
    log_density = logsumexp(scores, axis=-1) - math.log(Z.shape[-2])
    if form == "average":
        return -mean(log_density)
    shares = xp.exp(log_density - logsumexp(log_density, axis=-1)[..., None])
    return -xp.sum(shares * log_density, axis=-1)


def vmf_kernel_entropy(Z: Array, concentration: Array, *, form: str = "average") -> Array:
    r"""Differential entropy of points on the sphere, by von Mises-Fisher kernels around them.

    Parameters
    ----------
    Z : array of shape (..., n, d)
        Rows of length 1.
    concentration : float or array of shape ()
        :math:`\kappa > 0` of the kernels; large ones are narrow.
    form : {"average", "expectation"}, default="average"
        The mean over the points, or over the points weighted by their estimated densities. The
        second is never larger.

    Returns
    -------
    array of shape (...)
        Entropy in nats with respect to area, at most the log area :math:`-\ln C_d(0)` of the
        sphere up to sampling error; differentiable.

    Notes
    -----
    The density at a point is the mean of n kernels, its own among them. That one alone keeps the
    result of ``"average"`` below :math:`\ln n - \ln C_d(\kappa) - \kappa`, which is low in many
    dimensions. As n grows the result tends to the cross-entropy of the law to its smoothing,
    which is above the entropy. Complexity :math:`O(n^2 d)`, an n by n array. Sources: Joe (1989),
    doi:10.1007/BF00057735; Rodríguez-Gálvez et al. (2023), arXiv:2307.10907.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import log_vmf_normalizer, vmf_kernel_entropy
    >>> Z = np.random.default_rng(0).normal(size=(2000, 3))
    >>> Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    >>> print(f"{vmf_kernel_entropy(Z, 10.0):.2f} of {-log_vmf_normalizer(0.0, 3):.2f}")
    2.52 of 2.53
    """
    xp = array_namespace(Z)
    if isinstance(concentration, (int, float)):
        concentration = xp.asarray(concentration, dtype=Z.dtype, device=device(Z))
    normalizer = log_vmf_normalizer(concentration, Z.shape[-1])
    return _kernel_entropy(Z, concentration, form) - normalizer


def entropy_reconstruction(
    Z1: Array, Z2: Array, concentration: Array, *, form: str = "average"
) -> Array:
    r"""Entropy of one view plus how well the other reconstructs it, both on the sphere.

    Parameters
    ----------
    Z1, Z2 : array of shape (..., n, d)
        Rows of length 1, row i of both from one object.
    concentration : float or array of shape ()
        :math:`\kappa > 0` of the reconstruction density and of the kernels.
    form : {"average", "expectation"}, default="average"
        As of :func:`vmf_kernel_entropy`.

    Returns
    -------
    array of shape (...)
        :math:`\hat H(Z_2) + \overline{\ln q(z_2 | z_1)}` in nats, with the von Mises-Fisher density
        q around :math:`z_1`; at most ln n; differentiable.

    Notes
    -----
    With the entropy itself it is a lower bound on :math:`I(Z_1; Z_2)`, tight if q is the true
    channel. With kernels it exceeds that bound by the divergence of the law of :math:`Z_2` from
    its smoothing, at most, and falls short of it by the kernel at each point itself: for spread
    representations, which maximising it makes, it is a bound; for concentrated ones it need not
    be. The log normalizer is in both terms and cancels, so that nothing is lost in many
    dimensions. Complexity :math:`O(n^2 d)`. Source: Rodríguez-Gálvez et al. (2023),
    arXiv:2307.10907.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import entropy_reconstruction
    >>> Z = np.eye(8)  # eight objects, told without error
    >>> print(f"{entropy_reconstruction(Z, Z, 20.0):.4f} of {np.log(8):.4f}")
    2.0794 of 2.0794
    """
    xp = array_namespace(Z1, Z2)
    agreement = mean(xp.sum(Z1 * Z2, axis=-1))
    return _kernel_entropy(Z2, concentration, form) + concentration * agreement


def cluster_entropy_reconstruction(p1: Array, p2: Array) -> Array:
    r"""Entropy of the clusters of one view plus how well the other view tells them.

    Parameters
    ----------
    p1, p2 : array of shape (..., n, k)
        Probabilities of k clusters in each row, which sum to 1; row i of both from one object.

    Returns
    -------
    array of shape (...)
        :math:`H(\overline{p_2}) + \overline{\sum_c p_{2c} \ln p_{1c}}` in nats, at most ln k;
        -inf where :math:`p_1 = 0 < p_2`, differentiable elsewhere.

    Notes
    -----
    A lower bound on the mutual information of the first view and the cluster that is drawn from
    :math:`p_2`: the entropy of a mean over n rows is low on average, so that samples keep it one.
    At most ln n, too. Complexity :math:`O(n k)`. Source: Rodríguez-Gálvez et al. (2023),
    arXiv:2307.10907.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import cluster_entropy_reconstruction
    >>> p = np.eye(4)
    >>> print(f"{cluster_entropy_reconstruction(p, p):.4f}")  # ln 4
    1.3863
    """
    xp = array_namespace(p1, p2)
    told = mean(xp.sum(xlogy(p2, p1), axis=-1))
    return entropy(xp.mean(p2, axis=-2)) + told
