"""torchvision's recommended snippet in a process of its own: one picture for each line of input.

    python torchvision_peer.py SOURCE TARGET

Needs torchvision, nothing of easyseg. The weights are random: the time is the same.
"""

import json
import sys
import time

import torch
import torchvision
from torchvision.io import decode_image
from torchvision.models.segmentation import LRASPP_MobileNet_V3_Large_Weights as Weights
from torchvision.models.segmentation import lraspp_mobilenet_v3_large
from torchvision.utils import draw_segmentation_masks, save_image


def main():
    """Loads it once, then works once for each line."""
    source, target = sys.argv[1:]
    weights = Weights.DEFAULT
    model = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21).eval()
    preprocess = weights.transforms()
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    print("ready" + json.dumps(versions), flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        image = decode_image(source)
        with torch.no_grad():
            prediction = model(preprocess(image).unsqueeze(0))["out"]
        # The snippet stops at the network's size; the mask is brought to the picture's.
        full = torch.nn.functional.interpolate(prediction, image.shape[1:], mode="bilinear")
        masks = full.argmax(1) == torch.arange(21)[:, None, None]
        drawn = draw_segmentation_masks(image, masks, alpha=0.6)
        save_image(drawn / 255, target)
        print(f"ready{time.process_time() - start}", flush=True)


main()
