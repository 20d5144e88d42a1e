"""The 21 classes of PASCAL VOC's segmentation task.

Names, order and colours are those of the development kit,
http://host.robots.ox.ac.uk/pascal/VOC/voc2012/; the synonyms are everyday names. Id 0 is the
background; the annotation files have 255 where pixels belong to no class.
"""

from easyseg.labels.label_set import LabelSet, Row

_ROWS: tuple[Row, ...] = (
    (("background",), "background", (0, 0, 0)),
    (("aeroplane", "airplane", "plane", "aircraft"), "aeroplane", (128, 0, 0)),
    (("bicycle", "bike", "cycle"), "bicycle", (0, 128, 0)),
    (("bird",), "bird", (128, 128, 0)),
    (("boat", "ship"), "boat", (0, 0, 128)),
    (("bottle",), "bottle", (128, 0, 128)),
    (("bus", "coach"), "bus", (0, 128, 128)),
    (("car", "auto", "automobile", "motorcar"), "car", (128, 128, 128)),
    (("cat",), "cat", (64, 0, 0)),
    (("chair", "armchair"), "chair", (192, 0, 0)),
    (("cow", "cattle"), "cow", (64, 128, 0)),
    (("diningtable", "dining table", "table"), "diningtable", (192, 128, 0)),
    (("dog",), "dog", (64, 0, 128)),
    (("horse",), "horse", (192, 0, 128)),
    (("motorbike", "motorcycle", "moped", "scooter"), "motorbike", (64, 128, 128)),
    (
        ("person", "people", "human", "human being", "man", "woman", "child", "pedestrian"),
        "person",
        (192, 128, 128),
    ),
    (("pottedplant", "potted plant", "plant", "houseplant"), "pottedplant", (0, 64, 0)),
    (("sheep",), "sheep", (128, 64, 0)),
    (("sofa", "couch", "settee"), "sofa", (0, 192, 0)),
    (("train",), "train", (128, 192, 0)),
    (
        (
            "tvmonitor",
            "tv monitor",
            "tv",
            "television",
            "television receiver",
            "television set",
            "telly",
            "monitor",
            "screen",
        ),
        "tvmonitor",
        (0, 64, 128),
    ),
)

PASCAL_VOC = LabelSet.from_rows("voc", "PASCAL VOC", _ROWS, background=0)
