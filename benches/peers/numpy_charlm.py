"""The character model of min-char-rnn in NumPy, measured as `sequence --ops charlm` measures this project.

    python numpy_charlm.py --ways gist,batched --dtypes f64,f32

65 symbols, one-hot, 100 units, 25 steps of one text; loss summed over the steps, gradients cut to ±5, Adagrad with a
rate of 0.1. Two ways:

    gist      a step at a time, columns and one-hot vectors, a rank-one update of each matrix at each step
    batched   what NumPy can do at once: a look-up for the one-hot product, the scores of all steps in one product, the
              gradients of the matrices in one product each
"""

import argparse

import numpy as np

from measuring import measure, print_line

VOCAB, UNITS, STEPS = 65, 100, 25


class Model:
    """h_t = tanh(W_xh x_t + W_hh h_{t−1} + b_h), scores W_hy h_t + b_y."""

    def __init__(self, dtype, columns):
        rng = np.random.default_rng(0)
        self.dtype = dtype

        def normal(*shape):
            return (0.01 * rng.standard_normal(shape)).astype(dtype)

        bias = (lambda n: np.zeros((n, 1), dtype)) if columns else (lambda n: np.zeros(n, dtype))
        self.w_xh, self.w_hh, self.w_hy = normal(UNITS, VOCAB), normal(UNITS, UNITS), normal(VOCAB, UNITS)
        self.b_h, self.b_y = bias(UNITS), bias(VOCAB)
        self.params = [self.w_xh, self.w_hh, self.w_hy, self.b_h, self.b_y]
        self.sums = [np.zeros_like(param) for param in self.params]
        self.h = bias(UNITS)
        self.inputs, self.targets = rng.integers(0, VOCAB, (2, STEPS))

    def step(self):
        """One training step; the state is carried over."""
        loss, grads, self.h = self.gradient()
        for param, grad, total in zip(self.params, grads, self.sums):
            np.clip(grad, -5, 5, out=grad)
            total += grad * grad
            param += -0.1 * grad / np.sqrt(total + 1e-8)
        return loss


class Gist(Model):
    def __init__(self, dtype):
        super().__init__(dtype, columns=True)

    def gradient(self):
        xs, hs, ps, loss = {}, {-1: self.h}, {}, 0.0
        for t, (symbol, target) in enumerate(zip(self.inputs, self.targets)):
            xs[t] = np.zeros((VOCAB, 1), self.dtype)
            xs[t][symbol] = 1
            hs[t] = np.tanh(np.dot(self.w_xh, xs[t]) + np.dot(self.w_hh, hs[t - 1]) + self.b_h)
            scores = np.dot(self.w_hy, hs[t]) + self.b_y
            ps[t] = np.exp(scores) / np.sum(np.exp(scores))
            loss -= np.log(ps[t][target, 0])
        grads = [np.zeros_like(param) for param in self.params]
        dw_xh, dw_hh, dw_hy, db_h, db_y = grads
        dh_next = np.zeros_like(self.h)
        for t in reversed(range(STEPS)):
            dy = np.copy(ps[t])
            dy[self.targets[t]] -= 1
            dw_hy += np.dot(dy, hs[t].T)
            db_y += dy
            da = (1 - hs[t] * hs[t]) * (np.dot(self.w_hy.T, dy) + dh_next)
            db_h += da
            dw_xh += np.dot(da, xs[t].T)
            dw_hh += np.dot(da, hs[t - 1].T)
            dh_next = np.dot(self.w_hh.T, da)
        return loss, grads, hs[STEPS - 1]


class Batched(Model):
    def __init__(self, dtype):
        super().__init__(dtype, columns=False)

    def gradient(self):
        hs = np.empty((STEPS + 1, UNITS), self.dtype)
        hs[0] = self.h
        from_inputs = self.w_xh.T[self.inputs] + self.b_h
        for t in range(STEPS):
            np.tanh(from_inputs[t] + self.w_hh @ hs[t], out=hs[t + 1])
        scores = hs[1:] @ self.w_hy.T + self.b_y
        ps = np.exp(scores)
        ps /= ps.sum(axis=1, keepdims=True)
        rows = np.arange(STEPS)
        loss = -np.log(ps[rows, self.targets]).sum()

        dys = ps
        dys[rows, self.targets] -= 1
        from_scores, slopes = dys @ self.w_hy, 1 - hs[1:] * hs[1:]
        das = np.empty((STEPS, UNITS), self.dtype)
        dh_next = np.zeros(UNITS, self.dtype)
        for t in reversed(range(STEPS)):
            das[t] = slopes[t] * (from_scores[t] + dh_next)
            dh_next = das[t] @ self.w_hh
        dw_xh = np.zeros_like(self.w_xh)
        np.add.at(dw_xh.T, self.inputs, das)
        return loss, [dw_xh, das.T @ hs[:-1], dys.T @ hs[1:], das.sum(0), dys.sum(0)], hs[STEPS]


WAYS = {"gist": Gist, "batched": Batched}
DTYPES = {"f32": np.float32, "f64": np.float64}


def agree():
    """The largest difference between the two ways after five steps in f64, over parameters and losses."""
    gist, batched = Gist(np.float64), Batched(np.float64)
    losses = [abs(gist.step() - batched.step()) for _ in range(5)]
    return max(losses + [np.abs(a.ravel() - b.ravel()).max() for a, b in zip(gist.params, batched.params)])


def main():
    parser = argparse.ArgumentParser(description="Measures min-char-rnn in NumPy.")
    parser.add_argument("--ways", default="gist,batched")
    parser.add_argument("--dtypes", default="f32,f64")
    parser.add_argument("--budget", type=float, default=0.5)
    parser.add_argument("--min-reps", type=int, default=5)
    arguments = parser.parse_args()
    if (difference := agree()) > 1e-9:
        raise SystemExit(f"numpy_charlm: the two ways differ by {difference}")
    for way in arguments.ways.split(","):
        for dtype in arguments.dtypes.split(","):
            if way not in WAYS or dtype not in DTYPES:
                raise SystemExit(f"numpy_charlm: there is no {way} in {dtype}; ways gist, batched; dtypes f32, f64")
            model = WAYS[way](DTYPES[dtype])
            found = measure({way: model.step}, arguments.budget, arguments.min_reps)
            layer = {"cell": "rnn", "T": STEPS, "B": 1, "I": VOCAB, "H": UNITS, "op": "charlm"}
            print_line({"impl": f"numpy-{way}-{dtype}", **layer, "threads": 1, **found})


if __name__ == "__main__":
    main()
