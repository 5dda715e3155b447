"""Deterministic fill rule for the tensors of a model's state_dict.

Stand-alone: needs only numpy (and torch for `apply`).  The value of a tensor depends on its key, its shape and one
integer seed, on nothing else.  The legacy generator numpy.random.RandomState is used because its number streams are
frozen for ever by numpy's compatibility promise.

The rule, where `last` is the part of the key after its final dot:

    generator   RandomState([seed, crc32(key)])            (array seeding, key encoded as UTF-8)
    z           generator.standard_normal(shape)           (float64, C order)

    last == "running_var"               0.5 + generator.random_sample(shape)      uniform in [0.5, 1.5); z not drawn
    last == "running_mean"              0.1 * z
    last ends with "bias"               0.1 * z                                   any number of dimensions
    last ends with "weight", 1-D        1 + 0.1 * z                               BatchNorm / LayerNorm scales
    last ends with "weight", >= 2-D     GAIN * z / sqrt(shape[1] * shape[2] * ...) convolutions, linear, embeddings
    last == "gamma", 1-D                0.2 + 0.1 * z                             layer-scale vectors
    everything else                     left as the model's constructor made it

    exception: a key that contains ".dfl.conv." is left as constructed (it must hold 0, 1, ..., reg_max - 1).

All values are computed in float64 and cast to float32.
"""

import hashlib
import zlib

import numpy as np

GAIN = 1.3


def value(key, shape, seed=0):
    """Return the float32 array for `key`, or None where the rule leaves the tensor as constructed."""
    shape = tuple(int(n) for n in shape)
    last = key.rsplit(".", 1)[-1]
    if ".dfl.conv." in "." + key:
        return None
    rs = np.random.RandomState([int(seed), zlib.crc32(key.encode("utf-8"))])
    if last == "running_var":
        v = 0.5 + rs.random_sample(shape)
    elif last == "running_mean" or last.endswith("bias"):
        v = 0.1 * rs.standard_normal(shape)
    elif last.endswith("weight") and len(shape) == 1:
        v = 1.0 + 0.1 * rs.standard_normal(shape)
    elif last.endswith("weight") and len(shape) >= 2:
        v = GAIN * rs.standard_normal(shape) / np.sqrt(float(np.prod(shape[1:], dtype=np.int64)))
    elif last == "gamma" and len(shape) == 1:
        v = 0.2 + 0.1 * rs.standard_normal(shape)
    else:
        return None
    return np.asarray(v, dtype=np.float64).astype(np.float32)


def apply(model, seed=0):
    """Fill every tensor of model.state_dict() in place; returns the list of keys that were left as constructed."""
    import torch

    left = []
    with torch.no_grad():
        for k, t in model.state_dict().items():
            v = value(k, t.shape, seed)
            if v is None:
                left.append(k)
            else:
                t.copy_(torch.from_numpy(v).reshape(t.shape).to(t.dtype))
    return left


def digest(model):
    """sha256 over the state_dict in its own order: per floating tensor, key (UTF-8), a zero byte, then the values as
    little-endian float32 rounded to 5 significant decimal digits' worth of mantissa (lowest 7 mantissa bits cleared
    after adding half a unit), so that a last-bit difference of the maths library does not change the digest."""
    import torch

    h = hashlib.sha256()
    for k, t in model.state_dict().items():
        if not torch.is_floating_point(t):
            continue
        a = np.ascontiguousarray(t.detach().cpu().numpy().astype("<f4")).reshape(-1)
        b = (a.view("<u4") + np.uint32(64)) & np.uint32(0xFFFFFF80)
        h.update(k.encode("utf-8") + b"\0" + b.astype("<u4").tobytes())
    return h.hexdigest()


def image(tag, shape, seed=0):
    """Deterministic uint8 test image batch of `shape` (N, C, H, W): a coarse random pattern plus noise.

    generator RandomState([seed, crc32(tag)]); coarse = random_sample((N, C, ceil(H/8), ceil(W/8))), every coarse value
    repeated over an 8x8 block and cut to HxW; noise = random_sample((N, C, H, W)); then
    floor(255 * (0.7 * coarse + 0.3 * noise) + 0.5) as uint8.  The network input is that divided by 255 in float32.
    """
    n, c, h, w = shape
    rs = np.random.RandomState([int(seed), zlib.crc32(tag.encode("utf-8"))])
    coarse = rs.random_sample((n, c, -(-h // 8), -(-w // 8)))
    coarse = np.repeat(np.repeat(coarse, 8, axis=2), 8, axis=3)[:, :, :h, :w]
    noise = rs.random_sample((n, c, h, w))
    return np.floor(255.0 * (0.7 * coarse + 0.3 * noise) + 0.5).astype(np.uint8)
