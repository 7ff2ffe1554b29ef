# SPDX-License-Identifier: Apache-2.0
"""Reads what a running or crashed millrace graph tells, through libmillrace-stat and ctypes.

    import millrace_stat
    for graph in millrace_stat.graphs():
        print(graph.name, graph.pid, graph.state)
    with millrace_stat.Observer("city") as city:
        city.look()
        for node in city.nodes():
            print(node.name, node.values["rows_in"], node.percentile_ns(99))

The graph does not notice: its segment is mapped read-only. The library is looked for in
MILLRACE_STAT_LIBRARY, then where the system keeps its libraries.
"""

import collections
import ctypes
import ctypes.util
import json
import os

__all__ = ["Error", "Graph", "Node", "Observer", "graphs"]

_ERROR_TEXT_SZ = 1024
_LIMIT = -8  # MR_ERR_LIMIT: the buffer is too small

Graph = collections.namedtuple("Graph", "name pid state")


class Error(Exception):
    """A graph that is not there, or that cannot be read; the text says why."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class _CError(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_int),
        ("sys_errno", ctypes.c_int),
        ("text", ctypes.c_char * _ERROR_TEXT_SZ),
    ]


_GRAPH_FN = ctypes.CFUNCTYPE(
    ctypes.c_bool, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_char_p
)


def _load():
    path = os.environ.get("MILLRACE_STAT_LIBRARY") or ctypes.util.find_library("millrace-stat")
    if not path:
        raise ImportError("libmillrace-stat is not found; MILLRACE_STAT_LIBRARY names its file")
    lib = ctypes.CDLL(path)
    observer, u32, u64 = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    text, double, i64 = ctypes.c_char_p, ctypes.c_double, ctypes.c_int64
    for name, result, *arguments in [
        ("each", None, _GRAPH_FN, ctypes.c_void_p),
        ("open", observer, text, ctypes.POINTER(_CError)),
        ("look", ctypes.c_int, observer, ctypes.POINTER(_CError)),
        ("close", None, observer),
        ("graph", text, observer),
        ("state", text, observer),
        ("pid", u64, observer),
        ("uptime_ns", u64, observer),
        ("interval_ns", u64, observer),
        ("nodes", u32, observer),
        ("node_name", text, observer, u32),
        ("node_type", text, observer, u32),
        ("node_instance", u32, observer, u32),
        ("node_value", u64, observer, u32, text),
        ("node_delta", u64, observer, u32, text),
        ("value_name", text, u32),
        ("node_percentile_ns", u64, observer, u32, double),
        ("node_calls", u64, observer, u32),
        (
            "path_percentile_ns",
            ctypes.c_bool,
            *(observer, text, text, double, ctypes.POINTER(u64), ctypes.POINTER(u64)),
        ),
        ("json", i64, observer, text, ctypes.c_size_t),
    ]:
        function = getattr(lib, "mr_observer_" + name)
        function.restype, function.argtypes = result, arguments
    return lib


_lib = _load()


def _value_names():
    names = []
    while True:
        name = _lib.mr_observer_value_name(len(names))
        if name is None:
            return names
        names.append(name.decode())


VALUES = _value_names()


def graphs():
    """Every graph that can be found, running or not: a list of Graph(name, pid, state)."""
    found = []

    def take(_, name, pid, state):
        found.append(Graph(name.decode(), pid, state.decode()))
        return True

    _lib.mr_observer_each(_GRAPH_FN(take), None)
    return found


class Node:
    """One instance of a node, as it was at its observer's last look."""

    def __init__(self, observer, idx):
        handle = observer._handle
        self._observer, self._idx = observer, idx
        self.name = _lib.mr_observer_node_name(handle, idx).decode()
        self.type = _lib.mr_observer_node_type(handle, idx).decode()
        self.instance = _lib.mr_observer_node_instance(handle, idx)
        self.calls = _lib.mr_observer_node_calls(handle, idx)
        self.values = {v: _lib.mr_observer_node_value(handle, idx, v.encode()) for v in VALUES}
        self.deltas = {v: _lib.mr_observer_node_delta(handle, idx, v.encode()) for v in VALUES}

    def percentile_ns(self, percentile):
        """Nanoseconds that this share (0..100) of the operator's calls did not exceed."""
        return _lib.mr_observer_node_percentile_ns(self._observer._handle, self._idx, percentile)


class Observer:
    """A graph by name or pid. `look` copies its counters; all else is of the last look."""

    def __init__(self, name_or_pid):
        error = _CError()
        self._handle = _lib.mr_observer_open(str(name_or_pid).encode(), ctypes.byref(error))
        if not self._handle:
            raise Error(error.code, error.text.decode(errors="replace"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._handle:
            _lib.mr_observer_close(self._handle)
            self._handle = None

    def look(self):
        error = _CError()
        if _lib.mr_observer_look(self._handle, ctypes.byref(error)):
            raise Error(error.code, error.text.decode(errors="replace"))
        return self

    @property
    def graph(self):
        return _lib.mr_observer_graph(self._handle).decode()

    @property
    def state(self):
        return _lib.mr_observer_state(self._handle).decode()

    @property
    def pid(self):
        return _lib.mr_observer_pid(self._handle)

    @property
    def uptime_ns(self):
        return _lib.mr_observer_uptime_ns(self._handle)

    @property
    def interval_ns(self):
        """Time between the last two looks."""
        return _lib.mr_observer_interval_ns(self._handle)

    def nodes(self):
        return [Node(self, idx) for idx in range(_lib.mr_observer_nodes(self._handle))]

    def path_percentile_ns(self, source, sink, percentile):
        """(nanoseconds, number of rows) from a source to a sink; None without such a path."""
        ns, count = ctypes.c_uint64(), ctypes.c_uint64()
        words = (source.encode(), sink.encode(), percentile, ctypes.byref(ns), ctypes.byref(count))
        if not _lib.mr_observer_path_percentile_ns(self._handle, *words):
            return None
        return ns.value, count.value

    def stat(self):
        """The object that `millrace stat --json` prints."""
        size = 1 << 20
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = _lib.mr_observer_json(self._handle, buffer, size)
            if length >= 0:
                return json.loads(buffer.value)
            if length != _LIMIT:
                raise Error(length, "the stats cannot be written as JSON")
            size *= 4
