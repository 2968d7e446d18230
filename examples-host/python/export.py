#!/usr/bin/env python3
"""Writes the weights of a network trained in PyTorch as the firmware reads them, and logits to check them by.

The network is 3×3 convolutions (padded with zeros to keep the size; dilation 1, then 2, 4, 8, …), each followed by a ReLU,
and a head of one 1×1 convolution. The firmware of examples-mcu has one 3×3 convolution, from 1 channel to 8, and 2 classes:

    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Conv2d(8, 2, 1),
    )
    torch.save(network.state_dict(), "network.pt")

    python export.py network.pt network.bin

It takes each image with each channel shifted and scaled to mean 0 and standard deviation 1 (`normalize` below). The format is
described in examples-mcu/src/weights.rs; the firmware starts from examples-mcu/weights/nuclei.bin.

A state dict does not tell padding, stride, dilation, groups, transposition or activation function, and holds the layers in the order in
which they were made. With --image and --logits, the logits that the file's weights have in the network described above are
written: compare them with those of yours, and, by `cargo run --release -p scarce-host --example logits`, with those of the
firmware's.
"""

import argparse
import contextlib
import os
import pickle
import struct
import sys
import zlib

import torch


def layers(state):
    """The (weight, bias) of each convolution of a state dict, in order."""
    for name, tensor in state.items():
        if not isinstance(tensor, torch.Tensor):
            raise ValueError(f"{name} is a {type(tensor).__name__}; save network.state_dict() alone")
        is_plain = tensor.layout is torch.strided and not tensor.is_meta and tensor.is_floating_point()
        if not is_plain or tensor.numel() == 0:
            raise ValueError(f"{name} {tuple(tensor.shape)} of {tensor.dtype} is no array of floats")
    tensors = [(name, tensor.detach().to("cpu", torch.float32)) for name, tensor in state.items()]
    if not tensors or len(tensors) % 2:
        names = ", ".join(name for name, _ in tensors)
        raise ValueError(f"{len(tensors)} tensors ({names}); each convolution needs a weight and a bias")
    found = []
    for (name, weight), (bias_name, bias) in zip(tensors[::2], tensors[1::2]):
        of_one = name.rpartition(".")[0] == bias_name.rpartition(".")[0]
        if weight.ndim != 4 or bias.shape != weight.shape[:1] or not of_one:
            raise ValueError(
                f"{name} {tuple(weight.shape)} and {bias_name} {tuple(bias.shape)} are not weight and bias of a "
                "convolution; batch normalisation can be folded into the one before it"
            )
        for of, tensor in ((name, weight), (bias_name, bias)):
            if not tensor.isfinite().all():
                raise ValueError(f"{of} holds a number that is not finite")
        found.append((name, weight, bias))
    inputs, hidden = found[0][1].shape[1], found[-1][1].shape[1]
    for place, (name, weight, _) in enumerate(found):
        is_head = place == len(found) - 1
        expected = (
            weight.shape[0] if is_head else hidden,
            inputs if place == 0 and not is_head else hidden,
            *((1, 1) if is_head else (3, 3)),
        )
        if tuple(weight.shape) != expected:
            raise ValueError(f"{name} is {tuple(weight.shape)} where {expected} is needed")
    if len(found) < 2:
        raise ValueError("a head alone; a 3×3 convolution before it is needed")
    if max(inputs, hidden, found[-1][1].shape[0], len(found)) > 255:
        raise ValueError("more than 255 channels, classes or layers; the format has a byte for each")
    return [(weight, bias) for _, weight, bias in found]


def encode(state):
    """The bytes of the firmware's format."""
    convolutions = layers(state)
    (head, _), (first, _) = convolutions[-1], convolutions[0]
    parameters = []
    for weight, bias in convolutions:
        # By tap, then input, then output; the head has one tap.
        parameters += weight.permute(2, 3, 1, 0).flatten().tolist() + bias.tolist()
    header = struct.pack("<4B3x", first.shape[1], first.shape[0], head.shape[0], len(convolutions) - 2)
    generation = 0
    body = b"SCRW\x01" + header + struct.pack("<II", generation, len(parameters))
    body += struct.pack(f"<{len(parameters)}f", *parameters)
    return body + struct.pack("<I", zlib.crc32(body))


