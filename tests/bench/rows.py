"""The rows of the table: what is done, how it is measured, what it is compared
with, and the bar. A ratio is ours to the limit's."""

import dataclasses
import typing

import bench
import peers

KIB = 1 << 10
MIB = 1 << 20


# ---- works: what a server is asked to do -----------------------------------

@dataclasses.dataclass
class Requests:
    """Requests of one kind to any server."""
    anywhere: typing.ClassVar = True  # with nothing but a URL
    op: str
    size: int
    connections: int
    keys: int
    options: dict = dataclasses.field(default_factory=dict)

    def prepare(self, b, server):
        keys = min(self.keys, b.effort.names)
        if self.op == "get" and server.stores:
            b.load(server, "put", size=self.size, keys=keys, count=keys,
                   connections=self.connections, warmup=0,
                   payload="unsigned")

    def run(self, b, server):
        return b.load(server, self.op, size=self.size,
                      keys=min(self.keys, b.effort.names),
                      connections=self.connections, **self.options)


@dataclasses.dataclass
class Pages:
    """LIST pages: of one prefix after another, or of common prefixes."""
    anywhere: typing.ClassVar = False
    by_delimiter: bool = False
    few: bool = False  # of the smaller index

    def prepare(self, b, server):
        pass

    def run(self, b, server):
        keys = b.effort.few_keys if self.few else b.effort.keys
        prefixes = keys // bench.KEYS_BELOW_PREFIX
        expected = prefixes if self.by_delimiter else bench.KEYS_BELOW_PREFIX
        found = b.load(server, "list", **(
            {"delimiter": "/"} if self.by_delimiter else
            {"list_prefixes": prefixes}))
        if found["entries"] != expected:
            raise RuntimeError(f"a page of {found['entries']} entries, not "
                               f"of {expected}")
        return found


@dataclasses.dataclass
class Large:
    """Completions or copies of an object of many parts."""
    anywhere: typing.ClassVar = True
    op: str
    count: int

    def prepare(self, b, server):
        pass

    def run(self, b, server):
        return b.load(server, self.op, size=5 * MIB, parts=b.effort.parts,
                      count=self.count)


class Idle:
    anywhere = False

    def prepare(self, b, server):
        pass

    def run(self, b, server):
        return {"mib": server.memory("VmRSS") / MIB}


class Uploads(Idle):
    """The most memory that many large uploads at once took."""
    def run(self, b, server):
        e = b.effort
        b.load(server, "put", size=e.upload, keys=e.connections,
               connections=e.connections, count=e.connections, warmup=0)
        return {"mib": server.memory("VmHWM") / MIB}


# ---- limits: what it is compared with --------------------------------------

@dataclasses.dataclass
class Limit:
    name: str
    bar: typing.Optional[float]  # None: to know where the time goes
    aim: typing.Optional[float]
    # (bench, row) -> what to call for one measurement, in the row's metric
    side: typing.Callable


def on_server(name, bar, aim, start, work=None):
    """The row's work, or another, on another server."""
    def side(b, row):
        server = start(b, row)
        (work or row.work).prepare(b, server)
        return lambda: (work or row.work).run(b, server)[row.metric]
    return Limit(name, bar, aim, side)


def machine(name, bar, aim, work, **options):
    """A work of bench-limit."""
    return Limit(name, bar, aim, lambda b, row: (
        lambda: b.limit(work, **options)[row.metric]))


def nginx(bar, aim=None):
    return on_server("nginx", bar, aim, lambda b, row: b.nginx())


def nginx_as_it_comes():
    return on_server("nginx, 16 KiB buffer", None, None,
                     lambda b, row: b.nginx_as_it_comes())


def mhd(bar, aim=None):
    return on_server("libmicrohttpd", bar, aim,
                     lambda b, row: b.mhd(row.work.size))


def file_stream(threads):
    """The same bytes written to files, with one fdatasync each."""
    return machine("file + fdatasync", None, None, "stream", size=64 * MIB,
                   threads=threads, keys=4)


def cursor_page(bar, aim):
    def side(b, row):
        index = b.filled_data(b.effort.keys) / "index"
        return lambda: b.limit("lmdb-page", dir=index,
                               keys=b.effort.keys)[row.metric]
    return Limit("LMDB cursor page", bar, aim, side)


