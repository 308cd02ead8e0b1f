r"""
A message in the moves of a player
==================================

A player walks through a maze and does not always take the same way. Whoever watches can be sent a
message in the choices, and nothing looks unusual: every move still has the probability that the
player's strategy gives it. What makes that possible is a *coupling*, a joint law of message and
move with both as its marginals. The less entropy it has, the more a move tells about the message.
"""

# %%
# Two laws, one table
# -------------------
# Six messages and three moves. Independent, they would say nothing of each other; in the coupling
# of least entropy each message fixes the move here, so that the move tells all it can.

import matplotlib.pyplot as plt
import numpy as np

from infotheory.functional import (
    entropy,
    entropy_bounded_information_maximization,
    minimum_entropy_coupling,
    mutual_information,
)

BIT = np.log(2)
message = np.array([0.3, 0.25, 0.15, 0.12, 0.1, 0.08])
move = np.array([0.5, 0.3, 0.2])
coupling = minimum_entropy_coupling(message, move)
print(coupling.plan.round(2))
print(f"information: {mutual_information(coupling.plan) / BIT:.2f} bits, ", end="")
print(f"the move has {entropy(move) / BIT:.2f}")
print(f"made by: {coupling.method}, gap {coupling.gap / BIT:.2f} bits")

# %%
# The maze
# --------
# Five by five squares, from one corner to the opposite one. A step costs one point, one in ten
# goes astray. The strategy weighs cost against variety: with temperature t it maximises the
# expected reward plus t times the entropy of the moves (soft value iteration).

SIZE, SLIP, N_MESSAGES, LIMIT = 5, 0.1, 256, 80
GOAL = SIZE * SIZE - 1
STEPS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])


def after(state, action):
    place = np.clip(np.array(divmod(state, SIZE)) + STEPS[action], 0, SIZE - 1)
    return int(place[0] * SIZE + place[1])


NEXT = np.array([[after(s, a) for a in range(4)] for s in range(SIZE * SIZE)])
# Probabilities of the next square: mostly the one that was meant, else any of the four.
TRANSITION = np.zeros((SIZE * SIZE, 4, SIZE * SIZE))
for s in range(SIZE * SIZE):
    for a in range(4):
        TRANSITION[s, a, NEXT[s, a]] += 1 - SLIP
        np.add.at(TRANSITION[s, a], NEXT[s], SLIP / 4)


def strategy(temperature):
    """Probabilities of the four moves in each square."""
    value = np.zeros(SIZE * SIZE)
    for _ in range(1000):
        gains = -1 + TRANSITION @ value
        top = gains.max(axis=1, keepdims=True)
        weights = np.exp((gains - top) / temperature)
        value = top[:, 0] + temperature * np.log(weights.sum(axis=1))
        value[GOAL] = 0
    return weights / weights.sum(axis=1, keepdims=True)


# %%
# The game
# --------
# Before each move both sides hold the same belief about the message. The sender couples it with
# the moves of the strategy, and draws from the row of the true message; the receiver, who sees
# square and move, takes the column as the new belief. For 256 messages the greedy coupling
# takes less than a millisecond. The moves on their own follow the strategy exactly: the reward is
# that of a player who sends nothing.


def play(policy, prior, rng):
    """Squares gone through, moves' entropy, and the entropy of the belief after each, in bits."""
    truth = rng.choice(len(prior), p=prior)
    belief, state, left, offered = prior, 0, [entropy(prior) / BIT], 0.0
    while state != GOAL and len(left) <= LIMIT:
        found = minimum_entropy_coupling(belief, policy[state], method="greedy")
        rows, columns = found.indices.T
        of_truth = found.masses * (rows == truth)
        weights = np.bincount(columns, of_truth, minlength=4)
        action = rng.choice(4, p=weights / weights.sum())
        chosen = columns == action
        belief = np.bincount(rows[chosen], found.masses[chosen], minlength=len(prior))
        belief = belief / belief.sum()
        offered += entropy(policy[state]) / BIT
        left.append(entropy(belief) / BIT)
        state = rng.choice(SIZE * SIZE, p=TRANSITION[state, action])
    return len(left) - 1, offered, left, belief.argmax() == truth