def normalize(image):
    """An image [channels, height, width] of bytes, as the network takes it."""
    image = image.to(torch.float64)
    deviation, mean = torch.std_mean(image, dim=(1, 2), correction=0, keepdim=True)
    return ((image - mean) / deviation.clamp(min=1)).to(torch.float32)


def logits(state, image):
    """The logits [pixels, classes] of an image [channels, height, width] of bytes."""
    *convolutions, (head, head_bias) = layers(state)
    activations = normalize(image).unsqueeze(0)
    for place, (weight, bias) in enumerate(convolutions):
        dilation = 2**place
        activations = torch.relu(torch.conv2d(activations, weight, bias, padding=dilation, dilation=dilation))
    scores = torch.conv2d(activations, head, head_bias)
    if not scores.isfinite().all():
        raise ValueError("the logits are not finite")
    return scores[0].flatten(1).T.contiguous()


def read_state(path):
    """The state dict in a file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # whatever a file makes of PyTorch
        raise ValueError("is no state dict that can be read; save network.state_dict()") from None
    if not isinstance(state, dict):
        raise ValueError(f"holds a {type(state).__name__}; save network.state_dict()")
    return state


def read_image(path, channels):
    """The bytes [channels, height, width] of a grey or RGB image."""
    import numpy
    from PIL import Image

    with open(path, "rb") as file:
        head = file.read(26)
    # As a PNG file begins; then its depth, and whether it is grey or RGB.
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[24:25] != b"\x08" or head[25:26] not in (b"\x00", b"\x02"):
        raise ValueError("is no PNG of 8-bit grey or RGB")
    try:
        pixels = torch.from_numpy(numpy.array(Image.open(path)))
    except Exception as error:  # whatever a file makes of Pillow
        raise ValueError(error) from None
    pixels = pixels.unsqueeze(0) if pixels.ndim == 2 else pixels.permute(2, 0, 1)
    if len(pixels) != channels:
        raise ValueError(f"has {len(pixels)} channels; the network takes {channels}")
    return pixels


def write(files):
    """Writes all files, or none."""
    new = []
    try:
        for path, encoded in files:
            temporary = f"{path}.{os.getpid()}.new"
            with open(temporary, "xb") as file:
                new.append(temporary)
                file.write(encoded)
        for (path, _), temporary in zip(files, new):
            os.replace(temporary, path)
    finally:
        for temporary in new:
            with contextlib.suppress(FileNotFoundError):
                os.remove(temporary)


def check_paths(inputs, outputs):
    """Refuses to write what is read, what is written already, or what is no file."""
    seen = {os.path.realpath(path) for path in inputs}
    for path in outputs:
        if os.path.realpath(path) in seen:
            raise ValueError(f"{path} would be overwritten")
        if os.path.lexists(path) and (os.path.islink(path) or not os.path.isfile(path)):
            raise ValueError(f"{path} is there, and no ordinary file")
        seen.add(os.path.realpath(path))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", help="state dict, as torch.save(network.state_dict(), …) writes it")
    parser.add_argument("weights", help="file to write the weights to")
    parser.add_argument("--image", help="image to compute logits of; needs Pillow")
    parser.add_argument("--logits", help="file to write them to: f32, little-endian, a pixel's side by side")
    arguments = parser.parse_args()
    if (arguments.image is None) != (arguments.logits is None):
        parser.error("--image and --logits go together")
    at = arguments.state
    try:
        inputs = [arguments.state] + ([arguments.image] if arguments.image else [])
        check_paths(inputs, [arguments.weights] + ([arguments.logits] if arguments.logits else []))
        state = read_state(at)
        files = [(arguments.weights, encode(state))]
        if arguments.image is not None:
            channels = layers(state)[0][0].shape[1]
            at = arguments.image
            scores = logits(state, read_image(at, channels))
            files.append((arguments.logits, struct.pack(f"<{scores.numel()}f", *scores.flatten().tolist())))
        at = arguments.weights
        write(files)
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        sys.exit(str(error) if isinstance(error, OSError) and error.filename else f"{at}: {error}")
    for path, encoded in files:
        print(f"{len(encoded)} bytes to {path}")


if __name__ == "__main__":
    main()
