"""The lease of a workdir: one run at a time trains in it.

The file `lease.json` names the process that trains, on which machine and since when, and is
refreshed while the process lives. A process of the same machine that has ended loses the lease at
once. Of another machine's process the file alone is known: it loses the lease where the file stays
the same for `SILENT_SECONDS` by the clock of the process that waits. So no two machines' clocks are
compared, and one that is set back changes nothing.
"""

import dataclasses
import datetime
import json
import threading
import time
import uuid
from types import TracebackType
from typing import Any, Self

from absl import logging
from etils import epath

from cinegan_jax.core.claim_file import Claim, ClaimFile, open_claim
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_file import parse_json
from cinegan_jax.core.os_processes import ProcessName, has_ended, this_process
from cinegan_jax.core.processes import on_first_process
from cinegan_jax.core.storage import make_folder

LEASE_FILE = "lease.json"
BEAT_SECONDS = 10.0
"""Interval at which the file is refreshed."""
SILENT_SECONDS = 60.0
"""Time without a refresh after which a process of another machine counts as gone."""
_POLL_SECONDS = 1.0


class Lease:
    """Context in which this run alone trains in a workdir; of several processes, the first owns it.

    Args:
      workdir: the run's folder; made if needed.

    Raises:
      UserError: on entry, where another process trains in the workdir, or the file cannot be
        written.
    """

    def __init__(self, workdir: epath.Path) -> None:
        self._workdir = workdir
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        facts = {**dataclasses.asdict(this_process()), "since": now, "token": uuid.uuid4().hex}
        self._content = json.dumps(facts, indent=1).encode()
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._claim: ClaimFile | None = None

    def __enter__(self) -> Self:
        on_first_process(self._acquire)
        if self._claim is not None:
            self._beating.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._claim is None:
            return
        self._ended.set()
        self._beating.join()
        try:
            self._claim.remove(self._content)
        except Exception as failure:  # whatever the storage raises
            logging.warning("%s could not be deleted: %s", self._workdir / LEASE_FILE, failure)

    def require_held(self) -> None:
        """Check that the workdir is still this run's; call it before each save.

        Raises:
          UserError: another process has taken it over, as after a pause of this one.
        """
        if self._claim is None:
            return
        try:
            found = self._claim.read()
        except Exception as failure:  # a storage that cannot be reached is not a lost lease
            logging.warning("%s could not be read: %s", self._workdir / LEASE_FILE, failure)
            return
        if found is not None and found.content != self._content:
            raise UserError(
                f"{_holder(found)} has taken over {self._workdir}, since this process gave no sign "
                f"of life for {SILENT_SECONDS:.0f} s. This run ends without saving; what it saved "
                "before is there"
            )

    def _acquire(self) -> None:
        make_folder(self._workdir)
        try:
            claim = open_claim(self._workdir / LEASE_FILE)
            while not claim.create(self._content):
                found = claim.read()
                if found is None or not self._is_free(claim, found):
                    continue
                if claim.replace(found.content, self._content):
                    logging.warning("%s has ended; its workdir is taken over.", _holder(found))
                    break
        except OSError as error:
            raise UserError(
                f"{self._workdir / LEASE_FILE} cannot be written: {error.strerror or error}"
            ) from error
        self._claim = claim

    def _is_free(self, claim: ClaimFile, found: Claim) -> bool:
        """Return whether the holder is gone, or False if its claim has changed hands meanwhile.

        Raises:
          UserError: it lives.
        """
        process = _process(found)
        ended = None if process is None else has_ended(process)
        if ended is None:
            print(
                f"{_holder(found)} has {self._workdir}; this run takes it over if that process "
                f"gives no sign of life within {SILENT_SECONDS:.0f} s",
                flush=True,
            )
            return self._stays_silent(claim, found)
        if not ended:
            raise self._held(found)
        return True

    def _stays_silent(self, claim: ClaimFile, found: Claim) -> bool:
        deadline = time.monotonic() + SILENT_SECONDS
        while time.monotonic() < deadline:
            time.sleep(min(_POLL_SECONDS, SILENT_SECONDS))
            now = claim.read()
            if now is None or now.content != found.content:
                return False
            if now.version != found.version:
                raise self._held(found)
        return True

    def _held(self, found: Claim) -> UserError:
        return UserError(
            f"{_holder(found)} trains in {self._workdir}: wait until it has ended, stop it, or "
            "give another workdir. If you are sure that no process trains there, delete "
            f"{self._workdir / LEASE_FILE}"
        )

    def _beat(self) -> None:
        assert self._claim is not None
        while not self._ended.wait(BEAT_SECONDS):
            try:
                if not self._claim.refresh(self._content):
                    return  # lost, which the next save reports
            except Exception as failure:  # whatever the storage raises; the next beat may work
                logging.warning(
                    "%s could not be refreshed: %s", self._workdir / LEASE_FILE, failure
                )


def _facts(found: Claim) -> dict[str, Any]:
    try:
        facts = parse_json(found.content)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _process(found: Claim) -> ProcessName | None:
    """Return the process that a lease names; None where it is being written, or is damaged."""
    facts = _facts(found)
    try:
        return ProcessName(
            str(facts["host"]), str(facts["machine"]), int(facts["pid"]), str(facts["started"])
        )
    except (KeyError, ValueError, TypeError):
        return None


def _holder(found: Claim) -> str:
    facts = _facts(found)
    known = "host" in facts and "pid" in facts
    if not known:
        return "an unknown process"
    return f"process {facts['pid']} on {facts['host']} (since {facts.get('since', 'unknown')})"