prior = np.full(N_MESSAGES, 1 / N_MESSAGES)
temperatures = (0.02, 0.1, 0.2, 0.4, 0.6)
games = {}
print("temperature   reward   entropy of moves   bits received   guessed right")
for temperature in temperatures:
    rng = np.random.default_rng(0)
    policy = strategy(temperature)
    games[temperature] = [play(policy, prior, rng) for _ in range(100)]
    steps, offered, left, right = zip(*games[temperature], strict=True)
    received = [path[0] - path[-1] for path in left]
    print(
        f"{temperature:11} {-np.mean(steps):8.1f} {np.mean(offered):13.1f} bits "
        f"{np.mean(received):15.1f} {np.mean(right):15.0%}"
    )

# %%
# A cold player is not silent: where two ways are equally short, either will do, and the choice
# carries a bit at no cost. Warmer ones send more in each move. From the point on where most
# messages arrive there is nothing to be gained from more variety; it only costs steps.

figure, (ax, other) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for temperature, played in games.items():
    longest = max(len(left) for _, _, left, _ in played)
    paths = np.array([[*left, *[left[-1]] * (longest - len(left))] for _, _, left, _ in played])
    ax.plot(paths.mean(axis=0), label=f"temperature {temperature:g}")
    reward = -np.mean([steps for steps, *_ in played])
    received = paths[:, 0].mean() - paths[:, -1].mean()
    other.plot(reward, received, "o")
    other.annotate(
        f"{temperature:g}",
        (reward, received),
        xytext=(-7, -3),
        textcoords="offset points",
        ha="right",
    )
ax.set_xlim(0, 25)
ax.set_xlabel("time (moves)")
ax.set_ylabel("entropy of the belief (bits)")
ax.legend(frameon=False, fontsize=8)
other.axhline(np.log2(N_MESSAGES), color="0.6", linestyle=":")
other.set_xlim(-17, -8)
other.set_xlabel("mean reward (points)")
other.set_ylabel("received (bits)")

# %%
# A narrow line to the player
# ---------------------------
# Suppose the player gets the message over a line that carries few bits. What goes over it is a
# variable T of limited entropy that tells as much as possible about the message; then T is played.
# The messages are of unequal probability now, and the limit can nearly be used up.

ranks = np.arange(1, N_MESSAGES + 1)
unequal = 1 / ranks / np.sum(1 / ranks)
print(f"entropy of the message: {entropy(unequal) / BIT:.2f} bits")
print("limit   I(message; T)   missing at most   received   left in doubt")
policy = strategy(0.1)
for limit in (2.0, 4.0, 6.0):
    channel = entropy_bounded_information_maximization(unequal, limit * BIT)
    rng = np.random.default_rng(0)
    sent = channel.joint.sum(axis=0)
    paths = [play(policy, sent / sent.sum(), rng)[2] for _ in range(200)]
    received, doubt = (
        np.mean([path[0] - path[-1] for path in paths]),
        np.mean([p[-1] for p in paths]),
    )
    print(
        f"{limit:5.1f} {channel.information / BIT:15.4f} {channel.gap / BIT:17.4f} "
        f"{received:10.2f} {doubt:14.2f} bits"
    )

# %%
# A wider line brings more. What stays in doubt at the end is less than a bit but not nothing: a
# belief that is nearly certain learns little from moves whose probabilities are nearly equal.
# :func:`~infotheory.functional.minimum_entropy_coupling_with_bottleneck` makes both steps at once
# for two given laws. Sources: Sokota et al. (2022), arXiv:2107.08295, for the game; Ebrahimi, Chen
# and Khisti (2024), arXiv:2410.21666, for the limit.
