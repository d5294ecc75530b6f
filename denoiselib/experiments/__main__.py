"""The command line: list the protocols, run one, print its table."""

import argparse
import signal
import sys
from concurrent.futures import CancelledError
from contextlib import nullcontext

from denoiselib.experiments import PROTOCOLS, tables
from denoiselib.experiments.runner import FOLDER, run
from denoiselib.experiments.store import Store, identity, rows, sources

PATIENCE = 10  # seconds for a scheduler to answer


def main(arguments=None):
    """Run a command; return 0, or 1 if jobs failed or are missing, 2 if it cannot be done.

    Examples
    --------
    >>> main(["table", "classical", "--out", "/nowhere"])
    1
    """
    args = _parser().parse_args(arguments)
    try:
        return args.do(args)
    except (ValueError, OSError) as error:  # a damaged file, a folder that cannot be written
        return _say(f"denoiselib.experiments: error: {error}", 2)
    except CancelledError:
        return _say("cluster lost: finished jobs are stored, the same command continues", 1)
    except KeyboardInterrupt:
        return _say("interrupted: finished jobs are stored, the same command continues", 130)


def _say(message, code=0):
    print(message, file=sys.stderr)
    return code


def _list(args):
    for protocol in PROTOCOLS.values():
        size = f"{len(protocol.settings)} settings, {protocol.seeds} seeds"
        print(f"{protocol.name:12} {size}, {protocol.signals} signals")
    return 0


def _run(args):
    protocol = _protocol(args)
    numbers = {"seeds": args.seeds, "signals": args.signals, "workers": args.jobs}
    with _client(args.dask) if args.dask else nullcontext() as client:
        failed = run(protocol, args.out, client=client, **numbers)
    for job in failed:
        _say(f"failed: {job['setting']}, seed {job['seed']}: {job['error']}")
    store, wanted = Store(args.out, protocol.name), protocol.jobs(args.seeds, args.signals)
    held = {identity(job) for job in store.read() if "rows" in job}
    stored = sum(identity(job) in held for job in wanted)
    print(f"{stored} of {len(wanted)} jobs are in {store.path}")
    return 0 if stored == len(wanted) else 1


def _table(args):
    protocol = _protocol(args)
    store = Store(args.out, protocol.name)
    jobs = store.read()
    # the file may hold rows of settings that the protocol no longer has: they stay out
    kept = [job for job in jobs if job["setting"] in protocol.settings]
    if failed := sum("error" in job for job in kept):
        _say(f"{failed} jobs have failed and are not in the table")
    if len(kept) < len(jobs):
        _say(f"{len(jobs) - len(kept)} jobs have settings of another time")
    if len(found := sources(kept)) > 1:
        counts = ", ".join(f"{count} by {source}" for source, count in found.items())
        _say(f"the jobs were computed by several versions of the code: {counts}")
    if not rows(kept):
        return _say(f"there are no rows in {store.path}: run {args.name} first", 1)
    by = [*protocol.table["by"], "signals"]
    lines = tables.summary(rows(kept), **{**protocol.table, "by": by})
    print(tables.csv(lines) if args.csv else tables.markdown(lines))
    if protocol.report and not args.csv:
        print(f"\n{protocol.report(rows(kept))}")
    return 0


def _protocol(args):
    return PROTOCOLS[args.name].shrunk() if args.quick else PROTOCOLS[args.name]


def _client(address):
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--dask needs the extra 'cluster': pip install -e '.[cluster]'") from None
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"--dask: no scheduler at {address!r}: {error}") from None
    _say("waiting for the first worker")
    client.wait_for_workers(1)
    return client


def _count(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, not {text!r}")
    return int(text)


def _parser():
    parser = argparse.ArgumentParser("denoiselib.experiments", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("list", help="show the protocols and their size")
    command.set_defaults(do=_list)

    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("name", choices=PROTOCOLS, metavar="NAME", help=", ".join(PROTOCOLS))
    folder = "folder of the results (default: %(default)s in the current folder)"
    both.add_argument("--out", default=FOLDER, metavar="DIR", help=folder)
    both.add_argument("--quick", action="store_true", help="the one-minute form, with its own file")

    command = commands.add_parser("run", parents=[both], help="run the jobs that are not done yet")
    command.add_argument("--seeds", type=_count, metavar="N", help="number of seeds")
    command.add_argument("--signals", type=_count, metavar="N", help="test signals of each job")
    command.add_argument("--jobs", type=_count, default=-1, metavar="N", help="processes (all)")
    command.add_argument("--dask", metavar="ADDRESS", help="run on this scheduler's workers")
    command.set_defaults(do=_run)

    command = commands.add_parser("table", parents=[both], help="sum up what is done")
    command.add_argument("--csv", action="store_true", help="instead of Markdown")
    command.set_defaults(do=_table)
    return parser


if __name__ == "__main__":
    for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):  # workers end, as by Ctrl-C
        signal.signal(getattr(signal, name), signal.default_int_handler)
    sys.exit(main())
