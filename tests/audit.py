"""`make audit`: do published advisories concern a version that the lock files pin?

Exit code 0: none does, or (unless AUDIT_STRICT=1) nobody could be asked. 1: one does, or a lock file is broken.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-model.lock")
ADVISORIES = "https://api.osv.dev/v1/query"
SECONDS = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    message: str


def verdict(report: Mapping[str, Any] | None, *, strict: bool) -> Verdict:
    """What pip-audit's JSON `report` comes to; None: it could not be made, because nobody could be asked."""
    packages = [] if report is None else report["dependencies"]
    found = sorted(
        f"{package['name']} {package['version']}: {vulnerability['id']}"
        + (f", fixed in {', '.join(fixed)}" if (fixed := vulnerability["fix_versions"]) else "")
        for package in packages
        for vulnerability in package.get("vulns", ())
    )
    if found:
        return Verdict(False, "\n".join(["AUDIT FAILED: versions with published vulnerabilities:", *found]))
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if not packages or skipped:
        asked = f"{len(packages) - len(skipped)} of {len(packages)} packages" if packages else "no package"
        how = "and AUDIT_STRICT is set" if strict else "set AUDIT_STRICT=1 to make this an error"
        return Verdict(not strict, f"AUDIT INCOMPLETE: advisories could be read for {asked}; {how}.")
    return Verdict(True, f"Audit: no published vulnerability in {len(packages)} packages.")


def audit(locks: Sequence[Path], url: str, *, strict: bool) -> Verdict:
    """Ask the advisory service at `url` (the OSV API) about every version in `locks`, whose hashes must be complete."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    for lock in locks:
        command += ["--requirement", str(lock)]
    asking = [*command, "--format", "json", "--vulnerability-service", "osv", "--osv-url", url]
    try:
        asked = subprocess.run(asking, capture_output=True, text=True, check=False, timeout=SECONDS)
        return verdict(json.loads(asked.stdout), strict=strict)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        # Nobody to ask, or nothing to ask about: a broken lock file is no matter of who can be reached.
        collected = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=False)
    if collected.returncode:
        return Verdict(False, f"AUDIT FAILED: a lock file cannot be read:\n{collected.stderr.strip()}")
    return verdict(None, strict=strict)


def main() -> int:
    came_to = audit([ROOT / name for name in LOCKS], ADVISORIES, strict=os.environ.get("AUDIT_STRICT") == "1")
    print(came_to.message)
    return 0 if came_to.passed else 1


if __name__ == "__main__":
    sys.exit(main())
