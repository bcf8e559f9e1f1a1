"""`python -m tests.chaos`: the long run. See docs/chaos.md."""

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos import model, report, system
from tests.chaos.run import Plan, run

WORKERS = 2

console = Console()


async def chaos(plan: Plan, data_dir: Path, out: Path) -> bool:
    """Run `plan` on a fresh system; whether every promise held."""
    evidence = out.with_suffix("") / str(plan.seed)
    console.print(f"seed {plan.seed}: {plan.kills} kills, {plan.conversations} conversations, data in {data_dir}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with model.serving() as writer:
        settings = {"WORKER_PROCESSES": str(WORKERS), "LLM_PROVIDER": "openai", "LLM_MODEL": "copyist"}
        async with system.running(data_dir, LLM_URL=writer.url, **settings) as under_test:
            with Progress(*columns, console=Console(stderr=True)) as progress:
                bar = progress.add_task("faults", total=plan.kills)
                result = await run(under_test, writer, plan, lambda _: progress.advance(bar))
            rows = report.figures(result)
            report.write(out, rows)
            report.show(result, rows, console)
            report.keep_log(evidence, result)
            broken = [*result.broken, *result.late]
            if not broken:
                return True
            await report.keep_evidence(evidence, under_test, result)
    console.print(f"[red]{len(broken)} promises broken[/] with --seed {plan.seed}:")
    for line in broken[:20]:
        console.print(f"  {line}", markup=False)
    console.print(f"evidence in {evidence}: client.jsonl, rows, logs, histories")
    return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="of load and faults; drawn and printed if left out")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("build/chaos.json"))
    parser.add_argument(
        "--data-dir", type=Path, default=None, help="new folder to keep the data in; default: temporary"
    )
    arguments = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    plan = Plan(seed, arguments.kills, arguments.conversations)
    with tempfile.TemporaryDirectory(prefix="mainstay-chaos-") as folder:
        data_dir = arguments.data_dir or Path(folder) / "data"
        try:
            held = asyncio.run(chaos(plan, data_dir, arguments.out))
        except KeyboardInterrupt:
            console.print(f"interrupted; seed {seed}")
            return 130
    return 0 if held else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # A thread of Temporal's core that outlives the interpreter's shutdown would abort the process (sdk-python#300).
    os._exit(status)
