"""`Job`: one declarative request to run a strategy. It does not say where the tasks run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from backfleet.errors import JobError
from backfleet.html import facts_table, heading
from backfleet.job import rules
from backfleet.job.benchmark import BUY_AND_HOLD
from backfleet.job.broker import Broker
from backfleet.job.class_table import Analyzers, ClassTable, Signals
from backfleet.job.feeds import symbols_of_feeds
from backfleet.job.fields import Day, Number, Text, Whole
from backfleet.job.key_lines import errors_name_file
from backfleet.job.overrides import Overrides
from backfleet.job.paths import absolute_path, absolute_preset, absolute_strategy, anchor
from backfleet.job.point_filter import MAX_SAMPLE
from backfleet.job.quantities import Duration, MemorySize
from backfleet.job.section import Section
from backfleet.job.text_file import read_text_file
from backfleet.job.toml import parse_toml
from backfleet.job.validation import Validation

__all__ = [
    "Auxiliary",
    "Broker",
    "Data",
    "Job",
    "MarketSection",
    "Resources",
    "Results",
    "Sweep",
    "Validation",
]

Names = tuple[Text, ...]
Location = Annotated[Text, AfterValidator(absolute_path)]
Symbols = Annotated[
    tuple[Annotated[Text, AfterValidator(rules.symbol)], ...],
    BeforeValidator(rules.one_or_more),
    AfterValidator(rules.distinct),
]
Excluded = Annotated[
    tuple[Annotated[Text, AfterValidator(rules.symbol)], ...], AfterValidator(rules.distinct)
]
Columns = Annotated[Names, AfterValidator(rules.distinct), AfterValidator(rules.extra_columns)]
Zone = Annotated[Text, AfterValidator(rules.timezone)]
SessionEnd = Annotated[Text, AfterValidator(rules.session_end)]
Files = Annotated[
    tuple[Annotated[Text, AfterValidator(rules.file_pattern)], ...], AfterValidator(rules.distinct)
]
FeedName = Annotated[Text, AfterValidator(rules.feed_name)]
Feeds = Annotated[
    tuple[Annotated[Text, AfterValidator(rules.symbol_name)], ...], AfterValidator(rules.distinct)
]


class Sweep(Section):
    """`[sweep]`: which parameter points to run.

    Attributes
    ----------
    where
        Condition on the parameters that selects the points to run:
        `fast < slow and not (fast == 5)`; all if unset.
    points
        A Parquet file of explicit points, or an `s3://` URL, in place of a grid; its columns are
        parameters.
    sample
        Number of points to draw at random, using `seed`; all points if unset.
    """

    where: Text | None = None
    points: Location | None = None
    sample: Annotated[Whole, Field(ge=1, le=MAX_SAMPLE)] | None = None


class Auxiliary(Section):
    """`[data.auxiliary.NAME]`: an auxiliary feed, which strategies see beside each symbol.

    Attributes
    ----------
    symbols
        One symbol: an auxiliary feed, below.
    resample
        In place of all other keys: longer bars made from the symbol's own, such as `1w`; one of
        `1d`, `1w`, `1mo`, `3mo`, `1y`, or minutes and hours such as `15min`, `1h`.
    source, path, timezone, columns, options
        As in `[data]`, and by default what stands there; with a `source` of its own, no options.
    """

    symbols: Annotated[Symbols, AfterValidator(rules.one_symbol)] | None = None
    resample: Annotated[Text, AfterValidator(rules.span)] | None = None
    source: Text | None = None
    path: Location | None = None
    timezone: Zone | None = None
    columns: Columns | None = None
    options: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = set(self.model_dump(exclude_none=True))
        if not given & {"symbols", "resample"}:
            raise ValueError('must have symbols = ["NAME"], or resample = "1w"')
        if "resample" in given and len(given) > 1:
            others = ", ".join(sorted(given - {"resample"}))
            raise ValueError(
                f"resample uses the symbol's own bars and cannot be combined with {others}"
            )
        return self


class Data(Section):
    """`[data]`: which bars to run on.

    Attributes
    ----------
    source
        `csv`, `parquet`, `cn-daily`, or a plugin.
    preset
        In place of a source: the vendor whose files are read as they are, as in `backfleet data
        presets`, or a `.toml` file.
    path
        A directory or `s3://bucket/prefix`, one file per symbol.
    symbols
        Symbol names and glob patterns.
    exclude
        Names and globs of symbols to leave out.
    on_bad_symbol
        `refuse` a job with a symbol whose data cannot be read, or `skip` such symbols; the run and
        its report name them.
    universe
        `each`: a task for each symbol; `portfolio`: all symbols in one task, with one cash pool.
    feeds
        In place of `symbols` and `universe`: symbols and auxiliary feeds in the order in which one
        `backtrader.Strategy` has them in `self.datas`, below.
    start, end
        Sessions, both inclusive; all there are if unset.
    warmup
        Bars before `start` that only indicators see: no orders, and not part of the metrics. The
        run notes if symbols have fewer. Flat windows have them, too.
    timezone
        IANA name of the zone of the source's times and of the sessions.
    session_end
        Time of day of daily bars as a `backtrader.Strategy` sees them, such as `"16:00"`; 00:00 if
        unset. Orders that are valid until a date, or filled at the close, depend on it.
    columns
        Additional columns that the strategy needs, as lines of the feed.
    options
        The source's own: `backfleet plugins show csv`.
    auxiliary
        Auxiliary feeds by name.
    facts
        A directory or `s3://bucket/prefix` with tables of what is known of the symbols beside their
        bars: `instruments`, `spans` and `actions`.
    """

    source: Text
    preset: Text | None = None
    path: Location
    symbols: Symbols = ("*",)
    exclude: Excluded = ()
    on_bad_symbol: Literal["refuse", "skip"] = "refuse"
    universe: Literal["each", "portfolio"] = "each"
    feeds: Feeds = ()
    start: Day | None = None
    end: Day | None = None
    warmup: Annotated[Whole, Field(ge=0)] = 0
    timezone: Zone = "UTC"
    session_end: SessionEnd | None = None
    columns: Columns = ()
    options: dict[str, Any] = Field(default_factory=dict)
    auxiliary: dict[FeedName, Auxiliary] = Field(default_factory=dict)
    facts: Location | None = None

    @model_validator(mode="before")
    @classmethod
    def _source_of_preset(cls, values: Any) -> Any:
        """Make a preset an option of the source `preset`, which loads it."""
        if not isinstance(values, Mapping) or values.get("preset") is None:
            return values
        given = dict(values)
        preset = given.pop("preset")
        if "source" in given:
            raise ValueError("has both a source and a preset; give one of them")
        if isinstance(preset, str):
            # The options of a source are not anchored, so a path among them must be absolute.
            preset = absolute_preset(preset)
        options = given.get("options", {})
        merged = {"preset": preset, **options} if isinstance(options, Mapping) else options
        return {**given, "source": "preset", "options": merged}

    @model_validator(mode="before")
    @classmethod
    def _symbols_of_feeds(cls, values: Any) -> Any:
        """Take the symbols from the feeds, which are those of one task."""
        if not isinstance(values, Mapping) or not isinstance(values.get("feeds"), (list, tuple)):
            return values
        return {**values, **symbols_of_feeds(values)} if values["feeds"] else values

    @field_validator("end")
    @classmethod
    def _not_before_start(cls, end: date | None, info: ValidationInfo) -> date | None:
        # A start that is wrong is missing here and has an error of its own.
        start = info.data.get("start")
        if end and start and end < start:
            raise ValueError(f"is before data.start, {start}")
        return end

    def of_feed(self, name: str) -> Data:
        """Return the data section of an auxiliary feed that is not resampled."""
        given = self.auxiliary[name].model_dump(exclude_none=True)
        if "source" in given:
            # Options belong to a source: those of `[data]` may be unknown to another one.
            given.setdefault("options", {})
        # Keys that are about choosing traded symbols do not apply to a feed of one symbol.
        whole: dict[str, Any] = {
            "auxiliary": {},
            "exclude": (),
            "on_bad_symbol": "refuse",
            "facts": None,
        }
        return self.model_copy(update={**given, **whole})

    @property
    def auxiliary_paths(self) -> dict[str, str]:
        """The path of each auxiliary feed that is read, by name."""
        return {name: self.of_feed(name).path for name in self.read_feeds}

    @property
    def read_feeds(self) -> tuple[str, ...]:
        """The names of the auxiliary feeds that are read, sorted."""
        return tuple(sorted(name for name, feed in self.auxiliary.items() if feed.resample is None))

    @property
    def resampled_feeds(self) -> dict[str, str]:
        """The spans of the auxiliary feeds that are made from the symbols' own bars, by name."""
        feeds = sorted(self.auxiliary.items())
        return {name: feed.resample for name, feed in feeds if feed.resample is not None}


