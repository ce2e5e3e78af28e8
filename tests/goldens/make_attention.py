"""Makes attention.safetensors: additive and multiplicative attention over rows of different lengths, in f64.

The committed file was made with PyTorch 2.15.0 (on the CPU), safetensors 0.8.0, numpy 2.4.6 and Python 3.11:

    python3 -m venv /tmp/torch
    /tmp/torch/bin/pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
    /tmp/torch/bin/python tests/goldens/make_attention.py

It writes beside itself, the same bytes every time on the same machine. No test runs it.

The score of a query q [Q] and a key k [K]:

    additive      vᵀ tanh(W q + U k)    Bahdanau et al. 2015, arXiv 1409.0473v7, appendix A.1.2
    dot           qᵀ k                  Luong et al. 2015, arXiv 1508.04025v5, section 3.1
    general       qᵀ W k                the same place
    scaled_dot    qᵀ k / √K             Vaswani et al. 2017, arXiv 1706.03762v7, equation 1

    weights = softmax(scores) over the keys of a row, those behind its length left out
    context = Σ weight · value

common.py says how a file of cases is laid out. Of a case with B rows, T queries and S keys in each:

    query                   [B, T, Q]
    keys                    [B, S, K]    behind a row's length, arbitrary numbers
    values                  [B, S, V]    likewise; with values=own, otherwise the keys are the values and V = K
    lengths                 [B]          of the keys, from 1 to S
    v, W, U                 [A], [A, Q], [A, K] of additive; W [Q, K] of general
    scores                  [B, T, S]    before the mask, only to help find a mistake: not in the loss
    weights                 [B, T, S]    zero behind a row's length
    context                 [B, T, V]
    r_weights, r_context    their weights in the loss
    grad/query, …           the gradients of the loss

A line of the metadata has: score (one of the four), values (own or keys), batch, queries, keys, query_size,
key_size, value_size, attention_size (A; 0 but for additive).
"""

import math

import torch
from common import case, save_cases

# batch, queries, keys, query_size, key_size, value_size, attention_size.
# Where value_size is 0, the keys are the values.
SIZES = {
    "additive": [(3, 1, 5, 3, 4, 0, 5), (2, 4, 6, 4, 3, 2, 3), (1, 1, 1, 2, 2, 0, 1)],
    "dot": [(3, 1, 5, 4, 4, 0, 0), (2, 4, 6, 3, 3, 5, 0)],
    "general": [(3, 1, 5, 3, 4, 0, 0), (2, 4, 6, 4, 2, 3, 0)],
    "scaled_dot": [(3, 1, 5, 4, 4, 0, 0), (4, 3, 7, 3, 3, 2, 0)],
}


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    save_cases("attention", [make_case(score, *sizes) for score in SIZES for sizes in SIZES[score]])


def make_case(score, batch, queries, keys, query_size, key_size, value_size, attention_size):
    config = {
        "score": score,
        "values": "own" if value_size else "keys",
        "batch": batch,
        "queries": queries,
        "keys": keys,
        "query_size": query_size,
        "key_size": key_size,
        "value_size": value_size or key_size,
        "attention_size": attention_size,
    }
    leaves = {
        "query": torch.randn(batch, queries, query_size),
        "keys": torch.randn(batch, keys, key_size),
    }
    if value_size:
        leaves["values"] = torch.randn(batch, keys, value_size)
    if score == "additive":
        leaves["v"] = torch.randn(attention_size)
        leaves["W"] = torch.randn(attention_size, query_size)
        leaves["U"] = torch.randn(attention_size, key_size)
    elif score == "general":
        leaves["W"] = torch.randn(query_size, key_size)

    lengths = torch.randint(1, keys + 1, (batch,))
    if batch > 1:  # one row of length 1 and a full one
        lengths[torch.randperm(batch)[:2]] = torch.tensor([1, keys])
    padding = torch.arange(keys) >= lengths[:, None]  # [B, S]
    for name in ["keys", "values"]:
        if name in leaves:
            leaves[name][padding] *= 20

    leaves = {name: leaf.requires_grad_() for name, leaf in leaves.items()}
    scores = SCORES[score](**{name: leaf for name, leaf in leaves.items() if name != "values"})
    weights = scores.masked_fill(padding[:, None, :], -math.inf).softmax(-1)
    context = weights @ leaves.get("values", leaves["keys"])
    constants = {"lengths": lengths, "scores": scores}
    return config, case(leaves, constants, {"weights": weights, "context": context})


def additive(query, keys, v, W, U):
    q = (query @ W.T).unsqueeze(2)  # [B, T, 1, A]
    k = (keys @ U.T).unsqueeze(1)  # [B, 1, S, A]
    return (q + k).tanh() @ v


def dot(query, keys):
    return query @ keys.transpose(1, 2)


def general(query, keys, W):
    return query @ W @ keys.transpose(1, 2)


def scaled_dot(query, keys):
    return dot(query, keys) / math.sqrt(keys.shape[-1])


SCORES = {"additive": additive, "dot": dot, "general": general, "scaled_dot": scaled_dot}


if __name__ == "__main__":
    main()
