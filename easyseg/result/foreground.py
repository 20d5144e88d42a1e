"""The part of a Segmentation that is about what is in front: mattes, backgrounds, cut-outs."""

from typing import Literal, overload

import numpy as np

from easyseg._types import Alpha, ClassSelection, Image, LabelMap
from easyseg.drawing import draw
from easyseg.labels import LabelSet
from easyseg.render import cutting, effects, matte
from easyseg.render.check import foreground_ids
from easyseg.render.effects import Effect
from easyseg.transforms import ClassScores


class ForegroundMethods:
    """What `easyseg.result.Segmentation` can do with the classes in front and all that is behind.

    Edges are soft where the picture's are, see `easyseg.render.matte`; `hard=True` takes the labels
    as they are.
    """

    labels: LabelMap
    label_set: LabelSet
    image: Image
    scores: ClassScores | None

    def matte(self, classes: ClassSelection | None = None, *, hard: bool = False) -> Alpha:
        """Find how much of every pixel belongs to some classes, along the edges of the picture.

        Args:
            classes: What is in front, by id or name; None is everything but the background.
            hard: Whether to take the labels as they are, all or nothing.

        Returns:
            A new uint8 (H, W) array, 0 to 255; see `easyseg.render.matte` for the method.

        Raises:
            InputError: A class is not known, or None is given and there is no background class.
        """
        ids = foreground_ids(self.label_set, classes)
        if hard or self.scores is None:
            mask = draw.select(self.labels, ids)
            if hard:
                return np.where(mask, np.uint8(255), np.uint8(0))
            return matte.refine(self.image, matte.guess(mask))
        size = matte.reduced_size(self.labels.shape)
        return matte.refine(self.image, self.scores.probability(ids, size))

    def change_background(
        self,
        effect: Effect,
        classes: ClassSelection | None = None,
        *,
        invert: bool = False,
        hard: bool = False,
    ) -> Image:
        """Do something to all that is not of some classes.

        Args:
            effect: One of `easyseg.render.effects`, such as `Blur()` or `Fill((0, 255, 0))`.
            classes: As for `matte`.
            invert: Whether to do it to the classes themselves instead.
            hard: As for `matte`.

        Returns:
            A new RGB uint8 (H, W, 3) image.

        Raises:
            InputError: As `matte` does.
        """
        alpha = self.matte(classes, hard=hard)
        return effects.apply(self.image, alpha, effect, invert=invert)

    @overload
    def cutout(
        self,
        classes: ClassSelection | None = None,
        *,
        crop: bool = False,
        per_object: Literal[False] = False,
        hard: bool = False,
    ) -> Image: ...

    @overload
    def cutout(
        self,
        classes: ClassSelection | None = None,
        *,
        crop: bool = False,
        per_object: Literal[True],
        hard: bool = False,
    ) -> list[Image]: ...

    def cutout(
        self,
        classes: ClassSelection | None = None,
        *,
        crop: bool = False,
        per_object: bool = False,
        hard: bool = False,
    ) -> Image | list[Image]:
        """Cut classes out of the picture: all the rest is transparent.

        Args:
            classes: As for `matte`.
            crop: Whether to cut transparent borders off; a picture without any of the classes
                keeps its size.
            per_object: Whether to give a picture for each connected area, the largest first;
                specks are left out.
            hard: As for `matte`.

        Returns:
            A new RGBA uint8 (H, W, 4) image, not premultiplied; or a list of them.

        Raises:
            InputError: As `matte` does.
        """
        alpha = self.matte(classes, hard=hard)
        alphas = cutting.objects(alpha) if per_object else [alpha]
        pictures = [cutting.cut_out(self.image, one) for one in alphas]
        pictures = [cutting.cropped(one) for one in pictures] if crop else pictures
        return pictures if per_object else pictures[0]