class MarketSection(Section):
    """`[market]`: the rules of a market that orders follow; without it, any order is possible.

    Attributes
    ----------
    rules
        `cn-a`, `us-equity`, `crypto`, `none`, or a plugin; `backfleet markets` lists them.
    actions
        How corporate actions are booked. `exact`: cash and shares by the table of actions in
        `data.facts`; if it does not explain all ex-dates, the run uses `factor`. `factor`: every
        dividend is reinvested at the reference price, untaxed. `none`: prices are raw, and no
        dividend, split or bonus share is paid.
    off
        Rules to switch off, by the names that `backfleet markets` lists.
    orders
        `day`: an order lives for the next session only; `wait`: it waits while the symbol is
        halted.
    limit_fill
        `open`: a purchase whose bar opens at the upper limit is rejected, and a sale at the lower
        one; `bar`: only if the price never leaves the limit during the bar.
    volume_share
        The most that an order fills, as a fraction of the bar's volume; 0 for no such limit.
    rights
        `lapse`: rights to new shares are lost; `subscribe`: they are taken up if the cash suffices.
    dividend_tax
        Whether dividends are taxed when the shares are sold, by how long they were held. Only with
        `exact`, and not on the engine `vector`.
    strict
        Whether to refuse a job for which the rules must assume something that no fact says.
    """

    rules: Text
    actions: Literal["exact", "factor", "none"] = "exact"
    off: Annotated[Names, AfterValidator(rules.distinct)] = ()
    orders: Literal["day", "wait"] = "day"
    limit_fill: Literal["open", "bar"] = "open"
    volume_share: Annotated[Number, Field(ge=0, le=1)] = 0.0
    rights: Literal["lapse", "subscribe"] = "lapse"
    dividend_tax: Annotated[bool, Field(strict=True)] = False
    strict: Annotated[bool, Field(strict=True)] = False


