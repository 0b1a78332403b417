"""How a run next to this one ends: its exit status, output, time and memory."""

import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Peak:
    """The most memory that a process had, in MB (10⁶ bytes), read while it runs: the kernel keeps the peak for us."""

    pid: int
    megabytes: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        """Read until `ended`, or until the process has exited."""
        while not self.ended.wait(0.05):
            try:
                status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
            except OSError:
                return
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    self.megabytes = int(line.split()[1]) * 1024 / 1e6


@dataclass(frozen=True)
class Outcome:
    """What a run left: its exit status, its output, the seconds that it took, the most memory that it had."""

    status: int
    output: str
    seconds: float
    megabytes: float

    @property
    def words(self) -> str:
        """The output on one line, as wrapping depends on its length."""
        return " ".join(self.output.split())


def finish(run: subprocess.Popen[str], said: Path, within: float) -> Outcome:
    """Wait for a run that writes into this file. Raises TimeoutExpired, the run killed, if it takes any longer."""
    began, peak = time.monotonic(), Peak(run.pid)
    follower = threading.Thread(target=peak.follow)
    follower.start()
    try:
        status = run.wait(timeout=within)
    except BaseException:
        run.kill()
        raise
    finally:
        peak.ended.set()
        follower.join()
    return Outcome(status, said.read_bytes().decode(errors="replace"), time.monotonic() - began, peak.megabytes)
