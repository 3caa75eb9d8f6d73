"""``python local/become.py [--user NAME] SIGNAL PARENT PROGRAM ARGUMENT…``: become a program that ends with its parent.

The kernel sends SIGNAL (a number) to the program when the process that started it (PARENT, its pid) has ended,
however that ended: a server started by ``make run`` or by a test never outlives a ``kill -9``. Elsewhere than on Linux
this part is left out.

``--user`` is for PostgreSQL, which refuses to run as root. The program then runs as that user, and keeps of root's
rights only that of reading and writing files whatever their mode, so that it finds its binaries and its data below
folders that are closed to others (/root, a runner's home). Opening those folders instead would outlive the run.

Only the standard library, and nothing of this repository: started with ``python -I -S``, it costs 20 ms.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2  # access(2) keeps the capabilities too; PostgreSQL asks it about its own binary
SECBIT_KEEP_CAPS = 1 << 4
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION = 0x20080522


class CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class CapabilityWord(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def change_user(name: str, libc: ctypes.CDLL) -> None:
    """Become ``name`` for good, with CAP_DAC_OVERRIDE where the machine allows it (a container may not)."""
    user = pwd.getpwnam(name)
    kept = libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS, 0, 0, 0) == 0
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    if kept:
        mask = 1 << CAP_DAC_OVERRIDE
        header = CapabilityHeader(CAPABILITY_VERSION, 0)
        words = (CapabilityWord * 2)(CapabilityWord(mask, mask, mask), CapabilityWord(0, 0, 0))
        if libc.capset(ctypes.byref(header), ctypes.byref(words)) == 0:
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def main(arguments: list[str]) -> None:
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        if arguments[0] == "--user":
            change_user(arguments[1], libc)
            arguments = arguments[2:]
        number, parent, *program = arguments
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != int(parent):  # it ended while we were starting
            sys.exit(1)
    else:
        if arguments[0] == "--user":
            arguments = arguments[2:]
        program = arguments[2:]
    os.execv(program[0], program)  # noqa: S606 - that is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
