"""What make_layers.py, make_onnx.py and make_attention.py share: the layout of a file of cases.

The tensors of a case are called `case_07/x`. The metadata has one entry, `cases`, with a line for each
case: its name and `key=value` pairs, separated by blanks. Everything is f64, lengths too.

    case_07/x            a leaf: an input, an initial state or a parameter
    case_07/lengths      a constant
    case_07/output       a result
    case_07/r_output     its weights R in the loss L = Σ <R, result>
    case_07/grad/x       the gradient of L in the leaf x
"""

import torch
from make import save


def case(leaves, constants, results):
    """The tensors of a case by name, with random weights of the results and the gradients of all leaves."""
    weights = {f"r_{name}": torch.randn_like(y) for name, y in results.items()}
    loss = sum((y * weights[f"r_{name}"]).sum() for name, y in results.items())
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    gradients = {f"grad/{name}": gradient for name, gradient in zip(leaves, gradients)}
    return {**leaves, **constants, **results, **weights, **gradients}


def save_cases(file, cases):
    """Writes pairs of a configuration and its tensors, in order, and prints the configurations."""
    tensors, lines = {}, []
    for i, (config, of_case) in enumerate(cases):
        name = f"case_{i:02}"
        tensors |= {f"{name}/{key}": tensor for key, tensor in of_case.items()}
        lines.append(" ".join([name, *(f"{key}={text(value)}" for key, value in config.items())]))
    print("\n".join(lines))
    save(file, tensors, {"cases": "\n".join(lines)})


def text(value):
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