class Results(Section):
    """`[results]`: what to keep, and where.

    Attributes
    ----------
    store
        A directory or `s3://bucket/prefix`.
    detail
        `full`, or `summary` for rows only.
    benchmark
        What tasks are compared with, in reports and in extended rows: `buy-and-hold`, which is the
        task's own symbol, or another symbol's name; that is bought and held.
    periods_per_year
        For annualizing; `auto` takes it from the data.
    risk_free_rate
        Per year, as a fraction; what the Sharpe ratio and alpha exceed.
    extended
        Whether rows also have skewness, kurtosis, value at risk, ulcer index and underwater days,
        and alpha, beta, correlation, tracking error and information ratio against the benchmark.
    analyzers
        `[results.analyzers]`: backtrader's analyzers by name, whose numbers become columns, below.
    """

    store: Location = "runs"
    detail: Literal["summary", "full"] = "full"
    benchmark: Annotated[Text, AfterValidator(rules.symbol_name)] = BUY_AND_HOLD
    periods_per_year: Annotated[
        float | Literal["auto"], BeforeValidator(rules.periods_per_year)
    ] = "auto"
    risk_free_rate: Annotated[Number, Field(gt=-1, lt=1)] = 0.0
    extended: Annotated[bool, Field(strict=True)] = False
    analyzers: Analyzers = Field(default_factory=dict)


class Resources(Section):
    """`[resources]`: what one worker has.

    Attributes
    ----------
    cpus
        Child processes per worker.
    memory
        Of a worker, at least 128 MiB per child process; from Python in bytes.
    task_timeout
        Time limit per task; a task that exceeds it fails; from Python in seconds.
    """

    cpus: Annotated[Whole, Field(ge=1)] = 1
    memory: Annotated[MemorySize, AfterValidator(rules.enough_memory)] = 2 * 2**30
    task_timeout: Duration = 300.0

    @model_validator(mode="after")
    def _children_can_start(self) -> Self:
        rules.enough_for_children(self.memory, self.cpus)
        return self


