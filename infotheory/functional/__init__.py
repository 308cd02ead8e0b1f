"""The mathematics: array in, array out, in the caller's library; no validation."""

from __future__ import annotations

from infotheory.functional._bandwidth import BANDWIDTH_RULES, kernel_bandwidth
from infotheory.functional._betting import betting_log_wealth
from infotheory.functional._binning import (
    adaptive_bins,
    binned_symbols,
    entropy_binning_edges,
    uniform_binning_edges,
)
from infotheory.functional._bottleneck_coupling import (
    BottleneckCoupling,
    minimum_entropy_coupling_with_bottleneck,
)
from infotheory.functional._bounds import (
    donsker_varadhan,
    flo,
    info_nce,
    jensen_shannon,
    mine_surrogate,
    nwj,
    running_log_mean,
    smile,
    tuba,
)
from infotheory.functional._cauchy_schwarz import (
    cauchy_schwarz_divergence,
    cauchy_schwarz_mutual_information,
    conditional_cauchy_schwarz_divergence,
    conditional_cauchy_schwarz_mutual_information,
)
from infotheory.functional._channel_capacity import ChannelCapacity, channel_capacity
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
from infotheory.functional._coupling import Coupling, minimum_entropy_coupling
from infotheory.functional._coupling_bounds import coupling_entropy_bound
from infotheory.functional._density_bounds import (
    club,
    difference_of_entropies,
    leave_one_out,
)
from infotheory.functional._density_matrix import check_density_matrix
from infotheory.functional._diffusion import (
    denoising_gap,
    denoising_log_density,
    reference_gap,
    score_gap,
)
from infotheory.functional._diffusion_channel import diffuse, log_snr_quantile, log_snr_weight
from infotheory.functional._discrete_diffusion import (
    absorbing_transition,
    score_entropy,
    score_entropy_divergence,
    uniform_log_ratio,
    uniform_log_score,
    uniform_rate,
    uniform_transition,
)
from infotheory.functional._dual_forms import (
    bound_influence,
    bound_row_influence,
    off_diagonal,
)
from infotheory.functional._effective_entropy import (
    covariance_penalty,
    spacing_entropy,
    spacing_entropy_bias,
)
from infotheory.functional._elastic_costs import (
    elastic_cost,
    elastic_gradient,
    elastic_map,
    elastic_proximal,
)
from infotheory.functional._entropic_map import entropic_map, entropic_potential
from infotheory.functional._entropy_bounded import (
    EntropyBoundedChannel,
    entropy_bounded_information_maximization,
)
from infotheory.functional._entropy_production import entropy_production_rate
from infotheory.functional._entropy_reconstruction import (
    cluster_entropy_reconstruction,
    entropy_reconstruction,
    vmf_kernel_entropy,
)
from infotheory.functional._exact_transport import (
    ExactPlan,
    exact_transport,
    wasserstein_distance,
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
from infotheory.functional._gaussian_bottleneck import (
    GaussianInformationBottleneck,
    gaussian_information_bottleneck,
    gaussian_information_curve,
)
from infotheory.functional._gaussian_transport import (
    bures_distance,
    gaussian_bridge,
    gaussian_sinkhorn_divergence,
    gaussian_transport,
    gaussian_wasserstein,
)
from infotheory.functional._gram import (
    gaussian_gram,
    gram_log_row_sums,
    gram_pair_sums,
    gram_row_sums,
)
from infotheory.functional._hsic import hsic
from infotheory.functional._independence_payoffs import independence_payoffs, symmetric_payoffs
from infotheory.functional._information_bottleneck import (
    InformationBottleneck,
    information_bottleneck,
)
from infotheory.functional._information_curve import InformationCurve, information_curve
from infotheory.functional._ksg import ksg, ksg_pointwise
from infotheory.functional._light_bridge import LightBridge
from infotheory.functional._low_rank_sinkhorn import LowRankPlan, low_rank_sinkhorn
from infotheory.functional._markov_entropy import markov_entropy_decomposition
from infotheory.functional._masked_diffusion import (
    masked_divergence,
    masked_gap,
    masked_log_likelihood,
    masked_log_probabilities,
    subset_mask,
)
from infotheory.functional._matrix_divergence import (
    difference_of_matrix_entropies,
    jensen_renyi_divergence,
)
from infotheory.functional._matrix_entropy import (
    matrix_conditional_entropy,
    matrix_entropy,
    matrix_joint_entropy,
    matrix_mutual_information,
    matrix_total_correlation,
    normalized_matrix_mutual_information,
)
from infotheory.functional._matrix_entropy_approximations import (
    MatrixEntropyApproximation,
    approximate_matrix_entropy,
    gaussian_matrix_entropy,
)
from infotheory.functional._mixed import mixed_ksg, mixed_ksg_pointwise, spread_atoms
from infotheory.functional._mixture_bounds import (
    MixtureEntropyBounds,
    mixture_entropy_bounds,
)
from infotheory.functional._mmd import mmd
from infotheory.functional._neighbors import (
    neighbors_divergence,
    neighbors_entropy,
    neighbors_js_pointwise,
    neighbors_log_density,
    neighbors_log_ratio,
)
from infotheory.functional._noise_prediction import (
    gaussian_conditional_noise_prediction,
    gaussian_noise_prediction,
    mixture_noise_prediction,
)
from infotheory.functional._noisy_channel import (
    ChannelEntropy,
    ChannelInformation,
    adaptive_noise_variance,
    noisy_channel_entropy,
    noisy_channel_information,
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
from infotheory.functional._point_costs import group_invariant_cost
from infotheory.functional._point_plan import EntropicPointPlan
from infotheory.functional._quantum_distances import (
    fidelity,
    quantum_relative_entropy,
    quantum_renyi_divergence,
    trace_distance,
)
from infotheory.functional._quantum_entropies import (
    density_matrix_entropy,
    holevo_information,
    quantum_conditional_entropy,
    quantum_conditional_mutual_information,
    quantum_mutual_information,
    quantum_renyi_entropy,
    quantum_tsallis_entropy,
)
from infotheory.functional._quantum_states import (
    negativity,
    partial_trace,
    partial_transpose,
    purity,
)
from infotheory.functional._rate_distortion import RateDistortion, rate_distortion
from infotheory.functional._representation import (
    effective_rank,
    matrix_nuclear_norm,
    normalized_tokens,
    nuclear_norm,
    page_entropy,
    participation_ratio,
    token_matrix_entropy,
    von_neumann_entropy,
)
from infotheory.functional._semi_discrete import (
    SemiDiscretePotential,
    laguerre_cells,
    semi_discrete,
    semi_discrete_dual,
)
from infotheory.functional._sinkhorn import sinkhorn
from infotheory.functional._sinkhorn_bridge import entropic_drift
from infotheory.functional._sinkhorn_divergence import (
    DebiasedTransport,
    debiased_transport,
    sinkhorn_divergence,
)
from infotheory.functional._sinkhorn_plan import EntropicPlan
from infotheory.functional._sinkhorn_points import sinkhorn_points
from infotheory.functional._sinkhorn_unbalanced import UnbalancedPlan, unbalanced_sinkhorn
from infotheory.functional._sinkhorn_unbalanced_points import (
    UnbalancedPointPlan,
    unbalanced_sinkhorn_points,
)
from infotheory.functional._sparse_law import SparseLaw
from infotheory.functional._transport_costs import transport_cost
from infotheory.functional._transport_dependence import (
    TransportDependence,
    transport_dependence,
)
from infotheory.functional._transport_metrics import (
    bw2_uvp,
    conditional_bw2_uvp,
    conditional_bw2_uvp_floor,
)
from infotheory.functional._variational_divergences import (
    alpha_bound,
    chi2_bound,
    hellinger_bound,
    js_bound,
    wasserstein_bound,
)
from infotheory.functional._von_mises_fisher import log_bessel_i, log_vmf_normalizer

__all__ = [
    "BANDWIDTH_RULES",
    "COUNT_METHODS",
    "BottleneckCoupling",
    "ChannelCapacity",
    "ChannelEntropy",
    "ChannelInformation",
    "Coupling",
    "DebiasedTransport",
    "EntropicPlan",
    "EntropicPointPlan",
    "EntropyBoundedChannel",
    "ExactPlan",
    "GaussianInformationBottleneck",
    "InformationBottleneck",
    "InformationCurve",
    "Jackknife",
    "LightBridge",
    "LowRankPlan",
    "MatrixEntropyApproximation",
    "MixtureEntropyBounds",
    "RateDistortion",
    "SemiDiscretePotential",
    "SparseLaw",
    "TransportDependence",
    "UnbalancedPlan",
    "UnbalancedPointPlan",
    "absorbing_transition",
    "adaptive_bins",
    "adaptive_noise_variance",
    "alpha_bound",
    "alpha_divergence",
    "approximate_matrix_entropy",
    "betting_log_wealth",
    "binned_symbols",
    "bound_influence",
    "bound_row_influence",
    "bures_distance",
    "bw2_uvp",
    "cauchy_schwarz_divergence",
    "cauchy_schwarz_mutual_information",
    "channel_capacity",
    "check_density_matrix",
    "chi2_bound",
    "chi2_divergence",
    "club",
    "cluster_entropy_reconstruction",
    "conditional_bw2_uvp",
    "conditional_bw2_uvp_floor",
    "conditional_cauchy_schwarz_divergence",
    "conditional_cauchy_schwarz_mutual_information",
    "conditional_entropy",
    "conditional_mutual_information",
    "coupling_entropy_bound",
    "covariance_penalty",
    "cross_entropy",
    "debiased_transport",
    "denoising_gap",
    "denoising_log_density",
    "density_matrix_entropy",
    "difference_of_entropies",
    "difference_of_matrix_entropies",
    "diffuse",
    "discrete_entropy",
    "discrete_entropy_jackknife",
    "discrete_entropy_standard_error",
    "discrete_mutual_information",
    "discrete_mutual_information_jackknife",
    "discrete_mutual_information_standard_error",
    "donsker_varadhan",
    "effective_rank",
    "elastic_cost",
    "elastic_gradient",
    "elastic_map",
    "elastic_proximal",
    "entropic_drift",
    "entropic_map",
    "entropic_potential",
    "entropy",
    "entropy_binning_edges",
    "entropy_bounded_information_maximization",
    "entropy_production_rate",
    "entropy_reconstruction",
    "exact_transport",
    "fidelity",
    "flo",
    "gaussian_bridge",
    "gaussian_cauchy_schwarz_divergence",
    "gaussian_conditional_mutual_information",
    "gaussian_conditional_noise_prediction",
    "gaussian_entropy",
    "gaussian_gram",
    "gaussian_information_bottleneck",
    "gaussian_information_curve",
    "gaussian_kl",
    "gaussian_log_density",
    "gaussian_log_ratio",
    "gaussian_matrix_entropy",
    "gaussian_mutual_information",
    "gaussian_noise_prediction",
    "gaussian_renyi_divergence",
    "gaussian_sample",
    "gaussian_scores",
    "gaussian_sinkhorn_divergence",
    "gaussian_transport",
    "gaussian_wasserstein",
    "gram_log_row_sums",
    "gram_pair_sums",
    "gram_row_sums",
    "group_invariant_cost",
    "hellinger_bound",
    "hellinger_divergence",
    "holevo_information",
    "hsic",
    "independence_payoffs",
    "info_nce",
    "information_bottleneck",
    "information_curve",
    "jeffreys_divergence",
    "jensen_renyi_divergence",
    "jensen_shannon",
    "js_bound",
    "js_divergence",
    "kernel_bandwidth",
    "kl_divergence",
    "ksg",
    "ksg_pointwise",
    "laguerre_cells",
    "leave_one_out",
    "log_bessel_i",
    "log_det_bias",
    "log_snr_quantile",
    "log_snr_weight",
    "log_vmf_normalizer",
    "low_rank_sinkhorn",
    "markov_entropy_decomposition",
    "masked_divergence",
    "masked_gap",
    "masked_log_likelihood",
    "masked_log_probabilities",
    "matrix_conditional_entropy",
    "matrix_entropy",
    "matrix_joint_entropy",
    "matrix_mutual_information",
    "matrix_nuclear_norm",
    "matrix_total_correlation",
    "mine_surrogate",
    "minimum_entropy_coupling",
    "minimum_entropy_coupling_with_bottleneck",
    "mixed_ksg",
    "mixed_ksg_pointwise",
    "mixture_entropy_bounds",
    "mixture_noise_prediction",
    "mmd",
    "mutual_information",
    "negativity",
    "neighbors_divergence",
    "neighbors_entropy",
    "neighbors_js_pointwise",
    "neighbors_log_density",
    "neighbors_log_ratio",
    "noisy_channel_entropy",
    "noisy_channel_information",
    "normalized_matrix_mutual_information",
    "normalized_tokens",
    "nuclear_norm",
    "nwj",
    "off_diagonal",
    "page_entropy",
    "partial_trace",
    "partial_transpose",
    "participation_ratio",
    "purity",
    "quantum_conditional_entropy",
    "quantum_conditional_mutual_information",
    "quantum_mutual_information",
    "quantum_relative_entropy",
    "quantum_renyi_divergence",
    "quantum_renyi_entropy",
    "quantum_tsallis_entropy",
    "rate_distortion",
    "reference_gap",
    "renyi_divergence",
    "renyi_entropy",
    "running_log_mean",
    "score_entropy",
    "score_entropy_divergence",
    "score_gap",
    "semi_discrete",
    "semi_discrete_dual",
    "sinkhorn",
    "sinkhorn_divergence",
    "sinkhorn_points",
    "smile",
    "spacing_entropy",
    "spacing_entropy_bias",
    "spread_atoms",
    "subset_mask",
    "symmetric_payoffs",
    "token_matrix_entropy",
    "total_variation",
    "trace_distance",
    "transport_cost",
    "transport_dependence",
    "tsallis_divergence",
    "tsallis_entropy",
    "tuba",
    "unbalanced_sinkhorn",
    "unbalanced_sinkhorn_points",
    "uniform_binning_edges",
    "uniform_log_ratio",
    "uniform_log_score",
    "uniform_rate",
    "uniform_transition",
    "vmf_kernel_entropy",
    "von_neumann_entropy",
    "wasserstein_bound",
    "wasserstein_distance",
]
