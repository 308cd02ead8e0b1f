"""The mathematics: array in, array out, in the caller's library; no validation."""

from __future__ import annotations

from infotheory.functional._contingency import (
    discrete_mutual_information,
    discrete_mutual_information_jackknife,
    discrete_mutual_information_standard_error,
)
from infotheory.functional._counts import METHODS as COUNT_METHODS
from infotheory.functional._counts import (
    Jackknife,
    discrete_entropy,
    discrete_entropy_jackknife,
    discrete_entropy_standard_error,
)
from infotheory.functional._gaussian import (
    gaussian_cauchy_schwarz_divergence,
    gaussian_conditional_mutual_information,
    gaussian_entropy,
    gaussian_kl,
    gaussian_log_density,
    gaussian_log_ratio,
    gaussian_mutual_information,
    gaussian_renyi_divergence,
    gaussian_sample,
    gaussian_scores,
    log_det_bias,
)
from infotheory.functional._mixed import mixed_ksg, mixed_ksg_pointwise, spread_atoms
from infotheory.functional._neighbors import (
    ksg,
    ksg_pointwise,
    neighbors_divergence,
    neighbors_entropy,
    neighbors_js_pointwise,
    neighbors_log_density,
    neighbors_log_ratio,
)
from infotheory.functional._pmf_divergence import (
    chi2_divergence,
    cross_entropy,
    hellinger_divergence,
    jeffreys_divergence,
    js_divergence,
    kl_divergence,
    total_variation,
)
from infotheory.functional._pmf_entropy import (
    conditional_entropy,
    conditional_mutual_information,
    entropy,
    mutual_information,
)
from infotheory.functional._pmf_order import (
    alpha_divergence,
    renyi_divergence,
    renyi_entropy,
    tsallis_divergence,
    tsallis_entropy,
)

__all__ = [
    "COUNT_METHODS",
    "Jackknife",
    "alpha_divergence",
    "chi2_divergence",
    "conditional_entropy",
    "conditional_mutual_information",
    "cross_entropy",
    "discrete_entropy",
    "discrete_entropy_jackknife",
    "discrete_entropy_standard_error",
    "discrete_mutual_information",
    "discrete_mutual_information_jackknife",
    "discrete_mutual_information_standard_error",
    "entropy",
    "gaussian_cauchy_schwarz_divergence",
    "gaussian_conditional_mutual_information",
    "gaussian_entropy",
    "gaussian_kl",
    "gaussian_log_density",
    "gaussian_log_ratio",
    "gaussian_mutual_information",
    "gaussian_renyi_divergence",
    "gaussian_sample",
    "gaussian_scores",
    "hellinger_divergence",
    "jeffreys_divergence",
    "js_divergence",
    "kl_divergence",
    "ksg",
    "ksg_pointwise",
    "log_det_bias",
    "mixed_ksg",
    "mixed_ksg_pointwise",
    "mutual_information",
    "neighbors_divergence",
    "neighbors_entropy",
    "neighbors_js_pointwise",
    "neighbors_log_density",
    "neighbors_log_ratio",
    "renyi_divergence",
    "renyi_entropy",
    "spread_atoms",
    "total_variation",
    "tsallis_divergence",
    "tsallis_entropy",
]
