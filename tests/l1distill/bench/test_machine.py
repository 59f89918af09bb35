"""Machines and the keys of their speeds."""

from __future__ import annotations

import numpy as np

from l1distill.bench.machine import describe_machine, machine_key, read_cpu

X86 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
flags\t\t: fpu sse4_2 avx avx2 avx512f

processor\t: 1
vendor_id\t: other
"""
ARM = """processor : 0
Features : fp asimd sve
CPU implementer : 0x41
CPU architecture: 8
CPU part : 0xd40
"""


def test_keys() -> None:
    numpy = ".".join(np.__version__.split(".")[:2])
    end = f"/numpy {numpy}/calibration 1"
    assert machine_key(read_cpu(X86)) == f"AuthenticAMD-25-17-avx512f{end}"
    assert machine_key(read_cpu(X86.replace(" avx512f", ""))) == f"AuthenticAMD-25-17-avx2{end}"
    assert machine_key(read_cpu(ARM)) == f"0x41-8-0xd40-sve{end}"


def test_an_unknown_processor_has_a_key() -> None:
    assert machine_key(read_cpu("")).startswith("unknown-unknown-unknown-")


def test_this_machine() -> None:
    machine = describe_machine()
    assert machine.cpu
    assert machine.processors >= 1
    assert machine.versions["numpy"] == np.__version__
    assert describe_machine().key == machine.key
