"""C++ between Python and the top function of an hls4ml project: many events in one call."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

TEMPLATE = Path(__file__).parent / "bridge.cpp.in"


def bridge_source(model: Any) -> str:
    """Return the C++ of the bridge.

    Parameters
    ----------
    model
        An ``hls4ml.model.ModelGraph`` with one input, in ``io_parallel``.

    Returns
    -------
    C++ that includes the project's own file, so that one compilation makes the library.
    """
    (source,) = model.get_input_variables()
    declarations, copies, arguments = [], [], []
    offset = 0
    for place, variable in enumerate(model.get_output_variables()):
        name, size = f"output{place}", variable.size()
        declarations.append(f"    {variable.type.name} {name}[{size}];")
        copies.append(f"    for (int i = 0; i < {size}; i++)")
        copies.append(f"        result[{offset} + i] = raw_of({name}[i]);")
        arguments.append(name)
        offset += size
    return Template(TEMPLATE.read_text()).substitute(
        project=model.config.get_project_name(),
        input_type=source.type.name,
        input_size=source.size(),
        output_size=offset,
        declarations="\n".join(declarations),
        arguments=", ".join(arguments),
        copies="\n".join(copies),
    )
