"""Makes the 8-bit form of a model, calibrated on photographs: faster, and a little less exact."""

import argparse

from easyseg.cli import work
from easyseg.cli.flags import add_flags
from easyseg.options import ModelOptions, QuantizeOptions, pick

_EPILOG = """\
A hundred photographs that look like those to come are enough; afterwards, --precision int8 runs the
model in 8 bits. Needs: pip install openvino nncf

example: easyseg quantize holiday/ --model builtin
         easyseg photo.jpg --model builtin --precision int8"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.epilog = _EPILOG
    work.add_inputs(parser, "PHOTO", "files, folders, quoted patterns or URLs")
    add_flags(parser, ModelOptions, QuantizeOptions)


def run(options: argparse.Namespace) -> int:
    """Makes the 8-bit form.

    Returns:
        0.

    Raises:
        InputError: If an option is wrong, or a photograph is not there.
        MediaError: If a photograph cannot be read.
        ModelError: If the model cannot be loaded or quantised, or a package is missing.
    """
    from easyseg.cli.inputs import find
    from easyseg.engine.quantizing import quantize
    from easyseg.errors import InputError

    inputs = find(options.photos)
    if inputs.problems:
        raise InputError("; ".join(inputs.problems))
    result = quantize(
        options.model,
        [picture.source for picture in inputs.pictures],
        **pick(QuantizeOptions, vars(options)),
    )
    what = f"{result.held_out} others" if result.held_out else "the same one"
    print(f"{result.path}")
    print(
        f"{result.model} in 8 bits, calibrated on {result.photographs} photographs; on {what}, "
        f"{100 * result.agreement:.1f} % of the pixels get the same class as in float32 "
        f"(worst photograph: {100 * result.worst:.1f} %)"
    )
    return 0
