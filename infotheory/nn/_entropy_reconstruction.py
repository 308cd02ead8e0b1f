"""Mutual information of two views as an entropy and a reconstruction, without a critic."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from infotheory import functional

from ._checks import batch, one_of, paired, positive, unit_rows, without_autocast

KINDS = ("sphere", "clusters")
FORMS = ("average", "expectation")


class EntropyReconstruction(nn.Module):
    r"""Bound on the information of two views: entropy of one, plus how well the other tells it.

    Parameters
    ----------
    kind : {"sphere", "clusters"}, default="sphere"
        ``"sphere"``: representations, which are brought to length 1; the reconstruction density is
        von Mises-Fisher around the other view, the entropy is that of kernels. ``"clusters"``:
        logits of k clusters, as of an assignment to prototypes.
    concentration : float, default=10.0
        :math:`\kappa` of density and kernels, for the sphere; the inverse of a temperature.
    form : {"average", "expectation"}, default="average"
        For the sphere: the entropy as a mean over the rows, or weighted by their densities, as
        :func:`~infotheory.functional.vmf_kernel_entropy` has it.

    Raises
    ------
    ValueError
        For an unknown kind or form, a concentration that is not positive, or so large that
        rounding hides what it measures (8e6 in float32), batches that are no
        floating tensors of one shape (n, d), have fewer than two rows, NaN or infinity, and rows
        of zeros on the sphere.

    Notes
    -----
    ``forward(z1, z2)`` is the mean of :math:`\hat H(Z_2) + \overline{\ln q(z_2 | z_1)}` and of the
    same with the views exchanged, in nats, at most ln n (and ln k). Maximise it over what made the
    views: ``loss(z1, z2)`` is its negative. For clusters it is a lower bound on the mutual
    information; on the sphere one for spread representations, while for concentrated ones the
    entropy of kernels may be too high
    (:func:`~infotheory.functional.entropy_reconstruction`). No critic is trained, and unlike
    InfoNCE the two terms can be told apart: ``entropy(z)`` is the first, with respect to area on
    the sphere. Half precision, as under autocast, counts as float32. Complexity :math:`O(n^2 d)`
    on the sphere, :math:`O(n k)` for clusters. Source: Rodríguez-Gálvez et al. (2023),
    arXiv:2307.10907.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import EntropyReconstruction
    >>> z = torch.eye(8)
    >>> bound = EntropyReconstruction(concentration=20.0)
    >>> print(f"{bound(z, z).item():.3f}, mixed up {bound(z, z.roll(1, 0)).item():.3f}")
    2.079, mixed up -17.921
    """

    def __init__(
        self, kind: str = "sphere", *, concentration: float = 10.0, form: str = "average"
    ) -> None:
        super().__init__()
        self.kind, self.form = one_of(kind, "kind", KINDS), one_of(form, "form", FORMS)
        self.concentration = positive(concentration, "concentration")

    def extra_repr(self) -> str:
        """Shown by ``print(module)``."""
        if self.kind == "clusters":
            return f"kind={self.kind!r}"
        return f"concentration={self.concentration}, form={self.form!r}"

    def entropy(self, z: Tensor) -> Tensor:
        """Entropy of one view in nats, differential on the sphere: a scalar."""
        if self.kind == "clusters":
            return functional.entropy(torch.softmax(batch(z, "z"), dim=1).mean(dim=0))
        unit = self._on_the_sphere(z, "z")
        with without_autocast(unit):
            return functional.vmf_kernel_entropy(unit, self.concentration, form=self.form)

    def forward(self, z1: Tensor, z2: Tensor) -> Tensor:
        """Value in nats of two views (n, d) of the same rows: a scalar."""
        if self.kind == "clusters":
            first, second = batch(z1, "z1"), batch(z2, "z2")
            paired(first, second, "z1 and z2")
            return 0.5 * (_clusters(first, second) + _clusters(second, first))
        first, second = self._on_the_sphere(z1, "z1"), self._on_the_sphere(z2, "z2")
        paired(first, second, "z1 and z2")
        with without_autocast(first):
            there, back = (
                functional.entropy_reconstruction(a, b, self.concentration, form=self.form)
                for a, b in ((first, second), (second, first))
            )
        return 0.5 * (there + back)

    def _on_the_sphere(self, z: Tensor, name: str) -> Tensor:
        unit = unit_rows(z, name)
        most = 1 / torch.finfo(unit.dtype).eps
        if self.concentration > most:
            raise ValueError(
                f"concentration must be at most {most:.3g} for {unit.dtype}, where the rounding of "
                f"a cosine is a nat; got {self.concentration:g}. Lower it, or pass float64."
            )
        return unit

    def loss(self, z1: Tensor, z2: Tensor) -> Tensor:
        """What to minimise over what made the views: the negative value."""
        return -self(z1, z2)


def _clusters(first: Tensor, second: Tensor) -> Tensor:
    """As `functional.cluster_entropy_reconstruction`, of logits, whose logs are never infinite."""
    p = torch.softmax(second, dim=1)
    told = (p * torch.log_softmax(first, dim=1)).sum(dim=1).mean()
    return functional.entropy(p.mean(dim=0)) + told
