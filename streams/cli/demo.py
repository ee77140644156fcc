"""`veilstream demo`: the whole journey on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from models.session import Device
from streams.cli.output import ExitCode, note

OutOption = Annotated[Path, typer.Option(help="Folder for the gallery, pictures and results.", file_okay=False)]
DeviceOption = Annotated[Device | None, typer.Option(help="Where models run; as the settings say where absent.")]


def demo(out: OutOption = Path("out/demo"), device: DeviceOption = None) -> None:
    """Send prompts and photographs through an embedded broker and a real worker; show before, after and why.

    Exit code 1 where a claim does not hold.
    """
    from streams.demo.claims import check_claims  # noqa: PLC0415  pictures and clients take a second to import
    from streams.demo.images import image_cases  # noqa: PLC0415
    from streams.demo.pages import write_pages  # noqa: PLC0415
    from streams.demo.prompts import prompt_cases  # noqa: PLC0415
    from streams.demo.report import print_report, report_console  # noqa: PLC0415
    from streams.demo.run import Demo  # noqa: PLC0415

    out.mkdir(parents=True, exist_ok=True)
    cases = [*prompt_cases(), *image_cases()]
    evidence = Demo(cases, out, device.value if device else None, note).run()
    claims = check_claims(evidence)
    pages = write_pages(out, evidence, claims)
    print_report(report_console(), evidence, claims, pages)
    raise typer.Exit(ExitCode.OK if all(claim.holds for claim in claims) else ExitCode.FINDINGS)
