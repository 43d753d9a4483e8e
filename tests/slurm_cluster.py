"""A real Slurm on this one machine, for tests: nodes c1 and c2, and g1 with two GPUs.

The daemons are Debian's, started by root without systemd. The configuration lies in /etc/slurm,
where alone the steps of a job find it, and everything else in ``STATE``. The two "GPUs" are
devices that every machine has; memory is counted by Slurm but not enforced.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STATE = Path("/var/lib/archloom-slurm")
ETC = Path("/etc/slurm")
OURS = "# Of archloom's test suite, which removes this file at its end.\n"
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch")
PACKAGES = ("slurm-wlm", "munge")
NODES = ("c1", "c2", "g1")
PATIENCE = 60.0

CONFIGURATION = """
ClusterName=archloom
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={state}/controller
SlurmdSpoolDir={state}/spool.%n
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd.%n.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={state}/task_prolog
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
KillWait=3
MinJobAge=3600
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={state}/jobcomp.txt
GresTypes=gpu
PropagateResourceLimits=NONE
NodeName=c[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=16 RealMemory=64000
NodeName=g1 NodeHostname={host} NodeAddr=127.0.0.1 Port=17003 CPUs=16 RealMemory=64000 Gres=gpu:2
PartitionName=cpu Nodes=c[1-2] Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=g1 MaxTime=INFINITE State=UP
"""
GPUS = """
NodeName=g1 Name=gpu File=/dev/null
NodeName=g1 Name=gpu File=/dev/zero
"""
TASK_PROLOG = """#!/bin/sh
echo "$SLURM_JOB_ID ${{CUDA_VISIBLE_DEVICES-none}}" >>{state}/tasks.txt
"""


class SlurmError(RuntimeError):
    """Slurm cannot be installed, started or asked here."""


@dataclass(frozen=True)
class SlurmJob:
    """What Slurm's controller knows of a job."""

    id: int
    run: str
    comment: str
    state: str
    partition: str
    node: str
    cpus: int
    memory_mb: int
    gpus: int
    minutes: int
    directory: str

    @property
    def rule(self) -> str:
        """The name of the rule, or of the group with the rules that it holds."""
        return re.sub(r"_wildcards_.*", "", self.comment).removeprefix("rule_")


class Cluster:
    """The running Slurm; ``start`` makes one and ``stop`` puts the machine back as it was."""

    @classmethod
    def start(cls) -> "Cluster":
        """Install what is missing and start all daemons.

        Raises ``SlurmError`` without root, and where a Slurm is that is not ours.
        """
        if os.geteuid() != 0:
            raise SlurmError("the suite starts Slurm's daemons: run it as root, in a container")
        configuration = ETC / "slurm.conf"
        if configuration.exists() and not configuration.read_text().startswith(OURS):
            raise SlurmError(f"{configuration} is not of this suite: the machine has its own Slurm")
        cluster = cls()
        cluster.stop()
        if running := [name for name in ("slurmctld", "slurmd") if _processes(name)]:
            raise SlurmError(f"{' and '.join(running)} runs here that this suite did not start")
        if not all(shutil.which(name) for name in PROGRAMS):
            _install()
        try:
            cluster._write_configuration()
            _start_munge()
            cluster.start_controller()
            for node in NODES:
                cluster.start_node(node)
            cluster.wait_until(lambda: len(cluster.idle_nodes()) == len(NODES), "three idle nodes")
        except BaseException:
            cluster.stop()
            raise
        return cluster

    def stop(self) -> None:
        """End all jobs and daemons of ours and take our files out of /etc/slurm."""
        if not STATE.exists():
            return
        for pid_file in STATE.glob("*.pid"):
            _end(pid_file)
        _kill(_processes("slurmstepd"))
        for name in ("slurm.conf", "gres.conf"):
            file = ETC / name
            if file.exists() and file.read_text().startswith(OURS):
                file.unlink()
        shutil.rmtree(STATE)

    def start_controller(self) -> None:
        """Start slurmctld, which remembers its jobs, and wait until it answers."""
        _run("slurmctld")
        answers = ("scontrol", "ping")
        self.wait_until(lambda: _succeeds(*answers), "answer of Slurm's controller")

    def stop_controller(self) -> None:
        """Stop slurmctld; jobs go on meanwhile."""
        _end(STATE / "slurmctld.pid")

    def start_node(self, name: str) -> None:
        """Start the daemon of a node."""
        _run("slurmd", "-N", name)

    def lose_node(self, name: str) -> None:
        """Kill a node's daemon and all that runs on it, as a power cut does."""
        pids = [int((STATE / f"slurmd.{name}.pid").read_text())]
        for job in self.jobs():
            if job.node == name and job.state == "RUNNING":
                pids += _processes("slurmstepd", f"[{job.id}.")
        _kill(pids)

    def idle_nodes(self) -> set[str]:
        """Return the names of the nodes that could take a job."""
        return set(_run("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").split())

    def jobs(self, directory: Path | None = None) -> list[SlurmJob]:
        """Return all jobs in the order of their submission, or those of runs in a folder."""
        rows = _run("scontrol", "--oneliner", "show", "jobs").splitlines()
        jobs = [_job(row) for row in rows if row.startswith("JobId=")]
        return sorted(
            (job for job in jobs if directory is None or job.directory == str(directory)),
            key=lambda job: job.id,
        )

    def finished(self) -> dict[int, str]:
        """Return the final state of each job by its id, as the completion log has it."""
        text = (STATE / "jobcomp.txt").read_text()
        return {int(id): state for id, state in re.findall(r"JobId=(\d+) .*?JobState=(\w+)", text)}

    def devices(self) -> dict[int, set[str]]:
        """Return the values of CUDA_VISIBLE_DEVICES that the steps of each job saw."""
        found: dict[int, set[str]] = {}
        for line in (STATE / "tasks.txt").read_text().splitlines():
            id, value = line.split()
            found.setdefault(int(id), set()).add(value)
        return found

    def cancel(self, job: SlurmJob) -> None:
        """Cancel a job as an administrator would."""
        _run("scancel", str(job.id))

    @staticmethod
    def wait_until(condition: Callable[[], bool], what: str) -> None:
        """Wait until ``condition()`` holds; raises ``SlurmError`` after a minute."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise SlurmError(f"no {what} after {PATIENCE:.0f} s; see {STATE}/*.log")
            time.sleep(0.2)

    def _write_configuration(self) -> None:
        (STATE / "controller").mkdir(parents=True)
        ETC.mkdir(exist_ok=True)
        facts = {"host": socket.gethostname().split(".")[0], "state": STATE}
        for name, text in (("slurm.conf", CONFIGURATION), ("gres.conf", GPUS)):
            file = ETC / name
            if file.exists():
                raise SlurmError(f"{file} is not of this suite: the machine has its own Slurm")
            file.write_text(OURS + text.format(**facts))
        prolog = STATE / "task_prolog"
        prolog.write_text(TASK_PROLOG.format(**facts))
        prolog.chmod(0o755)


def _install() -> None:
    """Install Debian's packages."""
    if not shutil.which("apt-get"):
        raise SlurmError(f"{' and '.join(PACKAGES)} must be installed: no apt-get here to do it")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    _run("apt-get", "update", "-qq", environment=environment)
    command = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES)
    _run(*command, environment=environment)


