"""The parts of backfleet that executors may use beside `executor`, `errors` and `store`.

Executors of other packages may rely on these names; docs/executor-plugin.md lists them. A name is
imported when it is first used, so that importing this module stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backfleet.cache import (
        cache_folder,
        state_folder,
        writable_state_folder,
        write_quietly,
    )
    from backfleet.code.distributions import (
        InstalledDistribution,
        canonical_name,
        find_distribution,
        list_distributions,
    )
    from backfleet.code.hashes import distribution_hash, distribution_hashes
    from backfleet.code.packages import OWN, CodePackage, distribution_package
    from backfleet.code.versions import DECISIVE
    from backfleet.code.wheel import pack
    from backfleet.console import as_json, count_of, echo_json, print_columns, split_names
    from backfleet.cost import money
    from backfleet.job.job_errors import suggestion
    from backfleet.job.quantities import MemorySize, parse_memory
    from backfleet.operating_system import usable_cpus
    from backfleet.output_file import open_output
    from backfleet.plugins import KINDS
    from backfleet.sources.files import symbol_of_stem
    from backfleet.sources.index import Index
    from backfleet.sources.locations import Directory
    from backfleet.store.records import (
        canonical_digest,
        decode_record,
        encode_record,
        read_record,
    )
    from backfleet.store.s3_client import s3_client, use_region
    from backfleet.store.s3_errors import s3_errors
    from backfleet.worker.assignment import assignment
    from backfleet.worker.env_vars import (
        IMAGE_INVENTORY,
        PINNED_HASHES,
        RUN_KEY,
        SHARDS,
        STOP_WITH_PARENT,
        TIME_LIMIT,
    )
    from backfleet.worker.ranges import format_ranges, parse_ranges

_HOMES = {
    "backfleet.cache": (
        "cache_folder",
        "state_folder",
        "writable_state_folder",
        "write_quietly",
    ),
    "backfleet.code.distributions": (
        "InstalledDistribution",
        "canonical_name",
        "count_of",
        "find_distribution",
        "list_distributions",
    ),
    "backfleet.code.hashes": ("distribution_hash", "distribution_hashes"),
    "backfleet.code.packages": ("OWN", "CodePackage", "distribution_package"),
    "backfleet.code.versions": ("DECISIVE",),
    "backfleet.code.wheel": ("pack",),
    "backfleet.console": ("as_json", "count_of", "echo_json", "print_columns", "split_names"),
    "backfleet.cost": ("money",),
    "backfleet.job.quantities": ("MemorySize", "parse_memory"),
    "backfleet.job.job_errors": ("suggestion",),
    "backfleet.operating_system": ("usable_cpus",),
    "backfleet.output_file": ("open_output",),
    "backfleet.plugins": ("KINDS",),
    "backfleet.sources.index": ("Index",),
    "backfleet.sources.files": ("symbol_of_stem",),
    "backfleet.sources.locations": ("Directory",),
    "backfleet.store.records": (
        "canonical_digest",
        "decode_record",
        "encode_record",
        "read_record",
    ),
    "backfleet.store.s3_client": ("s3_client", "use_region"),
    "backfleet.store.s3_errors": ("s3_errors",),
    "backfleet.worker.env_vars": (
        "IMAGE_INVENTORY",
        "PINNED_HASHES",
        "RUN_KEY",
        "SHARDS",
        "STOP_WITH_PARENT",
        "TIME_LIMIT",
    ),
    "backfleet.worker.assignment": ("assignment",),
    "backfleet.worker.ranges": ("format_ranges", "parse_ranges"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "DECISIVE",
    "IMAGE_INVENTORY",
    "KINDS",
    "OWN",
    "PINNED_HASHES",
    "RUN_KEY",
    "SHARDS",
    "STOP_WITH_PARENT",
    "TIME_LIMIT",
    "CodePackage",
    "Directory",
    "Index",
    "InstalledDistribution",
    "MemorySize",
    "as_json",
    "assignment",
    "cache_folder",
    "canonical_digest",
    "canonical_name",
    "count_of",
    "decode_record",
    "distribution_hash",
    "distribution_hashes",
    "distribution_package",
    "echo_json",
    "encode_record",
    "find_distribution",
    "format_ranges",
    "list_distributions",
    "money",
    "open_output",
    "pack",
    "parse_memory",
    "parse_ranges",
    "print_columns",
    "read_record",
    "s3_client",
    "s3_errors",
    "split_names",
    "state_folder",
    "suggestion",
    "symbol_of_stem",
    "usable_cpus",
    "use_region",
    "writable_state_folder",
    "write_quietly",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    # The next access finds the name in the module and does not come here again.
    globals()[name] = value
    return value
