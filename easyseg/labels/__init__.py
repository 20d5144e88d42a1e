"""Classes by name, id and colour: ADE20K's 150, PASCAL VOC's 21, and your own."""

from easyseg.errors import InputError
from easyseg.labels._check import simplify
from easyseg.labels.ade20k import ADE20K
from easyseg.labels.label_set import LabelSet
from easyseg.labels.pascal_voc import PASCAL_VOC

__all__ = ["ADE20K", "PASCAL_VOC", "LabelSet", "get"]

_BY_NAME = {
    "ade20k": ADE20K,
    "ade": ADE20K,
    "voc": PASCAL_VOC,
    "voc2012": PASCAL_VOC,
    "pascalvoc": PASCAL_VOC,
}


def get(name: str | LabelSet) -> LabelSet:
    """Finds a label set by the name of its data set.

    Args:
        name: `"ade20k"`, `"ade"`, `"voc"`, `"voc2012"` or `"pascalvoc"`; case, blanks, hyphens and
            underscores do not matter. A label set is given back as it is.

    Returns:
        The label set.

    Raises:
        InputError: If there is none of this name; the message lists the known ones.
    """
    if isinstance(name, LabelSet):
        return name
    label_set = _BY_NAME.get(simplify(name)) if isinstance(name, str) else None
    if label_set is None:
        raise InputError(f"no data set is named {name!r}; known are {', '.join(_BY_NAME)}")
    return label_set
