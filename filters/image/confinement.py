"""What a process that decodes gives up before it sees a file: Linux limits, and system calls that no codec needs.

The list of calls is one of refusals, not of permissions: a codec that a new version lets make another harmless call
goes on working. What is refused fails with EPERM and ends nothing.
"""

import ctypes
import errno
import platform
import resource
import struct
from collections.abc import Mapping
from pathlib import Path

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2
_CPU_PER_SECOND = 8
"""Codecs use threads. The filter's own deadline ends the process first; this one holds where the filter is stopped."""

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH_… of linux/audit.h."""
_CLONE = {"x86_64": 56, "aarch64": 220}
_PRLIMIT = {"x86_64": 302, "aarch64": 261}
_CLONE3 = 435
_CLONE_THREAD = 0x10000
_X32 = 0x40000000
_REFUSED: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "x86_64": {
        "other processes": (62, 200, 234, 129, 297, 434, 424, 438, 101, 310, 311, 312, 440, 256, 279, 72, 16),
        "programs": (57, 58, 59, 322),
        "network": (41, 53, 42, 49, 50, 43, 288, 29, 30, 68, 64, 240, 241),
        "priorities": (141, 144, 142, 314, 203, 251),
        "names of files": (87, 263, 82, 264, 316, 83, 258, 84, 86, 265, 88, 266, 80, 76, 133, 259, 304, 303, 319),
        "attributes of files": (90, 91, 268, 92, 93, 94, 260, 280, 132, 235, 261, 188, 189, 197, 198),
        "the kernel": (272, 308, 165, 166, 155, 161, 321, 298, 323, 425, 250, 248, 249),
    },
    "aarch64": {
        "other processes": (129, 130, 131, 138, 240, 434, 424, 438, 117, 270, 271, 272, 440, 238, 239, 25, 29),
        "programs": (221, 281),
        "network": (198, 199, 203, 200, 201, 202, 242, 194, 196, 186, 190, 180, 181),
        "priorities": (140, 119, 118, 274, 122, 30),
        "names of files": (35, 38, 276, 34, 37, 36, 49, 45, 33, 265, 264, 279),
        "attributes of files": (52, 53, 55, 54, 88, 5, 6, 14, 15),
        "the kernel": (97, 268, 40, 39, 41, 51, 280, 241, 282, 425, 219, 217, 218),
    },
}
"""Numbers of the kernel's unistd_64.h and asm-generic/unistd.h, in the same order of purposes and names.

Among the first: signals, ptrace, reading and writing another's memory; fcntl and ioctl, which can have the kernel send
signals to another process.
"""
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Codes of the classic Berkeley packet filter (linux/bpf_common.h)."""
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in `struct seccomp_data`; of the argument, the lower half on little-endian machines."""
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_Step = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def confine(memory_bytes: int) -> None:
    """Give up, for good: new descriptors (files, sockets, pipes), growing files, core files, new privileges, memory.

    Where the kernel takes filters, on x86-64 and 64-bit ARM, also the calls of `_REFUSED`, new processes, and limits of
    other processes. To be called while there is one thread.

    Args:
        memory_bytes: address space beyond what the process has now.
    """
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_AS, used + memory_bytes),
    ):
        resource.setrlimit(limit, (most, most))
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    machine = platform.machine()
    if machine in _ARCHITECTURES:
        steps = _filter(machine)
        packed = b"".join(struct.pack("=HBBI", *step) for step in steps)
        libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(steps), packed)), 0, 0)


def limit_processor(seconds: float) -> None:
    """Let the process use so much more processor time as one file of `seconds` can need, and end it beyond."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + _CPU_PER_SECOND * seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _filter(machine: str) -> list[_Step]:
    """The program: an answer for every call, by its number and, for two, by the first argument."""
    fail, missing = (_RETURN, 0, 0, _FAIL | errno.EPERM), (_RETURN, 0, 0, _FAIL | errno.ENOSYS)
    allow = (_RETURN, 0, 0, _ALLOW)
    argument = (_LOAD, 0, 0, _FIRST_ARGUMENT)
    steps: list[_Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        fail,
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        fail,
        (_EQUAL, 0, 1, _CLONE3),  # its flags cannot be seen; the C library then uses the older one
        missing,
        *[(_EQUAL, 0, 4, _CLONE[machine]), argument, (_ANY_BIT, 0, 1, _CLONE_THREAD), allow, fail],
        *[(_EQUAL, 0, 4, _PRLIMIT[machine]), argument, (_EQUAL, 0, 1, 0), allow, fail],
    ]
    for numbers in _REFUSED[machine].values():
        for number in numbers:
            steps += [(_EQUAL, 0, 1, number), fail]
    return [*steps, allow]
