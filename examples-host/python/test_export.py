"""Networks with random weights, exported, and their logits held against the firmware's.

PyTorch, NumPy and Pillow are needed: `python -m unittest discover --start-directory examples-host/python`.
"""

import itertools
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import torch
from PIL import Image

import export

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = sorted((ROOT / "examples-host/data/nuclei/test/images").glob("*.png"))


def network(inputs=1, hidden=8, classes=2, deep=0):
    layers = [torch.nn.Conv2d(inputs, hidden, 3, padding=1), torch.nn.ReLU()]
    for place in range(deep):
        dilation = 2 ** (place + 1)
        layers += [torch.nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(hidden, classes, 1))


class Export(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def export(self, state, *arguments):
        torch.save(state, self.folder / "state.pt")
        command = [sys.executable, export.__file__, self.folder / "state.pt", self.folder / "weights.bin", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    def test_the_firmware_computes_the_same_logits(self):
        self.assertGreaterEqual(len(IMAGES), 3)
        for image in IMAGES[:3]:
            done = self.export(network().state_dict(), "--image", image, "--logits", self.folder / "logits")
            self.assertEqual(done.returncode, 0, done.stderr)
            files = [self.folder / "weights.bin", image, self.folder / "logits"]
            command = ["cargo", "run", "--release", "--quiet", "--package", "scarce-host", "--example", "logits", "--"]
            compared = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True)
            self.assertEqual(compared.returncode, 0, compared.stdout + compared.stderr)

    def test_the_logits_are_the_networks(self):
        for shape in (1, 8, 2, 0), (3, 4, 5, 2):
            model = network(*shape)
            image = torch.randint(0, 256, (shape[0], 20, 30), dtype=torch.uint8)
            inputs = image.to(torch.float64)
            inputs -= inputs.mean((1, 2), keepdim=True)
            inputs /= inputs.square().mean((1, 2), keepdim=True).sqrt()
            self.assertTrue(torch.allclose(export.normalize(image), inputs.float()))
            expected = model(inputs.float().unsqueeze(0))[0].flatten(1).T
            self.assertTrue(torch.allclose(export.logits(model.state_dict(), image), expected, atol=1e-5))

    def test_parameters_stand_by_tap_then_input_then_output(self):
        state = network(3, 4, 5, 2).state_dict()
        encoded = export.encode(state)
        found = iter(struct.unpack(f"<{len(encoded) // 4 - 6}f", encoded[20:-4]))
        for name, tensor in state.items():
            if tensor.ndim == 1:
                for element in tensor.tolist():
                    self.assertEqual(next(found), element)
                continue
            outputs, inputs, height, width = tensor.shape
            for y, x, i, o in itertools.product(*map(range, (height, width, inputs, outputs))):
                self.assertEqual(next(found), tensor[o, i, y, x].item(), name)
        self.assertEqual(list(found), [])

    def test_the_header_tells_the_architecture(self):
        encoded = export.encode(network(3, 4, 5, 2).state_dict())
        parameters = 9 * 3 * 4 + 4 + 2 * (9 * 4 * 4 + 4) + 4 * 5 + 5
        self.assertEqual(encoded[:5], b"SCRW\x01")
        self.assertEqual(tuple(encoded[5:12]), (3, 4, 5, 2, 0, 0, 0))
        self.assertEqual(struct.unpack("<II", encoded[12:20]), (0, parameters))
        self.assertEqual(len(encoded), 20 + 4 * parameters + 4)

    def test_what_is_no_such_network_is_refused(self):
        nan = network().state_dict()
        nan["0.bias"][3] = float("nan")
        for state, reason in (
            (torch.nn.Sequential(torch.nn.Conv2d(1, 8, 5), torch.nn.Conv2d(8, 2, 1)).state_dict(), "(8, 1, 5, 5)"),
            (torch.nn.Conv2d(8, 2, 1).state_dict(), "a head alone"),
            (torch.nn.Conv2d(1, 8, 3, bias=False).state_dict(), "1 tensors"),
            (torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Linear(8, 2)).state_dict(), "not weight and bias"),
            (nan, "not finite"),
            ({}, "0 tensors"),
            (network(), "save network.state_dict()"),
            ({name: tensor.to(torch.complex64) for name, tensor in network().state_dict().items()}, "no array of floats"),
            ({name: tensor.to_sparse() for name, tensor in network().state_dict().items()}, "no array of floats"),
            (dict(zip(("0.weight", "2.bias", "2.weight", "0.bias"), network(1, 2, 2).state_dict().values())), "2.bias"),
            ([1], "holds a list"),
            ({"epoch": 3, "model": network().state_dict()}, "epoch is a int"),
        ):
            done = self.export(state)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(reason, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            self.assertFalse((self.folder / "weights.bin").exists())

    def test_what_cannot_be_used_is_named_and_nothing_is_written(self):
        grey, colour, palette = (self.folder / name for name in ("grey.png", "colour.png", "palette.png"))
        for mode, path in ("L", grey), ("RGB", colour), ("P", palette):
            Image.new(mode, (8, 8)).save(path)
        nowhere = self.folder / "nowhere" / "file"
        for image, out, reason in (
            (colour, self.folder / "logits", f"{colour}: has 3 channels"),
            (palette, self.folder / "logits", f"{palette}: is no PNG of 8-bit grey or RGB"),
            (grey, grey, f"{grey} would be overwritten"),
            (grey, self.folder / "weights.bin", "weights.bin would be overwritten"),
            (grey, self.folder, f"{self.folder} is there, and no ordinary file"),
            (nowhere, self.folder / "logits", str(nowhere)),
            (grey, nowhere, str(nowhere)),
        ):
            done = self.export(network().state_dict(), "--image", image, "--logits", out)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(reason, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            self.assertEqual({path.name for path in self.folder.iterdir()}, {"state.pt", grey.name, colour.name, palette.name})


if __name__ == "__main__":
    unittest.main()
