"""Names that only some systems have, in code that is to run on all of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from tests.structure.sources import Module

NOT_ON_WINDOWS: Mapping[str, tuple[str, ...]] = {
    "os": (
        *("pread", "preadv", "pwrite", "pwritev", "copy_file_range", "sendfile", "splice"),
        *("posix_fadvise", "posix_fallocate", "posix_spawn", "fchown", "fchmod", "chown", "lchown"),
        *("fork", "forkpty", "killpg", "setsid", "setpgid", "getpgid", "getpgrp", "wait4", "nice"),
        *("getuid", "geteuid", "getgid", "getegid", "getgroups", "uname", "sysconf", "confstr"),
        *("statvfs", "fstatvfs", "mkfifo", "mknod", "openpty", "ttyname", "getloadavg"),
        *("sched_getaffinity", "sched_setaffinity", "sched_yield", "memfd_create", "eventfd"),
        *("getxattr", "setxattr", "listxattr", "removexattr", "fdatasync", "sync", "chroot"),
        *("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_DIRECTORY", "O_TMPFILE", "O_PATH", "O_SYNC"),
        *("O_DSYNC", "O_DIRECT", "O_NOATIME"),
    ),
    "signal": (
        *("SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGSTOP", "SIGCONT", "SIGPIPE"),
        *("SIGCHLD", "SIGQUIT", "SIGXCPU", "alarm", "setitimer", "pause", "sigwait"),
        *("pthread_sigmask", "pthread_kill"),
    ),
    "mmap": ("MADV_DONTNEED", "MADV_WILLNEED", "MADV_SEQUENTIAL", "MAP_SHARED", "MAP_PRIVATE"),
}
"""What Python's documentation says of it: "Availability: Unix", or Linux."""
NO_MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix")
PLACES = ("/proc/", "/sys/", "/dev/")
_ARGUMENTS = ("dir_fd", "preexec_fn", "pass_fds")


def find_names(modules: Sequence[Module]) -> set[str]:
    """Each use of such a name, as `module of the package: the name`."""
    return {f"{module.name}: {name}" for module in modules for name in _names(module.tree)}


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = node.value.id
            if node.attr in NOT_ON_WINDOWS.get(owner, ()):
                yield f"{owner}.{node.attr}"
            if f"{owner}.{node.attr}" == "ctypes.CDLL":
                yield "ctypes.CDLL"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imported(node)
        elif isinstance(node, ast.keyword) and node.arg in _ARGUMENTS:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (place for place in PLACES if node.value.startswith(place))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [alias.name for alias in node.names]
    home = node.module if isinstance(node, ast.ImportFrom) else None
    yield from (name for name in [home, *names] if name in NO_MODULES)
    yield from (f"{home}.{name}" for name in names if name in NOT_ON_WINDOWS.get(home or "", ()))
