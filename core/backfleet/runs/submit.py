"""`Submit`: the straight line from the missing chunks of a run to its workers.

`prepare` asks everything that can refuse the submit and writes nothing. `save_manifest` writes the
manifest; if another planner's manifest has won, it prepares once more with that one.
`record_trials` counts the points in the trial ledger, whether or not anything is launched. `launch`
copies known rows, writes the index entry of the run, and launches what is left to compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from backfleet.executor import ChunkGeneration, Executor, Submission
from backfleet.job import Validation
from backfleet.plan.find_known_rows import find_known_rows
from backfleet.plan.known_index import add_to_index
from backfleet.plan.known_rows import KnownRows
from backfleet.plan.manifest_store import save_manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.runs.run import Run
from backfleet.runs.validation_rule import save_rule
from backfleet.store import Store
from backfleet.submissions.events import emit
from backfleet.submissions.launch import launch
from backfleet.submissions.prepare import PreparedSubmission, prepare
from backfleet.submissions.submission_log import LogEntry
from backfleet.submissions.trial_ledger import add_to_ledger, declare_trials

__all__ = ["Submit"]

SelectChunks = Callable[[ChunkIndex], Sequence[ChunkGeneration]]
"""Returns the chunks to complete, such as `ChunkIndex.missing`."""

ChooseCode = Callable[[Submission], Submission]
"""Returns a draft with the code that its workers fetch."""


class Submit:
    """One submit of a run to an executor.

    Parameters
    ----------
    draft
        The submission without executor, shards and number.
    select_chunks
        Returns the chunks to compute, such as `ChunkIndex.missing`.
    accept_cost
        Spend more than the executor's limit.
    choose_code
        Called once, and only if workers are started; None leaves the draft's code.
    root
        The store of all runs, in which later runs find this one; None hides it from them.
    reuse
        Copy rows that earlier runs in `root` have computed.
    validation
        What the job says for the trial ledger of `root`.

    Attributes
    ----------
    run
        The run, with the manifest that its store holds.
    reused
        Number of tasks whose rows were copied.

    Raises
    ------
    AccessDenied
        If the key of the run's seals cannot be read.
    """

    def __init__(
        self,
        run: Run,
        executor: Executor,
        draft: Submission,
        select_chunks: SelectChunks,
        *,
        accept_cost: bool = False,
        choose_code: ChooseCode | None = None,
        root: Store | None = None,
        reuse: bool = True,
        validation: Validation | None = None,
    ) -> None:
        if run.store.seals.prepare():
            # Chunks that are there before the run has a key may be anybody's.
            run = Run(run.store, run.manifest)
        self.run = run
        self.executor = executor
        self.draft = draft
        self.reused = 0
        self._select_chunks = select_chunks
        self._accept_cost = accept_cost
        self._choose_code = choose_code
        self._root = root
        self._validation = validation
        self._lender = root if reuse else None
        self._chunks: Sequence[ChunkGeneration] = ()
        self._known = KnownRows()
        self._prepared: PreparedSubmission | None = None

    def prepare(self) -> None:
        """Find the chunks to complete and the rows that are known, and prepare the rest.

        Nothing is prepared if there is nothing to do. Raises ExecutorError, PluginError.
        """
        manifest = self.run.manifest
        self._prepared = None
        self._chunks = self._select_chunks(self.run.chunk_index)
        if not self._chunks:
            return
        if self._lender is not None:
            self._known = find_known_rows(self._lender, manifest, self._chunks)
        # A chunk whose rows are all known is copied by this process and needs no worker. Of the
        # others, workers compute the rest.
        left = self._known.incomplete(manifest.chunks, self._chunks)
        reused = sum(self._known.count(manifest.chunks[chunk]) for chunk, _ in left)
        self._prepared = self._prepare(left, reused)

    def save_manifest(self) -> None:
        """Write the manifest, or adopt the one of another planner, whose chunks then count."""
        # Before anything that the key has to seal.
        self.run.store.seals.keep()
        stored = save_manifest(self.run.store, self.run.manifest)
        # The run id covers the plan, except for how its tasks are cut into chunks.
        if stored.chunks == self.run.manifest.chunks:
            return
        self.run = Run(self.run.store, stored)
        if self._prepared is not None:
            self.prepare()

    def record_trials(self) -> None:
        """Write the run's points, and the trials that the job declares, into the trial ledger, and
        the job's windows beside the run.

        Before anything runs: who looks at a part of the results has looked. Raises StoreError.
        """
        if self._root is None or self._validation is None:
            return
        family = self._validation.family or self.run.manifest.identity.strategy.target
        add_to_ledger(self._root, self.run.manifest, family)
        prior = self._validation.prior_trials
        save_rule(self.run.store, self._validation)
        if prior is not None:
            declare_trials(self._root, family, prior, self._validation.prior_note or "")

    def launch(self) -> LogEntry | None:
        """Launch what was prepared; None if there was nothing to do."""
        if self._prepared is None:
            return None
        prepared = self._with_known_rows(self._prepared)
        # The index entry comes before the workers, so that runs that start meanwhile find this one.
        if self._root is not None:
            add_to_index(self._root, self.run.manifest)
        return launch(self.run.store, self.executor, self.run.manifest, prepared)

    def _with_known_rows(self, prepared: PreparedSubmission) -> PreparedSubmission:
        """Copy the known rows, and return the submission that computes the rest."""
        if self._lender is None or not len(self._known):
            return prepared
        # Most runs copy nothing, and need not wait for what reads and writes rows to be imported.
        from backfleet.plan.known_copy import copy_known_rows

        run = self.run
        self.reused = copy_known_rows(self._lender, run.manifest, self._known, self._chunks)
        for header in run.chunk_index.refresh():
            emit("chunk_committed", run_id=run.id, chunk=header.chunk, tasks=header.count)
        if self.reused == len(self._known):
            return prepared
        # Rows have vanished since they were found, so their chunks have to be computed, too.
        return self._prepare(self._select_chunks(run.chunk_index), 0)

    def _prepare(self, chunks: Sequence[ChunkGeneration], reused: int) -> PreparedSubmission:
        return prepare(
            self.run.store,
            self.executor,
            self.run.manifest,
            self._draft_with_code if chunks else self.draft,
            chunks,
            accept_cost=self._accept_cost,
            reused=reused,
        )

    @cached_property
    def _draft_with_code(self) -> Submission:
        return self.draft if self._choose_code is None else self._choose_code(self.draft)
