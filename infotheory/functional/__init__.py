"""The mathematics: array in, array out, in the caller's library; no validation."""

from __future__ import annotations

from infotheory.functional._gaussian import (
    gaussian_cauchy_schwarz_divergence,
    gaussian_conditional_mutual_information,
    gaussian_entropy,
    gaussian_kl,
    gaussian_mutual_information,
    gaussian_renyi_divergence,
    gaussian_scores,
    log_det_bias,
)
from infotheory.functional._mixed import mixed_ksg, mixed_ksg_pointwise
from infotheory.functional._neighbors import (
    ksg,
    ksg_pointwise,
    neighbors_divergence,
    neighbors_entropy,
    neighbors_js_pointwise,
    neighbors_log_density,
    neighbors_log_ratio,
)
from infotheory.functional._contingency import (
    discrete_mutual_information,
    discrete_mutual_information_standard_error,
)
from infotheory.functional._counts import METHODS as COUNT_METHODS
from infotheory.functional._counts import discrete_entropy, discrete_entropy_standard_error