class Job(Section):
    """A job: a strategy over symbols and parameter points.

    Paths are absolute once a job is made. In a job file, `data.path`, `data.facts`, `sweep.points`
    and the files of a preset and of a `file.py:Class` strategy are relative to the folder of the
    job file; from Python and from the command line they are relative to the current directory, as
    `results.store` always is. `s3://` URLs are left alone.

    Attributes
    ----------
    name
        A label; the name of the strategy, or of its class, if unset.
    strategy
        A plugin's name, `pkg.module:Class`, or `file.py:Class`; from Python also a class that
        workers can import.
    engine
        `auto`; `backtrader`; `vector`, which is compiled and runs a `VectorStrategy`; or
        `backtrader-stock`, which is backtrader's plain Cerebro.
    seed
        For `random` and numpy in every task, and for `sweep.sample`.
    plugins
        Plugins whose hooks may change rows.
    modules
        Modules that the strategy imports in a way that its source does not show, such as by a
        computed name.
    files
        Files that the strategy reads, such as `["tuned.json", "weights/*.npy"]`: names and globs
        relative to the strategy's folder. Their content is part of the run's id, and they are kept
        and shipped with the code.
    params
        A spec for each parameter that is set; see `backfleet.job.axis_values`.
    sizer
        `[sizer]`: a class that gives the size of orders that name none, below.
    signals
        `[signals]`: indicators by their kind, such as `longshort`, by which a
        `backtrader.SignalStrategy` trades, below.

    Raises
    ------
    JobError
        With a line for each problem: the key's path, the value, what is wrong.
    """

    name: Annotated[Text, AfterValidator(rules.job_name)] = ""
    strategy: Annotated[
        Text,
        BeforeValidator(rules.strategy_reference),
        AfterValidator(rules.strategy),
        AfterValidator(absolute_strategy),
    ]
    engine: Text = "auto"
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 0
    plugins: Annotated[Names, AfterValidator(rules.distinct)] = ()
    modules: Annotated[Names, AfterValidator(rules.distinct)] = ()
    files: Files = ()
    params: Annotated[dict[str, Any], BeforeValidator(rules.plain_specs)] = Field(
        default_factory=dict
    )
    sweep: Sweep = Sweep()
    data: Data
    broker: Broker = Broker()
    sizer: ClassTable | None = None
    signals: Signals = Field(default_factory=dict)
    market: MarketSection | None = None
    # A factory, unlike the other sections: the path of the default store begins at the current
    # directory when the job is made, not when this module is imported.
    results: Results = Field(default_factory=Results)
    validation: Validation = Validation()
    resources: Resources = Resources()

    @model_validator(mode="before")
    @classmethod
    def _named_after_its_strategy(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("name") is not None:
            return values
        return {**values, "name": rules.name_of_strategy(values.get("strategy"))}

    @model_validator(mode="after")
    def _warmup_before_something(self) -> Self:
        if self.data.warmup and not self.data.start and self.validation.start != "flat":
            raise ValueError(
                f"data.warmup = {self.data.warmup}: has no effect without data.start, since no "
                "bars come before it; add data.start, or remove data.warmup"
            )
        return self

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows: the keys that are set, with their values."""
        given = self.model_dump(mode="json", exclude_unset=True)
        return heading(self.name, "job") + facts_table(dict(_flat(given)))

    @classmethod
    def load(cls, path: str | Path, overrides: Overrides | None = None) -> Job:
        """Read a job file, with what the command line changes in it. Raises JobError."""
        file, overrides = Path(path), overrides or Overrides()
        raw = _read_toml(file)
        with errors_name_file(file, overrides.keys):
            # Before the overrides: paths of the command line start at the current directory.
            anchor(raw, file.absolute().parent)
            return cls(**overrides.apply(raw))


def _flat(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a job as they are named in its errors: `data.path`, `params.period`."""
    for name, item in value.items():
        # The tables in `[params]` are specs, each of which is one value.
        if isinstance(item, Mapping) and not path.startswith("params"):
            yield from _flat(item, f"{path}{name}.")
        else:
            yield f"{path}{name}", item


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_text_file(file))
    except FileNotFoundError:
        raise JobError(f"there is no job file {file}. Name a TOML file that exists") from None
    except OSError as error:
        raise JobError(
            f"job file {file} cannot be read: {error.strerror}. Name a TOML file"
        ) from None
    # A ValueError, too, so it comes before.
    except UnicodeDecodeError as error:
        raise JobError(f"job file {file} is not UTF-8: byte {error.start}") from None
    except ValueError as error:
        raise JobError(f"job file {file} is not TOML: {error}") from None