def absolute(bar, aim=None):
    """The figure itself."""
    return Limit("", bar, aim, None)


# ---- the table --------------------------------------------------------------

@dataclasses.dataclass
class Row:
    name: str
    text: str  # fields of Effort in braces
    metric: str
    work: typing.Any
    limits: list
    server: typing.Callable = bench.Bench.reelgate
    rounds: typing.Optional[int] = None  # else the effort's

    def start(self, b):
        """The server that is measured, ready."""
        server = self.server(b)
        self.work.prepare(b, server)
        return server

    def usable_limits(self):
        """All, or without nginx those that need none."""
        return [limit for limit in self.limits
                if not limit.name.startswith("nginx") or peers.nginx_path()]


def get(size, connections, keys):
    return Requests("get", size, connections, keys)


def put(size, connections, keys, payload="signed", **options):
    return Requests("put", size, connections, keys,
                    {"payload": payload, **options})


def full_index(b):
    return b.filled(b.effort.keys)


# Large bodies: a request under way at the end of a warm-up would be a loss.
LARGE = {"warmup": 0}

ROWS = [
    Row("get1m", "GET 1 MiB, 8 connections", "mb_s",
        get(MIB, 8, 64), [nginx(0.9, 1.0)]),
    Row("get64m1", "GET 64 MiB, 1 connection", "mb_s",
        get(64 * MIB, 1, 2), [nginx(0.9, 1.0)]),
    Row("get64m4", "GET 64 MiB, 4 connections", "mb_s",
        get(64 * MIB, 4, 4), [nginx(0.9, 1.0)]),
    Row("get4k", "GET 4 KiB, 32 connections, signed", "ops_s",
        get(4 * KIB, 32, 10000), [nginx(0.5, 0.75), mhd(0.7)]),
    Row("put4k", "PUT 4 KiB, 32 connections, signed, durable", "ops_s",
        put(4 * KIB, 32, 20000),
        [nginx(1.0), machine("LMDB group commit", 0.6, 0.8, "lmdb-put",
                             size=4 * KIB, threads=32, keys=20000)]),
    Row("put4k1", "PUT 4 KiB, 1 connection, p50", "p50_us",
        put(4 * KIB, 1, 20000),
        [machine("append + fdatasync", 4.0, 3.0, "append", size=4 * KIB)]),
    Row("put64k", "PUT 64 KiB, 16 connections, durable", "ops_s",
        put(64 * KIB, 16, 2000),
        [machine("file, fdatasync, rename, dir fsync", 3.0, 5.0, "files",
                 size=64 * KIB, threads=16, keys=2000)]),
    Row("put64m1", "PUT 64 MiB, 1 connection, unsigned payload", "mb_s",
        put(64 * MIB, 1, 4, "unsigned", **LARGE),
        [machine("MD5, one core", 0.8, 0.95, "md5", size=64 * MIB),
         nginx(1.3), nginx_as_it_comes(), file_stream(1)]),
    Row("put64m4", "PUT 64 MiB, 4 connections, signed payload", "mb_s",
        put(64 * MIB, 4, 4, **LARGE),
        [nginx(1.2), nginx_as_it_comes(), file_stream(4)]),
    Row("complete", "Complete of {parts:,} x 5 MiB parts", "p50_ms",
        Large("complete", 3), [absolute(50, 10)], rounds=1),
    Row("copy", "Copy of the object of {parts:,} x 5 MiB", "p50_ms",
        Large("copy", 25), [absolute(50, 10)], rounds=1),
    Row("list", "LIST page of 1,000 of {keys:,} keys", "p50_us", Pages(),
        [cursor_page(15, 8),
         on_server("of {few_keys:,} keys", 1.5, None,
                   lambda b, row: b.filled(b.effort.few_keys),
                   Pages(few=True))],
        server=full_index),
    Row("delimiter", "LIST by delimiter over {keys:,} keys", "p50_us",
        Pages(by_delimiter=True),
        [on_server("page of keys", 3, None, lambda b, row: full_index(b),
                   Pages())],
        server=full_index),
    Row("idle", "Memory, idle", "mib", Idle(), [absolute(64)], rounds=1),
    Row("uploads", "Memory, {connections} x PUT of {upload:,} B", "mib",
        Uploads(), [absolute(256)], rounds=1),
]