def _start_munge() -> None:
    """Start munged where none answers, with a key of its own where there is none."""
    if _succeeds("munge", "-n"):
        return
    key = Path("/etc/munge/munge.key")
    if not key.exists():
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        shutil.chown(key, "munge", "munge")
    for folder in (Path("/run/munge"), Path("/var/log/munge"), Path("/var/lib/munge")):
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, "munge", "munge")
    _run("runuser", "-u", "munge", "--", "/usr/sbin/munged")
    shutil.copy("/run/munge/munged.pid", STATE / "munged.pid")


def _job(row: str) -> SlurmJob:
    fields = dict(re.findall(r"(\S+?)=(\S*)", row))
    granted = dict(part.split("=") for part in fields.get("TRES", "").split(",") if "=" in part)
    gpus = re.search(r"gpu:(\d+)", fields.get("TresPerJob", ""))
    days, hours, minutes, _ = re.fullmatch(
        r"(?:(\d+)-)?(\d+):(\d+):(\d+)", fields["TimeLimit"].replace("UNLIMITED", "0:0:0")
    ).groups()
    return SlurmJob(
        id=int(fields["JobId"]),
        run=fields["JobName"],
        comment=fields.get("Comment", ""),
        state=fields["JobState"],
        partition=fields["Partition"],
        node=fields["NodeList"],
        cpus=int(granted.get("cpu", 0)),
        memory_mb=_megabytes(granted.get("mem", "0M")),
        gpus=int(gpus.group(1)) if gpus else 0,
        minutes=(int(days or 0) * 24 + int(hours)) * 60 + int(minutes),
        directory=fields["WorkDir"],
    )


def _megabytes(text: str) -> int:
    number, unit = re.fullmatch(r"([\d.]+)([MGT])", text).groups()
    return round(float(number) * {"M": 1, "G": 1024, "T": 1024**2}[unit])


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SlurmError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _all_processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _processes(program: str, part: str = "") -> list[int]:
    """Return the processes of a program whose command line holds ``part``."""
    lines = {pid: _command_line(pid) for pid in _all_processes()}
    return [
        pid
        for pid, line in lines.items()
        if part in line and line and Path(line.split()[0].rstrip(":")).name == program
    ]


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for other in _all_processes():
        try:
            parent = int(Path(f"/proc/{other}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found += [other, *_descendants(other)]
    return found


def _kill(pids: Sequence[int]) -> None:
    """Kill processes and all that they started."""
    for victim in [*pids, *(child for pid in pids for child in _descendants(pid))]:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


def _end(pid_file: Path) -> None:
    """End the daemon whose number a file holds, and wait until it is gone."""
    pid = int(pid_file.read_text())
    program = pid_file.name.split(".")[0]
    if pid in _processes(program):
        os.kill(pid, signal.SIGTERM)
        Cluster.wait_until(lambda: pid not in _processes(program), f"end of {program}")
    pid_file.unlink(missing_ok=True)
