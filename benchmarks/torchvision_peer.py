"""torchvision in a process of its own: its recommended snippet, or a network alone.

    python torchvision_peer.py image SOURCE TARGET
    python torchvision_peer.py network SIDE

It works once for each line of input. Needs torchvision, nothing of easyseg. The weights are random:
the time is the same.
"""

import sys

import torch
import torchvision
from serving import serve
from torchvision.io import decode_image
from torchvision.models.segmentation import LRASPP_MobileNet_V3_Large_Weights as Weights
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large, lraspp_mobilenet_v3_large
from torchvision.utils import draw_segmentation_masks, save_image


def snippet(source, target):
    """A picture file in, the masks drawn over it out: LR-ASPP MobileNetV3."""
    weights = Weights.DEFAULT
    model = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21).eval()
    preprocess = weights.transforms()

    def work():
        image = decode_image(source)
        with torch.no_grad():
            prediction = model(preprocess(image).unsqueeze(0))["out"]
        # The snippet stops at the network's size; the mask is brought to the picture's.
        full = torch.nn.functional.interpolate(prediction, image.shape[1:], mode="bilinear")
        masks = full.argmax(1) == torch.arange(21)[:, None, None]
        save_image(draw_segmentation_masks(image, masks, alpha=0.6) / 255, target)

    return work


def network(side):
    """DeepLabV3 MobileNetV3-Large alone, its auxiliary head left out."""
    model = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)
    model = model.eval()
    x = torch.randn(1, 3, int(side), int(side))

    def work():
        with torch.inference_mode():
            model(x)

    return work


def main():
    """Loads it once, then works once for each line."""
    kind, *arguments = sys.argv[1:]
    work = {"image": snippet, "network": network}[kind](*arguments)
    serve(work, {"torch": torch.__version__, "torchvision": torchvision.__version__})


main()
